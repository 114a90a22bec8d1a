//! The deadlines of a request and the one sleep that serves them.

use std::task::{Context, Poll};
use std::time::Instant;

use martlet_core::time::{Deadlines, Expired, Phase, Timeouts};

use crate::erased::RuntimeHandle;
use crate::runtime::BoxFuture;

/// A sleep that is set anew only when an earlier deadline comes up, or when it fires too early.
pub(crate) struct Timer {
    runtime: RuntimeHandle,
    deadlines: Deadlines,
    sleep: Option<(Instant, BoxFuture<'static, ()>)>,
}

impl Timer {
    pub(crate) fn new(runtime: RuntimeHandle, timeouts: Timeouts) -> Self {
        let now = runtime.now();
        Self { runtime, deadlines: Deadlines::new(timeouts, now), sleep: None }
    }

    pub(crate) fn runtime(&self) -> &RuntimeHandle {
        &self.runtime
    }

    pub(crate) fn enter(&mut self, phase: Phase) {
        if !self.deadlines.is_in(phase) {
            self.deadlines.enter(phase, self.runtime.now());
        }
    }

    pub(crate) fn leave(&mut self, phase: Phase) {
        self.deadlines.leave(phase);
    }

    pub(crate) fn progress(&mut self, phase: Phase) {
        if self.deadlines.is_in(phase) {
            self.deadlines.progress(phase, self.runtime.now());
        }
    }

    /// Ready when something has expired.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        self.poll_expired_or(cx, None)
    }

    /// Ready when something has expired; wakes, too, at an instant of the caller's own.
    pub(crate) fn poll_expired_or(&mut self, cx: &mut Context<'_>, also: Option<Instant>) -> Poll<Expired> {
        loop {
            let Some(next) = self.deadlines.poll_timeout().into_iter().chain(also).min() else {
                return Poll::Pending;
            };
            let sleep = match &mut self.sleep {
                // A later deadline only changes a number: the sleep fires, finds nothing and is set anew.
                Some((at, sleep)) if *at <= next => sleep,
                _ => &mut self.sleep.insert((next, self.runtime.sleep_until(next))).1,
            };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
            let now = self.runtime.now();
            if let Some(expired) = self.deadlines.expired(now) {
                return Poll::Ready(expired);
            }
            if also.is_some_and(|at| at <= now) {
                // The caller looks at its own clock when it is polled again.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}
