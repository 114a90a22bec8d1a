//! Room for a waiter that only the total limit blocks, where no connection is idle: one busy shared connection takes no
//! new streams until it is idle, and is evicted then.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::pool::config::PoolKey;
use crate::pool::demand::Claim;
use crate::pool::entry::{Closing, Demand, Kind, OriginEntry};
use crate::pool::machine::Pool;
use crate::pool::slab::Id;

/// A marked connection on which no stream ends for so long is let go, and another one is marked.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which connection is marked, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// None: nobody is blocked, or there is no connection to mark.
    None,
    /// This one. `tried` were marked before for the same claim.
    Draining { claim: Claim, conn: Id, until: Instant, tried: BTreeSet<Id> },
    /// None for a while: all were tried.
    Resting { claim: Claim, until: Instant },
}

impl Mark {
    /// When something is to be done about it.
    pub(crate) fn until(&self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Draining { until, .. } | Self::Resting { until, .. } => Some(*until),
        }
    }

    /// The same, if it is for the waiter of this turn.
    pub(crate) fn until_for(&self, turn: u64) -> Option<Instant> {
        match self {
            Self::Draining { claim, .. } | Self::Resting { claim, .. } if claim.turn == turn => self.until(),
            _ => None,
        }
    }
}

impl<K: PoolKey, X, S: Clone, W: Clone> Pool<K, X, S, W> {
    /// Only the total limit blocks this claim, it is the oldest one, and nothing is idle.
    pub(crate) fn mark_one(&mut self, claim: Claim, now: Instant) {
        if self.mark == Mark::None {
            self.mark_next(claim, BTreeSet::new(), now);
        }
    }

    /// Marks the steady connection with the fewest streams that was not tried; of several, the one dialled first. Those
    /// that the waiter itself could use are spared: it will have a stream when one ends.
    fn mark_next(&mut self, claim: Claim, tried: BTreeSet<Id>, now: Instant) {
        let spared = self.key_of_any(claim);
        let own = spared.and_then(|key| self.names.keys.get(key)).map_or(0, |key| key.steady);
        let found = if own == self.steady.len() {
            None
        } else {
            let may_be = |id: &Id| !tried.contains(id) && self.conns.get(*id).map(|conn| conn.key) != spared;
            self.steady.iter().map(|(_, _, id)| *id).find(may_be)
        };
        let Some(until) = now.checked_add(PATIENCE) else {
            return;
        };
        if let Some(conn) = found {
            self.mark = Mark::Draining { claim, conn, until, tried };
            self.close_to_streams(conn, Closing::Marked);
        } else if !tried.is_empty() {
            self.mark = Mark::Resting { claim, until };
        }
    }

    /// The key whose connections would do for a claim: none if it is for a fresh one.
    fn key_of_any(&self, Claim { turn, origin }: Claim) -> Option<Id> {
        let key = match *self.names.origins.get(origin)?.demands.get(&turn)? {
            Demand::Waiter(waiter) => self.waiters.get(waiter)?.key,
            Demand::Key(key) => key,
        };
        self.names.keys.get(key)?.dialless.is_any(turn).then_some(key)
    }

    /// Lifts the mark if nothing is blocked any more, or not what it was set for: that one is gone, or its origin is at
    /// its own limit now. Returns whether it did.
    pub(crate) fn review_mark(&mut self, blocked: Option<Claim>) -> bool {
        let (Mark::Draining { claim, .. } | Mark::Resting { claim, .. }) = self.mark else {
            return false;
        };
        let origin = self.names.origins.get(claim.origin);
        let waits =
            |origin: &OriginEntry<_>| origin.ready_at.is_some() && origin.demands.contains_key(&claim.turn);
        if blocked.is_some() && origin.is_some_and(waits) {
            return false;
        }
        self.lift_mark();
        true
    }

    /// Forgets all about marking, since the pool is being shut down.
    pub(crate) fn end_marking(&mut self) {
        self.mark = Mark::None;
    }

    fn lift_mark(&mut self) {
        if let Mark::Draining { conn, .. } = std::mem::replace(&mut self.mark, Mark::None) {
            if let Some(Kind::Shared { closing, .. }) = self.conns.get_mut(conn).map(|conn| &mut conn.kind) {
                // One that has become too old meanwhile stays so.
                *closing = closing.filter(|why| *why != Closing::Marked);
            }
            self.note_open(conn);
            self.serve(conn);
        }
    }

    /// A stream has ended on this connection.
    pub(crate) fn mark_progress(&mut self, ended_on: Id, now: Instant) {
        if let Mark::Draining { conn, until, .. } = &mut self.mark {
            if *conn == ended_on {
                *until = now.checked_add(PATIENCE).unwrap_or(*until);
            }
        }
    }

    /// This connection has left the pool.
    pub(crate) fn mark_gone(&mut self, gone: Id) {
        if matches!(&self.mark, Mark::Draining { conn, .. } if *conn == gone) {
            self.mark = Mark::None;
        }
    }

    pub(crate) fn mark_timeout(&mut self, now: Instant) {
        if self.mark.until().is_none_or(|until| until > now) {
            return;
        }
        let before = self.mark.clone();
        self.lift_mark();
        if let Mark::Draining { claim, conn, mut tried, .. } = before {
            tried.insert(conn);
            self.mark_next(claim, tried, now);
        }
    }
}
