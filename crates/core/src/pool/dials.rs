//! Dials under way: whom they work for, and what becomes of them.

use std::time::Instant;

use crate::pool::action::{Action, DialId, FailReason, Handle};
use crate::pool::config::{Capacity, DialFailure, PoolKey};
use crate::pool::entry::{Conn, Dial, Hope, Kind, Noted};
use crate::pool::machine::Pool;
use crate::pool::slab::Id;

impl<K: PoolKey, X, S: Clone, W: Clone> Pool<K, X, S, W> {
    /// A dial's waiter goes, but not with its connection: the dial works for the next waiter of its key that has none, or
    /// is given up. Then it keeps its slot until its owner says what became of it.
    pub(crate) fn pass_on(&mut self, id: Id) {
        let Some(dial) = self.dials.get_mut(id) else {
            return;
        };
        dial.owner = None;
        let (key, further) = (self.names.keys.get(dial.key), self.config.second_shared_connection);
        let next = key.and_then(|key| key.first_asking(dial.began, further)).map(|(_, next)| next);
        dial.owner = next;
        let Some(next) = next else {
            self.actions.push_back(Action::Undial { dial: DialId(id) });
            return;
        };
        let Some(waiter) = self.waiters.get_mut(next) else {
            return;
        };
        let hope = std::mem::replace(&mut waiter.hope, Hope::Own(id));
        waiter.since = self.now.map_or(waiter.since, |now| now.max(waiter.since));
        let place = (waiter.key, waiter.want, waiter.turn);
        self.stop_asking(next, place, hope);
    }

    /// A dial has become a connection, in the same slot. Its own waiter has it first, then others of its key.
    pub(crate) fn connected(
        &mut self,
        id: Id,
        dial: Dial,
        handle: Handle<X, S>,
        capacity: Capacity,
        now: Instant,
    ) -> Id {
        let kind = match handle {
            Handle::Exclusive(handle) => Kind::Exclusive { handle: Some(handle), lessee: None },
            Handle::Shared(handle) => {
                let capacity = if capacity == Capacity::Exclusive { Capacity::Streams(1) } else { capacity };
                Kind::Shared { handle, streams: 0, capacity, closing: None, noted: Noted::default() }
            }
        };
        let is_shared = matches!(kind, Kind::Shared { .. });
        let origin = self.names.keys.get(dial.key).map_or_else(Id::default, |key| key.origin);
        let conn = self.conns.insert(Conn::new(dial.key, origin, kind, dial.began, now));
        self.set_timer(conn);
        let mut flips = false;
        if let Some(key) = self.names.keys.get_mut(dial.key) {
            key.conns += 1;
            key.end_shared(id, &dial, now);
            if key.key.may_multiplex() {
                flips = key.shares_dials != is_shared;
                self.names.remember(dial.key, is_shared);
            }
        }
        if flips {
            self.change_mode(dial.key, is_shared, now);
        }
        self.note_open(conn);
        if let Some(owner) = dial.owner {
            if self.conns.get(conn).is_some_and(Conn::has_room) {
                self.assign_to(conn, owner);
            } else {
                self.begin_waiting(owner, now);
            }
        }
        self.serve(conn);
        self.park(conn, now);
        self.renew_shared_demand(dial.key);
        conn
    }

    /// A dial has led to nothing.
    pub(crate) fn dial_ended(&mut self, id: Id, dial: Dial, failure: DialFailure, now: Instant) {
        let mut served = Vec::from_iter(dial.owner);
        if let Some(key) = self.names.keys.get_mut(dial.key) {
            if key.end_shared(id, &dial, now) && failure == DialFailure::Failed {
                served = key.dialless.all_for(dial.began);
            }
            let origin = key.origin;
            self.give_slot(dial.key, origin);
        }
        for waiter in served {
            match failure {
                DialFailure::Failed => self.fail(waiter, FailReason::Dial(DialId(id))),
                DialFailure::Abandoned => self.begin_waiting(waiter, now),
            }
        }
        self.renew_shared_demand(dial.key);
    }
}
