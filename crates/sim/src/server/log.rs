//! What a server saw.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use http::{HeaderMap, Request};
use martlet_core::h1::{ReceivedRequest, ServerConn, ServerItem};
use martlet_core::{Error, Limits};

use super::message::{host_of, target_of};
use crate::h2::Tap;

/// A request as it came to a server, whole or not.
///
/// It is taken down where octets arrive at the server's host, before the server reads them: nothing that the server can
/// have seen is missing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// The number of its connection, as in the trace.
    pub connection: u64,
    /// Its stream, in HTTP/2.
    pub stream: Option<u32>,
    /// When its first octet arrived; in HTTP/2, when the head of its first frame had.
    pub at: Duration,
    /// Octets of the server that the client had read on its connection by then.
    pub read_before: u64,
    /// The octets of it that have arrived; in HTTP/2, those of its frames.
    pub octets: Vec<u8>,
    /// The method, once the head is whole.
    pub method: String,
    /// The request target, once the head is whole.
    pub target: String,
    /// The authority: the Host field, or `:authority`, once the head is whole.
    pub authority: Option<String>,
    /// The fields, once the head is whole.
    pub headers: HeaderMap,
    /// The content that has arrived.
    pub content: Vec<u8>,
    /// The head has arrived, and is sound.
    pub head_complete: bool,
    /// All of it has arrived.
    pub complete: bool,
    /// The service has begun to act on it. Never set under a [`Script`](crate::Script).
    pub processed: bool,
    /// The code by which the client has reset its stream.
    pub reset: Option<u32>,
    /// What is wrong with it.
    pub error: Option<Error>,
}

/// Takes down the requests of one connection. It reads them by itself, whatever the server does.
pub(crate) enum Recorder {
    Http1(Box<Reader>),
    Http2(Arc<Mutex<Tap>>),
}

/// The requests of an HTTP/1.1 connection.
pub(crate) struct Reader {
    machine: ServerConn,
    /// Octets that the machine has not consumed.
    rest: BytesMut,
    /// Where its requests are in the log.
    entries: Vec<usize>,
    /// The last of them is not complete.
    is_open: bool,
    /// Octets of the open one that the machine has consumed.
    consumed: usize,
    /// What follows is not HTTP.
    is_deaf: bool,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::Http1(Box::default())
    }
}

impl Recorder {
    /// Octets have arrived. Gives what is to be noted of them.
    pub(crate) fn feed(
        &mut self,
        log: &mut Vec<LoggedRequest>,
        connection: u64,
        at: Duration,
        octets: &[u8],
    ) -> Vec<String> {
        match self {
            Self::Http1(reader) => reader.feed(log, connection, at, octets),
            Self::Http2(tap) => {
                tap.lock().unwrap_or_else(PoisonError::into_inner).feed(log, connection, at, octets)
            }
        }
    }

    pub(crate) fn mark_processed(&self, log: &mut [LoggedRequest], nth: usize) {
        if let Self::Http1(reader) = self {
            reader.mark_processed(log, nth);
        }
    }

    pub(crate) fn mark_stream_processed(&self, log: &mut [LoggedRequest], stream: u32) {
        if let Self::Http2(tap) = self {
            tap.lock().unwrap_or_else(PoisonError::into_inner).mark_processed(log, stream);
        }
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            machine: ServerConn::new(Limits::default()),
            rest: BytesMut::new(),
            entries: Vec::new(),
            is_open: false,
            consumed: 0,
            is_deaf: false,
        }
    }
}

impl Reader {
    fn feed(
        &mut self,
        log: &mut Vec<LoggedRequest>,
        connection: u64,
        at: Duration,
        octets: &[u8],
    ) -> Vec<String> {
        let mut notes = Vec::new();
        self.rest.extend_from_slice(octets);
        while !self.is_deaf && !self.rest.is_empty() {
            if !self.is_open {
                self.entries.push(log.len());
                log.push(LoggedRequest::new(connection, at));
                self.is_open = true;
                self.consumed = 0;
            }
            let Some(entry) = self.entries.last().and_then(|last| log.get_mut(*last)) else { break };
            entry.octets.truncate(self.consumed);
            entry.octets.extend_from_slice(&self.rest);
            if !self.step(entry, &mut notes) {
                break;
            }
        }
        notes
    }

    /// One item. False when more octets are wanted.
    fn step(&mut self, entry: &mut LoggedRequest, notes: &mut Vec<String>) -> bool {
        loop {
            let received = match self.machine.recv(&self.rest) {
                Ok(received) => received,
                Err(e) => {
                    notes.push(format!("request unsound: {e}"));
                    entry.error = Some(e);
                    self.is_deaf = true;
                    return false;
                }
            };
            let mut ended = false;
            let goes_on = !matches!(received.item, ServerItem::NeedInput);
            match received.item {
                ServerItem::Request(spans) => {
                    entry.take_head(&ReceivedRequest::copy_from(&self.rest, spans));
                    notes.push(format!("request {} {}", entry.method, entry.target));
                }
                ServerItem::Data(range) => entry.content.extend_from_slice(&self.rest[range]),
                ServerItem::End => ended = true,
                ServerItem::Trailers(_) | ServerItem::NeedInput => {}
                // The machine is a new one for each request: it neither pauses nor sees an end.
                ServerItem::Closed | ServerItem::Paused => return false,
            }
            self.rest.advance(received.consumed);
            self.consumed += received.consumed;
            if ended {
                notes.push(format!("request complete, {} of content", entry.content.len()));
                entry.octets.truncate(self.consumed);
                entry.complete = true;
                self.is_open = false;
                self.machine = ServerConn::new(Limits::default());
                self.is_deaf = entry.method == "CONNECT" || entry.headers.contains_key("upgrade");
                return true;
            }
            if !goes_on {
                return false;
            }
        }
    }

    fn mark_processed(&self, log: &mut [LoggedRequest], nth: usize) {
        if let Some(entry) = self.entries.get(nth).and_then(|at| log.get_mut(*at)) {
            entry.processed = true;
        }
    }
}

impl LoggedRequest {
    fn new(connection: u64, at: Duration) -> Self {
        Self {
            connection,
            stream: None,
            at,
            read_before: 0,
            octets: Vec::new(),
            method: String::new(),
            target: String::new(),
            authority: None,
            headers: HeaderMap::new(),
            content: Vec::new(),
            head_complete: false,
            complete: false,
            processed: false,
            reset: None,
            error: None,
        }
    }

    fn take_head(&mut self, head: &ReceivedRequest) {
        self.method = String::from_utf8_lossy(head.method()).into_owned();
        self.target = String::from_utf8_lossy(head.target()).into_owned();
        self.headers = head.to_header_map();
        self.authority = host_of(&self.headers);
        self.head_complete = true;
    }

    pub(crate) fn of_stream(connection: u64, at: Duration, stream: u32) -> Self {
        Self { stream: Some(stream), ..Self::new(connection, at) }
    }

    pub(crate) fn take_h2_head(&mut self, head: &Request<()>) {
        self.method = head.method().to_string();
        self.target = target_of(head.uri());
        self.headers = head.headers().clone();
        self.authority = head.uri().authority().map(ToString::to_string);
        self.head_complete = true;
    }
}

#[cfg(test)]
mod tests;
