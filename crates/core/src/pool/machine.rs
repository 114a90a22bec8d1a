//! The pool: what is told to it and what it answers.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::pool::action::{Action, ConnId, DialId, FailReason, Handle, Lease, RemoveReason, WaiterId};
use crate::pool::config::{Capacity, DialFailure, PoolConfig, PoolKey, Returned, Want};
use crate::pool::entry::{Conn, Dial, Hope, Kind, Waiter};
use crate::pool::idle::{Expiries, List, Which};
use crate::pool::intern::Names;
use crate::pool::mark::Mark;
use crate::pool::slab::{Id, Slab};

/// Who gets which connection: bookkeeping over handles that the pool owns while nobody leases them.
///
/// `K` is the key of a connection, `X` the handle of one that serves one request at a time, `S` that of one that serves
/// several, `W` a token by which the owner knows a waiter.
///
/// # Inputs
///
/// [`request`](Self::request), [`cancel`](Self::cancel), [`release`](Self::release),
/// [`release_stale`](Self::release_stale); what became of dials and connections (`handle_*`);
/// [`expire_idle`](Self::expire_idle), [`drain`](Self::drain) and [`close`](Self::close).
///
/// # Outputs
///
/// [`poll_action`](Self::poll_action), to be called until it has nothing after every input;
/// [`poll_timeout`](Self::poll_timeout) and [`waiter_timeout`](Self::waiter_timeout);
/// [`waiting_since`](Self::waiting_since) and [`dialing_since`](Self::dialing_since); [`stats`](Self::stats); a dump for people by `Debug`.
///
/// # Time
///
/// `now` is an argument. One before an earlier one counts as no time passed.
///
/// # Errors
///
/// None. Ids and leases that the pool does not know, or not any more, are ignored, and a handle that comes with one is
/// given back to be closed.
///
/// # Invariants
///
/// Connections and dials never exceed the limits. A waiter that a free slot, an idle connection that may be evicted or a
/// free stream could serve does not wait, unless it has patience, a dial works for it, or its key has one under way that
/// began too early for it. Waiters are served in their order: a connection that becomes free while somebody older waits
/// for its slot is closed for that one, but a waiter whose own origin is at its limit blocks nobody else. Handles come
/// out as often as they went in. Nothing depends on the order of a hash table.
pub struct Pool<K: PoolKey, X, S: Clone, W: Clone> {
    pub(crate) config: PoolConfig,
    pub(crate) names: Names<K>,
    pub(crate) conns: Slab<Conn<X, S, W>>,
    pub(crate) dials: Slab<Dial>,
    pub(crate) waiters: Slab<Waiter<W>>,
    pub(crate) actions: VecDeque<Action<K, X, S, W>>,
    /// All idle connections, the longest first.
    pub(crate) idle: List,
    /// When idle connections expire, and busy shared ones become too old.
    pub(crate) timers: Expiries<Instant>,
    /// Waiters that dial at an instant unless they are served before.
    pub(crate) patient: BTreeSet<(Instant, Id)>,
    /// Origins that ask for a dial and are below their own limit, by the turn of their first demand.
    pub(crate) ready: BTreeSet<(u64, Id)>,
    pub(crate) mark: Mark,
    /// Connections and dials.
    pub(crate) taken: usize,
    /// Shared connections that can be counted on, those with the fewest streams first, then those dialled first.
    pub(crate) steady: BTreeSet<(u32, u64, Id)>,
    turn: u64,
    /// Of the last input.
    pub(crate) now: Option<Instant>,
    pub(crate) shutdown: Shutdown,
}

/// Whether the pool still serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    No,
    /// What runs may end.
    Drain,
}

impl<K: PoolKey, X, S: Clone, W: Clone> Pool<K, X, S, W> {
    /// An empty pool.
    pub fn new(config: PoolConfig) -> Self {
        Self {
            config,
            names: Names::new(),
            conns: Slab::new(),
            dials: Slab::new(),
            waiters: Slab::new(),
            actions: VecDeque::new(),
            idle: List::default(),
            timers: Expiries::new(),
            patient: BTreeSet::new(),
            ready: BTreeSet::new(),
            mark: Mark::None,
            taken: 0,
            steady: BTreeSet::new(),
            turn: 0,
            now: None,
            shutdown: Shutdown::No,
        }
    }

    /// A request asks for a connection. It is assigned one now or later, or fails, unless it is cancelled before.
    pub fn request(&mut self, key: &K, waiter: W, want: Want, now: Instant) -> WaiterId {
        let now = self.tick(now);
        let turn = self.next_turn();
        if self.shutdown != Shutdown::No {
            self.actions.push_back(Action::Fail { waiter, why: FailReason::Shutdown });
            return WaiterId(self.waiters.spend_id());
        }
        let key = self.names.key(key);
        let id = self.wait(key, waiter, turn, want, now);
        self.dispatch(now);
        id
    }

    /// Whether a request for any connection under this key would be assigned one at once.
    pub fn can_serve(&mut self, key: &K, now: Instant) -> bool {
        self.tick(now);
        let known = self.names.find(key).filter(|_| self.shutdown == Shutdown::No);
        known.is_some_and(|key| self.usable(key, Want::Any, self.turn).is_some())
    }

    /// A request does not wait any more. If it was assigned a connection already, that is for it to release. If it was
    /// told to dial and will not, it cancels first and calls the dial abandoned then.
    pub fn cancel(&mut self, waiter: WaiterId, now: Instant) {
        let now = self.tick(now);
        self.dequeue(waiter.0);
        self.dispatch(now);
    }

    /// A lease ends.
    ///
    /// A handle that the pool does not expect back comes out again to be closed. An exclusive connection without its
    /// handle, and a shared one of which somebody says that it is gone, leave the pool.
    pub fn release(&mut self, lease: Lease, returned: Returned<X>, now: Instant) {
        let now = self.tick(now);
        self.take_back(lease.conn, returned, now);
        self.dispatch(now);
    }

    /// The connection was found dead before anything was sent on it, and leaves the pool. Its request is first in line
    /// again, under a new id.
    ///
    /// `None` if the lease is unknown, or of a shared connection: then the request has to ask again.
    pub fn release_stale(&mut self, lease: Lease, now: Instant) -> Option<WaiterId> {
        let now = self.tick(now);
        let conn = self.conns.get_mut(lease.conn);
        let lessee = conn.and_then(|conn| match &mut conn.kind {
            Kind::Exclusive { lessee, .. } => lessee.take().map(|lessee| (conn.key, lessee)),
            Kind::Shared { .. } => None,
        });
        let Some((key, lessee)) = lessee else {
            self.take_back(lease.conn, Returned::Gone, now);
            self.dispatch(now);
            return None;
        };
        // The key must outlive the connection.
        self.names.use_key(key);
        self.forget(lease.conn);
        let id = if self.shutdown == Shutdown::No {
            self.wait(key, lessee.token, lessee.turn, lessee.want, now)
        } else {
            self.actions.push_back(Action::Fail { waiter: lessee.token, why: FailReason::Shutdown });
            WaiterId(self.waiters.spend_id())
        };
        self.names.unuse_key(key);
        self.dispatch(now);
        Some(id)
    }

    /// A dial has led to a connection. One that nobody waits for goes idle. `capacity` is that of a shared handle.
    ///
    /// `None` if the dial is unknown; the handle comes out again to be closed.
    pub fn handle_dialed(
        &mut self,
        dial: DialId,
        handle: Handle<X, S>,
        capacity: Capacity,
        now: Instant,
    ) -> Option<ConnId> {
        let now = self.tick(now);
        let conn = match self.dials.remove(dial.0) {
            Some(entry) => Some(ConnId(self.connected(dial.0, entry, handle, capacity, now))),
            None => {
                self.actions.push_back(Action::Close { handle, why: RemoveReason::Unknown });
                None
            }
        };
        self.dispatch(now);
        conn
    }

    /// A dial has led to nothing.
    pub fn handle_dial_failed(&mut self, dial: DialId, failure: DialFailure, now: Instant) {
        let now = self.tick(now);
        if let Some(entry) = self.dials.remove(dial.0) {
            self.dial_ended(dial.0, entry, failure, now);
        }
        self.dispatch(now);
    }

    /// The peer of a shared connection allows more or fewer streams, is under suspicion, or goes away.
    pub fn handle_capacity(&mut self, conn: ConnId, capacity: Capacity, now: Instant) {
        let now = self.tick(now);
        self.set_capacity(conn.0, capacity);
        self.dispatch(now);
    }

    /// A connection is gone. Leases of it may still be released; they mean nothing any more.
    pub fn handle_closed(&mut self, conn: ConnId, now: Instant) {
        let now = self.tick(now);
        self.remove(conn.0, RemoveReason::Closed);
        self.dispatch(now);
    }

    /// Time has passed. To be called when [`poll_timeout`](Self::poll_timeout) says so; earlier does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.tick(now);
        while let Some(due) = self.patient.first().copied().filter(|(at, _)| *at <= now) {
            self.patient.remove(&due);
            self.lose_patience(due.1);
        }
        self.mark_timeout(now);
        self.dispatch(now);
    }

    /// Every idle connection under such a key counts as expired. The machine slept, for instance, and no peer can be trusted
    /// to be still there; or whatever polls those connections is gone. Connections that are leased or have streams are
    /// left alone: whoever uses them finds out.
    pub fn expire_idle(&mut self, which: impl Fn(&K) -> bool, now: Instant) {
        let now = self.advance(now);
        // Before anything else expires, so that the oldest leaves first.
        let mut next = self.idle.oldest();
        while let Some(conn) = next {
            next = List::after(&mut self.conns, Which::Pool, conn);
            let key = self.conns.get(conn).and_then(|conn| self.names.keys.get(conn.key));
            if key.is_some_and(|key| which(&key.key)) {
                self.remove(conn, RemoveReason::Expired);
            }
        }
        self.expire(now);
        self.dispatch(now);
    }

    /// Serves nobody new: waiters fail, idle connections close, and what runs may end.
    pub fn drain(&mut self, now: Instant) {
        self.tick(now);
        self.shutdown = Shutdown::Drain;
        self.end_marking();
        let mut waiting: Vec<_> = self.waiters.iter().map(|(id, waiter)| (waiter.turn, id)).collect();
        waiting.sort_unstable();
        for (_, waiter) in waiting {
            self.fail(waiter, FailReason::Shutdown);
        }
        while let Some(conn) = self.idle.oldest() {
            self.remove(conn, RemoveReason::Shutdown);
        }
    }

    /// The same, and shared connections are closed at once. An exclusive one that is leased is closed when its lease
    /// ends.
    pub fn close(&mut self, now: Instant) {
        self.drain(now);
        let shared: Vec<Id> = self.conns.iter().filter(|(_, c)| c.is_shared()).map(|(id, _)| id).collect();
        for conn in shared {
            self.remove(conn, RemoveReason::Shutdown);
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action<K, X, S, W>> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let expiry = self.timers.first().map(|(at, _)| at);
        let patience = self.patient.first().map(|(at, _)| *at);
        [expiry, patience, self.mark.until()].into_iter().flatten().min()
    }

    /// Since when this waiter has neither a connection nor a dial, its own or a shared one that can serve it: since it was
    /// put in line or, if that was later, since its last dial ended without serving it. Patience is waiting, too.
    ///
    /// It is for the owner's pool timeout. Waiting for the pool is what that is about; while a dial works for the waiter
    /// the connect timeout runs instead, and this is `None`, as for a waiter that the pool does not know, or not any more.
    pub fn waiting_since(&self, waiter: WaiterId) -> Option<Instant> {
        let waiter = self.waiters.get(waiter.0).filter(|waiter| !matches!(waiter.hope, Hope::Own(_)))?;
        let key = self.names.keys.get(waiter.key)?;
        let shared = key.shared_dial.and_then(|dial| self.dials.get(dial));
        if shared.is_some_and(|dial| waiter.may_have(dial.began)) {
            return None;
        }
        let lost = key.shared_ended.filter(|ended| waiter.may_have(ended.began));
        Some(lost.map_or(waiter.since, |ended| ended.at.max(waiter.since)))
    }

    /// Since when a dial works for this waiter, its own or a shared one: since it was begun, or passed on to it, or since the
    /// waiter came to share it. `None` while none does, and for a waiter that the pool does not know, or not any more.
    ///
    /// It is for the owner's connect timeout where the dial is another's, who may have been given another time.
    pub fn dialing_since(&self, waiter: WaiterId) -> Option<Instant> {
        let waiter = self.waiters.get(waiter.0)?;
        if let Hope::Own(_) = waiter.hope {
            return Some(waiter.since);
        }
        let dial = self.names.keys.get(waiter.key)?.shared_dial.and_then(|dial| self.dials.get(dial));
        dial.filter(|dial| waiter.may_have(dial.began)).map(|dial| dial.began_at.max(waiter.since))
    }

    /// The dial that works for this waiter, its own or a shared one, if there is one.
    pub fn dial_for(&self, waiter: WaiterId) -> Option<DialId> {
        let waiter = self.waiters.get(waiter.0)?;
        if let Hope::Own(dial) = waiter.hope {
            return Some(DialId(dial));
        }
        let id = self.names.keys.get(waiter.key)?.shared_dial?;
        self.dials.get(id).filter(|dial| waiter.may_have(dial.began)).map(|_| DialId(id))
    }

    /// The time of the last input: what a dump's ages are counted up to.
    pub fn last_input(&self) -> Option<Instant> {
        self.now
    }

    /// The connection that has been idle for longest, to be looked at.
    pub fn oldest_idle(&self) -> Option<Handle<&X, &S>> {
        match &self.conns.get(self.idle.oldest()?)?.kind {
            Kind::Exclusive { handle, .. } => handle.as_ref().map(Handle::Exclusive),
            Kind::Shared { handle, .. } => Some(Handle::Shared(handle)),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due for this waiter in particular: its patience ends, or the room
    /// that is made for it is looked for elsewhere. A waiter that sees to this itself depends on nobody who looks after
    /// [`poll_timeout`](Self::poll_timeout).
    pub fn waiter_timeout(&self, waiter: WaiterId) -> Option<Instant> {
        let waiter = self.waiters.get(waiter.0)?;
        match waiter.hope {
            Hope::Patience(until) => until,
            Hope::Dial => self.mark.until_for(waiter.turn),
            Hope::Own(_) => None,
        }
    }

    pub(crate) fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    /// A waiter gets what there is for it, or takes its place in line.
    fn wait(&mut self, key: Id, token: W, turn: u64, want: Want, now: Instant) -> WaiterId {
        if let Some(conn) = self.usable(key, want, turn) {
            self.assign(conn, token, turn, want);
            return WaiterId(self.waiters.spend_id());
        }
        let id = self.waiters.insert(Waiter { token, key, turn, want, hope: Hope::Dial, since: now });
        self.names.use_key(key);
        self.enqueue(id);
        self.begin_waiting(id, now);
        WaiterId(id)
    }

    /// Nothing is used that has expired by now.
    fn tick(&mut self, now: Instant) -> Instant {
        let now = self.advance(now);
        self.expire(now);
        now
    }

    /// Time never goes backwards.
    fn advance(&mut self, now: Instant) -> Instant {
        let now = self.now.map_or(now, |before| before.max(now));
        self.now = Some(now);
        now
    }

    /// When a connection that becomes idle now stops being worth keeping.
    pub(crate) fn expiry(&self, born: Instant, hint: Option<Duration>, now: Instant) -> Option<Instant> {
        let keep = [self.config.keepalive_expiry, hint].into_iter().flatten().min();
        let idle = keep.and_then(|keep| now.checked_add(keep));
        let age = self.config.max_age.and_then(|age| born.checked_add(age));
        [idle, age].into_iter().flatten().min()
    }
}
