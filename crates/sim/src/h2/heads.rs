//! Field sections in the clear, without a server.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection, Handshake, SendResponse};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::{ACK, FrameKind, encode};
use super::splitter::PREFACE;

/// Decodes the field sections of requests. HPACK has one state for a connection, so it must be given all of them, in
/// their order. A server machine that never answers does the work; it is given nothing else, so that nothing else that a
/// client does can disturb it.
pub(super) struct Heads {
    input: Input,
    machine: Machine,
    /// Streams that are dropped would be reset, and their trailers with them.
    kept: BTreeMap<u32, (RecvStream, SendResponse<Bytes>)>,
}

enum Machine {
    Begins(Box<Handshake<Input, Bytes>>),
    Runs(Box<Connection<Input, Bytes>>),
    Failed,
}

impl Heads {
    pub(super) fn new() -> Self {
        let input = Input::default();
        input.push(PREFACE);
        input.push(&encode(FrameKind::Settings, 0, 0, &[]));
        input.push(&encode(FrameKind::Settings, ACK, 0, &[]));
        let machine = server().enable_connect_protocol().handshake(input.clone());
        Self { input, machine: Machine::Begins(Box::new(machine)), kept: BTreeMap::new() }
    }

    /// A whole HEADERS or CONTINUATION frame has come. Gives the head of the request that it completes.
    pub(super) fn recv(&mut self, frame: &[u8]) -> Option<Request<()>> {
        self.input.push(frame);
        let mut cx = Context::from_waker(Waker::noop());
        if let Machine::Begins(handshake) = &mut self.machine {
            match Pin::new(handshake).poll(&mut cx) {
                Poll::Ready(Ok(connection)) => self.machine = Machine::Runs(Box::new(connection)),
                Poll::Ready(Err(_)) => self.machine = Machine::Failed,
                Poll::Pending => return None,
            }
        }
        let Machine::Runs(connection) = &mut self.machine else { return None };
        match connection.poll_accept(&mut cx) {
            Poll::Ready(Some(Ok((request, respond)))) => {
                let (parts, content) = request.into_parts();
                self.kept.insert(respond.stream_id().as_u32(), (content, respond));
                Some(Request::from_parts(parts, ()))
            }
            Poll::Ready(_) => {
                self.machine = Machine::Failed;
                None
            }
            Poll::Pending => None,
        }
    }

    /// No field section of this stream follows.
    pub(super) fn forget(&mut self, stream: u32) {
        self.kept.remove(&stream);
    }
}

/// A server machine that no clock and no count disturbs.
pub(super) fn server() -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .reset_stream_duration(Duration::MAX)
        .max_concurrent_reset_streams(usize::MAX)
        .max_pending_accept_reset_streams(usize::MAX)
        .max_local_error_reset_streams(None)
        .data_frame_budget(usize::MAX);
    builder
}

/// Octets that are read where they were put; what is written is nobody's.
#[derive(Clone, Debug, Default)]
struct Input(Arc<Mutex<VecDeque<u8>>>);

impl Input {
    fn push(&self, octets: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(octets);
    }
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut octets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if octets.is_empty() {
            // Whoever puts octets in polls.
            return Poll::Pending;
        }
        let n = octets.len().min(into.remaining());
        for octet in octets.drain(..n) {
            into.put_slice(&[octet]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Input {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
