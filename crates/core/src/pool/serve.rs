//! Connections: to waiters and back from them.

use std::time::{Duration, Instant};

use crate::pool::action::{Action, Handle, Lease, RemoveReason};
use crate::pool::config::{PoolKey, Returned, Want};
use crate::pool::entry::{Kind, Lessee};
use crate::pool::machine::Pool;
use crate::pool::slab::Id;

impl<K: PoolKey, X, S: Clone, W: Clone> Pool<K, X, S, W> {
    /// A connection that a waiter can have at once: the one that became idle last, or a stream of the one dialled first.
    /// Nobody gets an idle exclusive connection for a fresh one.
    pub(crate) fn usable(&self, key: Id, want: Want, turn: u64) -> Option<Id> {
        let key = self.names.keys.get(key)?;
        match want {
            Want::Any => key.idle.newest().or_else(|| key.open.first().map(|(_, conn)| *conn)),
            Want::Fresh => key.open.last().filter(|(dialled, _)| *dialled > turn).map(|(_, conn)| *conn),
        }
    }

    /// Gives a connection that has room to one who waits in line.
    pub(crate) fn assign_to(&mut self, conn: Id, id: Id) {
        if let Some(waiter) = self.waiters.get(id) {
            let (token, turn, want) = (waiter.token.clone(), waiter.turn, waiter.want);
            self.assign(conn, token, turn, want);
            // Only now: who needs a dial depends on what the connection still takes.
            self.dequeue(id);
        }
    }

    /// Gives a connection that has room to a waiter that is not in line.
    pub(crate) fn assign(&mut self, conn: Id, token: W, turn: u64, want: Want) {
        self.leave_idle(conn);
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        let handle = match &mut entry.kind {
            Kind::Exclusive { handle, lessee } => {
                let Some(handle) = handle.take() else {
                    return;
                };
                *lessee = Some(Lessee { token: token.clone(), turn, want });
                Handle::Exclusive(handle)
            }
            Kind::Shared { handle, streams, .. } => {
                *streams += 1;
                Handle::Shared(handle.clone())
            }
        };
        entry.served += 1;
        let (reused, lease) = (entry.reused, Lease { conn });
        self.actions.push_back(Action::Assign { waiter: token, lease, conn: handle, reused });
        self.note_open(conn);
    }

    /// Gives a connection to as many of its waiters as it can take.
    pub(crate) fn serve(&mut self, conn: Id) {
        while let Some((_, waiter)) = self.first_waiter_for(conn) {
            self.assign_to(conn, waiter);
        }
    }

    /// A lease of this connection has ended.
    pub(crate) fn take_back(&mut self, conn: Id, returned: Returned<X>, now: Instant) {
        let entry = self.conns.get_mut(conn).filter(|entry| entry.leases() > 0);
        match (entry.map(|entry| &mut entry.kind), returned) {
            (Some(Kind::Exclusive { handle, lessee }), Returned::Finished(x, hint)) => {
                (*handle, *lessee) = (Some(x), None);
                let expires = self.exchange_ended(conn, hint, now);
                self.free_up(conn, expires, now);
            }
            (Some(Kind::Exclusive { handle, lessee }), Returned::Unused(x)) => {
                (*handle, *lessee) = (Some(x), None);
                self.exchange_undone(conn, now);
            }
            (Some(Kind::Shared { streams, .. }), Returned::StreamDone) => {
                *streams -= 1;
                self.mark_progress(conn, now);
                let expires = self.exchange_ended(conn, None, now);
                self.free_up(conn, expires, now);
            }
            (Some(Kind::Shared { streams, .. }), Returned::StreamUnused) => {
                *streams -= 1;
                self.mark_progress(conn, now);
                self.exchange_undone(conn, now);
            }
            // What cannot be the end of this lease leaves nothing to rely on.
            (_, returned) => {
                if self.conns.get(conn).is_some_and(|entry| entry.leases() > 0) {
                    self.remove(conn, RemoveReason::Closed);
                }
                if let Returned::Finished(x, _) | Returned::Unused(x) = returned {
                    let handle = Handle::Exclusive(x);
                    self.actions.push_back(Action::Close { handle, why: RemoveReason::Unknown });
                }
            }
        }
    }

    /// Returns when the connection stops being worth keeping.
    fn exchange_ended(&mut self, conn: Id, hint: Option<Duration>, now: Instant) -> Option<Instant> {
        let entry = self.conns.get_mut(conn)?;
        entry.reused = true;
        let born = entry.born;
        let expires = self.expiry(born, hint, now);
        if let Some(entry) = self.conns.get_mut(conn) {
            entry.expires = expires;
        }
        expires
    }

    /// A connection comes back as it was when it was given out, and stays worth keeping no longer than it was then.
    fn exchange_undone(&mut self, conn: Id, now: Instant) {
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        entry.served = entry.served.saturating_sub(1);
        let (born, before) = (entry.born, entry.expires);
        if entry.leases() == 0 && before.is_some_and(|at| at <= now) {
            self.remove(conn, RemoveReason::Expired);
            return;
        }
        let expires = before.or_else(|| self.expiry(born, None, now));
        self.free_up(conn, expires, now);
    }

    /// A connection has room again: it serves the next waiters. One that nobody leases then becomes idle or is closed.
    fn free_up(&mut self, conn: Id, expires: Option<Instant>, now: Instant) {
        self.note_open(conn);
        if let Some(why) = self.must_go(conn, now) {
            self.remove(conn, why);
        } else if let Some(first) = self.first_waiter_for(conn) {
            if self.owes_its_slot(conn, first) {
                self.remove(conn, RemoveReason::Evicted);
            } else {
                self.serve(conn);
                self.rest(conn, expires, now);
            }
        } else {
            self.rest(conn, expires, now);
        }
    }

    /// The turn and id of the first in line that a connection can serve now.
    fn first_waiter_for(&self, conn: Id) -> Option<(u64, Id)> {
        let entry = self.conns.get(conn)?;
        if !entry.has_room() || self.has_served_enough(entry) {
            return None;
        }
        let waiting = &self.names.keys.get(entry.key)?.waiting;
        // An exclusive one that has served somebody may have been left by its server since, like an idle one.
        let is_used = matches!(entry.kind, Kind::Exclusive { .. }) && entry.served > 0;
        if is_used { waiting.first_any() } else { waiting.first_for(entry.dialled) }
    }

    /// A new connection has served whoever waited for it. One that nobody leases becomes idle or is closed.
    pub(crate) fn park(&mut self, conn: Id, now: Instant) {
        match self.must_go(conn, now) {
            Some(why) => self.remove(conn, why),
            None => {
                let expires = self.expiry(now, None, now);
                self.rest(conn, expires, now);
            }
        }
    }

    /// Nothing but time is against keeping this connection.
    fn rest(&mut self, conn: Id, expires: Option<Instant>, now: Instant) {
        if self.conns.get(conn).is_none_or(|entry| entry.leases() > 0) {
            return;
        }
        if expires.is_some_and(|at| at <= now) {
            self.remove(conn, RemoveReason::Expired);
        } else {
            self.make_idle(conn, expires);
        }
    }

    /// Whether somebody who waits for the slot of a connection that nobody leases came before the first of those who wait
    /// for the connection. Without this, those of one busy origin would hand a connection on among them for ever.
    fn owes_its_slot(&self, conn: Id, (first, _): (u64, Id)) -> bool {
        let Some(entry) = self.conns.get(conn).filter(|entry| entry.leases() == 0) else {
            return false;
        };
        let Some(origin) = self.names.origins.get(entry.origin) else {
            return false;
        };
        let full = self.taken >= self.config.max_connections;
        let origin_full = self.config.max_connections_per_origin.is_some_and(|most| origin.taken >= most);
        let of_pool = self.ready.first().map(|(turn, _)| *turn).filter(|_| full);
        let of_origin =
            origin.demands.first_key_value().map(|(turn, _)| *turn).filter(|_| full || origin_full);
        of_pool.into_iter().chain(of_origin).any(|turn| turn < first)
    }
}
