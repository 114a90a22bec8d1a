//! What leaves, as frames: which requests the transport has taken.

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

/// Follows the octets that a transport takes from a client, which are cut anywhere.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Octets that are passed over before the next frame header: the preface, or a payload.
    skip: usize,
    header: [u8; HEADER],
    /// So many octets of the header are known.
    known: usize,
    /// The stream whose header block is whole with the payload that is passed over now.
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
            skip: PREFACE,
            header: [0; HEADER],
            known: 0,
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
        loop {
            let n = self.skip.min(octets.len());
            self.skip -= n;
            self.take_increment(&octets[..n]);
            octets = &octets[n..];
            if self.skip == 0 {
                // Trailers of an earlier stream may come behind the head of a later one.
                last = last.max(self.ends.take());
            }
            if octets.is_empty() {
                return last;
            }
            let n = (HEADER - self.known).min(octets.len());
            self.header[self.known..self.known + n].copy_from_slice(&octets[..n]);
            self.known += n;
            octets = &octets[n..];
            if self.known == HEADER {
                self.known = 0;
                self.begin_payload();
            }
        }
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

    fn begin_payload(&mut self) {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = self.header;
        self.skip = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
        match kind {
            HEADERS | CONTINUATION if flags & END_HEADERS != 0 => {
                self.ends = Some(u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff);
            }
            RST_STREAM => self.resets += 1,
            SETTINGS if flags & ACK != 0 => self.has_acknowledged = true,
            WINDOW_UPDATE if [s0, s1, s2, s3] == [0; 4] => self.increment = Some((0, 0)),
            _ => {}
        }
    }
}

/// Follows what comes: how much of the connection's window it uses up.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    skip: usize,
    header: [u8; HEADER],
    known: usize,
    used: u64,
}

impl Incoming {
    /// These octets come next.
    pub(super) fn take(&mut self, mut octets: &[u8]) {
        loop {
            let n = self.skip.min(octets.len());
            self.skip -= n;
            octets = &octets[n..];
            if octets.is_empty() {
                return;
            }
            let n = (HEADER - self.known).min(octets.len());
            self.header[self.known..self.known + n].copy_from_slice(&octets[..n]);
            self.known += n;
            octets = &octets[n..];
            if self.known == HEADER {
                self.known = 0;
                let [l0, l1, l2, kind, ..] = self.header;
                self.skip = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
                if kind == DATA {
                    // "The entire DATA frame payload is included in flow control" (RFC 9113 §6.1).
                    self.used += self.skip as u64;
                }
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
