//! How the sender of a message announces the length of its body (RFC 9112 §6.1, §6.2; RFC 9110 §8.6).

use http::{HeaderMap, header};

use crate::error::Misuse;
use crate::framing::decide::Coding;
use crate::syntax::number::decimal;

/// The content that the application announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// Nothing, and nothing to be said about it.
    None,
    /// So many octets.
    Sized(u64),
    /// As many as will come.
    Unsized,
}

/// How the end of the body will be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// There is no content, or it is all handed over.
    Ended,
    /// So many octets.
    Length(Bound),
    /// By the last chunk. A length that the application announced binds it all the same.
    Chunked(Option<Bound>),
    /// By the end of the connection.
    UntilClose,
}

/// A length that was announced, and what is still due of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) declared: u64,
    pub(crate) left: u64,
}

impl Bound {
    fn new(declared: u64) -> Self {
        Self { declared, left: declared }
    }
}

impl Sending {
    /// The length that binds the application, if it announced one.
    pub(crate) fn bound_mut(&mut self) -> Option<&mut Bound> {
        match self {
            Self::Length(bound) | Self::Chunked(Some(bound)) => Some(bound),
            Self::Chunked(None) | Self::UntilClose | Self::Ended => None,
        }
    }
}

/// Fields to be written beside those of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    Nothing,
    ContentLength(u64),
    ChunkedCoding,
}

/// Reconciles the framing fields of the application with the content it announces. A contradiction is refused:
/// "a sender MUST NOT forward a message with a Content-Length header field value that is known to be incorrect"
/// (RFC 9110 §8.6).
pub(crate) fn announce(
    fields: &HeaderMap,
    content: Announced,
    peer_knows_chunked: bool,
) -> Result<(Sending, Extra), Misuse> {
    let mut coding = Coding::default();
    for value in fields.get_all(header::TRANSFER_ENCODING) {
        coding.note(value.as_bytes());
    }
    let mut lengths = fields.get_all(header::CONTENT_LENGTH).iter();
    let said_length = match (lengths.next(), lengths.next()) {
        (None, _) => None,
        // A list or a second line, even of equal values, is for a recipient to bear, not for a sender to generate.
        (Some(value), None) => Some(decimal(value.as_bytes()).ok_or(Misuse::ConflictingFraming)?),
        (Some(_), Some(_)) => return Err(Misuse::ConflictingFraming),
    };
    if coding != Coding::Absent && said_length.is_some() {
        return Err(Misuse::ConflictingFraming);
    }
    match (coding, content) {
        (Coding::Absent, Announced::None) => match said_length {
            None | Some(0) => Ok((Sending::Ended, Extra::Nothing)),
            Some(_) => Err(Misuse::ConflictingFraming),
        },
        (Coding::Absent, Announced::Sized(length)) => match said_length {
            None => Ok((sized(length), Extra::ContentLength(length))),
            Some(said) if said == length => Ok((sized(length), Extra::Nothing)),
            Some(_) => Err(Misuse::ConflictingFraming),
        },
        (Coding::Absent, Announced::Unsized) => match said_length {
            Some(length) => Ok((Sending::Length(Bound::new(length)), Extra::Nothing)),
            None if peer_knows_chunked => Ok((Sending::Chunked(None), Extra::ChunkedCoding)),
            None => Err(Misuse::ContentLengthUnknown),
        },
        // "A client MUST NOT send a request containing Transfer-Encoding unless it knows the server will handle
        // HTTP/1.1 requests" (RFC 9112 §6.1).
        (_, _) if !peer_knows_chunked => Err(Misuse::UnsupportedVersion),
        (Coding::Chunked, Announced::Sized(length)) => {
            Ok((Sending::Chunked(Some(Bound::new(length))), Extra::Nothing))
        }
        (Coding::Chunked, Announced::Unsized) => Ok((Sending::Chunked(None), Extra::Nothing)),
        (Coding::Chunked | Coding::Other | Coding::ChunkedThenMore { .. } | Coding::Malformed, _) => {
            Err(Misuse::ConflictingFraming)
        }
    }
}

fn sized(length: u64) -> Sending {
    match length {
        0 => Sending::Ended,
        length => Sending::Length(Bound::new(length)),
    }
}

#[cfg(test)]
mod tests;
