//! A dial that a task drives: one that others share, or one that its request went on without.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use martlet_core::pool::DialId;

use crate::checkout::shared::Checkout;
use crate::dial::Dial;
use crate::error::Error;

/// It tells the pool what becomes of the dial, whatever that is.
pub(crate) struct DialTask {
    checkout: Arc<Checkout>,
    id: DialId,
    dial: Option<Dial>,
    shared: bool,
    polled: bool,
}

impl DialTask {
    pub(crate) fn new(checkout: Arc<Checkout>, id: DialId, dial: Dial, shared: bool) -> Self {
        Self { checkout, id, dial: Some(dial), shared, polled: false }
    }
}

impl Future for DialTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.polled = true;
        let wanted = this.checkout.is_wanted(this.id, cx.waker());
        let Some(dial) = this.dial.as_mut().filter(|_| wanted) else {
            // Dropping it tells the pool.
            return Poll::Ready(());
        };
        let Poll::Ready(result) = dial.poll(cx) else {
            return Poll::Pending;
        };
        if let Some(dial) = this.dial.take() {
            this.checkout.dial_ended(this.id, result, dial.here());
        }
        Poll::Ready(())
    }
}

impl Drop for DialTask {
    /// Dropped before its end with its runtime, or given up.
    fn drop(&mut self) {
        if let Some(dial) = self.dial.take() {
            let here = dial.here().clone();
            // Its sockets are closed before anybody else gets its slot.
            drop(dial);
            if self.shared && !self.polled {
                // Those who share it live here, too: another one would come to the same end.
                let e = io::Error::other("the runtime that the request was made in has ended");
                self.checkout.dial_ended(self.id, Err(Error::runtime(e)), &here);
            } else {
                self.checkout.abandon(self.id, &here);
            }
        }
    }
}
