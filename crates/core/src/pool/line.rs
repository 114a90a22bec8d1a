//! Waiters of one key in their order.

use std::collections::BTreeMap;

use crate::pool::config::Want;
use crate::pool::slab::Id;

/// Waiters by their turn, those for any connection apart from those for a fresh one.
#[derive(Debug, Default)]
pub(crate) struct Line {
    any: BTreeMap<u64, Id>,
    fresh: BTreeMap<u64, Id>,
}

impl Line {
    pub(crate) fn insert(&mut self, want: Want, turn: u64, id: Id) {
        self.of(want).insert(turn, id);
    }

    pub(crate) fn remove(&mut self, want: Want, turn: u64) {
        self.of(want).remove(&turn);
    }

    /// The first waiter for any connection.
    pub(crate) fn first_any(&self) -> Option<(u64, Id)> {
        self.any.first_key_value().map(|(turn, id)| (*turn, *id))
    }

    /// The first waiter for a fresh connection, if one whose dial begins at this turn is fresh for it. It is for no
    /// other one if not for the first.
    pub(crate) fn first_fresh(&self, dialled: u64) -> Option<(u64, Id)> {
        self.fresh.first_key_value().filter(|(turn, _)| **turn < dialled).map(|(turn, id)| (*turn, *id))
    }

    /// The first waiter that a connection may serve whose dial begins at this turn.
    pub(crate) fn first_for(&self, dialled: u64) -> Option<(u64, Id)> {
        self.first_any().into_iter().chain(self.first_fresh(dialled)).min()
    }

    /// All that such a connection may serve, in their order.
    pub(crate) fn all_for(&self, dialled: u64) -> Vec<Id> {
        let mut all: Vec<_> = self.any.iter().chain(self.fresh.range(..dialled)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, id)| *id).collect()
    }

    /// Whether the waiter of this turn takes any connection.
    pub(crate) fn is_any(&self, turn: u64) -> bool {
        self.any.contains_key(&turn)
    }

    fn of(&mut self, want: Want) -> &mut BTreeMap<u64, Id> {
        match want {
            Want::Any => &mut self.any,
            Want::Fresh => &mut self.fresh,
        }
    }
}

#[cfg(test)]
mod tests;
