//! A dial that a task drives: one that others share, or one that its request went on without.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use martlet_core::pool::DialId;

use crate::checkout::shared::{Checkout, Task};
use crate::error::Error;
use crate::here::Here;

/// It tells the pool what becomes of the dial, whatever that is. The dial itself lies in the checkout between polls, so
/// that it can be given up although nobody runs the task.
pub(crate) struct DialTask {
    checkout: Arc<Checkout>,
    id: DialId,
    here: Here,
    shared: bool,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Never polled.
    New,
    Driving,
    Ended,
}

impl DialTask {
    pub(crate) fn new(checkout: Arc<Checkout>, id: DialId, here: Here, shared: bool) -> Self {
        Self { checkout, id, here, shared, stage: Stage::New }
    }
}

impl Future for DialTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.stage = Stage::Driving;
        let mut dial = match this.checkout.task(this.id, cx.waker()) {
            Task::Poll(dial) => dial,
            Task::Wait => return Poll::Pending,
            Task::End => {
                this.stage = Stage::Ended;
                return Poll::Ready(());
            }
        };
        let Poll::Ready(result) = dial.poll(cx) else {
            this.checkout.park_of_task(this.id, dial);
            return Poll::Pending;
        };
        this.stage = Stage::Ended;
        drop(dial);
        match result {
            // The time was that of the request that went on without it. Whoever it works for now has its own.
            Err(e) if e.is_timeout() && !this.shared => this.checkout.abandon(this.id, &this.here),
            result => this.checkout.dial_ended(this.id, result, &this.here),
        }
        Poll::Ready(())
    }
}

impl Drop for DialTask {
    /// Dropped before its end, with its runtime or by a panic.
    fn drop(&mut self) {
        match self.stage {
            Stage::New if self.shared => {
                // Those who share it live here, too: another one would come to the same end.
                let e = io::Error::other("the runtime that the request was made in has ended");
                self.checkout.dial_ended(self.id, Err(Error::runtime(e)), &self.here);
            }
            Stage::New | Stage::Driving => self.checkout.abandon(self.id, &self.here),
            Stage::Ended => {}
        }
    }
}
