//! Two transports that are each other's other end.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};

use crate::transport::Transport;

/// One end of a pipe.
pub(in crate::tls) struct End {
    incoming: Way,
    outgoing: Way,
    /// At most so many octets per call.
    pub(in crate::tls) at_once: usize,
}

/// One of its two ways, seen from outside.
#[derive(Clone)]
pub(in crate::tls) struct Way(Arc<Mutex<State>>);

struct State {
    octets: VecDeque<u8>,
    capacity: usize,
    /// Everything that was ever put in.
    carried: usize,
    closed: bool,
    broken: Option<io::ErrorKind>,
    takes_nothing: bool,
    wakers: Vec<Waker>,
}

pub(in crate::tls) fn pipe() -> (End, End) {
    let (there, back) = (Way::new(), Way::new());
    let at_once = usize::MAX;
    let near = End { incoming: back.clone(), outgoing: there.clone(), at_once };
    (near, End { incoming: there, outgoing: back, at_once })
}

impl Way {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            octets: VecDeque::new(),
            capacity: 1 << 20,
            carried: 0,
            closed: false,
            broken: None,
            takes_nothing: false,
            wakers: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(in crate::tls) fn put(&self, octets: &[u8]) {
        self.change(|state| state.octets.extend(octets));
    }

    /// What lies in it goes to nobody.
    pub(in crate::tls) fn steal(&self) -> Vec<u8> {
        self.state().octets.drain(..).collect()
    }

    pub(in crate::tls) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    pub(in crate::tls) fn is_closed(&self) -> bool {
        self.state().closed
    }

    pub(in crate::tls) fn fail(&self, kind: io::ErrorKind) {
        self.change(|state| state.broken = Some(kind));
    }

    pub(in crate::tls) fn limit(&self, capacity: usize) {
        self.change(|state| state.capacity = capacity);
    }

    pub(in crate::tls) fn take_nothing(&self) {
        self.change(|state| state.takes_nothing = true);
    }

    pub(in crate::tls) fn carried(&self) -> usize {
        self.state().carried
    }
}

impl End {
    pub(in crate::tls) fn incoming(&self) -> Way {
        self.incoming.clone()
    }

    pub(in crate::tls) fn outgoing(&self) -> Way {
        self.outgoing.clone()
    }

    pub(in crate::tls) fn at_once(mut self, octets: usize) -> Self {
        self.at_once = octets;
        self
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.incoming.state();
        let n = state.octets.len().min(buf.len()).min(self.at_once);
        if n == 0 {
            return match state.broken {
                Some(kind) => Poll::Ready(Err(kind.into())),
                None if state.closed => Poll::Ready(Ok(0)),
                None => {
                    state.wakers.push(cx.waker().clone());
                    Poll::Pending
                }
            };
        }
        for (place, octet) in buf.iter_mut().zip(state.octets.drain(..n)) {
            *place = octet;
        }
        drop(state);
        self.incoming.change(|_| ());
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.outgoing.state();
        if let Some(kind) = state.broken {
            return Poll::Ready(Err(kind.into()));
        }
        if state.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.takes_nothing {
            return Poll::Ready(Ok(0));
        }
        let n = state.capacity.saturating_sub(state.octets.len()).min(buf.len()).min(self.at_once);
        if n == 0 {
            state.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        state.carried += n;
        drop(state);
        self.outgoing.put(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let most = self.at_once.min(self.outgoing.state().capacity.max(1));
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).take(most).collect();
        self.poll_write(cx, &all)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.close();
        Poll::Ready(Ok(()))
    }
}

impl Transport for End {
    fn local_addr(&self) -> Option<SocketAddr> {
        Some(([192, 0, 2, 1], 1).into())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        Some(([192, 0, 2, 2], 2).into())
    }

    fn peek(&self) -> Option<io::Result<usize>> {
        let state = self.incoming.state();
        Some(match (state.octets.len(), state.broken) {
            (0, Some(kind)) => Err(kind.into()),
            (0, None) if !state.closed => Err(io::ErrorKind::WouldBlock.into()),
            (n, _) => Ok(n),
        })
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.outgoing.close();
        self.incoming.close();
    }
}
