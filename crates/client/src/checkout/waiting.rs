//! A request that waits for its connection, and dials for it if it is told to.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use martlet_core::pool::Want;
use martlet_core::time::{Expired, Phase};

use crate::checkout::key::Key;
use crate::checkout::leased::Leased;
use crate::checkout::shared::{Checkout, Claim, Look, Outlook};
use crate::checkout::slot::Token;
use crate::dial::{self, Dial, Plan, Progress};
use crate::error::Error;
use crate::h1::Probe;
use crate::here::Here;
use crate::timer::Timer;

/// How soon a request looks again at what it waits for, if it may not wait at all for something else.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What the system has is read by a runtime within its next turn, unless it is stuck.
const TURN: Duration = Duration::from_millis(100);

/// A request between asking for a connection and having one. Dropped, it leaves the line, and gives back what was
/// given to it.
pub(crate) struct Waiting<'a, F> {
    checkout: &'a Arc<Checkout>,
    key: Key,
    want: Want,
    here: Here,
    /// Makes the plan of a dial, if one is needed.
    plan: F,
    allowed: Allowed,
    /// When to look again what it waits for. `None` before it waits.
    check_at: Option<Instant>,
    /// Its slot. `None` before it has asked, and when it has its connection.
    token: Option<Token>,
    /// A connection that it was given and that has octets to be looked at, and for how long.
    probing: Option<(Leased, Instant)>,
    /// How far its own dial is, while it has one.
    dialing: Option<Progress>,
}

impl<'a, F: FnMut() -> Result<Plan, Error>> Waiting<'a, F> {
    pub(crate) fn new(
        checkout: &'a Arc<Checkout>,
        (key, want): (Key, Want),
        here: Here,
        allowed: Allowed,
        plan: F,
    ) -> Self {
        Self {
            checkout,
            key,
            want,
            here,
            plan,
            allowed,
            check_at: None,
            token: None,
            probing: None,
            dialing: None,
        }
    }

    /// The connection, found alive.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, timer: &mut Timer) -> Poll<Result<Leased, Error>> {
        loop {
            let now = timer.now();
            if let Some((leased, until)) = self.probing.take() {
                match self.probe(leased, cx, now, Some(until)) {
                    Poll::Ready(Some(leased)) => return Poll::Ready(Ok(leased)),
                    Poll::Ready(None) => continue,
                    Poll::Pending => {
                        let expired = ready!(timer.poll_expired_or(cx, Some(until)));
                        return Poll::Ready(Err(dial::timed_out(Expired { phase: Phase::Pool, ..expired })));
                    }
                }
            }
            let look = match self.token {
                Some(token) => self.checkout.look(token, &self.here, cx.waker(), now),
                None => self.ask(cx, now)?,
            };
            let mut also = None;
            match look {
                Look::Assigned(leased) => {
                    self.token = None;
                    match self.probe(leased, cx, now, None) {
                        Poll::Ready(Some(leased)) => return Poll::Ready(Ok(leased)),
                        Poll::Ready(None) | Poll::Pending => continue,
                    }
                }
                Look::Failed(e) => return Poll::Ready(Err(e)),
                // Only said to who asks, and seen to there.
                Look::NoPlan => {}
                Look::Ordered(claim) => {
                    let dial = (self.plan)()?.begin();
                    self.dialing = Some(dial.progress());
                    if self.poll_dial(cx, claim, dial, now) {
                        continue;
                    }
                }
                Look::Dial(claim, dial) => {
                    if self.poll_dial(cx, claim, dial, now) {
                        continue;
                    }
                }
                Look::Wait(until) => {
                    self.dialing = None;
                    also = until;
                }
            }
            match self.check(now) {
                Ok(check) => also = also.into_iter().chain(check).min(),
                Err(e) => return Poll::Ready(Err(e)),
            }
            let Poll::Ready(expired) = timer.poll_expired_or(cx, also) else {
                return Poll::Pending;
            };
            // No phase runs in this timer: it is the time of the whole request that is over.
            return Poll::Ready(Err(dial::timed_out(Expired { phase: self.phase(), ..expired })));
        }
    }

    /// Looks whether a connection that was used before is still alive. Ready with `None`, it was not, and the request is in
    /// line again. Pending until what the system has of it can be read, but no longer than until that instant.
    fn probe(
        &mut self,
        mut leased: Leased,
        cx: &mut Context<'_>,
        now: Instant,
        until: Option<Instant>,
    ) -> Poll<Option<Leased>> {
        let probed = leased.exclusive().map_or(Probe::Alive, |conn| conn.probe(cx, now));
        match probed {
            Probe::Alive => Poll::Ready(Some(leased)),
            Probe::Unclear if until.is_none_or(|until| now < until) => {
                self.probing = Some((leased, until.unwrap_or(now + TURN)));
                Poll::Pending
            }
            Probe::Unclear | Probe::Stale => {
                let plan = self.key.is_shared().then(&mut self.plan).transpose();
                self.token = match plan {
                    Ok(plan) => leased.stale(plan.map(Box::new), now),
                    Err(_) => {
                        // Whoever asks anew hears of it.
                        if let Some(token) = leased.stale(None, now) {
                            self.checkout.cancel(token);
                        }
                        None
                    }
                };
                Poll::Ready(None)
            }
        }
    }

    fn ask(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<Look, Error> {
        let mut plan = None;
        loop {
            let asking = (&mut self.token, &self.key, self.want);
            match self.checkout.ask(asking, &self.here, plan.take(), cx.waker(), now) {
                Look::NoPlan => plan = Some(Box::new((self.plan)()?)),
                look => return Ok(look),
            }
        }
    }

    /// Goes on with the dial. Whether the slot is to be looked at again.
    fn poll_dial(&mut self, cx: &mut Context<'_>, claim: Claim, mut dial: Dial, now: Instant) -> bool {
        if !self.here.is_here() {
            // The future was moved out of its runtime, in which alone this can be done.
            self.dialing = None;
            if let (Some(token), Some(id)) = (self.token, claim.settle()) {
                self.checkout.send_home(token, id, dial);
            }
            return true;
        }
        // Code that is not ours may panic here, and the dial is gone then.
        let polled = dial.poll(cx);
        let Some(id) = claim.settle() else {
            return true;
        };
        match polled {
            Poll::Ready(result) => {
                drop(dial);
                self.checkout.dial_ended(id, result, &self.here);
                true
            }
            Poll::Pending => self.token.is_none_or(|token| self.checkout.park(token, id, dial, now)),
        }
    }

    /// Whether this request has waited for too long without a dial of its own, and when to look at that again.
    ///
    /// While a dial of another works for it, its own time for connecting runs, from when that dial was left to it. Nobody
    /// tells when that happens; but whatever may happen from now on begins now at the earliest.
    fn check(&mut self, now: Instant) -> Result<Option<Instant>, Error> {
        let (None, Some(token)) = (&self.dialing, self.token) else {
            // A dial has deadlines of its own.
            self.check_at = None;
            return Ok(None);
        };
        let after = |since: Instant, allowed: Option<Duration>| since.checked_add(allowed?);
        let soon = |allowed: Option<Duration>| after(now, allowed.map(|allowed| allowed.max(LOOK_AGAIN)));
        let (pool, connect) = (self.allowed.pool, self.allowed.connect);
        if let Some(at) = self.check_at.filter(|at| *at > now) {
            return Ok(Some(at));
        }
        let (since, end, phase, other) = match self.checkout.outlook(token) {
            Some(Outlook::Waiting(since)) => (since, after(since, pool), Phase::Pool, soon(connect)),
            Some(Outlook::Dialing(since, phase)) => (since, after(since, connect), phase, soon(pool)),
            None => return Ok(None),
        };
        if end.is_some_and(|end| end <= now) {
            let elapsed = now.saturating_duration_since(since);
            return Err(dial::timed_out(Expired { phase, elapsed }));
        }
        self.check_at = end.into_iter().chain(other).min();
        Ok(self.check_at)
    }

    /// What it is waiting for.
    fn phase(&self) -> Phase {
        match (&self.dialing, self.token.and_then(|token| self.checkout.outlook(token))) {
            (Some(dialing), _) => dialing.phase(),
            (None, Some(Outlook::Dialing(_, phase))) => phase,
            (None, _) => Phase::Pool,
        }
    }
}

/// How long a request may wait for its connection.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    /// Without a dial.
    pub(crate) pool: Option<Duration>,
    /// While a dial works for it.
    pub(crate) connect: Option<Duration>,
}

impl<F> Drop for Waiting<'_, F> {
    fn drop(&mut self) {
        if let Some((leased, _)) = self.probing.take() {
            leased.unused();
        }
        if let Some(token) = self.token.take() {
            self.checkout.cancel(token);
        }
    }
}
