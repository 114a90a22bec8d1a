//! Content that comes when the test says so.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_io::AsyncRead;

/// Content whose source is in the test's hand.
#[derive(Clone, Default)]
pub(crate) struct Feed(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    pieces: VecDeque<Option<Vec<u8>>>,
    polls: usize,
    is_dropped: bool,
    waker: Option<Waker>,
}

impl Feed {
    /// To be read once.
    pub(crate) fn source(&self) -> Source {
        Source(self.clone())
    }

    pub(crate) fn push(&self, octets: &[u8]) {
        self.give(Some(octets.to_vec()));
    }

    pub(crate) fn end(&self) {
        self.give(None);
    }

    /// How often something was asked for.
    pub(crate) fn polls(&self) -> usize {
        self.0.lock().expect("sound").polls
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.0.lock().expect("sound").is_dropped
    }

    fn give(&self, piece: Option<Vec<u8>>) {
        let mut state = self.0.lock().expect("sound");
        state.pieces.push_back(piece);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The reader of a [`Feed`].
pub(crate) struct Source(Feed);

impl AsyncRead for Source {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.0.lock().expect("sound");
        state.polls += 1;
        match state.pieces.pop_front() {
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(None) => Poll::Ready(Ok(0)),
            Some(Some(mut octets)) => {
                let n = octets.len().min(buffer.len());
                buffer[..n].copy_from_slice(&octets[..n]);
                if n < octets.len() {
                    state.pieces.push_front(Some(octets.split_off(n)));
                }
                Poll::Ready(Ok(n))
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.0.0.lock().expect("sound").is_dropped = true;
    }
}
