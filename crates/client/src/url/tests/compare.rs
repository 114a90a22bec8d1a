//! What a URL must have in common with the one of the `url` crate.
//!
//! The fuzz target `url` includes this file, too.

use super::{Oracle, Url, UrlError, has_tables};

/// How the two have come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Agreed,
    RefusedByBoth,
    RefusedOnPurpose,
    NeedsTheFeature,
    /// Taken as it stands, since only the feature could judge it.
    Unjudged,
}

/// Compares what both have made of a text.
pub(super) fn compare(
    text: &str,
    ours: Result<Url, UrlError>,
    oracle: Result<Oracle, ::url::ParseError>,
) -> Judgement {
    let unjudged = !has_tables() && text.to_ascii_lowercase().contains("xn--");
    match (ours, oracle) {
        (Ok(ours), Ok(oracle)) => {
            if !unjudged {
                assert_same(text, &ours, &oracle);
            }
            assert_normal(text, &ours);
            Judgement::Agreed
        }
        (Ok(ours), Err(error)) => {
            assert!(unjudged, "{text:?} is {ours:?}, but: {error}");
            Judgement::Unjudged
        }
        (Err(UrlError::NeedsUrlFeature), oracle) => {
            assert!(!has_tables(), "{text:?} needs a feature that is on");
            assert!(oracle.is_ok() || needs_idna(text), "{text:?} is not good with the feature either");
            Judgement::NeedsTheFeature
        }
        (Err(_), Err(_)) => Judgement::RefusedByBoth,
        (Err(error), Ok(oracle)) => {
            let on_purpose = is_refused_on_purpose(text, Some(&oracle)) || error == UrlError::TooLong;
            assert!(on_purpose, "{text:?} is {}, but: {error}", oracle.as_str());
            Judgement::RefusedOnPurpose
        }
    }
}

/// The text from which it is told whether a reference is refused on purpose: the reference, made absolute as far as that
/// needs no resolving.
pub(super) fn absolute(reference: &str) -> String {
    match reference.trim_matches(' ') {
        scheme_relative if scheme_relative.starts_with("//") => format!("http:{scheme_relative}"),
        relative if Oracle::parse(relative) == Err(::url::ParseError::RelativeUrlWithoutBase) => {
            format!("http://h/{relative}")
        }
        absolute => absolute.to_owned(),
    }
}

/// Whether the text is one of those that are refused although the `url` crate repairs or takes them.
///
/// It is written without a look at how the scanner finds its way, and errs towards `false`.
fn is_refused_on_purpose(text: &str, oracle: Option<&Oracle>) -> bool {
    let before_fragment = text.split('#').next().unwrap_or_default();
    if text.contains(|c: char| c.is_ascii_control()) || before_fragment.contains('\\') {
        return true;
    }
    let rest = before_fragment.trim_matches(' ').to_ascii_lowercase();
    let Some(rest) = rest.strip_prefix("http://").or_else(|| rest.strip_prefix("https://")) else {
        let is_http = rest.starts_with("http:") || rest.starts_with("https:");
        return is_http || oracle.is_none_or(|oracle| !matches!(oracle.scheme(), "http" | "https"));
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let ambiguous =
        authority.rsplit_once('@').is_some_and(|(userinfo, _)| userinfo.contains(['@', '[', ']']));
    let strange_host =
        oracle.and_then(Oracle::host_str).is_some_and(|host| host.contains(['"', '`', '{', '}']));
    authority.is_empty() || ambiguous || strange_host || oracle.is_some_and(|oracle| oracle.port() == Some(0))
}

/// Whether only tables can tell if the host is a good one.
fn needs_idna(text: &str) -> bool {
    !text.is_ascii() || text.contains('%') || text.to_ascii_lowercase().contains("xn--")
}

fn assert_same(text: &str, ours: &Url, oracle: &Oracle) {
    assert_eq!(ours.scheme().as_str(), oracle.scheme(), "{text:?}");
    assert_eq!(Some(ours.host()), oracle.host_str(), "{text:?}");
    assert_eq!(ours.explicit_port(), oracle.port(), "{text:?}");
    assert_eq!(Some(ours.port()), oracle.port_or_known_default(), "{text:?}");
    let (user, password) = ours.userinfo().map_or(("", None), |userinfo| match userinfo.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (userinfo, None),
    });
    assert_eq!((user, password), (oracle.username(), oracle.password()), "{text:?}");
    let (path, query) = match ours.path_and_query().split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (ours.path_and_query(), None),
    };
    assert_eq!(query, oracle.query(), "{text:?}");
    if !may_stop_at_a_drive_letter(text) {
        assert_eq!(path, oracle.path(), "{text:?}");
        assert_eq!(ours.as_str(), oracle.as_str().split('#').next().unwrap(), "{text:?}");
    }
}

/// Whether `..` may leave a drive letter before it: right for `file`, but the `url` crate does it for all schemes.
fn may_stop_at_a_drive_letter(text: &str) -> bool {
    let mut segments = text.split(['/', '?', '#']);
    segments.any(|s| matches!(s.as_bytes(), [letter, b':' | b'|', ..] if letter.is_ascii_alphabetic()))
        && text.to_ascii_lowercase().replace("%2e", ".").contains("/..")
}

fn assert_normal(text: &str, ours: &Url) {
    assert_eq!(Url::parse(ours.as_str()).as_ref(), Ok(ours), "{text:?} is not normal after one pass");
    let target = ours.path_and_query();
    assert!(target.starts_with('/') && target.bytes().all(|b| b.is_ascii_graphic() && b != b'#'), "{text:?}");
    assert!(ours.authority().bytes().all(|b| b.is_ascii_graphic() && !b"@/\\?#".contains(&b)), "{text:?}");
    let uri = ours.to_uri().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!(uri.to_string(), ours.without_credentials(), "{text:?}");
    assert_eq!(uri.host(), Some(ours.host()), "{text:?}");
    assert!(!ours.without_credentials().split('/').nth(2).unwrap().contains('@'), "{text:?}");
}
