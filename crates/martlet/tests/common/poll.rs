//! A poll loop made by hand.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// More polls than any test needs: whoever is woken so often goes round in circles.
const ENOUGH: usize = 100_000;

#[derive(Default)]
pub struct Woken(AtomicBool);

impl Woken {
    pub fn yes() -> Self {
        Self(AtomicBool::new(true))
    }

    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs a future to its end. A future that waits for something that nobody will wake it for is a failure.
pub fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match stall(future.as_mut()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits, and nothing will wake it"),
    }
}

/// Polls a future as often as it is woken.
pub fn stall<F: Future>(mut future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    for _ in 0..ENOUGH {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Poll::Ready(output);
        }
        if !woken.take() {
            return Poll::Pending;
        }
    }
    panic!("the future wakes itself for ever");
}

/// Polls a future so many times, whoever wakes it.
pub fn times<F: Future>(mut future: std::pin::Pin<&mut F>, polls: usize) -> Poll<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Poll::Ready(output);
        }
    }
    Poll::Pending
}
