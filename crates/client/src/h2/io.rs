//! Our transports as what the `h2` crate reads and writes. No runtime of tokio's is involved: only its two traits.

use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};
use std::thread;

use futures_io::AsyncWrite;
use tokio::io::ReadBuf;

use super::frames::{FirstFrame, Incoming, Outgoing};
use super::read_ahead::ReadAhead;
use crate::info::Taken;
use crate::transport::Transport;

/// What is known of a connection's octets, for those who do not touch the transport.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The last stream whose header block the transport has taken whole; under TLS, of which it can have taken all.
    sent: AtomicU32,
    /// How often something came.
    reads: AtomicU64,
    /// How often the transport may be read from before others get their turn.
    turn: AtomicU32,
    /// How often something was taken.
    writes: AtomicU64,
    /// What the connection's window was widened by, and what has come of it.
    granted: AtomicU64,
    used: AtomicU64,
    /// Streams that were reset by us.
    resets: AtomicU64,
    /// The peer's first frame, which must be its SETTINGS (RFC 9113 §3.4), was handed on whole, and acknowledged.
    has_greeted: AtomicBool,
    has_been_acknowledged: AtomicBool,
    /// The peer answers by HTTP/1.
    is_http1: AtomicBool,
    end: OnceLock<End>,
}

/// How a transport ended, as it was seen first.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// In order.
    Fin,
    /// Abruptly.
    Failed(Arc<io::Error>),
}

impl Watch {
    /// The task begins a poll.
    pub(super) fn begin_turn(&self) {
        self.turn.store(READS_PER_TURN, Ordering::Release);
    }

    /// Whether the transport may be read from once more in this poll. A peer that sends faster than it can be read would
    /// otherwise have the thread for itself: not every runtime takes it away.
    fn may_read(&self) -> bool {
        let left = self.turn.load(Ordering::Acquire);
        self.turn.store(left.saturating_sub(1), Ordering::Release);
        left > 0
    }

    /// Whether the transport has taken the whole header block of this stream.
    pub(super) fn has_sent(&self, stream: u32) -> bool {
        self.sent.load(Ordering::Acquire) >= stream
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Acquire)
    }

    pub(super) fn resets(&self) -> u64 {
        self.resets.load(Ordering::Acquire)
    }

    /// Whether the peer's first SETTINGS are here and hold.
    pub(super) fn has_settled(&self) -> bool {
        self.has_greeted.load(Ordering::Acquire) && self.has_been_acknowledged.load(Ordering::Acquire)
    }

    /// How much the peer may send on the connection before some of what it has sent is read. `first` is what it began with.
    pub(super) fn window(&self, first: u64) -> u64 {
        let granted = first + self.granted.load(Ordering::Acquire);
        granted.saturating_sub(self.used.load(Ordering::Acquire))
    }

    /// It changes with everything that comes or goes.
    pub(super) fn moves(&self) -> (u64, u64) {
        (self.reads(), self.writes.load(Ordering::Acquire))
    }

    pub(super) fn is_http1(&self) -> bool {
        self.is_http1.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) -> Option<&End> {
        self.end.get()
    }

    /// After the end nothing more is taken: what is known to be sent by then is all that ever is.
    fn check_open(&self) -> io::Result<()> {
        match self.end.get() {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn failed(&self, e: io::Error) -> io::Error {
        let kind = e.kind();
        let e = Arc::new(e);
        let _ = self.end.set(End::Failed(Arc::clone(&e)));
        io::Error::new(kind, e)
    }
}

/// Reads of 64 KiB in one poll of the task.
const READS_PER_TURN: u32 = 4;

/// A transport under the `h2` crate. Dropped, it closes the transport without waiting for anything.
pub(super) struct Io {
    io: Box<dyn Transport>,
    ahead: ReadAhead,
    outgoing: Outgoing,
    incoming: Incoming,
    /// `None` once it has passed.
    greeting: Option<FirstFrame>,
    watch: Arc<Watch>,
    /// What the transport under TLS has taken.
    below: Option<Taken>,
    /// The last stream whose header block TLS has accepted and the transport has not begun to take, and what that had taken.
    held: Option<(u32, u64)>,
}

impl Io {
    /// `below` is of the transport under TLS, if there is TLS.
    pub(super) fn new(io: Box<dyn Transport>, watch: Arc<Watch>, below: Option<Taken>) -> Self {
        Self {
            io,
            below,
            held: None,
            ahead: ReadAhead::default(),
            outgoing: Outgoing::new(),
            incoming: Incoming::default(),
            greeting: Some(FirstFrame::default()),
            watch,
        }
    }

    /// The transport has accepted so much of these. `before` is what the one under TLS had taken.
    fn taken<'a>(&mut self, mut n: usize, slices: impl IntoIterator<Item = &'a [u8]>, before: Option<u64>) {
        let mut last = None;
        for slice in slices {
            let part = slice.len().min(n);
            last = last.max(self.outgoing.take(&slice[..part]));
            n -= part;
            if n == 0 {
                break;
            }
        }
        match (last, before) {
            (Some(stream), Some(before)) => self.held = Some((stream, before)),
            (Some(stream), None) => _ = self.watch.sent.fetch_max(stream, Ordering::AcqRel),
            (None, _) => {}
        }
        self.settle();
        self.watch.writes.fetch_add(1, Ordering::AcqRel);
        self.watch.resets.store(self.outgoing.resets(), Ordering::Release);
        self.watch.granted.store(self.outgoing.granted(), Ordering::Release);
        if self.outgoing.has_acknowledged() {
            self.watch.has_been_acknowledged.store(true, Ordering::Release);
        }
    }
}

impl Io {
    /// What the transport under TLS has taken.
    fn below(&self) -> Option<u64> {
        self.below.as_ref().map(Taken::octets)
    }

    /// The transport has failed in writing these. A write of several TLS records that fails says nothing of those that went
    /// out before it did: any of these octets may have been sent.
    fn failed<'a>(
        &mut self,
        e: io::Error,
        slices: impl IntoIterator<Item = &'a [u8]>,
        before: Option<u64>,
    ) -> io::Error {
        if self.below() > before {
            self.taken(usize::MAX, slices, None);
        }
        self.watch.failed(e)
    }

    /// Looks whether the transport under TLS has taken anything since TLS accepted the last header block.
    fn settle(&mut self) {
        let below = self.below();
        if let Some((stream, _)) = self.held.take_if(|(_, before)| below > Some(*before)) {
            self.watch.sent.fetch_max(stream, Ordering::AcqRel);
        }
    }

    /// After the end of the connection a request that TLS holds back counts as not sent, and must stay so.
    fn check_held(&self) -> io::Result<()> {
        if self.held.is_some() { self.watch.check_open() } else { Ok(()) }
    }
}

impl tokio::io::AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.ahead.is_empty() {
            if !this.watch.may_read() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let read = this.ahead.poll_fill(cx, Pin::new(&mut this.io));
            this.settle();
            match ready!(read) {
                Ok(0) => {
                    let _ = this.watch.end.set(End::Fin);
                    return Poll::Ready(Ok(()));
                }
                Ok(_) => _ = this.watch.reads.fetch_add(1, Ordering::AcqRel),
                Err(e) => return Poll::Ready(Err(this.watch.failed(e))),
            }
        }
        // In safe code what is not initialised can only be written to, so what was read is copied once.
        let read = this.ahead.take(buffer.remaining());
        if let Some(greeting) = &mut this.greeting {
            let is_whole = greeting.take(read);
            if greeting.is_http1() {
                this.watch.is_http1.store(true, Ordering::Release);
            }
            if is_whole {
                this.greeting = None;
                this.watch.has_greeted.store(true, Ordering::Release);
            }
        }
        this.incoming.take(read);
        this.watch.used.store(this.incoming.used(), Ordering::Release);
        buffer.put_slice(read);
        this.ahead.release();
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.watch.check_open()?;
        let before = self.below();
        let written = Pin::new(&mut self.io).poll_write(cx, octets);
        self.settle();
        match ready!(written) {
            Ok(n) => {
                self.taken(n, [octets], before);
                Poll::Ready(Ok(n))
            }
            Err(e) => Poll::Ready(Err(self.failed(e, [octets], before))),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.watch.check_open()?;
        let before = self.below();
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.settle();
        match ready!(written) {
            Ok(n) => {
                self.taken(n, slices.iter().map(|slice| &**slice), before);
                Poll::Ready(Ok(n))
            }
            Err(e) => Poll::Ready(Err(self.failed(e, slices.iter().map(|slice| &**slice), before))),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_held()?;
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.settle();
        flushed.map_err(|e| self.watch.failed(e))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_held()?;
        Pin::new(&mut self.io).poll_close(cx)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if self.held.is_some() {
            // Taking leave would push out a request that may count as not sent already.
            return;
        }
        let mut close = || {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut self.io).poll_close(&mut cx);
        };
        if thread::panicking() {
            // A transport that has panicked may do so again, and that would end the program.
            let _ = catch_unwind(AssertUnwindSafe(close));
        } else {
            close();
        }
    }
}

#[cfg(all(test, feature = "tls"))]
mod tests;
