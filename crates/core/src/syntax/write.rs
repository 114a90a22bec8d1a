//! Message heads into octets.

use http::{HeaderMap, HeaderName, Method, StatusCode, Version, header};

use crate::error::Misuse;
use crate::syntax::number::write_decimal;
use crate::syntax::target::Target;

/// Default field lines, checked and written once, to be sent with many requests.
///
/// A line whose name is also among the request's own fields is left out of that request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldBlock {
    octets: Vec<u8>,
    /// Name and end of each line.
    lines: Vec<(HeaderName, usize)>,
}

impl FieldBlock {
    /// Writes default fields.
    ///
    /// # Errors
    ///
    /// [`Misuse::NotADefaultField`] for a field that belongs to one message or one connection: Host, Connection,
    /// Content-Length, Transfer-Encoding, TE, Trailer, Expect, Upgrade.
    pub fn new(fields: &HeaderMap) -> Result<Self, Misuse> {
        const REFUSED: [HeaderName; 8] = [
            header::HOST,
            header::CONNECTION,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::TE,
            header::TRAILER,
            header::EXPECT,
            header::UPGRADE,
        ];
        let mut block = Self::default();
        for (name, value) in fields {
            if REFUSED.contains(name) {
                return Err(Misuse::NotADefaultField);
            }
            write_field(&mut block.octets, name.as_str().as_bytes(), value.as_bytes());
            block.lines.push((name.clone(), block.octets.len()));
        }
        Ok(block)
    }

    /// A block without lines.
    pub const fn empty() -> Self {
        Self { octets: Vec::new(), lines: Vec::new() }
    }

    /// Octets of all lines.
    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    /// Writes the lines whose names are not among `fields`.
    pub(crate) fn write(&self, out: &mut Vec<u8>, fields: &HeaderMap) {
        if fields.is_empty() {
            out.extend_from_slice(&self.octets);
            return;
        }
        let mut start = 0;
        for (name, end) in &self.lines {
            if !fields.contains_key(name) {
                out.extend_from_slice(&self.octets[start..*end]);
            }
            start = *end;
        }
    }
}

/// `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3).
pub(crate) fn write_request_line(out: &mut Vec<u8>, method: &Method, target: &Target<'_>, version: Version) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    target.write(out);
    out.extend_from_slice(if version == Version::HTTP_10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
}

/// `HTTP-version SP status-code SP reason-phrase CRLF` (RFC 9112 §4).
pub(crate) fn write_status_line(out: &mut Vec<u8>, status: StatusCode, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// `field-name ":" SP field-value CRLF` (RFC 9112 §5). The types of `http` let no octet through that could end a
/// name, a value or the line.
pub(crate) fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// A Content-Length line.
pub(crate) fn write_content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    write_decimal(out, length);
    out.extend_from_slice(b"\r\n");
}
