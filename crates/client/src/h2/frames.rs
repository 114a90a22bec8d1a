//! Octets as frames: which requests the transport has taken, and how much of the windows is used up.

/// "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" (RFC 9113 §3.4).
const PREFACE: usize = 24;
/// Octets of a frame's header (RFC 9113 §4.1).
const HEADER: usize = 9;
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const WINDOW_UPDATE: u8 = 0x8;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;
const ACK: u8 = 0x1;

/// Finds frames in octets that are cut anywhere.
#[derive(Debug, Default)]
struct Splitter {
    /// Octets that are left before the next frame header: of the preface, or of a payload.
    payload: usize,
    header: [u8; HEADER],
    /// So many octets of the header are known.
    known: usize,
}

/// What comes next in a stream of frames.
enum Part<'a> {
    /// A whole header: the length of the payload, the kind, the flags, the stream.
    Header(usize, u8, u8, u32),
    /// Some of the payload.
    Payload(&'a [u8]),
}

impl Splitter {
    /// The next part of these octets, which loses it.
    fn next<'a>(&mut self, octets: &mut &'a [u8]) -> Option<Part<'a>> {
        while !octets.is_empty() {
            let left = if self.payload > 0 { self.payload } else { HEADER - self.known };
            let (part, rest) = octets.split_at(left.min(octets.len()));
            *octets = rest;
            if self.payload > 0 {
                self.payload -= part.len();
                return Some(Part::Payload(part));
            }
            self.header[self.known..self.known + part.len()].copy_from_slice(part);
            self.known += part.len();
            if self.known == HEADER {
                self.known = 0;
                let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = self.header;
                self.payload = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
                let stream = u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff;
                return Some(Part::Header(self.payload, kind, flags, stream));
            }
        }
        None
    }

    /// Whether the last frame is whole.
    fn is_whole(&self) -> bool {
        self.payload == 0
    }
}

/// Follows the octets that a transport takes from a client.
#[derive(Debug)]
pub(super) struct Outgoing {
    splitter: Splitter,
    /// The stream whose header block is whole with the frame that is under way.
    ends: Option<u32>,
    /// Streams that were reset.
    resets: u64,
    /// The peer's SETTINGS were acknowledged: they hold from then on.
    has_acknowledged: bool,
    /// What the connection's window is widened by, as far as its octets are known.
    increment: Option<(u32, usize)>,
    /// What it was widened by in all.
    granted: u64,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            splitter: Splitter { payload: PREFACE, ..Splitter::default() },
            ends: None,
            resets: 0,
            has_acknowledged: false,
            increment: None,
            granted: 0,
        }
    }

    /// What the connection's window was widened by (RFC 9113 §6.9).
    pub(super) fn granted(&self) -> u64 {
        self.granted
    }

    pub(super) fn has_acknowledged(&self) -> bool {
        self.has_acknowledged
    }

    /// How many streams were reset.
    pub(super) fn resets(&self) -> u64 {
        self.resets
    }

    /// These octets were taken. Gives the highest stream of which a header block is whole now, if there is one.
    pub(super) fn take(&mut self, mut octets: &[u8]) -> Option<u32> {
        let mut last = None;
        while let Some(part) = self.splitter.next(&mut octets) {
            match part {
                Part::Header(_, kind, flags, stream) => self.begin(kind, flags, stream),
                Part::Payload(part) => self.take_increment(part),
            }
            if self.splitter.is_whole() {
                // Trailers of an earlier stream may come behind the head of a later one.
                last = last.max(self.ends.take());
            }
        }
        last
    }

    fn take_increment(&mut self, octets: &[u8]) {
        let Some((increment, known)) = &mut self.increment else {
            return;
        };
        for octet in octets.iter().take(4 - *known) {
            *increment = *increment << 8 | u32::from(*octet);
            *known += 1;
        }
        if *known == 4 {
            self.granted += u64::from(*increment & 0x7fff_ffff);
            self.increment = None;
        }
    }

    fn begin(&mut self, kind: u8, flags: u8, stream: u32) {
        match kind {
            HEADERS | CONTINUATION if flags & END_HEADERS != 0 => self.ends = Some(stream),
            RST_STREAM => self.resets += 1,
            SETTINGS if flags & ACK != 0 => self.has_acknowledged = true,
            WINDOW_UPDATE if stream == 0 => self.increment = Some((0, 0)),
            _ => {}
        }
    }
}

/// Follows what comes: how much of the connection's window it uses up.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    splitter: Splitter,
    used: u64,
}

impl Incoming {
    /// These octets come next.
    pub(super) fn take(&mut self, mut octets: &[u8]) {
        while let Some(part) = self.splitter.next(&mut octets) {
            if let Part::Header(length, DATA, ..) = part {
                // "The entire DATA frame payload is included in flow control" (RFC 9113 §6.1).
                self.used += length as u64;
            }
        }
    }

    /// Octets of DATA that have come, or are announced.
    pub(super) fn used(&self) -> u64 {
        self.used
    }
}

/// Follows what comes up to the end of its first frame.
#[derive(Debug, Default)]
pub(super) struct FirstFrame {
    header: [u8; HEADER],
    /// Octets that have come.
    come: usize,
}

impl FirstFrame {
    /// These octets come next. Whether the frame is whole.
    pub(super) fn take(&mut self, octets: &[u8]) -> bool {
        for (place, octet) in self.header.iter_mut().skip(self.come).zip(octets) {
            *place = *octet;
        }
        self.come = self.come.saturating_add(octets.len());
        let [l0, l1, l2, ..] = self.header.map(usize::from);
        self.come >= HEADER + (l0 << 16 | l1 << 8 | l2)
    }

    /// Whether it is no frame: an answer by HTTP/1.
    pub(super) fn is_http1(&self) -> bool {
        self.header.starts_with(b"HTTP/1.")
    }
}

#[cfg(test)]
mod tests;
