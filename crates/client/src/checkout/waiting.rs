//! A request that waits for its connection, and dials for it if it is told to.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use martlet_core::pool::DialId;
use martlet_core::time::{Expired, Phase};

use crate::checkout::key::Key;
use crate::checkout::leased::Leased;
use crate::checkout::shared::{Checkout, Look};
use crate::checkout::slot::Token;
use crate::dial::{self, Dial, Plan, Progress};
use crate::error::Error;
use crate::here::Here;
use crate::timer::Timer;

/// How soon a request looks again whether a dial still works for it, if it may not wait at all without one.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A request between asking for a connection and having one. Dropped, it leaves the line, and gives back what was
/// given to it.
pub(crate) struct Waiting<'a, F> {
    checkout: &'a Arc<Checkout>,
    key: Key,
    here: Here,
    /// Makes the plan of a dial, if one is needed.
    plan: F,
    /// How long it may wait without a dial.
    allowed: Option<Duration>,
    /// Its slot. `None` before it has asked, and when it has its connection.
    token: Option<Token>,
    /// How far its own dial is, while it has one.
    dialing: Option<Progress>,
}

impl<'a, F: FnMut() -> Result<Plan, Error>> Waiting<'a, F> {
    pub(crate) fn new(
        checkout: &'a Arc<Checkout>,
        key: Key,
        here: Here,
        allowed: Option<Duration>,
        plan: F,
    ) -> Self {
        Self { checkout, key, here, plan, allowed, token: None, dialing: None }
    }

    /// The connection, found alive.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, timer: &mut Timer) -> Poll<Result<Leased, Error>> {
        loop {
            let now = timer.now();
            let look = match self.token {
                Some(token) => self.checkout.look(token, &self.here, cx.waker(), now),
                None => self.ask(cx, now)?,
            };
            let mut also = None;
            match look {
                Look::Assigned(mut leased) => {
                    let token = self.token.take();
                    let alive =
                        !leased.is_reused() || leased.conn().is_some_and(|conn| conn.is_alive(cx, now));
                    if alive {
                        timer.leave(Phase::Pool);
                        return Poll::Ready(Ok(leased));
                    }
                    if leased.stale(now) {
                        self.token = token;
                    }
                    continue;
                }
                Look::Failed(e) => return Poll::Ready(Err(e)),
                Look::Ordered(id) => {
                    let dial = (self.plan)()?.begin();
                    self.dialing = Some(dial.progress());
                    if self.poll_dial(cx, id, dial, now) {
                        continue;
                    }
                }
                Look::Dial(id, dial) => {
                    if self.poll_dial(cx, id, dial, now) {
                        continue;
                    }
                }
                Look::Wait(until) => {
                    self.dialing = None;
                    also = until;
                }
            }
            match &self.dialing {
                // The dial has deadlines of its own.
                Some(_) => timer.leave(Phase::Pool),
                None => timer.enter(Phase::Pool),
            }
            let Poll::Ready(expired) = timer.poll_expired_or(cx, also) else {
                return Poll::Pending;
            };
            if let Some(e) = self.expired(expired, timer) {
                return Poll::Ready(Err(e));
            }
        }
    }

    fn ask(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<Look, Error> {
        let plan = if self.key.is_shared() { Some((self.plan)()?) } else { None };
        let (token, look) = self.checkout.ask(&self.key, &self.here, plan, cx.waker(), now);
        self.token = Some(token);
        Ok(look)
    }

    /// Goes on with the dial. Whether the slot is to be looked at again.
    fn poll_dial(&mut self, cx: &mut Context<'_>, id: DialId, mut dial: Dial, now: Instant) -> bool {
        match dial.poll(cx) {
            Poll::Ready(result) => {
                self.checkout.dial_ended(id, result, &self.here);
                true
            }
            Poll::Pending => self.token.is_none_or(|token| self.checkout.park(token, id, dial, now)),
        }
    }

    /// What a deadline that has passed means. Waiting for the pool is only what nobody dials for meanwhile.
    fn expired(&self, expired: Expired, timer: &mut Timer) -> Option<Error> {
        if let Some(dialing) = &self.dialing {
            return Some(dial::timed_out(Expired { phase: dialing.phase(), ..expired }));
        }
        let is_pool = expired.phase == Phase::Pool && !timer.is_total_over();
        let (true, Some(token), Some(allowed)) = (is_pool, self.token, self.allowed) else {
            return Some(dial::timed_out(Expired { phase: Phase::Pool, ..expired }));
        };
        let now = timer.now();
        let since = match self.checkout.waiting_since(token) {
            Some(since) if since.checked_add(allowed).is_none_or(|end| end <= now) => {
                return Some(dial::timed_out(expired));
            }
            Some(since) => since,
            // Should that dial be given up right now, the request could wait so long from now on.
            None => now + LOOK_AGAIN.saturating_sub(allowed),
        };
        timer.progress_at(Phase::Pool, since);
        None
    }
}

impl<F> Drop for Waiting<'_, F> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.checkout.cancel(token);
        }
    }
}
