//! Which streams there are, and which of them a server may act on.

use std::collections::{BTreeMap, BTreeSet};

/// The streams of a connection as its server knows them. Pure: it hears of frames and of decisions.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The open ones.
    open: BTreeMap<u32, Halves>,
    /// The highest that the client has opened.
    highest: u32,
    /// Those that the service has been asked about.
    claimed: BTreeSet<u32>,
    /// Those that the server has reset, refused or put behind it: nothing more is said about them.
    dead: BTreeSet<u32>,
    /// Those of them that died since somebody asked.
    died: Vec<u32>,
    /// The lowest last stream of all GOAWAY frames.
    last: Option<u32>,
    peak: usize,
}

/// Which side has ended a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Halves {
    client: bool,
    server: bool,
}

impl Ledger {
    /// HEADERS have come. True if they open a stream that this server takes; those beyond GOAWAY are put away.
    pub(super) fn open(&mut self, stream: u32) -> bool {
        if stream <= self.highest {
            return false;
        }
        self.highest = stream;
        if self.last.is_some_and(|last| stream > last) {
            self.kill(stream);
            return false;
        }
        if self.dead.contains(&stream) {
            return false;
        }
        self.open.insert(stream, Halves::default());
        self.peak = self.peak.max(self.open.len());
        true
    }

    pub(super) fn client_ended(&mut self, stream: u32) {
        self.end(stream, |halves| halves.client = true);
    }

    pub(super) fn server_ended(&mut self, stream: u32) {
        self.end(stream, |halves| halves.server = true);
    }

    fn end(&mut self, stream: u32, mark: impl FnOnce(&mut Halves)) {
        let Some(halves) = self.open.get_mut(&stream) else { return };
        mark(halves);
        if halves.client && halves.server {
            self.open.remove(&stream);
        }
    }

    /// The client has reset it.
    pub(super) fn client_reset(&mut self, stream: u32) {
        self.open.remove(&stream);
    }

    /// The server has nothing more to do with it.
    pub(super) fn kill(&mut self, stream: u32) {
        self.open.remove(&stream);
        if self.dead.insert(stream) {
            self.died.push(stream);
        }
    }

    /// Whether the service may be asked about it: it is open still. It counts as processed until it is given back.
    pub(super) fn claim(&mut self, stream: u32) -> bool {
        let may = self.open.contains_key(&stream);
        if may {
            self.claimed.insert(stream);
        }
        may
    }

    /// The service has done nothing about it.
    pub(super) fn unclaim(&mut self, stream: u32) {
        self.claimed.remove(&stream);
    }

    /// The highest stream that the service may have acted on.
    pub(super) fn highest_claimed(&self) -> u32 {
        self.claimed.last().copied().unwrap_or_default()
    }

    /// GOAWAY is sent: what is above `last` and not claimed is put away. Gives the last stream to announce, which never
    /// rises (RFC 9113 §6.8).
    pub(super) fn go_away(&mut self, last: u32) -> u32 {
        let last = self.last.map_or(last, |before| before.min(last));
        self.last = Some(last);
        let above: Vec<u32> = self.open.range(last.saturating_add(1)..).map(|(id, _)| *id).collect();
        for stream in above {
            if !self.claimed.contains(&stream) {
                self.kill(stream);
            }
        }
        last
    }

    pub(super) fn is_going_away(&self) -> bool {
        self.last.is_some()
    }

    /// GOAWAY was sent, no stream that it lets through is open, and none can come.
    pub(super) fn is_over(&self) -> bool {
        self.last.is_some_and(|last| last <= self.highest) && self.open.is_empty()
    }

    pub(super) fn is_dead(&self, stream: u32) -> bool {
        self.dead.contains(&stream)
    }

    pub(super) fn is_open(&self, stream: u32) -> bool {
        self.open.contains_key(&stream)
    }

    /// Streams that have died since the last call.
    pub(super) fn take_died(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.died)
    }

    pub(super) fn active(&self) -> usize {
        self.open.len()
    }

    pub(super) fn peak(&self) -> usize {
        self.peak
    }
}

#[cfg(test)]
mod tests;
