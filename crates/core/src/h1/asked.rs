//! What a response head means, which depends on the request it answers.

use crate::close_reason::CloseReason;
use crate::error::PeerError;
use crate::framing::decide::Framing;
use crate::h1::reader::HeadNotes;
use crate::h1::switch::Offer;
use crate::syntax::HeadSpans;

/// What of a request decides how its response is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) head: bool,
    pub(crate) connect: bool,
    pub(crate) offer: Offer,
}

/// What a response head means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meaning {
    /// Another head follows.
    Interim,
    /// The octets behind it belong to another protocol.
    Switch,
    /// The response, and why the connection ends with it, if it does.
    Final { framing: Framing, close: Option<CloseReason> },
}

impl Asked {
    /// Reads a head whose octets are at the beginning of `input`.
    pub(crate) fn meaning_of(
        &self,
        input: &[u8],
        head: &HeadSpans,
        notes: &HeadNotes,
    ) -> Result<Meaning, PeerError> {
        match head.status {
            101 => self.switch(input, head),
            100..=199 => Ok(Meaning::Interim),
            // "Any 2xx (Successful) response to a CONNECT request implies that the connection will become a tunnel"
            // (RFC 9112 §6.3 rule 2).
            200..=299 if self.connect => Ok(Meaning::Switch),
            _ => self.response(head, notes),
        }
    }

    fn switch(&self, input: &[u8], head: &HeadSpans) -> Result<Meaning, PeerError> {
        let is_offered = |(name, value): (&[u8], &[u8])| {
            !name.eq_ignore_ascii_case(b"upgrade") || self.offer.includes(value)
        };
        if self.offer.is_made() && head.fields.iter(input).all(is_offered) {
            Ok(Meaning::Switch)
        } else {
            Err(PeerError::UnexpectedUpgrade)
        }
    }

    fn response(&self, head: &HeadSpans, notes: &HeadNotes) -> Result<Meaning, PeerError> {
        let framing = if self.head || matches!(head.status, 204 | 304) {
            Framing::None
        } else {
            notes.framing.of_response(head.version)?
        };
        let said_close = notes.connection.ends(head.version, CloseReason::PeerSaidClose);
        let close = match framing {
            _ if said_close.is_some() => said_close,
            // "… MUST treat the message as if the framing is faulty … and close the connection after processing the
            // message" (RFC 9112 §6.1), also where there is nothing to frame.
            Framing::None if notes.framing.is_faulty_for(head.version) => Some(CloseReason::AmbiguousFraming),
            Framing::None => None,
            _ if notes.framing.is_ambiguous() => Some(CloseReason::AmbiguousFraming),
            Framing::UntilClose => Some(CloseReason::CloseDelimited),
            Framing::Length(_) | Framing::Chunked => None,
        };
        Ok(Meaning::Final { framing, close })
    }
}
