//! URLs of `http` and `https`: checked, normalised and cut into parts once.
//!
//! A URL is judged by RFC 3986 and RFC 9110 §4.2, and normalised as the WHATWG URL standard does it, so that both
//! readings of a text name the same host or the text is refused. `scan` does this in one pass for everything that
//! needs no tables; what it cannot decide alone (octets to encode, names that are not ASCII, numeric hosts in unusual
//! spellings) goes to the `url` crate if the feature `url` is on, and is refused with
//! [`UrlError::NeedsUrlFeature`] otherwise.
//!
//! Deliberately not repaired in either build, because two programs may see two hosts in such a text: a backslash, a
//! control character (tab and line break included), `http:/h`, `http:h`, `http:///h`, a second `@`.

mod address;
mod authority;
mod dots;
mod error;
mod host;
mod into_uri;
#[cfg(feature = "url")]
mod normalize;
mod octets;
mod reference;
mod rewrite;
mod scan;

pub use self::address::{Credentials, Scheme, Url};
pub use self::authority::Authority;
pub use self::error::UrlError;
pub use self::host::Host;
pub use self::into_uri::IntoUri;

#[cfg(test)]
mod tests;
