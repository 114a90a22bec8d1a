//! Who closes idle connections in time.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::checkout::shared::Checkout;
use crate::here::Here;
use crate::runtime::BoxFuture;

/// A janitor that is so late works in a runtime that nobody runs.
const LATE: Duration = Duration::from_secs(1);

/// The janitor who has the shift.
pub(crate) struct Shift {
    /// Its number: a later one takes over from an earlier one.
    pub(crate) number: u64,
    /// What it sleeps for.
    pub(crate) until: Instant,
    /// Wakes it up before.
    pub(crate) waker: Option<Waker>,
}

impl Shift {
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        self.until.checked_add(LATE).is_some_and(|late| late <= now)
    }
}

/// What a janitor is to do.
pub(crate) enum Work {
    /// To come back at this instant.
    SleepUntil(Instant),
    /// To go home: nothing is left to look after, or somebody else does.
    End,
}

/// A task that exists while the pool has a deadline, and up to that deadline. It does not keep the client.
pub(crate) struct Janitor {
    checkout: Weak<Checkout>,
    /// Where it was engaged.
    here: Here,
    number: u64,
    /// Set when the home has taken it in.
    is_engaged: Arc<AtomicBool>,
    sleep: Option<(Instant, BoxFuture<'static, ()>)>,
}

impl Janitor {
    pub(crate) fn new(
        checkout: Weak<Checkout>,
        here: Here,
        number: u64,
        is_engaged: Arc<AtomicBool>,
    ) -> Self {
        Self { checkout, here, number, is_engaged, sleep: None }
    }
}

impl Future for Janitor {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let Some(checkout) = this.checkout.upgrade() else {
                return Poll::Ready(());
            };
            let until = match checkout.clean(this.number, &this.here, cx.waker()) {
                Work::SleepUntil(until) => until,
                Work::End => return Poll::Ready(()),
            };
            drop(checkout);
            let sleep = match &mut this.sleep {
                Some((at, sleep)) if *at == until => sleep,
                _ => &mut this.sleep.insert((until, this.here.runtime.sleep_until(until))).1,
            };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.sleep = None;
            if this.here.runtime.now() < until {
                // A timer that fires too early must not keep us here.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Janitor {
    /// Dropped before its end: with its home, or at once, by a home that has ended or that takes no tasks although it is
    /// there.
    fn drop(&mut self) {
        if let Some(checkout) = self.checkout.upgrade() {
            let was_engaged = self.is_engaged.load(Ordering::Relaxed);
            checkout.dismiss(self.number, &self.here, was_engaged || !self.here.is_here());
        }
    }
}
