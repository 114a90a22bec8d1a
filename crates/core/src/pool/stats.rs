//! What a pool holds, for people and tests.

use std::fmt;

use crate::pool::config::PoolKey;
use crate::pool::entry::Kind;
use crate::pool::machine::Pool;

/// How much of everything a pool holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Open connections: idle, leased, or with streams.
    pub connections: usize,
    /// Of these, those that nobody leases.
    pub idle: usize,
    /// Of these, those that serve one request at a time and are leased.
    pub leased: usize,
    /// Streams on shared connections.
    pub streams: usize,
    /// Dials under way, those that nobody wants any more included.
    pub dialing: usize,
    /// Requests without a connection.
    pub waiting: usize,
}

impl<K: PoolKey, X, S: Clone, W: Clone> Pool<K, X, S, W> {
    /// How much of everything there is. Goes through all connections.
    pub fn stats(&self) -> PoolStats {
        let mut stats = PoolStats {
            connections: self.conns.len(),
            idle: self.idle.len(),
            dialing: self.dials.len(),
            waiting: self.waiters.len(),
            ..PoolStats::default()
        };
        for (_, conn) in self.conns.iter() {
            match &conn.kind {
                Kind::Exclusive { lessee, .. } => stats.leased += usize::from(lessee.is_some()),
                Kind::Shared { streams, .. } => stats.streams += *streams as usize,
            }
        }
        stats
    }
}

impl<K: PoolKey + fmt::Debug, X, S: Clone, W: Clone + fmt::Debug> fmt::Debug for Pool<K, X, S, W> {
    /// A dump for people: every connection, dial and waiter, and what it is doing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |id| self.names.keys.get(id).map(|key| &key.key);
        let mut list = f.debug_list();
        list.entry(&self.stats());
        for (id, conn) in self.conns.iter() {
            let state = match &conn.kind {
                _ if conn.is_idle => format!("idle, expires {:?}", conn.expires),
                Kind::Exclusive { lessee, .. } => {
                    format!("leased by {:?}", lessee.as_ref().map(|lessee| &lessee.token))
                }
                Kind::Shared { streams, capacity, closing, .. } => {
                    format!("{streams} streams of {capacity:?}, closing {closing:?}")
                }
            };
            list.entry(&format_args!(
                "connection {id:?} to {:?}: {state}, served {}",
                key(conn.key),
                conn.served
            ));
        }
        for (id, dial) in self.dials.iter() {
            let shared = self.names.keys.get(dial.key).is_some_and(|key| key.shared_dial == Some(id));
            let whose = match dial.owner.and_then(|id| self.waiters.get(id)) {
                Some(waiter) => format!("for {:?}", waiter.token),
                None if shared => "for all waiters of its key".to_owned(),
                None => "for nobody".to_owned(),
            };
            list.entry(&format_args!("dial {id:?} to {:?}: {whose}", key(dial.key)));
        }
        for (id, waiter) in self.waiters.iter() {
            let (token, want, turn) = (&waiter.token, waiter.want, waiter.turn);
            list.entry(&format_args!(
                "waiter {id:?} {token:?} for {:?}: {want:?}, turn {turn}, hopes for {:?}",
                key(waiter.key),
                waiter.hope
            ));
        }
        list.finish()
    }
}
