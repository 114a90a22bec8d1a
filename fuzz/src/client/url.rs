//! URLs of requests against the `url` crate.

// The differential test of the client compares in the same way.
#[path = "../../../crates/client/src/url/tests/compare.rs"]
mod compare;

use martlet_client::IntoUri;
use martlet_client::url::{Url, UrlError};
use url::Url as Oracle;

use self::compare::{Judgement, absolute, compare};

/// The client is built with the feature `url`.
fn has_tables() -> bool {
    true
}

const BASES: [&str; 4] =
    ["http://a/b/c/d;p?q", "https://u:p@h.test:8443/", "http://[::1]/a//b/?x", "http://127.0.0.1/a/b"];

/// What stands in no URL by chance; a fuzzer finds out and puts it there.
const SECRET: &str = "s3cr3t-0f-th3-us3r";

/// Reads a URL, or resolves a reference, as the first octet says, and compares what it is with what the `url` crate makes
/// of it. Secrets of a URL must be neither in what is sent nor in what is printed.
///
/// # Panics
///
/// If the two differ in what is not refused on purpose, or a secret comes out.
pub fn url(data: &[u8]) {
    judge(data);
}

/// Whether the URL was taken.
pub(super) fn judge(data: &[u8]) -> bool {
    let [how, text @ ..] = data else { return false };
    let text = String::from_utf8_lossy(text);
    let base = usize::from(*how) % (BASES.len() + 1);
    let judgement = match base.checked_sub(1).map(|at| BASES[at]) {
        None => compare(&text, Url::parse(&text), Oracle::parse(&text)),
        Some(base) => {
            let ours = Url::parse(base).expect("a sound base").join(&text);
            let oracle = Oracle::parse(base).expect("a sound base").join(&text);
            compare(&absolute(&text), ours, oracle)
        }
    };
    if base == 0 && !text.to_ascii_lowercase().contains(SECRET) {
        assert_fragment_is_dropped(&text);
        assert_secrets_are_kept(&text);
    }
    judgement == Judgement::Agreed
}

/// RFC 9110 §7.1: a fragment is not sent.
fn assert_fragment_is_dropped(text: &str) {
    // Spaces at the end would be trimmed with one text and stand in the fragment with the other.
    let Ok(bare) = Url::parse(text.trim_end_matches(' ')) else { return };
    let with_fragment = format!("{}#{SECRET}", text.trim_end_matches(' '));
    assert_eq!(Url::parse(&with_fragment).as_ref(), Ok(&bare), "{text:?}");
}

/// Userinfo and query are not printed, and userinfo is not sent either.
fn assert_secrets_are_kept(text: &str) {
    let Some((scheme, rest)) = text.split_once("://") else { return };
    let with_userinfo = format!("{scheme}://user:{SECRET}@{rest}");
    let url = match Url::parse(&with_userinfo) {
        Ok(url) => url,
        Err(error) => return assert_hidden(&error, &with_userinfo),
    };
    assert_eq!(url.userinfo(), Some(format!("user:{SECRET}").as_str()), "{text:?}");
    let bare = Url::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}, but not with userinfo"));
    assert_eq!(
        (url.authority(), url.path_and_query()),
        (bare.authority(), bare.path_and_query()),
        "{text:?}"
    );
    let uri = url.to_uri().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    for text in [format!("{url} {url:?} {}", url.without_credentials()), uri.to_string()] {
        assert!(!text.contains(SECRET), "{text}");
    }
    for shown in [url.to_string(), format!("{url:?}")] {
        assert!(!shown.contains('?'), "{shown} of {text:?}");
    }
    let again = uri.into_url();
    assert_eq!(again.as_ref().map(Url::path_and_query), Ok(url.path_and_query()), "{text:?}");
}

fn assert_hidden(error: &UrlError, text: &str) {
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error} of {text:?}");
}
