//! Why a text is not a URL that a request can be sent to.

use std::error::Error;
use std::fmt;

/// Why a text is not a URL that a request can be sent to.
///
/// It never holds the text itself, which may carry credentials. The wording of its `Display` is not part of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// There is no text.
    Empty,
    /// The text does not begin with a scheme: it is a relative reference, or a host without `http://`.
    NoScheme,
    /// The scheme, in lower case and cut at 32 characters, is neither `http` nor `https`.
    ///
    /// `localhost:8080` ends here, too: by RFC 3986 §3.1 `localhost` is its scheme.
    UnsupportedScheme(String),
    /// The scheme is not followed by `//` (`http:/h`, `http:h`), so that no host is named (RFC 9110 §4.2.1).
    NoAuthority,
    /// The host is empty; an http URI must have one (RFC 9110 §4.2.1).
    EmptyHost,
    /// The userinfo holds an `@`, `[` or `]` that is not percent-encoded (RFC 3986 §3.2.1), so that programs may
    /// disagree about the host; or there is a userinfo where none may be.
    InvalidUserinfo,
    /// The host is neither a name nor an address (RFC 3986 §3.2.2).
    InvalidHost,
    /// The port is not a number from 1 to 65535. Port 0 is reserved (RFC 6335 §6): nothing can be reached there.
    InvalidPort,
    /// There is no port where one must be: in the authority-form `host:port` (RFC 9112 §3.2.3).
    NoPort,
    /// A control character or a backslash, which is refused wherever it stands.
    InvalidCharacter(char),
    /// The URL may be good, but must be normalised first, and the feature `url` that does it is off.
    NeedsUrlFeature,
    /// The URL is longer than 65,534 octets, before or after it was normalised.
    TooLong,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the URL is empty"),
            Self::NoScheme => f.write_str("the URL does not begin with http:// or https://"),
            Self::UnsupportedScheme(scheme) => write!(f, "the scheme `{scheme}` is neither http nor https"),
            Self::NoAuthority => f.write_str("the scheme of the URL is not followed by // and a host"),
            Self::EmptyHost => f.write_str("the host of the URL is empty"),
            Self::InvalidUserinfo => f.write_str("the userinfo of the URL is not valid"),
            Self::InvalidHost => f.write_str("the host of the URL is neither a name nor an address"),
            Self::InvalidPort => f.write_str("the port of the URL is not a number from 1 to 65535"),
            Self::NoPort => f.write_str("the authority has no port"),
            Self::InvalidCharacter(c) => write!(f, "the URL holds the character {c:?}"),
            Self::NeedsUrlFeature => f.write_str("the URL must be normalised, which needs the feature `url`"),
            Self::TooLong => f.write_str("the URL is longer than 65534 octets"),
        }
    }
}

impl Error for UrlError {}
