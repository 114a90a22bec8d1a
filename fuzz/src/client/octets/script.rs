//! What a server does, as octets say it.

use std::time::Duration;

use martlet_sim::Script;

/// Behind this octet stands what is done between two pieces.
const MARK: u8 = 0xff;

/// Pauses of all connections together, in milliseconds.
const LONGEST: u64 = 60_000;

/// The script of one connection, and what it sends.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) script: Script,
    pub(super) sent: Vec<u8>,
    /// Where pieces begin.
    pieces: Vec<usize>,
    is_over: bool,
}

impl Played {
    /// Requests are waited for, but by those who answer beforehand.
    fn new(waits: bool) -> Self {
        let script = if waits { Script::new().expect_head() } else { Script::new() };
        Self { script, sent: Vec::new(), pieces: Vec::new(), is_over: false }
    }

    /// Whether there are octets behind this place that go out with the one before it.
    pub(super) fn is_amid_piece(&self, at: usize) -> bool {
        0 < at && at < self.sent.len() && !self.pieces.contains(&at)
    }

    fn then(&mut self, act: impl FnOnce(Script) -> Script) {
        if !self.is_over {
            self.script = act(std::mem::take(&mut self.script));
        }
    }

    fn end(&mut self, act: impl FnOnce(Script) -> Script) {
        self.then(act);
        self.is_over = true;
    }

    fn send(&mut self, piece: &mut Vec<u8>) {
        let piece = std::mem::take(piece);
        if piece.is_empty() || self.is_over {
            return;
        }
        self.pieces.push(self.sent.len());
        self.sent.extend_from_slice(&piece);
        self.then(|script| script.send(piece));
    }
}

/// The scripts of the connections, in the order in which they come; the last one is that of all further ones, too.
pub(super) fn decode(octets: &[u8]) -> Vec<Played> {
    let (mut all, mut now, mut piece) = (Vec::new(), Played::new(true), Vec::new());
    let mut paused = 0;
    let mut octets = octets.iter().copied();
    while let Some(octet) = octets.next() {
        if octet != MARK {
            piece.push(octet);
            continue;
        }
        let Some(what) = octets.next() else { break };
        if what >= 0x50 {
            // One of those that may stand in a field value.
            piece.push(what);
            continue;
        }
        now.send(&mut piece);
        match what {
            0x00..=0x1f => {
                let span = (u64::from(what) * u64::from(what) * 3).min(LONGEST - paused);
                paused += span;
                now.then(|script| script.pause(Duration::from_millis(span)));
            }
            0x20..=0x2f => now.then(Script::expect_head),
            0x30 | 0x31 => now.end(Script::fin),
            0x32 | 0x33 => now.end(Script::reset),
            0x34 => now.end(Script::stall),
            0x35 => now.then(Script::half_close),
            0x36 => now.end(|script| script.half_close().read_to_end()),
            0x37 => now.end(Script::read_to_end),
            _ => all.push(std::mem::replace(&mut now, Played::new(what != 0x4f))),
        }
    }
    now.send(&mut piece);
    all.push(now);
    all
}
