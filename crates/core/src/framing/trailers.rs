//! Trailer sections (RFC 9112 §7.1.2, RFC 9110 §6.5), in both directions.

use http::{HeaderMap, HeaderName, header};

use crate::error::{Misuse, PeerError};
use crate::limits::Limits;
use crate::syntax::fields::FieldSpans;
use crate::syntax::scan::{Found, Scan};
use crate::syntax::start_line;
use crate::syntax::write::write_field;

/// Waits for the end of a trailer section, then reads it once.
#[derive(Clone, Debug)]
pub(crate) struct TrailerReader {
    scan: Scan,
    lines: TrailerLines,
}

/// What may stand in for the CRLF between two lines of a trailer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrailerLines {
    /// A lone LF ends a line, and folds are undone, as in the head of a response.
    Lenient,
    /// Nothing. A client or a proxy in front that passes over a lone LF finds the next request elsewhere.
    Strict,
}

impl TrailerReader {
    pub(crate) fn new(lines: TrailerLines) -> Self {
        Self { scan: Scan::default(), lines }
    }

    /// Reads on; the whole section so far must be shown each time. Returns its length and fields once it is
    /// complete.
    pub(crate) fn recv(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(usize, FieldSpans)>, PeerError> {
        match self.scan.trailers(input, limits.max_trailer_size) {
            Found::End(end) => {
                let section = &input[..end];
                match self.lines {
                    TrailerLines::Lenient => {}
                    TrailerLines::Strict if has_lone_lf(section) => return Err(PeerError::LineEnd),
                    // "A server that receives an obs-fold in a request message … MUST either reject the message …"
                    // (RFC 9112 §5.2), as it does in the head.
                    TrailerLines::Strict if has_fold(section) => return Err(PeerError::FieldName),
                    TrailerLines::Strict => {}
                }
                Ok(Some((end, start_line::trailers(section, limits)?)))
            }
            Found::Partial => Ok(None),
            Found::TooLarge => Err(PeerError::TrailersTooLarge { limit: limits.max_trailer_size }),
        }
    }
}

fn has_lone_lf(section: &[u8]) -> bool {
    section.first() == Some(&b'\n') || section.windows(2).any(|pair| pair[0] != b'\r' && pair[1] == b'\n')
}

fn has_fold(section: &[u8]) -> bool {
    section.windows(2).any(|pair| matches!(pair, b"\n " | b"\n\t"))
}

/// Fields that must not be generated in a trailer section: those for framing, routing, modifiers, authentication,
/// and those that say how to process the content (RFC 9110 §6.5.1).
const FORBIDDEN: [HeaderName; 28] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::EXPECT,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    HeaderName::from_static("keep-alive"),
    header::MAX_FORWARDS,
    header::PRAGMA,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::RANGE,
    header::SET_COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::WWW_AUTHENTICATE,
];

/// Whether these fields may be generated in a trailer section, of whatever version of HTTP.
///
/// # Errors
///
/// [`Misuse::TrailersNotAllowed`] for a field that must not be a trailer (RFC 9110 §6.5.1).
pub fn check_trailers(fields: &HeaderMap) -> Result<(), Misuse> {
    if fields.keys().any(|name| FORBIDDEN.contains(name)) {
        return Err(Misuse::TrailersNotAllowed);
    }
    Ok(())
}

/// Writes the last chunk and the trailer section behind it.
pub(crate) fn write_last_chunk(out: &mut Vec<u8>, fields: &HeaderMap) -> Result<(), Misuse> {
    check_trailers(fields)?;
    out.extend_from_slice(b"0\r\n");
    for (name, value) in fields {
        write_field(out, name.as_str().as_bytes(), value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}
