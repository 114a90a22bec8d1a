//! What follows from the state: who is served, what becomes idle, who dials, what is closed to make room.

use std::time::{Duration, Instant};

use martlet_core::pool::Want;

use super::{Conn, Dial, Expected, Key, Kind, Mark, Model};

/// How long a mark stays without a stream ending.
pub(crate) const MARK: Duration = Duration::from_secs(1);

/// Who asks for a dial: a waiter's turn, its key, and whether it asks for all of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim {
    pub(crate) turn: u64,
    pub(crate) key: Key,
    pub(crate) shared: bool,
}

impl Model {
    /// Does all that follows from what has happened.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.serve();
        self.park(now);
        if !self.down {
            loop {
                self.drop_useless_dials();
                let blocked = self.dial();
                if self.review_mark(blocked.is_some()) {
                    self.serve();
                    continue;
                }
                if let (Some(claim), Mark::None) = (blocked, &self.mark) {
                    self.mark_next(claim, Vec::new(), now);
                }
                if self.conns.iter().filter(|conn| conn.idle.is_some()).count()
                    <= self.config.max_keepalive_connections
                {
                    break;
                }
                let oldest = self.oldest_idle(|_| true).expect("there are some");
                self.close_conn(oldest, "too many idle");
            }
        }
        self.forget_modes();
        self.note_waiting(now);
    }

    /// Whoever has no dial now but had one before has been waiting since now.
    fn note_waiting(&mut self, now: Instant) {
        for i in 0..self.waiters.len() {
            let has_dial = self.has_dial(&self.waiters[i]);
            let waiter = &mut self.waiters[i];
            if waiter.had_dial && !has_dial {
                waiter.since = now;
            }
            waiter.had_dial = has_dial;
        }
    }

    /// The connection that a waiter gets, if there is one: the idle one that was used last, or a stream of the oldest one
    /// (of the newest one if it is to be fresh).
    pub(crate) fn best_for(&self, waiter: usize) -> Option<usize> {
        let waiter = &self.waiters[waiter];
        let suits = |i: &usize| self.suits(&self.conns[*i], waiter);
        let all: Vec<usize> = (0..self.conns.len()).filter(suits).collect();
        let exclusive = |i: &&usize| matches!(self.conns[**i].kind, Kind::Exclusive { .. });
        let idle = all.iter().filter(exclusive).max_by_key(|i| self.conns[**i].idle.unwrap_or(u64::MAX));
        let shared = all.iter().filter(|i| !exclusive(i));
        let shared = match waiter.want {
            Want::Any => shared.min_by_key(|i| self.conns[**i].dialled),
            Want::Fresh => shared.max_by_key(|i| self.conns[**i].dialled),
        };
        idle.or(shared).copied()
    }

    pub(crate) fn assign(&mut self, conn: usize, token: u32) {
        let waiter = self.waiters.iter().find(|waiter| waiter.token == token).cloned().expect("it waits");
        let conn = &mut self.conns[conn];
        conn.served += 1;
        conn.idle = None;
        match &mut conn.kind {
            Kind::Exclusive { lessee } => *lessee = Some((token, waiter.turn, waiter.want)),
            Kind::Shared { streams, .. } => *streams += 1,
        }
        self.out.push(Expected::Assign { waiter: token, handle: conn.handle, reused: conn.reused });
        self.take_waiter(token);
    }

    /// Takes a waiter out of the line. Its dial goes to the next of its key that has none and may have this one.
    pub(crate) fn take_waiter(&mut self, token: u32) {
        let Some(at) = self.waiters.iter().position(|waiter| waiter.token == token) else {
            return;
        };
        let waiter = self.waiters.remove(at);
        let Some(number) = waiter.dial else {
            return;
        };
        if self.dials.iter().any(|dial| dial.number == number) {
            self.give_dial(number, waiter.key);
        }
    }

    /// A dial goes to the first waiter of its key that has none and may have this one.
    pub(crate) fn give_dial(&mut self, number: u32, key: Key) {
        let shares = self.mode(key);
        let has_one = shares && self.dials.iter().any(|dial| dial.shared && dial.key == key);
        let content = shares && self.content(key);
        let dial = self.dials.iter_mut().find(|dial| dial.number == number).expect("it is under way");
        let next = self.waiters.iter_mut().find(|next| {
            let may = if next.want == Want::Any { !content } else { next.turn < dial.began };
            next.key == key && next.dial.is_none() && !has_one && may
        });
        dial.owner = next.as_ref().map(|next| next.token);
        match next {
            Some(next) => {
                next.dial = Some(number);
                next.patience = None;
            }
            None => self.out.push(Expected::Undial { dial: number }),
        }
    }

    /// Whether waiters for any connection have to make do with the shared ones there are.
    fn content(&self, key: Key) -> bool {
        !self.config.second_shared_connection
            && self.conns.iter().any(|conn| conn.key == key && self.steady(conn))
    }

    /// In their order, all that can be served are.
    fn serve(&mut self) {
        let mut i = 0;
        while i < self.waiters.len() {
            match self.best_for(i) {
                Some(conn) if self.owes_its_slot(conn, self.waiters[i].turn) => {
                    self.close_conn(self.conns[conn].handle, "evicted");
                }
                Some(conn) => self.assign(conn, self.waiters[i].token),
                None => i += 1,
            }
        }
    }

    /// Whether this connection, now that its last lease has ended, is nothing but the slot that somebody waits for who
    /// came before this turn.
    fn owes_its_slot(&mut self, conn: usize, turn: u64) -> bool {
        let conn = self.conns[conn].clone();
        let claims = self.claims();
        let full = self.is_full();
        let origin_full = self.origin_is_full(conn.key.origin);
        let helped = |claim: &Claim| {
            let other = full && !self.origin_is_full(claim.key.origin);
            other || origin_full && claim.key.origin == conn.key.origin
        };
        conn.released && Self::leases(&conn) == 0 && claims.iter().any(|c| c.turn < turn && helped(c))
    }

    /// What nobody leases any more is idle, or goes.
    fn park(&mut self, now: Instant) {
        for conn in self.conns.clone().into_iter().filter(|conn| conn.just_freed) {
            let at = self.conns.iter().position(|c| c.handle == conn.handle).expect("it is there");
            (self.conns[at].just_freed, self.conns[at].released) = (false, false);
            if Self::leases(&conn) > 0 {
                continue;
            }
            if conn.expires.is_none() {
                let idle = self.config.keepalive_expiry.and_then(|keep| now.checked_add(keep));
                self.conns[at].expires = [idle, self.aged_at(&conn)].into_iter().flatten().min();
            }
            if let Some(why) = self.unfit(&conn, now) {
                self.close_conn(conn.handle, why);
            } else if self.conns[at].expires.is_some_and(|at| at <= now) {
                self.close_conn(conn.handle, "expired");
            } else {
                let turn = self.next_turn();
                self.conns[at].idle = Some(turn);
                self.conns[at].reused = true;
            }
        }
    }

    /// A shared dial that would serve nobody who waits is given up.
    fn drop_useless_dials(&mut self) {
        let Self { waiters, dials, out, .. } = self;
        for dial in dials.iter_mut().filter(|dial| dial.shared) {
            let served = waiters.iter().any(|waiter| {
                waiter.key == dial.key
                    && waiter.dial.is_none()
                    && (waiter.want == Want::Any || waiter.turn < dial.began)
            });
            if !served {
                dial.shared = false;
                out.push(Expected::Undial { dial: dial.number });
            }
        }
    }

    /// All who ask for a dial, in their order.
    pub(crate) fn claims(&mut self) -> Vec<Claim> {
        let mut claims: Vec<Claim> = Vec::new();
        for waiter in self.waiters.clone() {
            if waiter.dial.is_some() || waiter.patience.is_some() {
                continue;
            }
            let shared = self.mode(waiter.key);
            if shared {
                let dials = self.dials.iter().any(|dial| dial.shared && dial.key == waiter.key);
                let asked = claims.iter().any(|claim| claim.key == waiter.key);
                if dials || asked || waiter.want == Want::Any && self.content(waiter.key) {
                    continue;
                }
            }
            claims.push(Claim { turn: waiter.turn, key: waiter.key, shared });
        }
        claims
    }

    fn taken(&self, of: impl Fn(Key) -> bool) -> usize {
        let conns = self.conns.iter().filter(|conn| of(conn.key)).count();
        conns + self.dials.iter().filter(|dial| of(dial.key)).count()
    }

    pub(crate) fn origin_is_full(&self, origin: u8) -> bool {
        let taken = self.taken(|key| key.origin == origin);
        self.config.max_connections_per_origin.is_some_and(|most| taken >= most)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.taken(|_| true) >= self.config.max_connections
    }

    fn oldest_idle(&self, of: impl Fn(Key) -> bool) -> Option<u32> {
        let idle = self.conns.iter().filter(|conn| conn.idle.is_some() && of(conn.key));
        idle.min_by_key(|conn| conn.idle).map(|conn| conn.handle)
    }

    /// Dials for all who ask, the oldest first, until only the total limit blocks one, which is returned.
    fn dial(&mut self) -> Option<Claim> {
        loop {
            let claims = self.claims();
            let can = |claim: &&Claim| {
                let origin = claim.key.origin;
                !self.origin_is_full(origin) || self.oldest_idle(|key| key.origin == origin).is_some()
            };
            let claim = *claims.iter().find(can)?;
            let full_origin = self.origin_is_full(claim.key.origin);
            if full_origin || self.is_full() {
                let room = self.oldest_idle(|key| !full_origin || key.origin == claim.key.origin);
                match room {
                    Some(idle) => self.close_conn(idle, "evicted"),
                    None => return Some(claim),
                }
                continue;
            }
            let began = self.next_turn();
            let number = self.next_dial;
            self.next_dial += 1;
            let waiter = self.waiters.iter_mut().find(|w| w.turn == claim.turn).expect("it asks");
            let (token, key) = (waiter.token, claim.key);
            if !claim.shared {
                waiter.dial = Some(number);
            }
            let owner = Some(token).filter(|_| !claim.shared);
            self.dials.push(Dial { number, key, began, owner, shared: claim.shared });
            self.out.push(Expected::Dial { waiter: token, key, shared: claim.shared, dial: number });
        }
    }

    /// A mark is for somebody: when that one does not wait for it any more, it is lifted.
    fn review_mark(&mut self, blocked: bool) -> bool {
        let (Mark::Draining { turn, .. } | Mark::Resting { turn, .. }) = self.mark else {
            return false;
        };
        let claims = self.claims();
        let waits = claims.iter().any(|c| c.turn == turn && !self.origin_is_full(c.key.origin));
        if blocked && waits {
            return false;
        }
        self.mark = Mark::None;
        true
    }

    /// Marks the busy shared connection with the fewest streams. Connections that would serve the waiter are spared.
    fn mark_next(&mut self, claim: Claim, tried: Vec<u32>, now: Instant) {
        let any = self.waiters.iter().any(|w| w.turn == claim.turn && w.want == Want::Any);
        let may_be = |conn: &&Conn| {
            self.steady(conn) && !tried.contains(&conn.handle) && !(any && conn.key == claim.key)
        };
        let fewest = self.conns.iter().filter(may_be).min_by_key(|conn| (Self::leases(conn), conn.dialled));
        let until = now + MARK;
        if let Some(conn) = fewest {
            self.mark = Mark::Draining { turn: claim.turn, handle: conn.handle, until, tried };
        } else if !tried.is_empty() {
            self.mark = Mark::Resting { turn: claim.turn, until };
        }
    }

    /// A mark that led to nothing for a while moves on.
    pub(crate) fn time_mark(&mut self, now: Instant) {
        match self.mark.clone() {
            Mark::Draining { turn, handle, until, mut tried } if until <= now => {
                self.mark = Mark::None;
                self.serve();
                tried.push(handle);
                // Being served ends a claim.
                if let Some(claim) = self.claims().into_iter().find(|claim| claim.turn == turn) {
                    self.mark_next(claim, tried, now);
                }
            }
            Mark::Resting { until, .. } if until <= now => self.mark = Mark::None,
            _ => {}
        }
    }
}
