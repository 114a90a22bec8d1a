//! The pool behind its mutex: what requests, dials and janitors do with it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use martlet_core::pool::{
    Capacity, DialFailure, DialId, Handle, Lease, PoolConfig, PoolStats, Returned, Want,
};
use martlet_core::time::Phase;

use crate::bell::Bell;
use crate::checkout::janitor::Work;
use crate::checkout::key::Key;
use crate::checkout::later::{Later, Spawned};
use crate::checkout::leased::Leased;
use crate::checkout::slot::{Driver, Place, Slot, Stage, Token};
use crate::checkout::state::{Shutdown, State};
use crate::dial::{Dial, Dialed, Plan, Progress};
use crate::error::Error;
use crate::h1::Connection;
use crate::h2::{Multiplexed, Opened};
use crate::here::Here;

/// The connections of a client. It lives as long as the client, or as somebody who has one of them.
pub(crate) struct Checkout(Mutex<State>);

/// What a request finds when it looks at its slot.
pub(crate) enum Look {
    /// A connection.
    Assigned(Leased),
    /// It gets nothing.
    Failed(Error),
    /// It is to dial.
    Ordered(Claim),
    /// It goes on with its dial.
    Dial(Claim, Dial),
    /// Nothing was done: it is to ask again with a plan.
    NoPlan,
    /// Nothing yet. The pool may have something for it at this instant.
    Wait(Option<Instant>),
}

/// The right to poll a dial. Dropped, it gives the dial up: its request has failed, or code that is not ours has panicked.
pub(crate) struct Claim {
    checkout: Arc<Checkout>,
    here: Here,
    id: Option<DialId>,
}

impl Claim {
    fn new(checkout: &Arc<Checkout>, id: DialId, here: &Here) -> Self {
        Self { checkout: Arc::clone(checkout), here: here.clone(), id: Some(id) }
    }

    /// The dial was polled, or left to somebody else: what becomes of it is told by other means.
    pub(super) fn settle(mut self) -> Option<DialId> {
        self.id.take()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.checkout.abandon(id, &self.here);
        }
    }
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// For the pool, since then.
    Waiting(Instant),
    /// For a dial that has worked for it since then, and what that does now.
    Dialing(Instant, Phase),
}

/// What the task of a dial is to do.
pub(super) enum Task {
    /// To poll it.
    Poll(Dial),
    /// To wait until the request that has it puts it back.
    Wait,
    /// Nothing any more.
    End,
}

impl Checkout {
    pub(crate) fn new(config: PoolConfig) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::new(config))))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No code but ours and the pool's runs under the lock, and both leave it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and does what follows from it once the lock is gone.
    pub(super) fn with<T>(self: &Arc<Self>, f: impl FnOnce(&mut State, &mut Later) -> T) -> T {
        let mut later = Later::default();
        let value = f(&mut self.lock(), &mut later);
        later.run(self);
        value
    }

    /// A request asks for a connection, and looks at its slot at once. `plan` is for a dial that others share.
    pub(super) fn ask(
        self: &Arc<Self>,
        (token, key, want): (&mut Option<Token>, &Key, Want),
        here: &Here,
        plan: Option<Box<Plan>>,
        waker: &Waker,
        now: Instant,
    ) -> Look {
        let wall = here.runtime.wall_clock();
        self.with(|state, later| {
            state.look_at_clocks(now, wall);
            // Most requests find a connection, and need none.
            let mut is_at_once = || want == Want::Any && state.pool.can_serve(key, now);
            if key.is_shared() && plan.is_none() && !is_at_once() {
                return Look::NoPlan;
            }
            let slot = Slot { here: here.clone(), id: None, place: Place::Waiting, waker: None, plan };
            let own = Token(state.slots.insert(slot));
            // Before any code that is not ours runs, and may panic: it has something to cancel from now on.
            *token = Some(own);
            let id = state.pool.request(key, own, want, now);
            if let Some(slot) = state.slots.get_mut(own.0) {
                slot.id = Some(id);
            }
            state.settle(later, here, now);
            self.look_at(state, own, waker, later)
        })
    }

    /// A request looks at its slot.
    pub(super) fn look(self: &Arc<Self>, token: Token, here: &Here, waker: &Waker, now: Instant) -> Look {
        self.with(|state, later| {
            // The janitor may work in a runtime that nobody runs: whoever waits looks after the deadlines, too.
            if state.pool.poll_timeout().is_some_and(|due| due <= now) {
                state.pool.handle_timeout(now);
                state.settle(later, here, now);
            }
            self.look_at(state, token, waker, later)
        })
    }

    fn look_at(self: &Arc<Self>, state: &mut State, token: Token, waker: &Waker, later: &mut Later) -> Look {
        let Some(slot) = state.slots.get_mut(token.0) else {
            return Look::Wait(None);
        };
        let also = slot.id.and_then(|id| state.pool.waiter_timeout(id));
        let look = match std::mem::replace(&mut slot.place, Place::Waiting) {
            Place::Assigned { lease, conn, reused } => {
                slot.place = Place::Leased(bell_of(&conn));
                later.waker = slot.waker.take();
                return Look::Assigned(Leased::new(Arc::clone(self), token, lease, conn, reused));
            }
            Place::Failed(e) => return Look::Failed(e),
            Place::Leased(bell) => {
                slot.place = Place::Leased(bell);
                return Look::Wait(None);
            }
            Place::Waiting => Look::Wait(also),
            Place::Ordered(id) => {
                slot.place = Place::Dialing(id);
                if let Some(dial) = state.dials.get_mut(&id) {
                    dial.stage = Stage::Polled;
                }
                Look::Ordered(Claim::new(self, id, &slot.here))
            }
            Place::Dialing(id) => {
                let dial = state.dials.get_mut(&id);
                match dial.map(|dial| std::mem::replace(&mut dial.stage, Stage::Polled)) {
                    Some(Stage::Parked(dial)) => {
                        slot.place = Place::Dialing(id);
                        Look::Dial(Claim::new(self, id, &slot.here), dial)
                    }
                    _ => Look::Wait(also),
                }
            }
        };
        if slot.waker.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            later.waker = slot.waker.replace(waker.clone());
        }
        look
    }

    /// The dial that a request has polled is not done. Whether the request is to look at its slot again.
    #[must_use]
    pub(super) fn park(self: &Arc<Self>, token: Token, id: DialId, dial: Dial, now: Instant) -> bool {
        self.with(|state, later| {
            self.put_back(state, id, dial, later, now);
            if let Some(Driver::Task(waker)) = state.dials.get_mut(&id).map(|entry| &mut entry.driver) {
                // It was made meanwhile, and may have looked for the dial in vain.
                later.woken.extend(waker.take());
            }
            let place = state.slots.get(token.0).map(|slot| &slot.place);
            !matches!(place, Some(Place::Dialing(_)))
        })
    }

    /// A request that is polled elsewhere leaves its dial to a task at home.
    pub(super) fn send_home(self: &Arc<Self>, token: Token, id: DialId, dial: Dial) {
        self.with(|state, later| {
            let here = dial.here().clone();
            let Some(entry) = state.dials.get_mut(&id).filter(|entry| !entry.unwanted) else {
                let now = here.runtime.now();
                return self.put_back(state, id, dial, later, now);
            };
            entry.stage = Stage::Parked(dial);
            if let Driver::Request = entry.driver {
                entry.driver = Driver::Task(None);
                later.spawned.push(Spawned { here, id, shared: false });
            }
            if let Some(slot) = state.slots.get_mut(token.0).filter(|slot| slot.place.dial() == Some(id)) {
                slot.place = Place::Waiting;
            }
        });
    }

    /// The dial that a task has polled is not done.
    pub(super) fn park_of_task(self: &Arc<Self>, id: DialId, dial: Dial) {
        let now = dial.here().runtime.now();
        self.with(|state, later| self.put_back(state, id, dial, later, now));
    }

    fn put_back(&self, state: &mut State, id: DialId, dial: Dial, later: &mut Later, now: Instant) {
        match state.dials.get_mut(&id) {
            Some(entry) if entry.unwanted => {
                let here = dial.here().clone();
                later.given_up.push(dial);
                state.give_up(id, later, now);
                state.settle(later, &here, now);
            }
            Some(entry) => entry.stage = Stage::Parked(dial),
            None => later.given_up.push(dial),
        }
    }

    /// A dial has come to its end.
    pub(super) fn dial_ended(self: &Arc<Self>, id: DialId, result: Result<Dialed, Error>, here: &Here) {
        let now = here.runtime.now();
        self.with(|state, later| {
            let owner = state.dials.get(&id).and_then(|dial| dial.owner);
            let slot = owner.and_then(|owner| state.slots.get_mut(owner.0));
            if let Some(slot) = slot.filter(|slot| slot.place.dial() == Some(id)) {
                // It stands in line without a dial, until the pool says otherwise.
                slot.place = Place::Waiting;
            }
            match result {
                Ok(Dialed::Exclusive(conn)) => {
                    let handle = Handle::Exclusive(conn);
                    state.pool.handle_dialed(id, handle, Capacity::Exclusive, now);
                }
                Ok(Dialed::Shared(opened)) => {
                    let Opened { conn, driver } = *opened;
                    let (home, capacity) = (conn.here().clone(), conn.capacity());
                    let id = state.pool.handle_dialed(id, Handle::Shared(conn), capacity, now);
                    // Without a name nobody wants it, and it takes leave at once.
                    later.driver = Some(Box::new((home, driver.entered(Arc::downgrade(self), id))));
                }
                Err(e) => {
                    if let Some(dial) = state.dials.get_mut(&id) {
                        dial.error = Some(e);
                    }
                    state.pool.handle_dial_failed(id, DialFailure::Failed, now);
                }
            }
            state.settle(later, here, now);
            later.dialing = state.dials.remove(&id);
            if let Some(Driver::Task(waker)) = later.dialing.as_mut().map(|dialing| &mut dialing.driver) {
                // It may wait for a request to put the dial back.
                later.woken.extend(waker.take());
            }
        });
    }

    /// What the task of a dial is to do. It is woken when that changes.
    pub(super) fn task(self: &Arc<Self>, id: DialId, waker: &Waker) -> Task {
        self.with(|state, later| {
            let Some(dial) = state.dials.get_mut(&id) else {
                return Task::End;
            };
            if let Driver::Task(known) = &mut dial.driver {
                if known.as_ref().is_none_or(|known| !known.will_wake(waker)) {
                    later.waker = known.replace(waker.clone());
                }
            }
            match std::mem::replace(&mut dial.stage, Stage::Polled) {
                Stage::Parked(dial) => Task::Poll(dial),
                _ => Task::Wait,
            }
        })
    }

    /// Nobody goes on with this dial.
    pub(super) fn abandon(self: &Arc<Self>, id: DialId, here: &Here) {
        let now = here.runtime.now();
        self.with(|state, later| {
            state.give_up(id, later, now);
            state.settle(later, here, now);
        });
    }

    /// A request goes away before it has a connection.
    pub(super) fn cancel(self: &Arc<Self>, token: Token) {
        self.with(|state, later| {
            let Some(slot) = state.slots.try_remove(token.0) else {
                return;
            };
            let now = slot.here.runtime.now();
            // First it leaves the line, so that nothing else is given to it.
            if let Some(id) = slot.id {
                state.pool.cancel(id, now);
            }
            let dial = slot.place.dial();
            let Slot { here, place, waker, plan, .. } = slot;
            if let Place::Assigned { lease, conn, .. } = place {
                let returned = match conn {
                    Handle::Exclusive(conn) => Returned::Unused(conn),
                    Handle::Shared(conn) => {
                        later.conn = Some(conn);
                        Returned::StreamUnused
                    }
                };
                state.pool.release(lease, returned, now);
            }
            state.settle_orphan(later, dial, &here, now);
            later.slot = Some(Slot { here, id: None, place: Place::Waiting, waker, plan });
        });
    }

    /// A lease ends, and the request's slot with it.
    pub(super) fn release(self: &Arc<Self>, token: Token, lease: Lease, returned: Returned<Box<Connection>>) {
        self.with(|state, later| {
            // It is there as long as the lease.
            if let Some(slot) = state.slots.try_remove(token.0) {
                let now = slot.here.runtime.now();
                state.pool.release(lease, returned, now);
                state.settle(later, &slot.here, now);
                later.slot = Some(slot);
            }
        });
    }

    /// The connection of a lease was found dead: the request is in line again. It has to ask anew if this is false.
    #[must_use]
    pub(super) fn release_stale(
        self: &Arc<Self>,
        token: Token,
        lease: Lease,
        plan: Option<Box<Plan>>,
        now: Instant,
    ) -> bool {
        self.with(|state, later| {
            if let Some(slot) = state.slots.get_mut(token.0).filter(|_| plan.is_some()) {
                slot.plan = plan;
            }
            let id = state.pool.release_stale(lease, now);
            let Some(slot) = state.slots.get_mut(token.0) else {
                return false;
            };
            let here = slot.here.clone();
            slot.id = id;
            slot.place = Place::Waiting;
            state.settle(later, &here, now);
            if id.is_none() {
                later.slot = state.slots.try_remove(token.0);
            }
            id.is_some()
        })
    }

    /// What a request without a connection waits for.
    pub(super) fn outlook(&self, token: Token) -> Option<Outlook> {
        let state = self.lock();
        let id = state.slots.get(token.0)?.id?;
        if let Some(since) = state.pool.waiting_since(id) {
            return Some(Outlook::Waiting(since));
        }
        let since = state.pool.dialing_since(id)?;
        let dial = state.pool.dial_for(id).and_then(|dial| state.dials.get(&dial));
        let phase = dial.and_then(|dial| dial.progress.as_ref()).map_or(Phase::Connect, Progress::phase);
        Some(Outlook::Dialing(since, phase))
    }

    /// The janitor of this number does what is due.
    pub(super) fn clean(self: &Arc<Self>, number: u64, here: &Here, waker: &Waker) -> Work {
        let now = here.runtime.now();
        self.with(|state, later| {
            let Some(shift) = state.shift.as_mut().filter(|shift| shift.number == number) else {
                return Work::End;
            };
            // However late, this one is here now.
            let engaged_until = std::mem::replace(&mut shift.until, now);
            if state.pool.poll_timeout().is_some_and(|due| due <= now) {
                state.pool.handle_timeout(now);
                state.settle(later, here, now);
            }
            // While requests come and go the pool has deadlines now and then: a janitor stays for as long as it was engaged, or
            // there would be one for each request.
            let until = state.pool.poll_timeout().or(Some(engaged_until).filter(|until| *until > now));
            match (until.filter(|_| !state.is_shut_down()), &mut state.shift) {
                (Some(until), Some(shift)) => {
                    shift.until = until;
                    later.waker = shift.waker.replace(waker.clone());
                    Work::SleepUntil(until)
                }
                _ => {
                    later.waker = state.shift.take().and_then(|shift| shift.waker);
                    Work::End
                }
            }
        })
    }

    /// The janitor of this number was dropped by the home that it was engaged in, and whether that has ended.
    pub(super) fn dismiss(self: &Arc<Self>, number: u64, here: &Here, ended: bool) {
        let now = here.runtime.now();
        let ended = Some(here.home.id()).filter(|_| ended);
        self.with(|state, later| state.replace_janitor(later, number, ended, now));
    }

    /// Serves nobody new.
    pub(crate) fn shut_down(self: &Arc<Self>, how: Shutdown) {
        self.with(|state, later| {
            state.shut_down(later, how);
            if how == Shutdown::Close {
                later.rung.extend(state.slots.iter().filter_map(|(_, slot)| match &slot.place {
                    Place::Leased(bell) => bell.clone(),
                    Place::Assigned { conn, .. } => bell_of(conn),
                    _ => None,
                }));
            }
        });
    }

    /// For who pauses before it asks again: rung when the client is shut down. `None` if it is.
    pub(crate) fn bell_of_pause(&self) -> Option<Arc<Bell>> {
        self.lock().bell_of_pause()
    }

    /// Ready when no connection and no dial is left.
    pub(crate) fn poll_empty(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.with(|state, _| {
            if state.is_empty() {
                return Poll::Ready(());
            }
            if !state.drainers.iter().any(|known| known.will_wake(cx.waker())) {
                state.drainers.push(cx.waker().clone());
            }
            Poll::Pending
        })
    }

    pub(crate) fn stats(&self) -> PoolStats {
        self.lock().pool.stats()
    }
}

/// By what a request on this connection hears of the client's closing.
fn bell_of(conn: &Handle<Box<Connection>, Multiplexed>) -> Option<Arc<Bell>> {
    match conn {
        Handle::Exclusive(conn) => Some(conn.bell()),
        Handle::Shared(_) => None,
    }
}

impl fmt::Debug for Checkout {
    /// What the pool holds, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Formatted under the lock, written without it: whoever writes may be anybody.
        let state = self.lock();
        let text = format!("{:?}", state.pool);
        let here = state.slots.iter().next().map(|(_, slot)| slot.here.clone());
        let last = state.pool.last_input();
        drop(state);
        if let (Some(here), Some(last)) = (here, last) {
            let silence = here.runtime.now().saturating_duration_since(last);
            writeln!(
                f,
                "nothing has happened for {:.1}s, and all else is as of then",
                silence.as_secs_f64()
            )?;
        }
        f.write_str(&text)
    }
}
