//! What the mutex holds, and how the pool's word is carried out.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use martlet_core::pool::{Action, DialFailure, DialId, FailReason, Handle, Pool, PoolConfig, RemoveReason};
use slab::Slab;

use crate::bell::Bell;
use crate::checkout::janitor::Shift;
use crate::checkout::key::Key;
use crate::checkout::later::{Later, Left, Spawned};
use crate::checkout::slot::{Dialing, Driver, Place, Slot, Stage, Token};
use crate::error::{Error, Kind};
use crate::h1::Connection;
use crate::h2::Multiplexed;
use crate::here::Here;

/// A wall clock that has gained so much on the monotonic one tells of a machine that slept.
const SUSPENDED: Duration = Duration::from_secs(1);

pub(crate) struct State {
    pub(crate) pool: Pool<Key, Box<Connection>, Multiplexed, Token>,
    pub(crate) slots: Slab<Slot>,
    pub(crate) dials: BTreeMap<DialId, Dialing>,
    /// Who looks after the pool's deadlines.
    pub(crate) shift: Option<Shift>,
    shifts: u64,
    /// The last look at both clocks.
    clocks: Option<(Instant, SystemTime)>,
    /// Who waits for the last connection to be gone.
    pub(crate) drainers: Vec<Waker>,
    /// By what those hear of the client's end that have nothing of the pool, and will ask again.
    pauses: Vec<Weak<Bell>>,
    shut_down: Option<Shutdown>,
}

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// What runs may end.
    Drain,
    /// What runs ends, too.
    Close,
}

impl State {
    pub(crate) fn new(config: PoolConfig) -> Self {
        Self {
            pool: Pool::new(config),
            slots: Slab::new(),
            dials: BTreeMap::new(),
            shift: None,
            shifts: 0,
            clocks: None,
            drainers: Vec::new(),
            pauses: Vec::new(),
            shut_down: None,
        }
    }

    /// Somebody is about to ask. If the machine has slept, no idle connection is trusted any more.
    pub(crate) fn look_at_clocks(&mut self, now: Instant, wall: SystemTime) {
        if let Some((now_before, wall_before)) = self.clocks.replace((now, wall)) {
            let passed = now.saturating_duration_since(now_before);
            let on_the_wall = wall.duration_since(wall_before).unwrap_or_default();
            if on_the_wall > passed.saturating_add(SUSPENDED) {
                self.pool.expire_idle(|_| true, now);
            }
        }
        if self.shut_down.is_some() {
            self.pool.drain(now);
        }
    }

    /// Serves nobody new from now on.
    pub(crate) fn shut_down(&mut self, later: &mut Later, how: Shutdown) {
        if self.shut_down != Some(Shutdown::Close) {
            self.shut_down = Some(how);
        }
        later.rung.extend(self.pauses.drain(..).filter_map(|bell| bell.upgrade()));
        // Before anybody has asked there is no time, and nothing to end.
        let Some((now, _)) = self.clocks else {
            return;
        };
        match how {
            Shutdown::Drain => self.pool.drain(now),
            Shutdown::Close => self.pool.close(now),
        }
        self.carry_out_all(later, &mut Vec::new(), now);
        // Nothing is left for a janitor.
        let waker = self.shift.as_mut().and_then(|shift| shift.waker.take());
        later.woken.extend(waker);
    }

    /// For who pauses before it asks again: rung when there will be nothing to ask for. `None` if that is so already.
    pub(crate) fn bell_of_pause(&mut self) -> Option<Arc<Bell>> {
        if self.is_shut_down() {
            return None;
        }
        if self.pauses.len() == self.pauses.capacity() {
            self.pauses.retain(|bell| bell.strong_count() > 0);
        }
        let bell = Arc::new(Bell::default());
        self.pauses.push(Arc::downgrade(&bell));
        Some(bell)
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.shut_down.is_some()
    }

    /// Carries out what the pool says, to be called after everything that is told to it. A janitor can work at `here`.
    pub(crate) fn settle(&mut self, later: &mut Later, here: &Here, now: Instant) {
        self.settle_orphan(later, None, here, now);
    }

    /// The same when a request goes away whose dial this is.
    pub(crate) fn settle_orphan(
        &mut self,
        later: &mut Later,
        orphan: Option<DialId>,
        here: &Here,
        now: Instant,
    ) {
        let mut orphans = Vec::new();
        orphans.extend(orphan.map(|dial| (dial, here.clone())));
        self.carry_out_all(later, &mut orphans, now);
        self.engage_janitor(later, here, now);
    }

    fn carry_out_all(&mut self, later: &mut Later, orphans: &mut Vec<(DialId, Here)>, now: Instant) {
        loop {
            while let Some(action) = self.pool.poll_action() {
                self.carry_out(action, later, orphans, now);
            }
            // Only now is it known whether somebody else wants the dials that lost their requests.
            let Some((dial, here)) = orphans.pop() else {
                break;
            };
            self.hand_over(dial, here, later, now);
        }
        if !self.drainers.is_empty() && self.is_empty() {
            later.woken.append(&mut self.drainers);
        }
    }

    /// No connection and no dial is left.
    pub(crate) fn is_empty(&self) -> bool {
        let stats = self.pool.stats();
        stats.connections == 0 && stats.dialing == 0
    }

    fn carry_out(
        &mut self,
        action: Action<Key, Box<Connection>, Multiplexed, Token>,
        later: &mut Later,
        orphans: &mut Vec<(DialId, Here)>,
        now: Instant,
    ) {
        match action {
            Action::Assign { waiter, lease, conn, reused } => {
                self.put(waiter, Place::Assigned { lease, conn, reused }, later, orphans);
            }
            Action::Dial { dial, waiter, shared: false, .. } => {
                self.dials.insert(dial, Dialing { owner: Some(waiter), ..Dialing::default() });
                self.put(waiter, Place::Ordered(dial), later, orphans);
            }
            Action::Dial { dial, waiter, shared: true, .. } => {
                let slot = self.slots.get(waiter.0);
                match slot.and_then(|slot| Some((slot.here.clone(), slot.plan.clone()?))) {
                    Some((here, plan)) => {
                        let begun = plan.begin();
                        let progress = Some(begun.progress());
                        let (stage, driver) = (Stage::Parked(begun), Driver::Task(None));
                        self.dials.insert(dial, Dialing { stage, progress, driver, ..Dialing::default() });
                        later.spawned.push(Spawned { here, id: dial, shared: true });
                    }
                    // Who asks for a shared dial has a plan.
                    None => self.pool.handle_dial_failed(dial, DialFailure::Failed, now),
                }
            }
            Action::Undial { dial } => self.undial(dial, later, now),
            Action::Fail { waiter, why } => {
                let e = match why {
                    FailReason::Dial(dial) => self.dials.get(&dial).and_then(|dial| dial.error.as_ref()),
                    _ => None,
                };
                let e = e.map_or_else(|| Error::new(Kind::Shutdown), Error::share);
                self.put(waiter, Place::Failed(e), later, orphans);
            }
            Action::Close { handle: Handle::Exclusive(conn), .. } => later.closed.push(conn),
            Action::Close { handle: Handle::Shared(conn), why } => {
                let at_once = why == RemoveReason::Shutdown && self.shut_down == Some(Shutdown::Close);
                later.left.push(Left { conn, at_once });
            }
        }
    }

    /// Changes where a request stands.
    fn put(&mut self, token: Token, place: Place, later: &mut Later, orphans: &mut Vec<(DialId, Here)>) {
        // A slot outlives its name in the pool.
        let Some(slot) = self.slots.get_mut(token.0) else {
            return;
        };
        if let Some(dial) = std::mem::replace(&mut slot.place, place).dial() {
            orphans.push((dial, slot.here.clone()));
        }
        later.woken.extend(slot.waker.take());
    }

    /// Nobody wants this dial.
    fn undial(&mut self, id: DialId, later: &mut Later, now: Instant) {
        let Some(dial) = self.dials.get_mut(&id) else {
            return;
        };
        match dial.stage {
            // Whoever polls it gives it up.
            Stage::Polled => dial.unwanted = true,
            Stage::Ordered | Stage::Parked(_) => self.give_up(id, later, now),
        }
    }

    /// The request of this dial goes on without it. Somebody else wants it unless it was undialled.
    fn hand_over(&mut self, id: DialId, here: Here, later: &mut Later, now: Instant) {
        let Some(dial) = self.dials.get_mut(&id) else {
            return;
        };
        if dial.unwanted {
            return;
        }
        match (&dial.stage, &dial.driver) {
            // Not begun yet: whoever wants it begins anew.
            (Stage::Ordered, _) => self.give_up(id, later, now),
            (Stage::Parked(_) | Stage::Polled, Driver::Request) => {
                dial.driver = Driver::Task(None);
                later.spawned.push(Spawned { here, id, shared: false });
            }
            (_, Driver::Task(_)) => {}
        }
    }

    /// A dial ends, whoever wants it.
    pub(crate) fn give_up(&mut self, id: DialId, later: &mut Later, now: Instant) {
        if let Some(dial) = self.dials.remove(&id) {
            if let Stage::Parked(future) = dial.stage {
                later.given_up.push(future);
            }
            if let Driver::Task(Some(waker)) = dial.driver {
                // It has nothing to do any more.
                later.woken.push(waker);
            }
            self.pool.handle_dial_failed(id, DialFailure::Abandoned, now);
        }
    }

    /// Sees to it that somebody looks after the pool's deadlines.
    fn engage_janitor(&mut self, later: &mut Later, here: &Here, now: Instant) {
        let Some(due) = self.pool.poll_timeout() else {
            return;
        };
        match &mut self.shift {
            Some(shift) if !shift.is_overdue(now) => {
                if due < shift.until {
                    shift.until = due;
                    later.woken.extend(shift.waker.take());
                }
            }
            _ => {
                self.shifts += 1;
                self.shift = Some(Shift { number: self.shifts, until: due, waker: None });
                later.janitor = Some((here.clone(), self.shifts));
            }
        }
    }

    /// The janitor of this number is gone, and with it the home that it worked in, if that has ended. Nobody polls the idle
    /// connections of that home any more; those of another one are looked after there.
    pub(crate) fn replace_janitor(
        &mut self,
        later: &mut Later,
        number: u64,
        ended: Option<u64>,
        now: Instant,
    ) {
        let Some(gone) = self.shift.take_if(|shift| shift.number == number) else {
            return;
        };
        later.waker = gone.waker;
        let Some(home) = ended else {
            return;
        };
        self.pool.expire_idle(|key| key.home() == home, now);
        self.carry_out_all(later, &mut Vec::new(), now);
        let here = match self.pool.oldest_idle() {
            Some(Handle::Exclusive(conn)) => conn.here().clone(),
            Some(Handle::Shared(conn)) => conn.here().clone(),
            None => return,
        };
        self.engage_janitor(later, &here, now);
    }
}
