//! Idle connections: in the order of their idleness, and by when they expire.

use crate::pool::slab::{Id, Slab};

/// The lists that a connection is in while it is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All idle connections.
    Pool = 0,
    /// Those of its origin, if there is a limit per origin.
    Origin = 1,
    /// Those of its key, if it is exclusive.
    Key = 2,
}

/// What is in lists and among the timers: it holds its places there itself.
pub(crate) trait Node {
    /// Its neighbours in this list.
    fn link(&mut self, which: Which) -> &mut Link;

    /// Its place among the timers.
    fn timer(&mut self) -> &mut Option<usize>;
}

/// A connection's neighbours in one list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    older: Option<Id>,
    newer: Option<Id>,
}

/// A list through the connections themselves: nothing is allocated for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct List {
    oldest: Option<Id>,
    newest: Option<Id>,
    len: usize,
}

impl List {
    /// The one that has been idle for longest.
    pub(crate) fn oldest(&self) -> Option<Id> {
        self.oldest
    }

    /// The one that became idle last.
    pub(crate) fn newest(&self) -> Option<Id> {
        self.newest
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The one that became idle next after this one.
    pub(crate) fn after<N: Node>(conns: &mut Slab<N>, which: Which, id: Id) -> Option<Id> {
        conns.get_mut(id)?.link(which).newer
    }

    pub(crate) fn push<N: Node>(&mut self, conns: &mut Slab<N>, which: Which, id: Id) {
        let link = Link { older: self.newest, newer: None };
        if let Some(conn) = conns.get_mut(id) {
            *conn.link(which) = link;
        }
        match self.newest.and_then(|id| conns.get_mut(id)) {
            Some(before) => before.link(which).newer = Some(id),
            None => self.oldest = Some(id),
        }
        self.newest = Some(id);
        self.len += 1;
    }

    /// Takes out a connection that is in the list.
    pub(crate) fn remove<N: Node>(&mut self, conns: &mut Slab<N>, which: Which, id: Id) {
        let Some(conn) = conns.get_mut(id) else {
            return;
        };
        let Link { older, newer } = std::mem::take(conn.link(which));
        match older.and_then(|id| conns.get_mut(id)) {
            Some(before) => before.link(which).newer = newer,
            None => self.oldest = newer,
        }
        match newer.and_then(|id| conns.get_mut(id)) {
            Some(after) => after.link(which).older = older,
            None => self.newest = older,
        }
        self.len -= 1;
    }
}

/// Connections by when something is due for them: a binary heap whose entries know their places.
#[derive(Debug)]
pub(crate) struct Expiries<T> {
    heap: Vec<(T, Id)>,
}

impl<T: Copy + Ord> Expiries<T> {
    pub(crate) fn new() -> Self {
        Self { heap: Vec::new() }
    }

    /// The next one that is due.
    pub(crate) fn first(&self) -> Option<(T, Id)> {
        self.heap.first().copied()
    }

    pub(crate) fn insert<N: Node>(&mut self, conns: &mut Slab<N>, at: T, id: Id) {
        self.heap.push((at, id));
        self.rise(conns, self.heap.len() - 1);
    }

    /// Takes out a connection, if it is there.
    pub(crate) fn remove<N: Node>(&mut self, conns: &mut Slab<N>, id: Id) {
        let Some(place) = conns.get_mut(id).and_then(|conn| conn.timer().take()) else {
            return;
        };
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            let place = self.rise(conns, place);
            self.sink(conns, place);
        }
    }

    /// Moves an entry up to its place, and returns that.
    fn rise<N: Node>(&mut self, conns: &mut Slab<N>, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent] <= self.heap[place] {
                break;
            }
            self.heap.swap(parent, place);
            self.note(conns, place);
            place = parent;
        }
        self.note(conns, place);
        place
    }

    /// Moves an entry down to its place.
    fn sink<N: Node>(&mut self, conns: &mut Slab<N>, mut place: usize) {
        loop {
            let children = 2 * place + 1..(2 * place + 3).min(self.heap.len());
            let Some(child) = children.min_by_key(|&child| self.heap[child]) else {
                break;
            };
            if self.heap[place] <= self.heap[child] {
                break;
            }
            self.heap.swap(place, child);
            self.note(conns, place);
            place = child;
        }
        self.note(conns, place);
    }

    fn note<N: Node>(&self, conns: &mut Slab<N>, place: usize) {
        if let Some(conn) = conns.get_mut(self.heap[place].1) {
            *conn.timer() = Some(place);
        }
    }
}

#[cfg(test)]
mod tests;
