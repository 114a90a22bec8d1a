//! What a client was told on its connections.

use std::io;
use std::task::Poll;
use std::time::Duration;

use crate::world::World;

/// What the client's end of a connection was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLog {
    /// Octets of the server that the client has read.
    pub read: u64,
    /// The client has met the end of the connection, in whatever form: it did not break it by itself.
    pub saw_end: bool,
}

/// What has come is known to a runtime, and by it to a client, within so long.
const TURN: Duration = Duration::from_millis(1);

/// Octets behind a response that nobody has asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surplus {
    /// Where they begin.
    pub(crate) from: u64,
    /// When the first of them was there to be read.
    pub(crate) came: Option<Duration>,
}

impl World {
    /// What a connection's client was told so far; nothing, if there is no such connection.
    pub(crate) fn connection(&self, id: u64) -> ConnectionLog {
        self.connections.get(&id).copied().unwrap_or_default()
    }

    /// The client has read, or tried to.
    pub(crate) fn note_read(&mut self, id: u64, result: &Poll<io::Result<usize>>) {
        let log = self.connections.entry(id).or_default();
        match result {
            Poll::Ready(Ok(n)) if *n > 0 => log.read += *n as u64,
            Poll::Ready(_) => log.saw_end = true,
            Poll::Pending => {}
        }
    }

    /// The client has heard of the end in another way.
    pub(crate) fn note_end(&mut self, id: u64) {
        self.connections.entry(id).or_default().saw_end = true;
    }

    /// What the server sends from now on is no answer to anything.
    ///
    /// Under TLS nothing is made of it: what the client writes then may be its farewell.
    pub(crate) fn mark_surplus(&mut self, id: u64) {
        if let Some(link) = self.links.get_mut(&id).filter(|link| link.tls.is_none()) {
            link.mark_surplus();
        }
    }

    /// The client is about to write.
    pub(crate) fn check_surplus(&mut self, id: u64) {
        let now = self.clock.now;
        let came = self.links.get_mut(&id).and_then(|link| link.take_surplus()?.came);
        if came.is_some_and(|came| came + TURN < now) {
            self.complain(id, "the client goes on behind octets that it has not asked for");
        }
    }
}
