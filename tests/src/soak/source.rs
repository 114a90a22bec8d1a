//! Content that comes in pieces, some of them late.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_io::AsyncRead;
use martlet_sim::{Rng, SimRuntime, Sleep};

use super::plan::millis;

pub(super) struct Source {
    left: Bytes,
    runtime: SimRuntime,
    rng: Rng,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Source {
    pub(super) fn new(content: Bytes, runtime: SimRuntime, rng: Rng) -> Self {
        Self { left: content, runtime, rng, sleep: None }
    }
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.sleep.is_none() && self.rng.percent(20) {
            let span = millis(self.rng.below(200));
            self.sleep = Some(Box::pin(self.runtime.sleep(span)));
        }
        if let Some(sleep) = &mut self.sleep {
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        let most = self.rng.skewed(&(1..=40_000));
        let n = most.min(self.left.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.left[..n]);
        self.left.advance(n);
        Poll::Ready(Ok(n))
    }
}
