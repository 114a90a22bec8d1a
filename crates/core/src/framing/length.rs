//! Content-Length (RFC 9110 §8.6, RFC 9112 §6.3 rule 5).

use crate::error::PeerError;
use crate::syntax::list::elements;
use crate::syntax::number::decimal;

/// What the Content-Length lines of a message said so far.
///
/// "If a message is received without Transfer-Encoding and with an invalid Content-Length header field, then the
/// message framing is invalid and the recipient MUST treat it as an unrecoverable error, unless the field value
/// can be successfully parsed as a comma-separated list, all values in the list are valid, and all values in the
/// list are the same." Whether it matters is not known before all lines are seen, so an error is kept until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ContentLength {
    #[default]
    Absent,
    Known(u64),
    Invalid(PeerError),
}

impl ContentLength {
    /// Takes in the value of one more line.
    pub(crate) fn note(&mut self, value: &[u8]) {
        // Nearly always there is one number and nothing else.
        if let (Self::Absent, Some(n)) = (*self, decimal(value)) {
            *self = Self::Known(n);
            return;
        }
        let mut values = elements(value).peekable();
        if values.peek().is_none() {
            *self = Self::Invalid(PeerError::ContentLength);
        }
        for value in values {
            *self = match (*self, decimal(value)) {
                (Self::Invalid(e), _) => Self::Invalid(e),
                (_, None) => Self::Invalid(PeerError::ContentLength),
                (Self::Absent, Some(n)) => Self::Known(n),
                (Self::Known(known), Some(n)) if known == n => Self::Known(n),
                (Self::Known(_), Some(_)) => Self::Invalid(PeerError::ContentLengthConflict),
            };
        }
    }

    /// Whether there was any line.
    pub(crate) fn is_present(&self) -> bool {
        *self != Self::Absent
    }

    /// The length, once it matters.
    pub(crate) fn get(&self) -> Result<Option<u64>, PeerError> {
        match *self {
            Self::Absent => Ok(None),
            Self::Known(n) => Ok(Some(n)),
            Self::Invalid(e) => Err(e),
        }
    }
}
