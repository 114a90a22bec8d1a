//! How much a pool holds.

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
    /// Requests without a connection, those included that a dial works for.
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
