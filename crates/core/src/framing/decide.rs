//! The length of a message body (RFC 9112 §6.3), rule by rule in its order.

use http::Version;

use crate::error::PeerError;
use crate::framing::length::ContentLength;
use crate::syntax::list::{elements, has_open_quote};
use crate::syntax::token::trim;

/// How the end of a message body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none, whatever the fields say.
    None,
    /// So many octets.
    Length(u64),
    /// By the last chunk.
    Chunked,
    /// By the end of the connection.
    UntilClose,
}

/// What the field lines of a head say about its body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FramingFields {
    pub(crate) content_length: ContentLength,
    pub(crate) coding: Coding,
}

/// What the Transfer-Encoding lines of a head, one list, say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    #[default]
    Absent,
    /// The final coding is chunked, once.
    Chunked,
    /// There are codings, and the final one is not chunked.
    Other,
    /// Chunked is there twice, or something follows it ("A sender MUST NOT apply the chunked transfer coding
    /// more than once", RFC 9112 §6.1).
    ChunkedThenMore { last_is_chunked: bool },
    /// A quoted string is never closed: who passes over the quote finds other codings than who does not.
    Malformed,
}

impl Coding {
    /// Takes in the value of one more line.
    pub(crate) fn note(&mut self, value: &[u8]) {
        if *self == Self::Absent {
            *self = Self::Other;
        }
        if has_open_quote(value) {
            *self = Self::Malformed;
        }
        for coding in elements(value) {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            *self = match *self {
                Self::Absent | Self::Other if is_chunked => Self::Chunked,
                Self::Absent | Self::Other => Self::Other,
                Self::Chunked | Self::ChunkedThenMore { .. } => {
                    Self::ChunkedThenMore { last_is_chunked: is_chunked }
                }
                Self::Malformed => Self::Malformed,
            };
        }
    }
}

impl FramingFields {
    /// Takes in one more field line of the head.
    pub(crate) fn note(&mut self, name: &[u8], value: &[u8]) {
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length.note(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.coding.note(trim(value)),
            _ => {}
        }
    }

    /// Whether both ways to tell the length are there: "such a message might indicate an attempt to perform
    /// request smuggling or response splitting" (RFC 9112 §6.3 rule 3).
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.coding != Coding::Absent && self.content_length.is_present()
    }

    /// Whether there is a transfer coding in a message of a version that has none (RFC 9112 §6.1).
    pub(crate) fn is_faulty_for(&self, version: Version) -> bool {
        self.coding != Coding::Absent && version == Version::HTTP_10
    }

    /// The framing of a response that may have content: rules 3 to 8, the first two being decided by method and
    /// status.
    pub(crate) fn of_response(&self, version: Version) -> Result<Framing, PeerError> {
        if self.is_faulty_for(version) {
            return Err(PeerError::TransferEncodingInHttp10);
        }
        match self.coding {
            Coding::Chunked => Ok(Framing::Chunked),
            Coding::ChunkedThenMore { last_is_chunked: true } | Coding::Malformed => {
                Err(PeerError::TransferEncoding)
            }
            // "If Transfer-Encoding is present in a response and chunked is not the final encoding, the message
            // body length is determined by reading the connection until it is closed by the server" (rule 4).
            Coding::Other | Coding::ChunkedThenMore { last_is_chunked: false } => Ok(Framing::UntilClose),
            Coding::Absent => Ok(match self.content_length.get()? {
                Some(length) => Framing::Length(length),
                None => Framing::UntilClose,
            }),
        }
    }

    /// The framing of a request: rules 3 to 7.
    pub(crate) fn of_request(&self, version: Version) -> Result<Framing, PeerError> {
        if self.is_faulty_for(version) {
            return Err(PeerError::TransferEncodingInHttp10);
        }
        // "A server MAY reject a request that contains both Content-Length and Transfer-Encoding" (§6.1).
        if self.is_ambiguous() {
            return Err(PeerError::AmbiguousFraming);
        }
        match self.coding {
            Coding::Chunked => Ok(Framing::Chunked),
            // "If Transfer-Encoding is present in a request and chunked is not the final encoding, the message
            // body length cannot be determined reliably" (rule 4).
            Coding::Other | Coding::ChunkedThenMore { .. } | Coding::Malformed => {
                Err(PeerError::TransferEncoding)
            }
            Coding::Absent => Ok(match self.content_length.get()? {
                Some(0) | None => Framing::None,
                Some(length) => Framing::Length(length),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
