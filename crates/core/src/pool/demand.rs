//! Demand: who asks for a dial, and who gets a slot for one.

use std::time::Instant;

use crate::pool::action::{Action, DialId, RemoveReason};
use crate::pool::config::{DialPolicy, PoolKey, Want};
use crate::pool::entry::{Demand, Dial, Hope};
use crate::pool::machine::Pool;
use crate::pool::mark::Mark;
use crate::pool::slab::Id;

/// A demand that only the total limit blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The turn of the waiter that it is for.
    pub(crate) turn: u64,
    /// Its origin.
    pub(crate) origin: Id,
}

impl<K: PoolKey, X, S: Clone, W: Clone> Pool<K, X, S, W> {
    /// A waiter has no dial: it asks for one, alone or with others, or has patience first.
    pub(crate) fn begin_waiting(&mut self, id: Id, now: Instant) {
        let Some(waiter) = self.waiters.get_mut(id) else {
            return;
        };
        let Some(key) = self.names.keys.get_mut(waiter.key) else {
            return;
        };
        let (key_id, origin, turn) = (waiter.key, key.origin, waiter.turn);
        // Whoever had no dial of its own before has been waiting since then.
        if let Hope::Own(_) = std::mem::replace(&mut waiter.hope, Hope::Dial) {
            waiter.since = now;
        }
        key.dialless.insert(waiter.want, turn, id);
        if key.shares_dials {
            self.renew_shared_demand(key_id);
            return;
        }
        if let (DialPolicy::PreferIdle { wait }, Want::Any, 1..) =
            (self.config.dial_policy, waiter.want, key.conns)
        {
            let until = now.checked_add(wait);
            if until != Some(now) {
                waiter.hope = Hope::Patience(until);
                self.patient.extend(until.map(|until| (until, id)));
                return;
            }
        }
        self.demand(origin, turn, Demand::Waiter(id));
    }

    /// Undoes what [`begin_waiting`](Self::begin_waiting) did for a waiter whose hope was this, but for what waiters ask
    /// together. The waiter may be out of the slab already.
    pub(crate) fn stop_asking(&mut self, id: Id, (key, want, turn): (Id, Want, u64), hope: Hope) {
        let Some(key) = self.names.keys.get_mut(key) else {
            return;
        };
        key.dialless.remove(want, turn);
        let (origin, alone) = (key.origin, !key.shares_dials);
        match hope {
            Hope::Dial if alone => self.withdraw_demand(origin, turn),
            Hope::Patience(Some(until)) => {
                self.patient.remove(&(until, id));
            }
            Hope::Dial | Hope::Patience(None) | Hope::Own(_) => {}
        }
    }

    /// A waiter has waited long enough for a connection to become free.
    pub(crate) fn lose_patience(&mut self, id: Id) {
        let Some(waiter) = self.waiters.get_mut(id) else {
            return;
        };
        let Hope::Patience(until) = waiter.hope else {
            return;
        };
        waiter.hope = Hope::Dial;
        if let Some(until) = until {
            self.patient.remove(&(until, id));
        }
        let turn = waiter.turn;
        if let Some(key) = self.names.keys.get(waiter.key) {
            let origin = key.origin;
            self.demand(origin, turn, Demand::Waiter(id));
        }
    }

    /// No connection of a key is left: there is none to have patience for. Each waiter is looked at once for each time
    /// that its patience begins.
    pub(crate) fn end_patience(&mut self, key: Id) {
        if self.config.dial_policy == DialPolicy::Race {
            return;
        }
        let Some(key) = self.names.keys.get(key).filter(|key| key.conns == 0 && !key.shares_dials) else {
            return;
        };
        for id in key.dialless.all_for(0) {
            self.lose_patience(id);
        }
    }

    fn demand(&mut self, origin: Id, turn: u64, demand: Demand) {
        if let Some(entry) = self.names.origins.get_mut(origin) {
            entry.demands.insert(turn, demand);
        }
        self.note_ready(origin);
    }

    fn withdraw_demand(&mut self, origin: Id, turn: u64) {
        if let Some(entry) = self.names.origins.get_mut(origin) {
            entry.demands.remove(&turn);
        }
        self.note_ready(origin);
    }

    /// Whether and since when the waiters of a key that share their dials ask for one. A shared dial that none of them
    /// can use any more is given up.
    pub(crate) fn renew_shared_demand(&mut self, id: Id) {
        let Some(key) = self.names.keys.get_mut(id) else {
            return;
        };
        if let Some(dial) = key.shared_dial {
            let began = self.dials.get(dial).map_or(0, |dial| dial.began);
            if key.dialless.first_for(began).is_none() {
                key.shared_dial = None;
                self.actions.push_back(Action::Undial { dial: DialId(dial) });
            }
        }
        let further = self.config.second_shared_connection;
        let first = key.first_asking(u64::MAX, further).filter(|_| key.shares_dials);
        let turn = first.map(|(turn, _)| turn);
        if key.demand == turn {
            return;
        }
        let (origin, before) = (key.origin, std::mem::replace(&mut key.demand, turn));
        if let Some(before) = before {
            self.withdraw_demand(origin, before);
        }
        if let Some(turn) = turn {
            self.demand(origin, turn, Demand::Key(id));
        }
    }

    /// Waiters of a key share their dials from now on, or do not any more. Those that have one of their own keep it; one
    /// that was shared goes to the first waiter.
    pub(crate) fn change_mode(&mut self, id: Id, shares: bool, now: Instant) {
        let Some(key) = self.names.keys.get_mut(id) else {
            return;
        };
        let (dialless, shared) = (key.dialless.all_for(u64::MAX), key.shared_dial);
        if let Some((dial, entry)) = shared.and_then(|dial| Some((dial, self.dials.get(dial)?))) {
            key.end_shared(dial, entry, now);
        }
        for &waiter in &dialless {
            if let Some(entry) = self.waiters.get(waiter) {
                let (place, hope) = ((id, entry.want, entry.turn), entry.hope);
                self.stop_asking(waiter, place, hope);
            }
        }
        self.renew_shared_demand(id);
        if let Some(key) = self.names.keys.get_mut(id) {
            key.shares_dials = shares;
        }
        for waiter in dialless {
            self.begin_waiting(waiter, now);
        }
        if let Some(dial) = shared {
            self.pass_on(dial);
        }
    }

    /// Notes where an origin stands among those that may dial: below its own limit, or with an idle connection that can
    /// make room.
    pub(crate) fn note_ready(&mut self, origin: Id) {
        let Some(entry) = self.names.origins.get_mut(origin) else {
            return;
        };
        if entry.demands.is_empty() && entry.ready_at.is_none() {
            return;
        }
        let below = self.config.max_connections_per_origin.is_none_or(|most| entry.taken < most);
        let allowed = below || entry.idle.oldest().is_some();
        let ready = entry.demands.first_key_value().map(|(turn, _)| *turn).filter(|_| allowed);
        if entry.ready_at == ready {
            return;
        }
        let before = std::mem::replace(&mut entry.ready_at, ready);
        if let Some(turn) = before {
            self.ready.remove(&(turn, origin));
        }
        if let Some(turn) = ready {
            self.ready.insert((turn, origin));
        }
    }

    /// Does what follows from whatever has happened: dials as the limits allow, room for the next one, and no more idle
    /// connections than are kept.
    pub(crate) fn dispatch(&mut self, now: Instant) {
        let nothing = self.ready.is_empty() && self.mark == Mark::None && !self.has_surplus();
        if nothing {
            return;
        }
        loop {
            let blocked = self.dial_ready(now);
            if self.review_mark(blocked) {
                continue;
            }
            if let Some(claim) = blocked {
                self.mark_one(claim, now);
            }
            // Only now, since whoever needed room has taken it from the idle ones.
            let Some(surplus) = self.idle.oldest().filter(|_| self.has_surplus()) else {
                return;
            };
            self.remove(surplus, RemoveReason::TooManyIdle);
        }
    }

    fn has_surplus(&self) -> bool {
        self.idle.len() > self.config.max_keepalive_connections
    }

    /// Begins dials, the oldest demand first, until none is left or only the total limit blocks the next, which is
    /// returned.
    fn dial_ready(&mut self, now: Instant) -> Option<Claim> {
        while let Some((turn, origin)) = self.ready.first().copied() {
            let entry = self.names.origins.get(origin)?;
            let full = self.config.max_connections_per_origin.is_some_and(|most| entry.taken >= most);
            if full || self.taken >= self.config.max_connections {
                let idle = if full { &entry.idle } else { &self.idle };
                match idle.oldest() {
                    Some(conn) => self.remove(conn, RemoveReason::Evicted),
                    None => return Some(Claim { turn, origin }),
                }
                continue;
            }
            let demand = entry.demands.get(&turn).copied();
            self.withdraw_demand(origin, turn);
            match demand {
                Some(Demand::Waiter(waiter)) => self.dial_for_waiter(waiter, now),
                Some(Demand::Key(key)) => self.dial_for_key(key, now),
                None => {}
            }
        }
        None
    }

    fn dial_for_waiter(&mut self, id: Id, now: Instant) {
        let began = self.next_turn();
        let Some(waiter) = self.waiters.get_mut(id) else {
            return;
        };
        let (key, token) = (waiter.key, waiter.token.clone());
        let dial = self.dials.insert(Dial { key, began, began_at: now, owner: Some(id) });
        waiter.hope = Hope::Own(dial);
        waiter.since = now;
        if let Some(key) = self.names.keys.get_mut(key) {
            key.dialless.remove(waiter.want, waiter.turn);
        }
        self.begin_dial(dial, key, token, false);
    }

    fn dial_for_key(&mut self, id: Id, now: Instant) {
        let began = self.next_turn();
        let Some(key) = self.names.keys.get_mut(id) else {
            return;
        };
        key.demand = None;
        let first = key.first_asking(began, self.config.second_shared_connection);
        let first = first.and_then(|(_, first)| self.waiters.get(first));
        let Some(token) = first.map(|waiter| waiter.token.clone()) else {
            return;
        };
        let dial = self.dials.insert(Dial { key: id, began, began_at: now, owner: None });
        key.shared_dial = Some(dial);
        self.begin_dial(dial, id, token, true);
    }

    fn begin_dial(&mut self, dial: Id, key_id: Id, waiter: W, shared: bool) {
        self.names.use_key(key_id);
        self.taken += 1;
        let Some(key) = self.names.keys.get(key_id) else {
            return;
        };
        let (origin, key) = (key.origin, key.key.clone());
        if let Some(origin) = self.names.origins.get_mut(origin) {
            origin.taken += 1;
        }
        self.note_ready(origin);
        self.actions.push_back(Action::Dial { dial: DialId(dial), key, waiter, shared });
    }

    /// A connection or a dial has left its slot.
    pub(crate) fn give_slot(&mut self, key: Id, origin: Id) {
        self.taken -= 1;
        if let Some(origin) = self.names.origins.get_mut(origin) {
            origin.taken -= 1;
        }
        self.note_ready(origin);
        self.names.unuse_key(key);
    }
}
