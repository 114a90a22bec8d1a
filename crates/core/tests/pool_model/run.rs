//! Drives the pool and its model by the same choices, and holds the one against the other after each.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use martlet_core::pool::{
    Action, Capacity, ConnId, DialFailure, DialId, DialPolicy, Handle, Lease, Pool, PoolConfig, Returned,
    WaiterId, Want,
};

use super::{Conn, Ended, Expected, Key, Kind, Mark, Model, failed_dial, reason};

/// Where decisions come from.
pub(crate) trait Choices {
    /// A number from 0 to `n` - 1.
    fn below(&mut self, n: usize) -> usize;

    /// Hears what is done, for whoever wants to read it.
    fn say(&self, what: fmt::Arguments<'_>);

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// An exclusive handle. It cannot be copied, so none can come out twice.
#[derive(Debug)]
struct Exclusive(u32);

/// A shared handle.
#[derive(Clone, Debug)]
struct Shared(u32);

/// Where a handle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pool,
    Leased,
    /// It came out to be closed, or its holder let it go.
    Gone,
}

/// A waiter, as the tests see it from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Waits,
    Assigned,
    Failed,
    Cancelled,
}

#[derive(Debug)]
struct Held {
    lease: Lease,
    handle: Handle<Exclusive, Shared>,
    token: u32,
}

/// The pool and its model, and whoever uses them.
pub(crate) struct Run<C> {
    pub(crate) random: C,
    pool: Pool<Key, Exclusive, Shared, u32>,
    model: Model,
    epoch: Instant,
    now: Instant,
    down: bool,
    /// Ids that belong to another pool.
    foreign: (WaiterId, DialId, ConnId),
    tokens: u32,
    handles: u32,
    ids: BTreeMap<u32, WaiterId>,
    ends: BTreeMap<u32, End>,
    dials: Vec<DialId>,
    /// Dials that were not answered.
    open_dials: Vec<u32>,
    held: Vec<Held>,
    conns: BTreeMap<u32, ConnId>,
    exclusive: BTreeMap<u32, Place>,
    shared: BTreeMap<u32, Place>,
}

impl<C: Choices> Run<C> {
    /// Begins with a configuration that is chosen, too.
    pub(crate) fn new(mut random: C, epoch: Instant, foreign: (WaiterId, DialId, ConnId)) -> Self {
        let mut config = PoolConfig::default();
        config.max_connections = random.pick(&[1, 1, 2, 3, 4]);
        config.max_connections_per_origin = random.pick(&[None, None, Some(1), Some(2)]);
        config.max_keepalive_connections = random.pick(&[0, 1, 2, 3, 20]);
        config.keepalive_expiry = random.pick(&[
            None,
            Some(Duration::ZERO),
            Some(Duration::from_secs(1)),
            Some(Duration::from_secs(5)),
        ]);
        config.max_age = random.pick(&[None, None, None, Some(Duration::ZERO), Some(Duration::from_secs(3))]);
        config.max_requests_per_connection = random.pick(&[None, None, None, Some(0), Some(1), Some(3)]);
        config.second_shared_connection = random.chance(60);
        config.dial_policy = random.pick(&[
            DialPolicy::Race,
            DialPolicy::Race,
            DialPolicy::PreferIdle { wait: Duration::from_millis(500) },
            DialPolicy::PreferIdle { wait: Duration::ZERO },
            DialPolicy::PreferIdle { wait: Duration::MAX },
        ]);
        random.say(format_args!("{config:?}\n"));
        Self {
            random,
            pool: Pool::new(config.clone()),
            model: Model::new(config),
            epoch,
            now: epoch + Duration::from_secs(1_000),
            down: false,
            foreign,
            tokens: 0,
            handles: 0,
            ids: BTreeMap::new(),
            ends: BTreeMap::new(),
            dials: Vec::new(),
            open_dials: Vec::new(),
            held: Vec::new(),
            conns: BTreeMap::new(),
            exclusive: BTreeMap::new(),
            shared: BTreeMap::new(),
        }
    }

    /// Does one thing.
    pub(crate) fn step(&mut self) {
        let now = match self.random.below(10) {
            0..6 => self.now,
            6 => self.now - Duration::from_millis(700),
            7 => self.model.next_timeout().unwrap_or(self.now).max(self.now),
            _ => self.now + Duration::from_millis(self.random.pick(&[1, 100, 499, 500, 1_000, 2_500, 6_000])),
        };
        self.now = self.now.max(now);
        let at = now.saturating_duration_since(self.epoch).as_secs_f64() - 1_000.0;
        self.random.say(format_args!("{at:9.3?} "));
        match self.random.below(100) {
            0..30 => self.request(now),
            30..36 => self.cancel(now),
            36..58 => self.release(now),
            58..61 => self.release_stale(now),
            61..78 => self.dialed(now),
            78..83 => self.dial_failed(now),
            83..90 => self.capacity(now),
            90..92 => self.closed(now),
            92..97 => self.timeout(now),
            97 => self.expire_idle(now),
            98 => self.strange(now),
            _ => self.shut_down(now),
        }
        self.check();
    }

    fn request(&mut self, now: Instant) {
        let origin = self.random.below(3) as u8;
        let key = Key { origin, variant: self.random.below(2) as u8, multiplex: origin > 0 };
        let want = if self.random.chance(80) { Want::Any } else { Want::Fresh };
        let token = self.tokens;
        self.tokens += 1;
        self.say(format_args!("request {token} {want:?} {key:?}"));
        let id = self.pool.request(&key, token, want, now);
        assert!(self.ids.values().all(|other| *other != id), "{id:?} was there before");
        self.ids.insert(token, id);
        self.ends.insert(token, End::Waits);
        self.model.request(key, token, want, now);
    }

    fn cancel(&mut self, now: Instant) {
        let waiting: Vec<u32> = self.model.waiters.iter().map(|waiter| waiter.token).collect();
        let token = match self.random.below(self.tokens as usize) as u32 {
            any if waiting.is_empty() || self.random.chance(20) => any,
            _ => self.random.pick(&waiting),
        };
        let Some(id) = self.ids.get(&token).copied() else {
            return self.timeout(now);
        };
        self.say(format_args!("cancel {token}"));
        self.pool.cancel(id, now);
        if self.ends[&token] == End::Waits {
            self.ends.insert(token, End::Cancelled);
        }
        self.model.cancel(token, now);
    }

    fn release(&mut self, now: Instant) {
        if self.held.is_empty() {
            return self.timeout(now);
        }
        let at = self.random.below(self.held.len());
        let Held { lease, handle, token } = self.held.swap_remove(at);
        let odd = self.random.chance(3);
        let (ended, returned, number) = match handle {
            Handle::Exclusive(x) => {
                let number = x.0;
                let (ended, returned) = match self.random.below(10) {
                    _ if odd => (Ended::StreamDone, Returned::StreamDone),
                    0..6 => {
                        let hint = self.random.pick(&[
                            None,
                            None,
                            Some(Duration::ZERO),
                            Some(Duration::from_secs(2)),
                            Some(Duration::MAX),
                        ]);
                        (Ended::Finished(hint), Returned::Finished(x, hint))
                    }
                    6..8 => (Ended::Unused, Returned::Unused(x)),
                    _ => (Ended::Gone, Returned::Gone),
                };
                let back = matches!(ended, Ended::Finished(_) | Ended::Unused);
                self.exclusive.insert(number, if back { Place::Pool } else { Place::Gone });
                (ended, returned, number)
            }
            Handle::Shared(Shared(number)) => match self.random.below(10) {
                0..7 => (Ended::StreamDone, Returned::StreamDone, number),
                7..9 => (Ended::StreamUnused, Returned::StreamUnused, number),
                _ => (Ended::Gone, Returned::Gone, number),
            },
        };
        self.say(format_args!("release {number} of {token}: {ended:?}"));
        self.pool.release(lease, returned, now);
        self.model.release(number, ended, now);
    }

    fn release_stale(&mut self, now: Instant) {
        if self.held.is_empty() {
            return self.timeout(now);
        }
        let at = self.random.below(self.held.len());
        let Held { lease, handle, token } = self.held.swap_remove(at);
        let number = match handle {
            Handle::Exclusive(Exclusive(number)) => {
                self.exclusive.insert(number, Place::Gone);
                number
            }
            Handle::Shared(Shared(number)) => number,
        };
        self.say(format_args!("stale {number} of {token}"));
        let id = self.pool.release_stale(lease, now);
        let again = self.model.release_stale(number, now);
        assert_eq!(id.is_some(), again, "whether it waits again");
        if let Some(id) = id {
            self.ids.insert(token, id);
            self.ends.insert(token, End::Waits);
        }
    }

    fn dialed(&mut self, now: Instant) {
        let late = self.random.chance(3);
        let number = match (late, self.open_dials.len(), self.dials.len()) {
            (true, _, n @ 1..) => self.random.below(n) as u32,
            (_, n @ 1.., _) => self.open_dials[self.random.below(n)],
            _ => return self.timeout(now),
        };
        self.open_dials.retain(|open| *open != number);
        let multiplexes = self.model.dials.iter().any(|dial| dial.number == number && dial.key.multiplex);
        let shared = self.random.chance(if multiplexes { 75 } else { 3 });
        let handle = self.handles;
        self.handles += 1;
        let dial = self.dials[number as usize];
        let capacity = self.random.pick(&[
            Capacity::Streams(0),
            Capacity::Streams(1),
            Capacity::Streams(1),
            Capacity::Streams(2),
            Capacity::Streams(100),
            Capacity::Suspect,
            Capacity::Retiring,
            Capacity::Exclusive,
        ]);
        let capacity = shared.then_some(capacity);
        self.say(format_args!("dial {number} has led to {handle}, {capacity:?}"));
        let conn = if shared {
            self.shared.insert(handle, Place::Pool);
            self.pool.handle_dialed(
                dial,
                Handle::Shared(Shared(handle)),
                capacity.expect("it is shared"),
                now,
            )
        } else {
            self.exclusive.insert(handle, Place::Pool);
            let exclusive = Handle::Exclusive(Exclusive(handle));
            self.pool.handle_dialed(dial, exclusive, Capacity::Exclusive, now)
        };
        let known = self.model.dials.iter().any(|dial| dial.number == number);
        assert_eq!(conn.is_some(), known);
        if let Some(conn) = conn {
            assert!(self.conns.values().all(|other| *other != conn), "{conn:?} was there before");
            self.conns.insert(handle, conn);
        }
        self.model.dialed(number, handle, capacity, now);
    }

    fn dial_failed(&mut self, now: Instant) {
        if self.dials.is_empty() {
            return self.timeout(now);
        }
        let late = self.open_dials.is_empty() || self.random.chance(5);
        let number = if late {
            self.random.below(self.dials.len()) as u32
        } else {
            self.random.pick(&self.open_dials.clone())
        };
        self.open_dials.retain(|open| *open != number);
        let failure = self.random.pick(&[DialFailure::Failed, DialFailure::Abandoned]);
        self.say(format_args!("dial {number}: {failure:?}"));
        self.pool.handle_dial_failed(self.dials[number as usize], failure, now);
        self.model.dial_failed(number, failure, now);
    }

    /// Some connection, also one that has left the pool.
    fn some_conn(&mut self) -> Option<(u32, ConnId)> {
        let live: Vec<_> = self.model.conns.iter().map(|conn| conn.handle).collect();
        let all: Vec<_> = self.conns.iter().map(|(handle, conn)| (*handle, *conn)).collect();
        if all.is_empty() {
            return None;
        }
        if live.is_empty() || self.random.chance(10) {
            return Some(self.random.pick(&all));
        }
        let handle = self.random.pick(&live);
        Some((handle, self.conns[&handle]))
    }

    fn capacity(&mut self, now: Instant) {
        let Some((handle, conn)) = self.some_conn() else {
            return self.timeout(now);
        };
        let capacity = match self.random.below(10) {
            0 => Capacity::Retiring,
            1..3 => Capacity::Suspect,
            3 => Capacity::Exclusive,
            n => Capacity::Streams(n as u32 - 4),
        };
        self.say(format_args!("capacity of {handle}: {capacity:?}"));
        self.pool.handle_capacity(conn, capacity, now);
        self.model.capacity(handle, capacity, now);
    }

    fn closed(&mut self, now: Instant) {
        let Some((handle, conn)) = self.some_conn() else {
            return self.timeout(now);
        };
        self.say(format_args!("closed {handle}"));
        self.pool.handle_closed(conn, now);
        self.model.closed(handle, now);
    }

    fn timeout(&mut self, now: Instant) {
        self.say(format_args!("timeout"));
        self.pool.handle_timeout(now);
        self.model.timeout(now);
        let next = self.pool.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now), "{next:?} is not after {:?}", self.now);
    }

    fn expire_idle(&mut self, now: Instant) {
        let variants = self.random.pick(&[&[0, 1][..], &[0], &[1]]);
        self.say(format_args!("expire idle of {variants:?}"));
        self.pool.expire_idle(|key| variants.contains(&key.variant), now);
        self.model.expire_idle(variants, now);
        if variants.len() == 2 {
            assert_eq!(self.pool.stats().idle, 0, "none is left");
        }
    }

    /// Ids of another pool that mean nothing here.
    fn strange(&mut self, now: Instant) {
        self.say(format_args!("strange ids"));
        self.pool.cancel(self.foreign.0, now);
        self.pool.handle_dial_failed(self.foreign.1, DialFailure::Failed, now);
        self.pool.handle_closed(self.foreign.2, now);
        self.pool.handle_capacity(self.foreign.2, Capacity::Retiring, now);
        self.model.cancel(u32::MAX, now);
    }

    fn shut_down(&mut self, now: Instant) {
        if !self.random.chance(20) {
            return self.timeout(now);
        }
        self.down = true;
        if self.random.chance(50) {
            self.say(format_args!("drain"));
            self.pool.drain(now);
            self.model.drain(now);
        } else {
            self.say(format_args!("close"));
            self.pool.close(now);
            self.model.close(now);
        }
    }

    /// What the pool did must be what the model did, and nothing may be lost.
    fn check(&mut self) {
        let mut done = Vec::new();
        while let Some(action) = self.pool.poll_action() {
            done.push(self.observe(action));
        }
        self.random.say(format_args!("{done:?}\n"));
        done.sort_unstable();
        self.model.out.sort_unstable();
        assert_eq!(done, self.model.out, "left: the pool, right: the model; {:?}", self.pool);
        assert_eq!(self.pool.poll_timeout(), self.model.next_timeout(), "poll_timeout\n{:#?}", self.pool);
        self.check_places();
        self.check_limits();
        self.check_waiting();
        if !self.down {
            self.check_wake_ups();
        }
    }

    fn observe(&mut self, action: Action<Key, Exclusive, Shared, u32>) -> Expected {
        match action {
            Action::Assign { waiter, lease, conn, reused } => {
                assert_eq!(self.ends.insert(waiter, End::Assigned), Some(End::Waits), "{waiter} ends once");
                let handle = match &conn {
                    Handle::Exclusive(Exclusive(handle)) => {
                        let before = self.exclusive.insert(*handle, Place::Leased);
                        assert_eq!(before, Some(Place::Pool), "{handle} was leased");
                        *handle
                    }
                    Handle::Shared(Shared(handle)) => {
                        assert_eq!(self.shared.get(handle), Some(&Place::Pool), "{handle} has left");
                        *handle
                    }
                };
                // A connection that is given out while its id is being told has none yet.
                assert!(self.conns.get(&handle).is_none_or(|conn| *conn == lease.conn()));
                self.held.push(Held { lease, handle: conn, token: waiter });
                Expected::Assign { waiter, handle, reused }
            }
            Action::Dial { dial, key, waiter, shared } => {
                assert_eq!(self.ends.get(&waiter), Some(&End::Waits), "a dial is for a waiter");
                assert!(!self.dials.contains(&dial), "{dial:?} was there before");
                let number = self.dials.len() as u32;
                self.dials.push(dial);
                self.open_dials.push(number);
                Expected::Dial { waiter, key, shared, dial: number }
            }
            Action::Undial { dial } => Expected::Undial { dial: self.number(dial) },
            Action::Fail { waiter, why } => {
                assert_eq!(self.ends.insert(waiter, End::Failed), Some(End::Waits), "{waiter} ends once");
                Expected::Fail { waiter, dial: failed_dial(why).map(|dial| self.number(dial)) }
            }
            Action::Close { handle, why } => {
                let (handle, before) = match handle {
                    Handle::Exclusive(Exclusive(x)) => (x, self.exclusive.insert(x, Place::Gone)),
                    Handle::Shared(Shared(s)) => (s, self.shared.insert(s, Place::Gone)),
                };
                assert_eq!(before, Some(Place::Pool), "{handle} comes out once");
                Expected::Close { handle, why: reason(why) }
            }
        }
    }

    fn number(&self, dial: DialId) -> u32 {
        self.dials.iter().position(|other| *other == dial).expect("it was told before") as u32
    }

    /// Every handle is in exactly one place, and `stats` counts the same.
    fn check_places(&self) {
        let stats = self.pool.stats();
        let pooled = |of: &BTreeMap<u32, Place>| of.values().filter(|p| **p == Place::Pool).count();
        let exclusive = self.model.conns.iter().filter(|c| matches!(c.kind, Kind::Exclusive { .. })).count();
        let leased = self
            .model
            .conns
            .iter()
            .filter(|conn| matches!(conn.kind, Kind::Exclusive { lessee: Some(_) }))
            .count();
        let streams = self.model.conns.iter().map(|conn| match conn.kind {
            Kind::Exclusive { .. } => 0,
            Kind::Shared { streams, .. } => streams as usize,
        });
        assert_eq!(stats.connections, self.model.conns.len());
        assert_eq!(pooled(&self.exclusive), exclusive - leased);
        assert_eq!(pooled(&self.shared), self.model.conns.len() - exclusive);
        assert_eq!(stats.idle, self.model.conns.iter().filter(|conn| conn.idle.is_some()).count());
        assert_eq!(stats.leased, leased);
        assert_eq!(stats.streams, streams.sum::<usize>());
        assert_eq!(stats.dialing, self.open_dials.len());
        assert_eq!(stats.waiting, self.ends.values().filter(|end| **end == End::Waits).count());
        assert_eq!(stats.waiting, self.model.waiters.len());
    }

    fn check_limits(&self) {
        let (stats, config) = (self.pool.stats(), &self.model.config);
        assert!(stats.connections + stats.dialing <= config.max_connections);
        assert!(stats.idle <= config.max_keepalive_connections);
        for origin in 0..3 {
            let conns = self.model.conns.iter().filter(|conn| conn.key.origin == origin).count();
            let dials = self.model.dials.iter().filter(|dial| dial.key.origin == origin).count();
            assert!(config.max_connections_per_origin.is_none_or(|most| conns + dials <= most));
        }
        for conn in &self.model.conns {
            if let Kind::Shared { streams, .. } = conn.kind {
                let held =
                    |held: &&Held| matches!(held.handle, Handle::Shared(Shared(s)) if s == conn.handle);
                assert_eq!(self.held.iter().filter(held).count(), streams as usize);
            }
        }
    }

    /// Only those that no dial works for are waiting for the pool, and since when they lost the last one.
    fn check_waiting(&self) {
        for (token, id) in &self.ids {
            let since = self.pool.waiting_since(*id);
            assert_eq!(since, self.model.waiting_since(*token), "{token} waits since then\n{:?}", self.pool);
            assert!(since.is_none_or(|since| since <= self.now));
            let dialing = self.pool.dialing_since(*id);
            let waits = self.model.waits(*token);
            assert_eq!(
                dialing.is_some(),
                waits && since.is_none(),
                "{token} has a dial or none\n{:?}",
                self.pool
            );
            assert!(dialing.is_none_or(|since| since <= self.now));
            let due = self.pool.waiter_timeout(*id);
            assert!(due.is_none() || self.pool.poll_timeout() <= due, "{token} is due before the pool");
            let patient = self.model.patience(*token);
            assert!(patient.is_none() || due == patient, "{token} has patience\n{:?}", self.pool);
        }
        assert_eq!(self.pool.waiting_since(self.foreign.0), None);
    }

    /// Nobody waits whom a connection, a slot or an eviction could help.
    fn check_wake_ups(&mut self) {
        let Self { model, .. } = self;
        for waiter in &model.waiters {
            let helped = |conn: &Conn| model.suits(conn, waiter);
            assert!(!model.conns.iter().any(helped), "{waiter:?} waits in vain: {:#?}", model.conns);
        }
        let claims = model.claims();
        for claim in &claims {
            let full = model.origin_is_full(claim.key.origin);
            assert!(full || model.is_full(), "{claim:?} has a slot");
            let idle = |conn: &Conn| conn.idle.is_some() && (!full || conn.key.origin == claim.key.origin);
            assert!(!model.conns.iter().any(idle), "{claim:?} could have the slot of an idle connection");
        }
        // Somebody whom only the total limit blocks has a mark, or there is nothing to mark.
        let blocked = claims.iter().find(|claim| !model.origin_is_full(claim.key.origin));
        if let (Some(claim), Mark::None) = (blocked, &model.mark) {
            let any = model.waiters.iter().any(|w| w.turn == claim.turn && w.want == Want::Any);
            let could = model.conns.iter().any(|conn| model.steady(conn) && !(any && conn.key == claim.key));
            assert!(!could, "{claim:?} has no mark");
        }
    }

    /// Everything that was begun ends, and nothing is left.
    pub(crate) fn finish(&mut self) {
        let now = self.now;
        self.say(format_args!("close at the end"));
        self.down = true;
        self.pool.close(now);
        self.model.close(now);
        self.check();
        while let Some(Held { lease, handle, .. }) = self.held.pop() {
            match handle {
                Handle::Exclusive(x) => {
                    let number = x.0;
                    self.exclusive.insert(number, Place::Pool);
                    self.pool.release(lease, Returned::Finished(x, None), now);
                    self.model.release(number, Ended::Finished(None), now);
                }
                Handle::Shared(Shared(number)) => {
                    self.pool.release(lease, Returned::StreamDone, now);
                    self.model.release(number, Ended::StreamDone, now);
                }
            }
            self.check();
        }
        while let Some(number) = self.open_dials.pop() {
            self.pool.handle_dial_failed(self.dials[number as usize], DialFailure::Abandoned, now);
            self.model.dial_failed(number, DialFailure::Abandoned, now);
            self.check();
        }
        assert!(self.exclusive.values().chain(self.shared.values()).all(|place| *place == Place::Gone));
        assert!(self.ends.values().all(|end| *end != End::Waits));
        let mut empty = self.pool.stats();
        (empty.connections, empty.dialing) = (0, 0);
        assert_eq!(self.pool.stats(), empty);
        assert_eq!((empty.idle, empty.leased, empty.streams, empty.waiting), (0, 0, 0, 0));
        assert_eq!(self.pool.poll_timeout(), None);
    }

    fn say(&self, what: fmt::Arguments<'_>) {
        self.random.say(format_args!("{what} -> "));
    }
}

/// Ids as no pool of these tests gives them.
pub(crate) fn foreign_ids(now: Instant) -> (WaiterId, DialId, ConnId) {
    let mut config = PoolConfig::default();
    (config.max_connections, config.max_keepalive_connections) = (1_000, 1_000);
    let mut pool: Pool<Key, Exclusive, Shared, u32> = Pool::new(config);
    let (mut waiters, mut dials, mut conns) = (Vec::new(), Vec::new(), Vec::new());
    for token in 0..200 {
        let key = Key { origin: token, variant: 0, multiplex: false };
        waiters.push(pool.request(&key, token.into(), Want::Any, now));
        let Some(Action::Dial { dial, .. }) = pool.poll_action() else { panic!("a dial was due") };
        dials.push(dial);
    }
    for dial in &dials[1..] {
        let shared = Handle::Shared(Shared(0));
        conns.extend(pool.handle_dialed(*dial, shared, Capacity::Streams(1), now));
    }
    (waiters[199], dials[199], conns[198])
}
