//! Frames of HTTP/2 (RFC 9113 §4.1).

use std::time::Duration;

use bytes::Bytes;

/// Octets before the payload of a frame.
pub(super) const HEAD: usize = 9;

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;

/// `SETTINGS_HEADER_TABLE_SIZE`.
pub(super) const HEADER_TABLE_SIZE: u16 = 0x1;
/// `SETTINGS_MAX_CONCURRENT_STREAMS`.
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 0x3;

/// What a frame is (RFC 9113 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FrameKind {
    /// DATA.
    Data,
    /// HEADERS.
    Headers,
    /// PRIORITY.
    Priority,
    /// RST_STREAM.
    RstStream,
    /// SETTINGS, acknowledgements too.
    Settings,
    /// PUSH_PROMISE.
    PushPromise,
    /// PING, acknowledgements too.
    Ping,
    /// GOAWAY.
    GoAway,
    /// WINDOW_UPDATE.
    WindowUpdate,
    /// CONTINUATION.
    Continuation,
    /// Any other type.
    Other(u8),
}

impl FrameKind {
    const KNOWN: [Self; 10] = [
        Self::Data,
        Self::Headers,
        Self::Priority,
        Self::RstStream,
        Self::Settings,
        Self::PushPromise,
        Self::Ping,
        Self::GoAway,
        Self::WindowUpdate,
        Self::Continuation,
    ];

    pub(super) fn from_octet(octet: u8) -> Self {
        Self::KNOWN.get(usize::from(octet)).copied().unwrap_or(Self::Other(octet))
    }

    fn octet(self) -> u8 {
        match self {
            Self::Other(octet) => octet,
            // Ten of them: it fits.
            known => Self::KNOWN.iter().position(|kind| *kind == known).unwrap_or_default() as u8,
        }
    }
}

/// A frame that a client has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// When its last octet arrived.
    pub at: Duration,
    /// What it is.
    pub kind: FrameKind,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// Octets of payload.
    pub len: usize,
    /// The payload; of DATA none is kept.
    pub payload: Vec<u8>,
}

impl Frame {
    /// An acknowledgement of SETTINGS or PING.
    pub fn is_ack(&self) -> bool {
        matches!(self.kind, FrameKind::Settings | FrameKind::Ping) && self.flags & ACK != 0
    }

    /// It is the last of the client on its stream.
    pub fn ends_stream(&self) -> bool {
        self.kind == FrameKind::RstStream || ends_stream(self.kind, self.flags)
    }

    /// The error code of RST_STREAM and GOAWAY.
    pub fn code(&self) -> Option<u32> {
        match self.kind {
            FrameKind::RstStream => self.number(0),
            FrameKind::GoAway => self.number(4),
            _ => None,
        }
    }

    /// The last stream of GOAWAY.
    pub fn last_stream(&self) -> Option<u32> {
        (self.kind == FrameKind::GoAway).then(|| self.number(0))?
    }

    /// The increment of WINDOW_UPDATE.
    pub fn increment(&self) -> Option<u32> {
        (self.kind == FrameKind::WindowUpdate).then(|| self.number(0))?
    }

    /// The parameters of SETTINGS, by their numbers.
    pub fn settings(&self) -> Vec<(u16, u32)> {
        if self.kind == FrameKind::Settings { parameters(&self.payload).collect() } else { Vec::new() }
    }

    fn number(&self, at: usize) -> Option<u32> {
        let octets = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(octets.try_into().ok()?))
    }
}

/// What is before the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) len: usize,
    pub(super) kind: FrameKind,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Head {
    /// `None` if more octets are wanted.
    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = octets.get(..HEAD)? else { return None };
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let stream = u32::from_be_bytes(stream.try_into().ok()?) & 0x7fff_ffff;
        Some(Self { len, kind: FrameKind::from_octet(*kind), flags: *flags, stream })
    }

    pub(super) fn is(&self, kind: FrameKind, flag: u8) -> bool {
        self.kind == kind && self.flags & flag != 0
    }

    pub(super) fn ends_stream(&self) -> bool {
        ends_stream(self.kind, self.flags)
    }

    /// More of a field section follows, and nothing else may (RFC 9113 §6.2).
    pub(super) fn is_open_block(&self) -> bool {
        matches!(self.kind, FrameKind::Headers | FrameKind::Continuation | FrameKind::PushPromise)
            && self.flags & END_HEADERS == 0
    }

    /// The content in the payload of DATA, without padding.
    pub(super) fn content<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        if self.flags & PADDED == 0 {
            return payload;
        }
        let Some((padding, rest)) = payload.split_first() else { return payload };
        &rest[..rest.len().saturating_sub(usize::from(*padding))]
    }
}

fn ends_stream(kind: FrameKind, flags: u8) -> bool {
    matches!(kind, FrameKind::Data | FrameKind::Headers) && flags & END_STREAM != 0
}

/// The parameters in the payload of SETTINGS.
pub(super) fn parameters(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> + '_ {
    payload.chunks_exact(6).map(|setting| {
        let id = u16::from_be_bytes([setting[0], setting[1]]);
        (id, u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]))
    })
}

/// The payload of SETTINGS.
pub(super) fn settings(parameters: &[(u16, u32)]) -> Vec<u8> {
    parameters.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect()
}

/// A frame as octets. Its payload is one of the gate's own, or came in a frame: its length fits in 24 bits.
pub(super) fn encode(kind: FrameKind, flags: u8, stream: u32, payload: &[u8]) -> Bytes {
    let len = (payload.len() as u32).to_be_bytes();
    let head = [&len[1..], &[kind.octet(), flags], &stream.to_be_bytes()].concat();
    Bytes::from([&head[..], payload].concat())
}

/// RST_STREAM as octets.
pub(super) fn reset(stream: u32, code: u32) -> Bytes {
    encode(FrameKind::RstStream, 0, stream, &code.to_be_bytes())
}

/// GOAWAY as octets.
pub(super) fn goaway(last: u32, code: u32) -> Bytes {
    encode(FrameKind::GoAway, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

#[cfg(test)]
mod tests;
