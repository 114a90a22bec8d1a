//! Waiters: into the line of their key, and out of everything.

use crate::pool::action::{Action, FailReason};
use crate::pool::config::PoolKey;
use crate::pool::entry::{Hope, Waiter};
use crate::pool::machine::Pool;
use crate::pool::slab::Id;

impl<K: PoolKey, X, S: Clone, W: Clone> Pool<K, X, S, W> {
    /// Puts a waiter into its key's line, at its turn.
    pub(crate) fn enqueue(&mut self, id: Id) {
        let Some(waiter) = self.waiters.get(id) else {
            return;
        };
        if let Some(key) = self.names.keys.get_mut(waiter.key) {
            key.waiting.insert(waiter.want, waiter.turn, id);
        }
    }

    /// Takes a waiter out of everything it may be in. A dial that works for it goes to the next, or is given up.
    pub(crate) fn dequeue(&mut self, id: Id) -> Option<Waiter<W>> {
        let waiter = self.waiters.remove(id)?;
        if let Some(key) = self.names.keys.get_mut(waiter.key) {
            key.waiting.remove(waiter.want, waiter.turn);
        }
        match waiter.hope {
            Hope::Own(dial) => self.pass_on(dial),
            hope => self.stop_asking(id, (waiter.key, waiter.want, waiter.turn), hope),
        }
        self.renew_shared_demand(waiter.key);
        self.names.unuse_key(waiter.key);
        Some(waiter)
    }

    /// Takes a waiter out and tells it that it gets nothing.
    pub(crate) fn fail(&mut self, id: Id, why: FailReason) {
        if let Some(waiter) = self.dequeue(id) {
            self.actions.push_back(Action::Fail { waiter: waiter.token, why });
        }
    }
}
