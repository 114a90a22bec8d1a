//! A connection between two exchanges.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures_io::AsyncRead;
use martlet_core::h1::{Disposition, Fields, Item};

use super::Connection;
use crate::input::Input;
use crate::scratch;

/// What a runtime says of a silent connection is only as fresh as its last turn. So long after something came the system is
/// asked, too: by one call, which a connection that is used again at once need not pay for. That the response was read to
/// its end says nothing of it: its last octets may have been here for long.
const FRESH: Duration = Duration::from_millis(1);

/// The most that is read of a response that nobody wants, to save its connection.
const DRAINED: usize = 64 * 1024;

/// A server may close a connection so long before the time that it names; a request that is under way then would be lost.
const MARGIN: Duration = Duration::from_secs(1);

/// What a look at an idle connection shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Nothing was heard.
    Alive,
    /// It has ended, or says what nobody asked for.
    Stale,
    /// The system has octets that the runtime does not know of yet, and that need not be content. The task is woken when
    /// they can be read.
    Unclear,
}

impl Connection {
    /// Whether the response is complete without any content being read.
    pub(crate) fn is_complete(&mut self) -> bool {
        match self.conn.disposition() {
            Disposition::Drain { at_most: Some(0) } => {
                matches!(self.input.recv(&mut self.conn), Ok(Item::End))
            }
            disposition => disposition == Disposition::Reusable,
        }
    }

    /// Makes it ready for the next exchange. Whether there can be one: the message has ended on both sides, all of it is
    /// out, and nothing came behind it.
    #[must_use]
    pub(crate) fn rest(&mut self) -> bool {
        let ready = self.become_idle();
        if ready {
            self.timer.rest();
        }
        ready
    }

    /// How long the server said that it keeps the connection, less a margin.
    pub(crate) fn keep_alive(&self) -> Option<Duration> {
        self.keep_alive
    }

    /// Whether anything was heard of it since it became idle: its end, or an octet that nobody asked for.
    pub(crate) fn probe(&mut self, cx: &mut Context<'_>, now: Instant) -> Probe {
        let Some(io) = self.io.as_mut() else {
            return Probe::Stale;
        };
        if scratch::with(|buffer| Pin::new(&mut *io).poll_read(cx, buffer)).is_ready() {
            return Probe::Stale;
        }
        if now.saturating_duration_since(self.heard_at) <= FRESH || !self.has_unread() {
            return Probe::Alive;
        }
        // Under TLS these may be a ticket that came late.
        if self.info.is_secure() { Probe::Unclear } else { Probe::Stale }
    }

    /// Whether the transport itself says that there is more to read, or an end to be seen.
    pub(super) fn has_unread(&self) -> bool {
        let seen = self.io.as_ref().and_then(|io| io.peek());
        seen.is_some_and(|seen| !matches!(seen, Err(e) if e.kind() == io::ErrorKind::WouldBlock))
    }

    /// Nobody wants the rest of the response. If all of it can be had without waiting, and is not much, the connection is
    /// ready for the next exchange afterwards.
    ///
    /// Only in the home of the connection: elsewhere, and outside of every runtime, nothing is read.
    #[must_use]
    pub(crate) fn drain(&mut self) -> bool {
        if thread::panicking() {
            // It may have been the transport.
            return false;
        }
        let mut left = DRAINED;
        loop {
            match self.conn.disposition() {
                Disposition::Drain { at_most: Some(most) } if most <= left as u64 => {}
                Disposition::Reusable => break,
                _ => return false,
            }
            match self.input.recv(&mut self.conn) {
                Ok(Item::Data(range)) => {
                    left = left.saturating_sub(range.len());
                    drop(self.input.take_data(range));
                }
                Ok(Item::End) => {}
                Ok(Item::NeedInput) if self.read_at_once() => {}
                _ => return false,
            }
        }
        let ready = self.become_idle();
        // Its runtime may be shutting down around us, and timers panic then.
        self.timer.stop();
        ready
    }

    fn become_idle(&mut self) -> bool {
        let at_boundary = self.upload.is_none()
            && self.source_failed.is_none()
            && self.flushed
            && !self.write_failed
            && !self.input_ended
            && self.input.is_empty()
            && !self.bell.is_rung();
        if self.io.is_none() || !at_boundary || self.conn.start_next_exchange().is_err() {
            return false;
        }
        // An idle connection owns no buffer.
        self.input = Input::default();
        self.trailers = None;
        self.said = None;
        self.bell.forget();
        true
    }

    fn read_at_once(&mut self) -> bool {
        let here = self.timer.here().is_here();
        let Some(io) = self.io.as_mut().filter(|_| here && !self.input_ended) else {
            return false;
        };
        let content_left = self.conn.recv_passthrough().unwrap_or(0);
        let mut cx = Context::from_waker(Waker::noop());
        let read = self.input.poll_fill(&mut cx, Pin::new(io), content_left);
        let has_come = matches!(read, Poll::Ready(Ok(n)) if n > 0);
        if has_come {
            self.heard_at = self.timer.now();
        }
        has_come
    }
}

/// What the server's Keep-Alive field says of the time, less a margin. The field is not standardised any more (RFC 9112
/// §C.2.2), but servers go on sending it: `timeout=5, max=100`.
pub(super) fn keep_alive(fields: &Fields) -> Option<Duration> {
    let seconds = fields.get_all("keep-alive").filter_map(timeout).min()?;
    Some(Duration::from_secs(seconds).saturating_sub(MARGIN))
}

fn timeout(value: &[u8]) -> Option<u64> {
    let seconds = value.split(|&octet| octet == b',').filter_map(|parameter| {
        let (name, seconds) = std::str::from_utf8(parameter).ok()?.split_once('=')?;
        let seconds = seconds.trim_ascii().trim_matches('"');
        let is_number = seconds.bytes().all(|octet| octet.is_ascii_digit());
        // More digits than fit say that it keeps it for ever.
        (name.trim_ascii().eq_ignore_ascii_case("timeout") && is_number && !seconds.is_empty())
            .then(|| seconds.parse().unwrap_or(u64::MAX))
    });
    seconds.min()
}

#[cfg(test)]
mod tests;
