//! What a server of HTTP/2 sends, as octets say it.

use std::time::Duration;

use martlet_sim::Script;

const SETTINGS: u8 = 0x4;
const HEADERS: u8 = 0x1;
const DATA: u8 = 0x0;
const RST_STREAM: u8 = 0x3;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;

const END_STREAM: u8 = 0x1;

/// Streams that an octet chooses from: those of the client that there are, and some that there are not.
const STREAMS: [u32; 8] = [1, 3, 5, 7, 0, 2, 9, 0x7fff_ffff];

/// REFUSED_STREAM and HTTP_1_1_REQUIRED say that nothing was processed.
const REFUSALS: [u32; 2] = [0x7, 0xd];

/// Codes that an octet chooses from.
const CODES: [u32; 8] = [0x7, 0x0, 0x8, 0x2, 0xd, 0xb, 0x1, 0xffff_ffff];

/// Blocks of fields that need no table: status 200, 103, 204, 503, 200 with a length of 5, HPACK that is none.
const BLOCKS: [&[u8]; 8] = [
    b"\x88",
    b"\x08\x03103",
    b"\x89",
    b"\x08\x03503\x0f\x26\x010",
    b"\x88\x0f\x0d\x015",
    b"\x88\x0f\x0d\x015\x0f\x0d\x016",
    b"\xff\xff\xff",
    b"\x88\x40\x01a\x01b\xbe\xbe",
];

/// Pauses of all connections together, in milliseconds.
const LONGEST: u64 = 60_000;

/// The script of one connection, and what it can bring about at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Played {
    pub(super) script: Script,
    /// Octets that may be content.
    pub(super) content: usize,
    pub(super) has_heads: bool,
    pub(super) has_ends: bool,
    pub(super) has_refusals: bool,
    pub(super) has_codes: bool,
    is_over: bool,
}

impl Played {
    fn then(&mut self, act: impl FnOnce(Script) -> Script) {
        if !self.is_over {
            self.script = act(std::mem::take(&mut self.script));
        }
    }

    fn end(&mut self, act: impl FnOnce(Script) -> Script) {
        self.then(act);
        self.is_over = true;
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.frame_of_length(payload.len() as u32, kind, flags, stream, payload);
    }

    /// A frame that may say another length than it has: what follows is read as something else then.
    fn frame_of_length(&mut self, length: u32, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let is_sound = length as usize == payload.len();
        match kind {
            DATA => self.content += payload.len(),
            HEADERS | CONTINUATION => self.has_heads = true,
            RST_STREAM => {
                self.has_refusals |= REFUSALS.iter().any(|code| payload == code.to_be_bytes());
                self.has_codes = true;
            }
            GOAWAY => (self.has_refusals, self.has_codes) = (true, true),
            _ => {}
        }
        self.has_ends |= flags & END_STREAM > 0 && matches!(kind, DATA | HEADERS);
        let mut octets = length.to_be_bytes()[1..].to_vec();
        octets.extend_from_slice(&[kind, flags]);
        octets.extend_from_slice(&stream.to_be_bytes());
        octets.extend_from_slice(payload);
        if is_sound { self.then(|script| script.send(octets)) } else { self.raw(&octets) }
    }

    /// What may be anything.
    fn raw(&mut self, octets: &[u8]) {
        (self.has_heads, self.has_ends) = (true, true);
        (self.has_refusals, self.has_codes) = (true, true);
        // All that follows may be content of one frame.
        self.content += 1 << 20;
        let octets = octets.to_vec();
        self.then(|script| script.send(octets));
    }
}

/// The scripts of the connections, in the order in which they come; the last one is that of all further ones, too.
pub(super) fn decode(octets: &[u8]) -> Vec<Played> {
    let mut input = Input { octets, paused: 0 };
    let mut all = vec![input.begin()];
    while !input.octets.is_empty() {
        let what = input.octet();
        match all.last_mut() {
            Some(now) if what & 0x1f != 0x1f => input.step(what, now),
            _ => all.push(input.begin()),
        }
    }
    // Every further connection brings as much again, and there are no more of them than attempts.
    if let Some(last) = all.last_mut() {
        last.content *= 20;
    }
    all
}

struct Input<'a> {
    octets: &'a [u8],
    paused: u64,
}

impl Input<'_> {
    fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.octets.split_first() else { return 0 };
        self.octets = rest;
        *first
    }

    fn stream(&mut self) -> u32 {
        STREAMS[usize::from(self.octet()) % STREAMS.len()]
    }

    fn code(&mut self) -> u32 {
        CODES[usize::from(self.octet()) % CODES.len()]
    }

    /// As many octets as the first of them says.
    fn piece(&mut self) -> Vec<u8> {
        let most = usize::from(self.octet()).min(self.octets.len());
        let (piece, rest) = self.octets.split_at(most);
        self.octets = rest;
        piece.to_vec()
    }

    /// A connection: mostly it begins with the client's preface and the server's SETTINGS.
    fn begin(&mut self) -> Played {
        let mut played = Played::default();
        let how = self.octet();
        if how & 1 == 0 {
            played.then(Script::expect_head);
        }
        if how & 2 == 0 {
            let payload = if how & 4 == 0 { Vec::new() } else { self.piece() };
            played.frame(SETTINGS, 0, 0, &payload);
        }
        if how & 8 == 0 {
            // The client's first frames are here then.
            played.then(|script| script.pause(Duration::from_millis(1)));
        }
        played
    }

    fn step(&mut self, what: u8, now: &mut Played) {
        let flags = what >> 5;
        match what & 0x1f {
            0..=2 => {
                let (stream, block) = (self.stream(), usize::from(self.octet()) % BLOCKS.len());
                now.frame(HEADERS, 0x4 | (flags & END_STREAM), stream, BLOCKS[block]);
            }
            3..=5 => {
                let (stream, length) = (self.stream(), self.octet());
                let length = if flags & 4 > 0 { usize::from(length) * 64 } else { usize::from(length) };
                now.frame(DATA, flags & END_STREAM, stream, &vec![b'd'; length]);
            }
            6 => {
                let stream = self.stream();
                let block = self.piece();
                now.frame(HEADERS, (flags & 4) | (flags & END_STREAM), stream, &block);
            }
            7 => {
                let stream = self.stream();
                let block = self.piece();
                now.frame(CONTINUATION, flags & 4, stream, &block);
            }
            8 => {
                let (stream, code) = (self.stream(), self.code());
                now.frame(RST_STREAM, 0, stream, &code.to_be_bytes());
            }
            9 => {
                let (stream, code) = (self.stream(), self.code());
                now.frame(GOAWAY, 0, 0, &[stream.to_be_bytes(), code.to_be_bytes()].concat());
            }
            10 => {
                let payload = self.piece();
                now.frame(SETTINGS, flags & 1, 0, &payload);
            }
            // Down to no streams, and up.
            11 => now.frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, flags]),
            12 => {
                let payload = [self.octet(); 8];
                now.frame(0x6, flags & 1, 0, &payload);
            }
            13 => {
                let (stream, by) = (self.stream(), self.octet());
                let by = if flags & 4 > 0 { 0x7fff_ff00 } else { 0 } + u32::from(by);
                now.frame(0x8, 0, stream, &by.to_be_bytes());
            }
            14 => {
                let stream = self.stream();
                let block = self.piece();
                let promised = self.stream();
                now.frame(0x5, 0x4, stream, &[&promised.to_be_bytes()[..], &block].concat());
            }
            15..=17 => {
                let (kind, flags, stream) = (self.octet(), self.octet(), self.stream());
                let payload = self.piece();
                now.frame(kind, flags, stream, &payload);
            }
            18 => {
                let (kind, flags, stream) = (self.octet(), self.octet(), self.stream());
                let length = u32::from(self.octet()) << 8;
                let payload = self.piece();
                now.frame_of_length(length, kind, flags, stream, &payload);
            }
            19 => {
                let octets = self.piece();
                now.raw(&octets);
            }
            20..=23 => {
                let span = u64::from(self.octet());
                let span = (span * span / 8).min(LONGEST - self.paused);
                self.paused += span;
                now.then(|script| script.pause(Duration::from_millis(span)));
            }
            24 => now.end(Script::fin),
            25 => now.end(Script::reset),
            26 => now.end(Script::stall),
            27 => now.end(|script| script.half_close().read_to_end()),
            28 => now.end(Script::read_to_end),
            // An answer in good order.
            _ => {
                let stream = self.stream();
                now.frame(HEADERS, 0x4, stream, BLOCKS[4]);
                now.frame(DATA, END_STREAM, stream, b"hello");
            }
        }
    }
}
