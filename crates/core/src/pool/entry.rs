//! What a pool keeps of keys, origins, connections, dials and waiters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::pool::config::{Capacity, Want};
use crate::pool::idle::{Link, List, Node, Which};
use crate::pool::line::Line;
use crate::pool::slab::Id;

/// A key that is in use.
#[derive(Debug)]
pub(crate) struct KeyEntry<K> {
    pub(crate) key: K,
    pub(crate) origin: Id,
    /// Connections, dials and waiters under this key. Without any the entry goes.
    pub(crate) uses: usize,
    /// Connections under this key.
    pub(crate) conns: usize,
    /// Its waiters.
    pub(crate) waiting: Line,
    /// Those of its waiters that have no dial of their own.
    pub(crate) dialless: Line,
    /// Exclusive connections that are idle, the longest first.
    pub(crate) idle: List,
    /// Shared connections that can take a request, by the turn of their dials.
    pub(crate) open: BTreeSet<(u64, Id)>,
    /// How many shared connections can be counted on: neither suspect nor going away nor to be evicted.
    pub(crate) steady: usize,
    /// Whether its waiters share a dial.
    pub(crate) shares_dials: bool,
    /// The dial that they share.
    pub(crate) shared_dial: Option<Id>,
    /// The end of the last dial that they shared. Those that it could have served wait since then; it is enough to know
    /// the last, since it could have served all that earlier ones could.
    pub(crate) shared_ended: Option<Ended>,
    /// The turn at which it asks for a shared dial, if it does.
    pub(crate) demand: Option<u64>,
}

impl<K> KeyEntry<K> {
    pub(crate) fn new(key: K, origin: Id, shares_dials: bool) -> Self {
        Self {
            key,
            origin,
            uses: 0,
            conns: 0,
            waiting: Line::default(),
            dialless: Line::default(),
            idle: List::default(),
            open: BTreeSet::new(),
            steady: 0,
            shares_dials,
            shared_dial: None,
            shared_ended: None,
            demand: None,
        }
    }

    /// The first waiter without a dial that one would help which begins at this turn. Where dials are shared, waiters for
    /// any connection may have to make do with the shared connections there are: `further` says that they need not.
    pub(crate) fn first_asking(&self, began: u64, further: bool) -> Option<(u64, Id)> {
        if self.shares_dials && self.shared_dial.is_some() {
            None
        } else if self.shares_dials && self.steady > 0 && !further {
            self.dialless.first_fresh(began)
        } else {
            self.dialless.first_for(began)
        }
    }

    /// Its waiters do not share this dial any more. Returns whether they did.
    pub(crate) fn end_shared(&mut self, id: Id, dial: &Dial, now: Instant) -> bool {
        let shared = self.shared_dial == Some(id);
        if shared {
            self.shared_dial = None;
            self.shared_ended = Some(Ended { began: dial.began, at: now });
        }
        shared
    }
}

/// The end of a dial that waiters shared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// The turn at which it began.
    pub(crate) began: u64,
    pub(crate) at: Instant,
}

/// Who asks for a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// One waiter, for itself.
    Waiter(Id),
    /// All waiters of a key together.
    Key(Id),
}

/// An origin that is in use.
#[derive(Debug)]
pub(crate) struct OriginEntry<O> {
    pub(crate) origin: O,
    /// Keys of this origin.
    pub(crate) keys: usize,
    /// Connections and dials.
    pub(crate) taken: usize,
    /// Idle connections of all its keys, the longest first. Kept only where there is a limit per origin.
    pub(crate) idle: List,
    /// Who asks for a dial, by their turn.
    pub(crate) demands: BTreeMap<u64, Demand>,
    /// Where it stands among the origins that may dial.
    pub(crate) ready_at: Option<u64>,
}

impl<O> OriginEntry<O> {
    pub(crate) fn new(origin: O) -> Self {
        Self { origin, keys: 0, taken: 0, idle: List::default(), demands: BTreeMap::new(), ready_at: None }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Conn<X, S, W> {
    pub(crate) key: Id,
    pub(crate) origin: Id,
    pub(crate) kind: Kind<X, S, W>,
    /// The turn at which its dial began.
    pub(crate) dialled: u64,
    pub(crate) born: Instant,
    /// Requests that were given to it.
    pub(crate) served: u64,
    /// Whether it was idle once or has finished an exchange.
    pub(crate) reused: bool,
    /// When it stops being worth keeping, counted from its last exchange or, if there was none, from when it became idle;
    /// `None` before either, or if it never does.
    pub(crate) expires: Option<Instant>,
    pub(crate) is_idle: bool,
    /// Its neighbours in the lists of idle connections.
    links: [Link; 3],
    /// Its place among the timers.
    timer: Option<usize>,
}

#[derive(Debug)]
pub(crate) enum Kind<X, S, W> {
    Exclusive {
        /// `None` while it is leased.
        handle: Option<X>,
        /// Who leases it, to be first in line again if it turns out to be stale.
        lessee: Option<Lessee<W>>,
    },
    Shared {
        handle: S,
        streams: u32,
        capacity: Capacity,
        /// Why it takes no new streams, whatever its peer allows.
        closing: Option<Closing>,
        /// How it was last entered in the books.
        noted: Noted,
    },
}

/// The waiter that an exclusive connection was given to.
#[derive(Debug)]
pub(crate) struct Lessee<W> {
    pub(crate) token: W,
    pub(crate) turn: u64,
    pub(crate) want: Want,
}

/// Why a shared connection takes no new streams and leaves with its last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// It is as old as it may be.
    Aged,
    /// It makes room for a waiter that only the total limit blocks.
    Marked,
}

/// What the books say of a shared connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    /// It is among the open ones of its key.
    pub(crate) open: bool,
    /// It is among the steady ones, with so many streams.
    pub(crate) steady: Option<u32>,
}

impl<X, S, W> Conn<X, S, W> {
    pub(crate) fn new(key: Id, origin: Id, kind: Kind<X, S, W>, dialled: u64, now: Instant) -> Self {
        Self {
            key,
            origin,
            kind,
            dialled,
            born: now,
            served: 0,
            reused: false,
            expires: None,
            is_idle: false,
            links: [Link::default(); 3],
            timer: None,
        }
    }

    /// Streams that are open on it; an exclusive one that is leased counts as one.
    pub(crate) fn leases(&self) -> u32 {
        match &self.kind {
            Kind::Exclusive { lessee, .. } => u32::from(lessee.is_some()),
            Kind::Shared { streams, .. } => *streams,
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Shared { .. })
    }

    /// Whether another request fits now, as far as its peer and the pool's wishes for room go.
    pub(crate) fn has_room(&self) -> bool {
        match &self.kind {
            Kind::Exclusive { handle, .. } => handle.is_some(),
            Kind::Shared { streams, capacity: Capacity::Streams(most), closing: None, .. } => streams < most,
            Kind::Shared { .. } => false,
        }
    }

    /// Whether it is shared and takes streams, now or when others have ended.
    pub(crate) fn is_steady(&self) -> bool {
        matches!(self.kind, Kind::Shared { capacity: Capacity::Streams(_), closing: None, .. })
    }
}

impl<X, S, W> Node for Conn<X, S, W> {
    fn link(&mut self, which: Which) -> &mut Link {
        &mut self.links[which as usize]
    }

    fn timer(&mut self) -> &mut Option<usize> {
        &mut self.timer
    }
}

/// A connection that is being opened.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) key: Id,
    /// The turn at which it began.
    pub(crate) began: u64,
    pub(crate) began_at: Instant,
    /// The waiter that it works for; none if it is shared or not wanted any more.
    pub(crate) owner: Option<Id>,
}

/// A request without a connection.
#[derive(Debug)]
pub(crate) struct Waiter<W> {
    pub(crate) token: W,
    pub(crate) key: Id,
    /// Its place in line.
    pub(crate) turn: u64,
    pub(crate) want: Want,
    pub(crate) hope: Hope,
    /// When it was put in line or, later, a dial of its own began to work for it, or ended.
    pub(crate) since: Instant,
}

impl<W> Waiter<W> {
    /// Whether it may have a connection whose dial begins at this turn.
    pub(crate) fn may_have(&self, dialled: u64) -> bool {
        self.want == Want::Any || self.turn < dialled
    }
}

/// What a waiter expects besides that a connection of its key becomes free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hope {
    /// A dial: it asks for one, or shares one with its key's other waiters.
    Dial,
    /// Nothing; it asks for a dial at this instant, if there is one.
    Patience(Option<Instant>),
    /// The end of this dial, which works for it alone.
    Own(Id),
}
