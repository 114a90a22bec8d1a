//! The way to normal form that needs tables: IDNA, percent-encoding, numeric hosts.

use ::url::ParseError;

use super::error::UrlError;

/// Normalises a text that was scanned and [rewritten](super::rewrite::rewrite), hence is no danger and has neither a
/// fragment nor dot segments.
///
/// Only such a text may come here. The WHATWG URL standard repairs what must be refused; and the crate takes a drive
/// letter for one in every scheme, so that `/C:/..` would remain. The outcome has to be scanned again, since the
/// standard allows more in a host than RFC 3986 does.
pub(super) fn normalize(mut text: String) -> Result<String, UrlError> {
    // Spaces at the end of the path or query belong to it and would be trimmed.
    text.push('#');
    let mut url = ::url::Url::parse(&text).map_err(|error| match error {
        ParseError::EmptyHost => UrlError::EmptyHost,
        ParseError::InvalidPort => UrlError::InvalidPort,
        ParseError::Overflow => UrlError::TooLong,
        ParseError::RelativeUrlWithoutBase => UrlError::NoScheme,
        _ => UrlError::InvalidHost,
    })?;
    url.set_fragment(None);
    Ok(url.into())
}
