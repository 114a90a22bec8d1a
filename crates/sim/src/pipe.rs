//! One direction of a connection.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// What is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parcel {
    Octets(Bytes),
    Fin,
    Reset,
}

/// How the direction has ended for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    Fin,
    Reset,
}

/// Octets between a writer and a reader. It is bounded: what is accepted and not read counts.
#[derive(Debug)]
pub(crate) struct Pipe {
    capacity: usize,
    inside: usize,
    flying: VecDeque<(Duration, Parcel)>,
    /// So many of them have a time of arrival; the others are held back.
    scheduled: usize,
    pub(crate) arrived: BytesMut,
    /// What has come to the reader behind the octets.
    pub(crate) end: End,
    /// The writer has said that nothing follows.
    pub(crate) closed: bool,
    /// The writer has broken the connection.
    pub(crate) reset: bool,
    /// Nobody will read: what arrives is answered by a reset.
    pub(crate) reader_gone: bool,
    /// Parcels are held back.
    pub(crate) stalled: bool,
    /// Octets that the writer got rid of.
    pub(crate) accepted: u64,
    /// Octets that have come to the reader's side.
    pub(crate) came: u64,
    last_due: Duration,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

impl Pipe {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            inside: 0,
            flying: VecDeque::new(),
            scheduled: 0,
            arrived: BytesMut::new(),
            end: End::Open,
            closed: false,
            reset: false,
            reader_gone: false,
            stalled: false,
            accepted: 0,
            came: 0,
            last_due: Duration::ZERO,
            reader: None,
            writer: None,
        }
    }

    /// Octets that can be accepted now.
    pub(crate) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.inside)
    }

    /// Sends a parcel that is due at `due` or when all earlier ones have arrived. Gives the time of its arrival unless
    /// it is held back.
    pub(crate) fn send(&mut self, parcel: Parcel, due: Duration) -> Option<Duration> {
        let due = due.max(self.last_due);
        self.last_due = due;
        match &parcel {
            Parcel::Octets(octets) => {
                self.inside += octets.len();
                self.accepted += octets.len() as u64;
            }
            Parcel::Fin => self.closed = true,
            Parcel::Reset => {
                self.closed = true;
                self.reset = true;
            }
        }
        self.flying.push_back((due, parcel));
        if self.stalled {
            return None;
        }
        self.scheduled += 1;
        Some(due)
    }

    /// The next parcel arrives.
    pub(crate) fn arrive(&mut self) -> Option<Parcel> {
        let (_, parcel) = self.flying.pop_front()?;
        self.scheduled = self.scheduled.saturating_sub(1);
        match &parcel {
            Parcel::Octets(octets) if self.reader_gone => self.inside -= octets.len(),
            Parcel::Octets(octets) => {
                self.arrived.extend_from_slice(octets);
                self.came += octets.len() as u64;
            }
            Parcel::Fin if self.end == End::Open => self.end = End::Fin,
            Parcel::Fin => {}
            Parcel::Reset => self.end = End::Reset,
        }
        Some(parcel)
    }

    /// Puts other octets in the place of the last that have arrived, so many: what they say once they are decrypted.
    pub(crate) fn replace_last(&mut self, octets: usize, by: &[u8]) {
        let kept = self.arrived.len().saturating_sub(octets);
        self.inside -= self.arrived.len() - kept;
        self.arrived.truncate(kept);
        self.arrived.extend_from_slice(by);
        self.inside += by.len();
    }

    /// What is under way arrives at once. Gives the octets among it.
    pub(crate) fn arrive_all(&mut self) -> Vec<Bytes> {
        let mut octets = Vec::new();
        while let Some(parcel) = self.arrive() {
            if let Parcel::Octets(some) = parcel {
                octets.push(some);
            }
        }
        octets
    }

    /// What was held back goes on. Gives the times of arrival of its parcels.
    pub(crate) fn release(&mut self, now: Duration) -> Vec<Duration> {
        self.stalled = false;
        self.last_due = self.last_due.max(now);
        let due = self.flying.iter().skip(self.scheduled).map(|(due, _)| (*due).max(now)).collect();
        self.scheduled = self.flying.len();
        due
    }

    /// Takes octets that have arrived.
    pub(crate) fn take(&mut self, into: &mut [u8]) -> usize {
        let n = into.len().min(self.arrived.len());
        into[..n].copy_from_slice(&self.arrived.split_to(n));
        self.inside -= n;
        n
    }

    /// Throws away what has arrived and was not read.
    pub(crate) fn discard(&mut self) -> usize {
        let n = self.arrived.len();
        self.arrived.clear();
        self.inside -= n;
        n
    }

    /// One clause on its state.
    pub(crate) fn describe(&self) -> String {
        let flying = self.inside - self.arrived.len();
        let mut text = format!(
            "{} accepted, {} arrived, {} unread, {flying} under way",
            self.accepted,
            self.came,
            self.arrived.len()
        );
        match self.end {
            End::Open if self.closed => text.push_str(", end under way"),
            End::Open => {}
            End::Fin => text.push_str(", ended"),
            End::Reset => text.push_str(", reset"),
        }
        if self.stalled {
            text.push_str(", stalled");
        }
        if self.reader.is_some() {
            text.push_str(", reader waits");
        }
        if self.writer.is_some() {
            text.push_str(", writer waits for room");
        }
        text
    }
}

#[cfg(test)]
mod tests;
