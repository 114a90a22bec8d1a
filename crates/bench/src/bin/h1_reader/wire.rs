//! A connection in memory, and the turns of those who use it.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use hyper::rt::{Read, ReadBufCursor, Write};

/// Octets towards the reader; what it writes is lost.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    unread: VecDeque<u8>,
    carried: usize,
    ended: bool,
    reader: Option<Waker>,
}

impl Wire {
    pub(crate) fn carry(&self, octet: u8) {
        let mut state = self.state();
        state.unread.push_back(octet);
        state.carried += 1;
        state.wake();
    }

    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.wake();
    }

    /// How many octets there were.
    pub(crate) fn carried(&self) -> usize {
        self.state().carried
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }
}

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.unread.is_empty() && !state.ended {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        while buf.remaining() > 0 {
            let Some(octet) = state.unread.pop_front() else { break };
            buf.put_slice(&[octet]);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A future and what came of it.
pub(crate) enum Task<T> {
    Running(Pin<Box<dyn Future<Output = T>>>),
    Done(T),
}

impl<T> Task<T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'static) -> Self {
        Self::Running(Box::pin(future))
    }

    pub(crate) fn turn(&mut self, cx: &mut Context<'_>) {
        if let Self::Running(future) = self {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                *self = Self::Done(output);
            }
        }
    }

    pub(crate) fn output(&self) -> Option<&T> {
        match self {
            Self::Done(output) => Some(output),
            Self::Running(_) => None,
        }
    }
}

/// Whether anybody has asked for a turn.
#[derive(Default)]
struct Asked(AtomicBool);

impl Wake for Asked {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Gives turns until nobody asks for one.
pub(crate) fn settle(mut turn: impl FnMut(&mut Context<'_>)) {
    let asked = Arc::new(Asked::default());
    let waker = Waker::from(Arc::clone(&asked));
    let mut cx = Context::from_waker(&waker);
    loop {
        turn(&mut cx);
        if !asked.0.swap(false, Ordering::Relaxed) {
            return;
        }
    }
}
