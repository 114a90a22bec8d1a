//! The URL itself: one text in normal form and the offsets of its parts.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::InvalidUri;

use super::error::UrlError;
use super::host::Host;
use super::rewrite::rewrite;
use super::scan::{Form, Punycode, Scan, scan, scan_normal};

/// The scheme of a URL: how the connection to its host is secured (RFC 9110 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`: plain text, port 80 by default.
    Http,
    /// `https`: over TLS, port 443 by default.
    Https,
}

impl Scheme {
    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that a URL without one means: 80 or 443.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Reads a valid scheme name in any case.
    pub(super) fn from_name(name: &str) -> Result<Self, UrlError> {
        if name.eq_ignore_ascii_case("http") {
            Ok(Self::Http)
        } else if name.eq_ignore_ascii_case("https") {
            Ok(Self::Https)
        } else {
            Err(UrlError::UnsupportedScheme(name.chars().take(32).collect::<String>().to_ascii_lowercase()))
        }
    }
}

/// An absolute `http` or `https` URL in normal form, without its fragment.
///
/// Scheme and host are in lower case, default and empty ports are dropped, the path begins with a slash and has no
/// dot segments, and there is no octet that may not be sent in a request target. Two URLs are equal if their texts
/// are, userinfo included. A clone shares the text.
///
/// Both `Display` and `Debug` leave out the userinfo and the query, since these are where secrets are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    text: Arc<str>,
    host_start: u16,
    host_end: u16,
    path_start: u16,
    port: Option<u16>,
    scheme: Scheme,
}

impl Url {
    /// Reads an absolute URL and brings it into normal form.
    ///
    /// A text that is normal already costs one pass and one copy.
    ///
    /// # Errors
    ///
    /// See [`UrlError`]. With the feature `url` off, [`UrlError::NeedsUrlFeature`] is returned for octets to
    /// encode, spaces around the text, hosts that are not ASCII or hold `%`, and IPv4 addresses in unusual
    /// spellings; a host of Punycode is then taken as it stands, since nothing here could judge it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        match scan_normal(text) {
            Some(scan) => Ok(Self::from_scan(text, &scan)),
            None => Self::parse_trimmed(trim_spaces(text)?),
        }
    }

    /// As [`Url::parse`], for a text of which spaces at either end are part.
    pub(super) fn parse_trimmed(text: &str) -> Result<Self, UrlError> {
        let punycode = if cfg!(feature = "url") { Punycode::Unchecked } else { Punycode::Trusted };
        let scan = scan(text, punycode)?;
        match scan.form {
            Form::Normal => Ok(Self::from_scan(text, &scan)),
            Form::Rewrite => Self::from_normal(&rewrite(text, &scan)),
            Form::Normalize => Self::from_unusual(text, &scan),
        }
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The userinfo as it stands in the text, percent-encoded; never empty, and never part of what is sent.
    pub fn userinfo(&self) -> Option<&str> {
        let start = self.scheme.as_str().len() + "://".len();
        let end = usize::from(self.host_start);
        (end > start).then(|| &self.text[start..end - 1])
    }

    /// The user name and the password of the userinfo, decoded; `None` if there is no userinfo.
    ///
    /// A `%` that begins no triplet is kept.
    pub fn username_password(&self) -> Option<Credentials<'_>> {
        let userinfo = self.userinfo()?;
        let (username, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        Some(Credentials { username: percent_decoded(username), password: percent_decoded(password) })
    }

    /// The host as it stands in the text: a name, a dotted quad, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.text[usize::from(self.host_start)..usize::from(self.host_end)]
    }

    /// The host as a name to resolve or an address to connect to.
    pub fn host_for_dns(&self) -> Host<'_> {
        Host::from_normalized(self.host())
    }

    /// The port to connect to: the explicit one, or the scheme's default.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// The port in the text; `None` if it is the scheme's default.
    pub fn explicit_port(&self) -> Option<u16> {
        self.port
    }

    /// Host and explicit port, as they go into the Host field and into the absolute-form (RFC 9110 §7.2).
    ///
    /// Without userinfo. Two URLs have the same origin if their schemes and authorities are equal.
    pub fn authority(&self) -> &str {
        &self.text[usize::from(self.host_start)..usize::from(self.path_start)]
    }

    /// The origin-form of the request target (RFC 9112 §3.2.1): path and, if there is one, `?` and query.
    ///
    /// It begins with a slash and is ASCII without spaces and controls.
    pub fn path_and_query(&self) -> &str {
        &self.text[usize::from(self.path_start)..]
    }

    /// The whole text, **userinfo included**: never for logs, errors or the wire.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text without its userinfo: what errors may hand out, and the absolute-form (RFC 9112 §3.2.2).
    ///
    /// It still has the query, which `Display` leaves out.
    pub fn without_credentials(&self) -> Cow<'_, str> {
        match self.userinfo() {
            None => Cow::Borrowed(&self.text),
            Some(_) => {
                let rest = &self.text[usize::from(self.host_start)..];
                Cow::Owned(format!("{}://{rest}", self.scheme.as_str()))
            }
        }
    }

    /// The URL as the `http` crate's type, without userinfo.
    ///
    /// # Errors
    ///
    /// None is known: that type takes all that this one holds, and a test compares them. But the rules of another
    /// crate are not this one's to vouch for.
    pub fn to_uri(&self) -> Result<Uri, InvalidUri> {
        match self.without_credentials() {
            Cow::Borrowed(text) => Uri::try_from(text),
            Cow::Owned(text) => Uri::try_from(text),
        }
    }

    /// What stands before path and query, userinfo included.
    pub(super) fn before_path(&self) -> &str {
        &self.text[..usize::from(self.path_start)]
    }

    fn from_scan(text: &str, scan: &Scan) -> Self {
        Self {
            text: Arc::from(&text[..usize::from(scan.end)]),
            host_start: scan.host_start,
            host_end: scan.host_end,
            path_start: scan.path_start,
            port: scan.port,
            scheme: scan.scheme,
        }
    }

    /// Scans the outcome of normalising once more: it is judged by the same rules as what needs no normalising.
    #[cold]
    fn from_normal(text: &str) -> Result<Self, UrlError> {
        let scan = match scan_normal(text) {
            Some(scan) => scan,
            None => scan(text, Punycode::Trusted)?,
        };
        match scan.form {
            Form::Normal => Ok(Self::from_scan(text, &scan)),
            // Normalising was in vain; no text is known that leads here.
            Form::Rewrite | Form::Normalize => Err(UrlError::InvalidHost),
        }
    }

    #[cfg(feature = "url")]
    #[cold]
    fn from_unusual(text: &str, scan: &Scan) -> Result<Self, UrlError> {
        Self::from_normal(&super::normalize::normalize(rewrite(text, scan))?)
    }

    #[cfg(not(feature = "url"))]
    #[cold]
    fn from_unusual(_text: &str, _scan: &Scan) -> Result<Self, UrlError> {
        Err(UrlError::NeedsUrlFeature)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.path_and_query();
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        write!(f, "{}://{}{path}", self.scheme.as_str(), self.authority())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

/// A user name and a password out of a URL, percent-decoded.
///
/// They are octets, since nothing says that they decode to text; either may be empty. The user name may hold a colon
/// (it was `%3A`) and both may hold control characters, which Basic authentication does not allow (RFC 7617 §2).
/// `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials<'a> {
    /// What stands before the first colon of the userinfo.
    pub username: Cow<'a, [u8]>,
    /// What stands behind it.
    pub password: Cow<'a, [u8]>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Removes the spaces around a text, as the `url` crate does; only where its feature is on.
fn trim_spaces(text: &str) -> Result<&str, UrlError> {
    let trimmed = text.trim_matches(' ');
    if cfg!(feature = "url") || trimmed.len() == text.len() || trimmed.is_empty() {
        return Ok(trimmed);
    }
    scan(trimmed, Punycode::Trusted).and(Err(UrlError::NeedsUrlFeature))
}

fn percent_decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let triplet = match rest {
            [b'%', high, low, ..] => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match triplet {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = &rest[3..];
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(decoded)
}

fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
