//! The deadlines of a request and the one sleep that serves them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
#[cfg(feature = "http2")]
use std::time::Duration;
use std::time::Instant;

use martlet_core::time::{Deadlines, Expired, Phase, Timeouts};

use crate::bell::Bell;
use crate::erased::RuntimeHandle;
use crate::here::Here;
use crate::runtime::BoxFuture;

/// A sleep that is set anew only when an earlier deadline comes up, when it fires too early, or in another home.
pub(crate) struct Timer {
    /// Where the request was begun.
    here: Here,
    deadlines: Deadlines,
    sleep: Option<Sleep>,
    /// What wakes us where no sleep can be had.
    remote: Option<Remote>,
}

/// One that was set, and serves whoever has it next.
pub(crate) struct Sleep {
    at: Instant,
    /// The home that it was made in. Elsewhere it is not touched: its runtime may be gone, and it panics then.
    home: u64,
    future: BoxFuture<'static, ()>,
}

impl Timer {
    pub(crate) fn new(here: Here, timeouts: Timeouts) -> Self {
        let now = here.runtime.now();
        Self { here, deadlines: Deadlines::new(timeouts, now), sleep: None, remote: None }
    }

    /// For another attempt of a request that began then.
    pub(crate) fn since(here: Here, timeouts: Timeouts, started: Instant) -> Self {
        Self { here, deadlines: Deadlines::new(timeouts, started), sleep: None, remote: None }
    }

    /// When the request began.
    pub(crate) fn started(&self) -> Instant {
        self.deadlines.started()
    }

    /// Ready at this instant, or when the time of the request is over before.
    pub(crate) fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<Result<(), Expired>> {
        if self.now() >= at {
            return Poll::Ready(Ok(()));
        }
        self.poll_expired_or(cx, Some(at)).map(Err)
    }

    pub(crate) fn here(&self) -> &Here {
        &self.here
    }

    pub(crate) fn runtime(&self) -> &RuntimeHandle {
        &self.here.runtime
    }

    pub(crate) fn now(&self) -> Instant {
        self.runtime().now()
    }

    /// Goes on with the deadlines of another request, and with the sleep that was here before.
    pub(crate) fn serve(&mut self, request: Self) {
        let before = std::mem::replace(self, request);
        if self.sleep.is_none() {
            self.sleep = before.sleep;
        }
    }

    /// Uses a sleep that was set for another request.
    #[cfg(feature = "http2")]
    pub(crate) fn use_sleep(&mut self, sleep: Option<Sleep>) {
        self.sleep = sleep;
    }

    /// The request is served. Its sleep wakes nobody, and may be used for another one.
    #[cfg(feature = "http2")]
    pub(crate) fn take_sleep(&mut self) -> Option<Sleep> {
        self.rest();
        self.sleep.take()
    }

    /// Serves no request for now: a sleep that was set wakes nobody.
    pub(crate) fn rest(&mut self) {
        let here = self.here.runtime.home().ok().map(|home| home.id());
        self.remote = None;
        let asleep = |sleep: &mut Sleep| {
            let mut cx = Context::from_waker(Waker::noop());
            here == Some(sleep.home) && matches!(sleep.poll(&mut cx), Some(Poll::Pending))
        };
        if !self.sleep.as_mut().is_some_and(asleep) {
            self.sleep = None;
        }
    }

    /// Forgets the sleep without touching it.
    pub(crate) fn stop(&mut self) {
        self.remote = None;
        self.sleep = None;
    }

    /// How long the longest of these phases has been without progress, of those that are running.
    #[cfg(feature = "http2")]
    pub(crate) fn silence(&self, phases: &[Phase]) -> Option<Duration> {
        let now = self.now();
        phases.iter().filter_map(|phase| self.deadlines.silence(*phase, now)).max()
    }

    pub(crate) fn enter(&mut self, phase: Phase) {
        if !self.deadlines.is_in(phase) {
            self.deadlines.enter(phase, self.here.runtime.now());
        }
    }

    pub(crate) fn leave(&mut self, phase: Phase) {
        self.deadlines.leave(phase);
    }

    pub(crate) fn progress(&mut self, phase: Phase) {
        if self.deadlines.is_in(phase) {
            self.deadlines.progress(phase, self.here.runtime.now());
        }
    }

    /// Whether the time of the whole request is over: an expiry then is final, whatever its phase.
    pub(crate) fn is_total_over(&self) -> bool {
        self.deadlines.is_total_over(self.here.runtime.now())
    }

    /// Ready when something has expired.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        self.poll_expired_or(cx, None)
    }

    /// Ready when something has expired; wakes, too, at an instant of the caller's own.
    pub(crate) fn poll_expired_or(&mut self, cx: &mut Context<'_>, also: Option<Instant>) -> Poll<Expired> {
        // A sleep that fires too early is set anew once; one that does so again is the runtime's fault, and must not keep
        // us here for ever.
        for _ in 0..2 {
            let Some(next) = self.deadlines.poll_timeout().into_iter().chain(also).min() else {
                return Poll::Pending;
            };
            let mut home = self.here.runtime.home().ok().map(|home| home.id());
            if let Some(id) = home {
                match self.poll_sleep(id, next, cx) {
                    Some(Poll::Pending) => return Poll::Pending,
                    Some(Poll::Ready(())) => {}
                    None => home = None,
                }
                self.sleep = None;
            }
            let now = self.here.runtime.now();
            if let Some(expired) = self.deadlines.expired(now) {
                return Poll::Ready(expired);
            }
            if also.is_some_and(|at| at <= now) {
                // The caller looks at its own clock when it is polled again.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if home.is_none() {
                self.wait_remotely(next, cx);
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sleeps in this home up to this instant. `None` if there is no sleep to be had any more.
    fn poll_sleep(&mut self, home: u64, next: Instant, cx: &mut Context<'_>) -> Option<Poll<()>> {
        if !matches!(&self.sleep, Some(sleep) if sleep.home == home && sleep.at <= next) {
            let runtime = &self.here.runtime;
            // As below.
            let future = catch_unwind(AssertUnwindSafe(|| runtime.sleep_until(next))).ok()?;
            self.sleep = Some(Sleep { at: next, home, future });
        }
        // A later deadline only changes a number: the sleep fires, finds nothing and is set anew.
        self.sleep.as_mut()?.poll(cx)
    }

    /// Polled outside of the runtime, where none of its sleeps can be made, and one that was made must not be touched: a
    /// task in its own home wakes us, as long as that runs.
    fn wait_remotely(&mut self, at: Instant, cx: &Context<'_>) {
        let remote = match &mut self.remote {
            Some(remote) if remote.at <= at && !remote.bell.is_rung() => remote,
            remote => remote.insert(Remote::new(&self.here, at)),
        };
        if remote.bell.listen(cx) {
            cx.waker().wake_by_ref();
        }
    }
}

impl Sleep {
    /// `None` if its runtime is being shut down around whoever asks, of which tokio tells by a panic.
    fn poll(&mut self, cx: &mut Context<'_>) -> Option<Poll<()>> {
        catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx))).ok()
    }
}

/// A sleep that somebody else sleeps for us. One that is not needed any more ends in vain.
struct Remote {
    at: Instant,
    /// Rung when it is over.
    bell: Arc<Bell>,
}

impl Remote {
    fn new(here: &Here, at: Instant) -> Self {
        let bell = Arc::new(Bell::default());
        let (ringer, runtime) = (Arc::clone(&bell), here.runtime.clone());
        here.home.spawn(async move {
            runtime.sleep_until(at).await;
            ringer.ring();
        });
        Self { at, bell }
    }
}
