//! Connections while they are kept: idle, under their timers, in the books of their key, and out.

use std::time::Instant;

use crate::pool::action::{Action, Handle, RemoveReason};
use crate::pool::config::{Capacity, PoolKey};
use crate::pool::entry::{Closing, Conn, Kind, Noted};
use crate::pool::idle::Which;
use crate::pool::machine::{Pool, Shutdown};
use crate::pool::slab::Id;

impl<K: PoolKey, X, S: Clone, W: Clone> Pool<K, X, S, W> {
    /// Why a connection, if nobody leases it, cannot stay.
    pub(crate) fn must_go(&self, conn: Id, now: Instant) -> Option<RemoveReason> {
        let entry = self.conns.get(conn).filter(|entry| entry.leases() == 0)?;
        if self.shutdown != Shutdown::No {
            return Some(RemoveReason::Shutdown);
        }
        match &entry.kind {
            Kind::Shared { closing: Some(Closing::Marked), .. } => return Some(RemoveReason::Evicted),
            Kind::Shared { closing: Some(Closing::Aged), .. } => return Some(RemoveReason::MaxAge),
            Kind::Shared { capacity: Capacity::Retiring, .. } => return Some(RemoveReason::Retired),
            Kind::Shared { .. } | Kind::Exclusive { .. } => {}
        }
        if self.has_served_enough(entry) {
            return Some(RemoveReason::MaxRequests);
        }
        self.too_old_at(entry).filter(|at| *at <= now).map(|_| RemoveReason::MaxAge)
    }

    pub(crate) fn has_served_enough(&self, entry: &Conn<X, S, W>) -> bool {
        // A connection that could serve nobody would be dialled again and again.
        self.config.max_requests_per_connection.is_some_and(|most| entry.served >= most.max(1))
    }

    fn too_old_at(&self, entry: &Conn<X, S, W>) -> Option<Instant> {
        self.config.max_age.and_then(|age| entry.born.checked_add(age))
    }

    pub(crate) fn make_idle(&mut self, conn: Id, expires: Option<Instant>) {
        let Some(entry) = self.conns.get_mut(conn) else {
            return;
        };
        entry.is_idle = true;
        entry.reused = true;
        entry.expires = expires;
        let (key, origin, shared) = (entry.key, entry.origin, entry.is_shared());
        self.idle.push(&mut self.conns, Which::Pool, conn);
        if self.config.max_connections_per_origin.is_some() {
            if let Some(origin) = self.names.origins.get_mut(origin) {
                origin.idle.push(&mut self.conns, Which::Origin, conn);
            }
            self.note_ready(origin);
        }
        if let Some(key) = self.names.keys.get_mut(key).filter(|_| !shared) {
            key.idle.push(&mut self.conns, Which::Key, conn);
        }
        self.set_timer(conn);
    }

    pub(crate) fn leave_idle(&mut self, conn: Id) {
        let Some(entry) = self.conns.get_mut(conn).filter(|entry| entry.is_idle) else {
            return;
        };
        entry.is_idle = false;
        let (key, origin, shared) = (entry.key, entry.origin, entry.is_shared());
        self.idle.remove(&mut self.conns, Which::Pool, conn);
        if self.config.max_connections_per_origin.is_some() {
            if let Some(origin) = self.names.origins.get_mut(origin) {
                origin.idle.remove(&mut self.conns, Which::Origin, conn);
            }
            self.note_ready(origin);
        }
        if let Some(key) = self.names.keys.get_mut(key).filter(|_| !shared) {
            key.idle.remove(&mut self.conns, Which::Key, conn);
        }
        self.set_timer(conn);
    }

    /// Sets when time does something to a connection: an idle one expires, a busy shared one becomes too old for streams.
    pub(crate) fn set_timer(&mut self, conn: Id) {
        self.timers.remove(&mut self.conns, conn);
        let at = self.conns.get(conn).and_then(|entry| match &entry.kind {
            _ if entry.is_idle => entry.expires,
            Kind::Shared { closing: None | Some(Closing::Marked), .. } => self.too_old_at(entry),
            Kind::Shared { closing: Some(Closing::Aged), .. } | Kind::Exclusive { .. } => None,
        });
        if let Some(at) = at {
            self.timers.insert(&mut self.conns, at, conn);
        }
    }

    /// Does what time does to connections.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some((_, conn)) = self.timers.first().filter(|(at, _)| *at <= now) {
            if self.conns.get(conn).is_some_and(|entry| entry.is_idle) {
                let why = self.must_go(conn, now).unwrap_or(RemoveReason::Expired);
                self.remove(conn, why);
            } else {
                self.timers.remove(&mut self.conns, conn);
                self.close_to_streams(conn, Closing::Aged);
            }
        }
    }

    /// A shared connection takes no new streams.
    pub(crate) fn close_to_streams(&mut self, conn: Id, why: Closing) {
        if let Some(Kind::Shared { closing, .. }) = self.conns.get_mut(conn).map(|conn| &mut conn.kind) {
            *closing = Some(why);
        }
        self.note_open(conn);
    }

    /// Enters in the books whether a shared connection takes streams, and whether it can be counted on.
    pub(crate) fn note_open(&mut self, conn: Id) {
        let Some(entry) = self.conns.get(conn).filter(|entry| entry.is_shared()) else {
            return;
        };
        let enough = self.has_served_enough(entry);
        let open = entry.has_room() && !enough;
        let steady = Some(entry.leases()).filter(|_| entry.is_steady() && !enough);
        let (key_id, dialled) = (entry.key, entry.dialled);
        let Some(Kind::Shared { noted, .. }) = self.conns.get_mut(conn).map(|conn| &mut conn.kind) else {
            return;
        };
        let before = std::mem::replace(noted, Noted { open, steady });
        if before == *noted {
            return;
        }
        if before.steady != steady {
            if let Some(streams) = before.steady {
                self.steady.remove(&(streams, dialled, conn));
            }
            self.steady.extend(steady.map(|streams| (streams, dialled, conn)));
        }
        let Some(key) = self.names.keys.get_mut(key_id) else {
            return;
        };
        match (before.open, open) {
            (false, true) => _ = key.open.insert((dialled, conn)),
            (true, false) => _ = key.open.remove(&(dialled, conn)),
            (false, false) | (true, true) => {}
        }
        match (before.steady, steady) {
            (None, Some(_)) => key.steady += 1,
            (Some(_), None) => key.steady -= 1,
            (None, None) | (Some(_), Some(_)) => return,
        }
        self.renew_shared_demand(key_id);
    }

    pub(crate) fn set_capacity(&mut self, conn: Id, to: Capacity) {
        let Some(Kind::Shared { capacity, streams, .. }) = self.conns.get_mut(conn).map(|c| &mut c.kind)
        else {
            return;
        };
        // A peer that goes away does not come back.
        if *capacity == Capacity::Retiring || to == Capacity::Exclusive {
            return;
        }
        *capacity = to;
        if to == Capacity::Retiring && *streams == 0 {
            self.remove(conn, RemoveReason::Retired);
            return;
        }
        self.note_open(conn);
        self.serve(conn);
    }

    /// Takes a connection out of the pool, to be closed.
    pub(crate) fn remove(&mut self, conn: Id, why: RemoveReason) {
        let Some(entry) = self.forget(conn) else {
            return;
        };
        let handle = match entry.kind {
            Kind::Exclusive { handle, .. } => handle.map(Handle::Exclusive),
            Kind::Shared { handle, .. } => Some(Handle::Shared(handle)),
        };
        self.actions.extend(handle.map(|handle| Action::Close { handle, why }));
    }

    /// Takes a connection out of the pool.
    pub(crate) fn forget(&mut self, conn: Id) -> Option<Conn<X, S, W>> {
        self.leave_idle(conn);
        self.timers.remove(&mut self.conns, conn);
        let entry = self.conns.remove(conn)?;
        self.mark_gone(conn);
        let noted = match &entry.kind {
            Kind::Shared { noted, .. } => *noted,
            Kind::Exclusive { .. } => Noted::default(),
        };
        if let Some(streams) = noted.steady {
            self.steady.remove(&(streams, entry.dialled, conn));
        }
        if let Some(key) = self.names.keys.get_mut(entry.key) {
            key.conns -= 1;
            key.open.remove(&(entry.dialled, conn));
            key.steady -= usize::from(noted.steady.is_some());
        }
        self.give_slot(entry.key, entry.origin);
        self.end_patience(entry.key);
        self.renew_shared_demand(entry.key);
        Some(entry)
    }
}
