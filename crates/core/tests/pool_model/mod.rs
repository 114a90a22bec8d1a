//! The pool once more, slow and obvious: plain vectors, scanned from the front, every rule written out where it holds.

mod dispatch;
mod run;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use martlet_core::pool::{
    Capacity, DialFailure, DialPolicy, FailReason, PoolConfig, PoolKey, RemoveReason, Want,
};

pub(crate) use self::run::{Choices, Run, foreign_ids};

/// A key of the tests: an origin, what else tells connections apart, and whether HTTP/2 may be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) origin: u8,
    pub(crate) variant: u8,
    pub(crate) multiplex: bool,
}

impl PoolKey for Key {
    type Origin = u8;

    fn origin(&self) -> &u8 {
        &self.origin
    }

    fn may_multiplex(&self) -> bool {
        self.multiplex
    }
}

/// What the pool is expected to do. Handles and waiters are numbers of the tests' own; dials are numbered as they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expected {
    Assign {
        waiter: u32,
        handle: u32,
        reused: bool,
    },
    Dial {
        waiter: u32,
        key: Key,
        shared: bool,
        dial: u32,
    },
    Undial {
        dial: u32,
    },
    /// Of a dial, or of the pool.
    Fail {
        waiter: u32,
        dial: Option<u32>,
    },
    Close {
        handle: u32,
        why: &'static str,
    },
}

/// A reason as text, so that it can be put in order.
pub(crate) fn reason(why: RemoveReason) -> &'static str {
    match why {
        RemoveReason::Expired => "expired",
        RemoveReason::Evicted => "evicted",
        RemoveReason::TooManyIdle => "too many idle",
        RemoveReason::MaxAge => "max age",
        RemoveReason::MaxRequests => "max requests",
        RemoveReason::Retired => "retired",
        RemoveReason::Unknown => "unknown",
        RemoveReason::Closed => "closed",
        RemoveReason::Shutdown => "shutdown",
        _ => "new",
    }
}

/// The dial of a failure.
pub(crate) fn failed_dial(why: FailReason) -> Option<martlet_core::pool::DialId> {
    match why {
        FailReason::Dial(dial) => Some(dial),
        _ => None,
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) token: u32,
    pub(crate) key: Key,
    pub(crate) want: Want,
    pub(crate) turn: u64,
    /// Its own dial.
    pub(crate) dial: Option<u32>,
    /// `Some(None)`: for ever.
    pub(crate) patience: Option<Option<Instant>>,
    /// Whether a dial worked for it after the last operation.
    pub(crate) had_dial: bool,
    /// Since when none does; of interest where none does.
    pub(crate) since: Instant,
}

impl Waiter {
    fn new((token, turn, want): (u32, u64, Want), key: Key, now: Instant) -> Self {
        Self { token, key, want, turn, dial: None, patience: None, had_dial: false, since: now }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Conn {
    pub(crate) handle: u32,
    pub(crate) key: Key,
    pub(crate) dialled: u64,
    pub(crate) born: Instant,
    pub(crate) served: u64,
    pub(crate) reused: bool,
    pub(crate) expires: Option<Instant>,
    /// Since which turn it is idle.
    pub(crate) idle: Option<u64>,
    /// It came free in this very operation.
    pub(crate) just_freed: bool,
    /// It came free because its last lease ended.
    pub(crate) released: bool,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Exclusive { lessee: Option<(u32, u64, Want)> },
    Shared { streams: u32, capacity: Capacity, aged: bool },
}

#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) number: u32,
    pub(crate) key: Key,
    pub(crate) began: u64,
    pub(crate) owner: Option<u32>,
    pub(crate) shared: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Mark {
    None,
    Draining { turn: u64, handle: u32, until: Instant, tried: Vec<u32> },
    Resting { turn: u64, until: Instant },
}

/// How a lease ends, without the handle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    Finished(Option<Duration>),
    Unused,
    StreamDone,
    StreamUnused,
    Gone,
}

pub(crate) struct Model {
    pub(crate) config: PoolConfig,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) conns: Vec<Conn>,
    pub(crate) dials: Vec<Dial>,
    pub(crate) mark: Mark,
    pub(crate) down: bool,
    pub(crate) now: Option<Instant>,
    /// What happened in this operation.
    pub(crate) out: Vec<Expected>,
    modes: BTreeMap<Key, bool>,
    answers: BTreeMap<u8, bool>,
    turn: u64,
    next_dial: u32,
}

impl Model {
    pub(crate) fn new(config: PoolConfig) -> Self {
        Self {
            config,
            waiters: Vec::new(),
            conns: Vec::new(),
            dials: Vec::new(),
            mark: Mark::None,
            down: false,
            now: None,
            out: Vec::new(),
            modes: BTreeMap::new(),
            answers: BTreeMap::new(),
            turn: 0,
            next_dial: 0,
        }
    }

    pub(crate) fn request(&mut self, key: Key, token: u32, want: Want, now: Instant) {
        let now = self.begin(now);
        let turn = self.next_turn();
        if self.down {
            self.out.push(Expected::Fail { waiter: token, dial: None });
            return;
        }
        self.mode(key);
        self.wait(Waiter::new((token, turn, want), key, now), now);
        self.settle(now);
    }

    pub(crate) fn cancel(&mut self, token: u32, now: Instant) {
        let now = self.begin(now);
        self.take_waiter(token);
        self.settle(now);
    }

    /// The handle's connection may be gone, or be of the other kind.
    pub(crate) fn release(&mut self, handle: u32, ended: Ended, now: Instant) {
        let now = self.begin(now);
        self.end_lease(handle, ended, now);
        self.settle(now);
    }

    pub(crate) fn release_stale(&mut self, handle: u32, now: Instant) -> bool {
        let now = self.begin(now);
        let at = self.conns.iter().position(|conn| conn.handle == handle);
        let lessee = at.and_then(|at| match &self.conns[at].kind {
            Kind::Exclusive { lessee } => *lessee,
            Kind::Shared { .. } => None,
        });
        let (Some(at), Some((token, turn, want))) = (at, lessee) else {
            self.end_lease(handle, Ended::Gone, now);
            self.settle(now);
            return false;
        };
        let key = self.conns[at].key;
        // It is not the pool's to close: the holder of the handle knows that it is dead.
        self.drop_conn(at);
        if self.down {
            self.out.push(Expected::Fail { waiter: token, dial: None });
        } else {
            self.wait(Waiter::new((token, turn, want), key, now), now);
        }
        self.settle(now);
        true
    }

    /// `capacity` is `None` for an exclusive handle.
    pub(crate) fn dialed(&mut self, dial: u32, handle: u32, capacity: Option<Capacity>, now: Instant) {
        let now = self.begin(now);
        let Some(at) = self.dials.iter().position(|d| d.number == dial) else {
            self.out.push(Expected::Close { handle, why: "unknown" });
            self.settle(now);
            return;
        };
        let dial = self.dials.remove(at);
        let kind = match capacity {
            None => Kind::Exclusive { lessee: None },
            Some(Capacity::Exclusive) => {
                Kind::Shared { streams: 0, capacity: Capacity::Streams(1), aged: false }
            }
            Some(capacity) => Kind::Shared { streams: 0, capacity, aged: false },
        };
        let expires = None;
        self.conns.push(Conn {
            handle,
            key: dial.key,
            dialled: dial.began,
            born: now,
            served: 0,
            reused: false,
            expires,
            idle: None,
            just_freed: true,
            released: false,
            kind,
        });
        if dial.key.multiplex {
            self.answers.insert(dial.key.origin, capacity.is_some());
            if self.mode(dial.key) != capacity.is_some() {
                self.modes.insert(dial.key, capacity.is_some());
                for i in 0..self.waiters.len() {
                    if self.waiters[i].key == dial.key && self.waiters[i].dial.is_none() {
                        self.begin_waiting(i, now);
                    }
                }
                // A dial that they shared is the first one's now.
                let of_key = |d: &&mut Dial| d.shared && d.key == dial.key;
                if let Some(shared) = self.dials.iter_mut().find(of_key) {
                    shared.shared = false;
                    let number = shared.number;
                    self.give_dial(number, dial.key);
                }
            }
        }
        if let Some(owner) = dial.owner {
            let i = self.waiters.iter().position(|w| w.token == owner).expect("the owner waits");
            self.waiters[i].dial = None;
            let conn = self.conns.len() - 1;
            if self.has_room(&self.conns[conn]) {
                self.assign(conn, owner);
            } else {
                self.begin_waiting(i, now);
            }
        }
        self.settle(now);
    }

    pub(crate) fn dial_failed(&mut self, dial: u32, failure: DialFailure, now: Instant) {
        let now = self.begin(now);
        if let Some(at) = self.dials.iter().position(|d| d.number == dial) {
            let dial = self.dials.remove(at);
            let served = |w: &&Waiter| {
                let shares = dial.shared && w.key == dial.key && w.dial.is_none();
                w.dial == Some(dial.number) || shares && (w.want == Want::Any || w.turn < dial.began)
            };
            let served: Vec<u32> = self.waiters.iter().filter(served).map(|w| w.token).collect();
            for token in served {
                let i = self.waiters.iter().position(|w| w.token == token).expect("it waits");
                if failure == DialFailure::Failed {
                    self.waiters.remove(i);
                    self.out.push(Expected::Fail { waiter: token, dial: Some(dial.number) });
                } else if !dial.shared {
                    self.waiters[i].dial = None;
                    self.begin_waiting(i, now);
                }
            }
        }
        self.settle(now);
    }

    pub(crate) fn capacity(&mut self, handle: u32, to: Capacity, now: Instant) {
        let now = self.begin(now);
        if let Some(conn) = self.conns.iter_mut().find(|conn| conn.handle == handle) {
            if let Kind::Shared { capacity, streams, .. } = &mut conn.kind {
                if *capacity != Capacity::Retiring && to != Capacity::Exclusive {
                    *capacity = to;
                    if to == Capacity::Retiring && *streams == 0 {
                        self.close_conn(handle, "retired");
                    }
                }
            }
        }
        self.settle(now);
    }

    pub(crate) fn closed(&mut self, handle: u32, now: Instant) {
        let now = self.begin(now);
        self.close_conn(handle, "closed");
        self.settle(now);
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        let now = self.begin(now);
        for waiter in &mut self.waiters {
            if matches!(waiter.patience, Some(Some(until)) if until <= now) {
                waiter.patience = None;
            }
        }
        self.time_mark(now);
        self.settle(now);
    }

    pub(crate) fn expire_idle(&mut self, variants: &[u8], now: Instant) {
        let now = self.advance(now);
        let which = |conn: &&Conn| conn.idle.is_some() && variants.contains(&conn.key.variant);
        let idle = self.conns.iter().filter(which).map(|conn| conn.handle);
        for handle in idle.collect::<Vec<_>>() {
            self.close_conn(handle, "expired");
        }
        self.expire(now);
        self.settle(now);
    }

    /// Since when a waiter has had no dial; `None` where one works for it.
    pub(crate) fn waiting_since(&self, token: u32) -> Option<Instant> {
        let waiter = self.waiters.iter().find(|waiter| waiter.token == token)?;
        (!self.has_dial(waiter)).then_some(waiter.since)
    }

    /// Whether it is in line.
    pub(crate) fn waits(&self, token: u32) -> bool {
        self.waiters.iter().any(|waiter| waiter.token == token)
    }

    /// When the patience of a waiter ends, if it has any and ever does.
    pub(crate) fn patience(&self, token: u32) -> Option<Instant> {
        self.waiters.iter().find(|waiter| waiter.token == token)?.patience?
    }

    /// Whether some dial that is under way may end with a connection for this waiter.
    pub(crate) fn has_dial(&self, waiter: &Waiter) -> bool {
        self.dials.iter().any(|dial| {
            let shared = dial.shared && dial.key == waiter.key;
            let in_time = waiter.want == Want::Any || waiter.turn < dial.began;
            dial.owner == Some(waiter.token) || shared && in_time && waiter.dial.is_none()
        })
    }

    pub(crate) fn drain(&mut self, now: Instant) {
        self.begin(now);
        self.down = true;
        self.mark = Mark::None;
        for waiter in std::mem::take(&mut self.waiters) {
            self.out.push(Expected::Fail { waiter: waiter.token, dial: None });
        }
        for dial in &mut self.dials {
            if dial.owner.take().is_some() || std::mem::take(&mut dial.shared) {
                self.out.push(Expected::Undial { dial: dial.number });
            }
        }
        let idle = self.conns.iter().filter(|conn| conn.idle.is_some()).map(|conn| conn.handle);
        for handle in idle.collect::<Vec<_>>() {
            self.close_conn(handle, "shutdown");
        }
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.drain(now);
        let shared = self.conns.iter().filter(|conn| matches!(conn.kind, Kind::Shared { .. }));
        for handle in shared.map(|conn| conn.handle).collect::<Vec<_>>() {
            self.close_conn(handle, "shutdown");
        }
    }

    /// When something happens by itself.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let conns = self.conns.iter().filter_map(|conn| match conn.kind {
            _ if conn.idle.is_some() => conn.expires,
            Kind::Shared { aged: false, .. } => self.aged_at(conn),
            _ => None,
        });
        let patience = self.waiters.iter().filter_map(|waiter| waiter.patience?);
        let mark = match self.mark {
            Mark::None => None,
            Mark::Draining { until, .. } | Mark::Resting { until, .. } => Some(until),
        };
        conns.chain(patience).chain(mark).min()
    }

    pub(crate) fn aged_at(&self, conn: &Conn) -> Option<Instant> {
        self.config.max_age.and_then(|age| conn.born.checked_add(age))
    }

    pub(crate) fn leases(conn: &Conn) -> u32 {
        match conn.kind {
            Kind::Exclusive { lessee } => u32::from(lessee.is_some()),
            Kind::Shared { streams, .. } => streams,
        }
    }

    fn marked(&self, conn: &Conn) -> bool {
        matches!(self.mark, Mark::Draining { handle, .. } if handle == conn.handle)
    }

    fn spent(&self, conn: &Conn) -> bool {
        self.config.max_requests_per_connection.is_some_and(|most| conn.served >= most.max(1))
    }

    /// Whether it is shared and can be counted on for streams, now or later.
    pub(crate) fn steady(&self, conn: &Conn) -> bool {
        let open = matches!(conn.kind, Kind::Shared { capacity: Capacity::Streams(_), aged: false, .. });
        open && !self.marked(conn) && !self.spent(conn)
    }

    pub(crate) fn has_room(&self, conn: &Conn) -> bool {
        match conn.kind {
            Kind::Exclusive { lessee } => lessee.is_none() && !self.spent(conn),
            Kind::Shared { streams, capacity: Capacity::Streams(most), .. } => {
                self.steady(conn) && streams < most
            }
            Kind::Shared { .. } => false,
        }
    }

    /// Whether this waiter could have this connection now.
    pub(crate) fn suits(&self, conn: &Conn, waiter: &Waiter) -> bool {
        let exclusive = matches!(conn.kind, Kind::Exclusive { .. });
        let fresh = conn.dialled > waiter.turn && (!exclusive || conn.just_freed && conn.served == 0);
        conn.key == waiter.key && self.has_room(conn) && (waiter.want == Want::Any || fresh)
    }

    /// Whether waiters of this key share a dial.
    pub(crate) fn mode(&mut self, key: Key) -> bool {
        let known = self.answers.get(&key.origin).copied().unwrap_or(true);
        *self.modes.entry(key).or_insert(key.multiplex && known)
    }

    fn begin(&mut self, now: Instant) -> Instant {
        let now = self.advance(now);
        self.expire(now);
        now
    }

    fn advance(&mut self, now: Instant) -> Instant {
        self.out.clear();
        let now = self.now.map_or(now, |before| before.max(now));
        self.now = Some(now);
        now
    }

    fn expire(&mut self, now: Instant) {
        let idle = |conn: &&Conn| conn.idle.is_some() && conn.expires.is_some_and(|at| at <= now);
        let expired: Vec<Conn> = self.conns.iter().filter(idle).cloned().collect();
        for conn in expired {
            let aged = self.aged_at(&conn).is_some_and(|at| at <= now);
            self.close_conn(conn.handle, if aged { "max age" } else { "expired" });
        }
        let aged_at: Vec<_> = self.conns.iter().map(|conn| self.aged_at(conn)).collect();
        for (conn, at) in self.conns.iter_mut().zip(aged_at) {
            if let Kind::Shared { aged, .. } = &mut conn.kind {
                *aged |= conn.idle.is_none() && at.is_some_and(|at| at <= now);
            }
        }
        self.forget_modes();
    }

    pub(crate) fn forget_modes(&mut self) {
        let Self { waiters, conns, dials, modes, .. } = self;
        modes.retain(|key, _| {
            waiters.iter().any(|w| w.key == *key)
                || conns.iter().any(|c| c.key == *key)
                || dials.iter().any(|d| d.key == *key)
        });
    }

    pub(crate) fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    /// At its place in line, unless there is a connection for it.
    fn wait(&mut self, waiter: Waiter, now: Instant) {
        let at = self.waiters.iter().position(|other| other.turn > waiter.turn).unwrap_or(self.waiters.len());
        let token = waiter.token;
        self.waiters.insert(at, waiter);
        match self.best_for(at) {
            Some(conn) => self.assign(conn, token),
            None => self.begin_waiting(at, now),
        }
    }

    fn begin_waiting(&mut self, i: usize, now: Instant) {
        let (key, want) = (self.waiters[i].key, self.waiters[i].want);
        self.waiters[i].patience = None;
        if self.mode(key) || want == Want::Fresh || !self.conns.iter().any(|conn| conn.key == key) {
            return;
        }
        if let DialPolicy::PreferIdle { wait } = self.config.dial_policy {
            self.waiters[i].patience = Some(now.checked_add(wait)).filter(|until| *until != Some(now));
        }
    }

    fn end_lease(&mut self, handle: u32, ended: Ended, now: Instant) {
        let expected = self.conns.iter_mut().find(|conn| conn.handle == handle);
        let back = matches!(ended, Ended::Finished(_) | Ended::Unused);
        let Some(conn) = expected else {
            // Only handles that were moved out come back.
            if back {
                self.out.push(Expected::Close { handle, why: "unknown" });
            }
            return;
        };
        let hint = if let Ended::Finished(hint) = ended { hint } else { None };
        let done = match (&mut conn.kind, ended) {
            (Kind::Exclusive { lessee }, Ended::Finished(_) | Ended::Unused) => {
                *lessee = None;
                matches!(ended, Ended::Finished(_))
            }
            (Kind::Shared { streams, .. }, Ended::StreamDone | Ended::StreamUnused) => {
                *streams -= 1;
                matches!(ended, Ended::StreamDone)
            }
            (Kind::Exclusive { .. }, _) => {
                let at = self.conns.iter().position(|conn| conn.handle == handle).expect("it was found");
                self.drop_conn(at);
                return;
            }
            (Kind::Shared { .. }, _) => {
                self.close_conn(handle, "closed");
                return;
            }
        };
        (conn.just_freed, conn.released) = (true, true);
        if done {
            conn.reused = true;
            let keep = [self.config.keepalive_expiry, hint].into_iter().flatten().min();
            conn.expires = keep.and_then(|keep| now.checked_add(keep));
            let aged = self.config.max_age.and_then(|age| conn.born.checked_add(age));
            conn.expires = [conn.expires, aged].into_iter().flatten().min();
        } else {
            conn.served -= 1;
        }
        let conn = conn.clone();
        if let Mark::Draining { handle: marked, until, .. } = &mut self.mark {
            if *marked == handle {
                *until = now + dispatch::MARK;
            }
        }
        // What came back as it was may have been worth nothing for a while; what is too old or spent serves nobody.
        if Self::leases(&conn) == 0 {
            if !done && conn.expires.is_some_and(|at| at <= now) {
                self.close_conn(handle, "expired");
            } else if let Some(why) = self.unfit(&conn, now) {
                self.close_conn(handle, why);
            }
        }
    }

    fn unfit(&self, conn: &Conn, now: Instant) -> Option<&'static str> {
        let aged = self.aged_at(conn).is_some_and(|at| at <= now);
        match conn.kind {
            _ if self.down => Some("shutdown"),
            Kind::Shared { aged: true, .. } => Some("max age"),
            Kind::Shared { .. } if self.marked(conn) => Some("evicted"),
            Kind::Shared { capacity: Capacity::Retiring, .. } => Some("retired"),
            _ if self.spent(conn) => Some("max requests"),
            _ if aged => Some("max age"),
            _ => None,
        }
    }

    fn close_conn(&mut self, handle: u32, why: &'static str) {
        if let Some(at) = self.conns.iter().position(|conn| conn.handle == handle) {
            // One that is leased comes out with its lease.
            if !matches!(self.conns[at].kind, Kind::Exclusive { lessee: Some(_) }) {
                self.out.push(Expected::Close { handle, why });
            }
            self.drop_conn(at);
        }
    }

    fn drop_conn(&mut self, at: usize) {
        let conn = self.conns.remove(at);
        if matches!(self.mark, Mark::Draining { handle, .. } if handle == conn.handle) {
            self.mark = Mark::None;
        }
        // Without a connection there is nothing to have patience for.
        if !self.conns.iter().any(|other| other.key == conn.key) {
            for waiter in self.waiters.iter_mut().filter(|waiter| waiter.key == conn.key) {
                waiter.patience = None;
            }
        }
    }
}
