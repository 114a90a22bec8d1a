//! The race between the addresses of a host: RFC 8305 §5.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::order::Order;

/// Races connection attempts to the addresses of one host until the first connects (Happy Eyeballs, RFC 8305).
///
/// For whoever has the addresses of a host and can dial them. One machine serves one race; a host given as an IP
/// literal is a race of one. Which phase of a handshake counts as connected is the caller's choice: "generally when
/// the TCP handshake completes" (§5).
///
/// # Inputs
///
/// [`new`](Self::new) begins the race, [`add`](Self::add) gives it addresses that were resolved later.
/// [`handle_connected`](Self::handle_connected) and [`handle_failed`](Self::handle_failed) say how an attempt ended,
/// [`handle_timeout`](Self::handle_timeout) that the time of [`poll_timeout`](Self::poll_timeout) has come. They may
/// come in any order and at any time. What is said of an attempt that is not in flight (its start was not polled, or
/// it is over) is ignored.
///
/// Resolving is the caller's part, and so is the Resolution Delay of §3: to wait some 50 ms for AAAA before a race
/// begins with the answer to A alone.
///
/// # Outputs
///
/// After each input, call [`poll_action`](Self::poll_action) until it returns `None` and carry out what it says, then
/// look at [`outcome`](Self::outcome). An action that is out of date when it is polled is never returned: a start
/// that the winner overtook, the abort of an attempt that failed by itself.
///
/// # Time
///
/// `now` comes with every input; one that is earlier than the last counts as no time passed.
/// [`poll_timeout`](Self::poll_timeout) follows from the state and may change with each input. The next attempt starts
/// one [`attempt_delay`](EyeballsConfig::attempt_delay) after the last one started, or at once when an attempt fails.
/// However late the timeout is handled, it starts one attempt. There is no limit here on the race as a whole, nor on
/// one attempt: a caller that has waited long enough drops the machine and all that it started.
///
/// # Errors
///
/// None: every input is answered in every state. Why an attempt failed is not asked; the caller keeps the errors
/// that it wants to report when the race is [`Exhausted`](EyeballsOutcome::Exhausted).
///
/// # Invariants
///
/// - The same inputs, counting times from the first, yield the same outputs.
/// - Addresses start in the order of [`interleave`](super::interleave), each at most once. One added later goes behind
///   those of its family; its family is next if it has not had its turn.
/// - At most [`max_concurrent`](EyeballsConfig::max_concurrent) attempts are in flight.
/// - While the race is [`Pending`](EyeballsOutcome::Pending), at least one attempt is in flight or about to start.
/// - Of the attempts that were started at most one wins; each of the others fails or is aborted, never both.
/// - Nothing starts after one has connected.
///
/// ```
/// use std::net::SocketAddr;
/// use std::time::Instant;
///
/// use martlet_core::connect::{AttemptId, Eyeballs, EyeballsAction, EyeballsConfig, EyeballsOutcome};
///
/// /// What the caller dials with.
/// trait Dials {
///     fn begin(&mut self, attempt: AttemptId, to: SocketAddr);
///     /// Drops an attempt, or the connection that it has become.
///     fn abort(&mut self, attempt: AttemptId);
///     /// Waits until a dial has ended (true: it has connected) or until the time given; tells the time, too.
///     fn wait(&mut self, until: Option<Instant>) -> (Option<(AttemptId, bool)>, Instant);
/// }
///
/// fn race(addresses: Vec<SocketAddr>, dials: &mut impl Dials, now: Instant) -> Option<AttemptId> {
///     let mut race = Eyeballs::new(addresses, &EyeballsConfig::default(), now);
///     loop {
///         while let Some(action) = race.poll_action() {
///             match action {
///                 EyeballsAction::Start { attempt, to } => dials.begin(attempt, to),
///                 EyeballsAction::Abort { attempt } => dials.abort(attempt),
///             }
///         }
///         match race.outcome() {
///             EyeballsOutcome::Pending => {}
///             EyeballsOutcome::Connected { attempt, .. } => return Some(attempt),
///             EyeballsOutcome::Exhausted => return None,
///         }
///         match dials.wait(race.poll_timeout()) {
///             (Some((attempt, true)), now) => race.handle_connected(attempt, now),
///             (Some((attempt, false)), now) => race.handle_failed(attempt, now),
///             (None, now) => race.handle_timeout(now),
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Eyeballs {
    attempt_delay: Duration,
    max_concurrent: usize,
    waiting: Order,
    /// Every attempt there was, by number. The first `polled` were handed to the caller, the others wait for it.
    attempts: Vec<Attempt>,
    polled: usize,
    /// How many of `attempts` are not over. Counted until one has connected.
    live: usize,
    winner: Option<(AttemptId, SocketAddr)>,
    /// Attempts below this number need no abort any more. Of use once there is a winner.
    settled: usize,
    last_start: Instant,
    /// The latest `now` there was.
    clock: Instant,
}

impl Eyeballs {
    /// Begins a race between `addresses`, given in the resolver's order, at `now`.
    ///
    /// The first attempt is to start at once. Without addresses the race is
    /// [`Exhausted`](EyeballsOutcome::Exhausted) from the beginning.
    #[must_use]
    pub fn new(
        addresses: impl IntoIterator<Item = SocketAddr>,
        config: &EyeballsConfig,
        now: Instant,
    ) -> Self {
        let mut race = Self {
            attempt_delay: config.attempt_delay.max(EyeballsConfig::MIN_ATTEMPT_DELAY),
            max_concurrent: config.max_concurrent.max(1),
            waiting: Order::new(config.first_family_count),
            attempts: Vec::new(),
            polled: 0,
            live: 0,
            winner: None,
            settled: 0,
            last_start: now,
            clock: now,
        };
        race.add(addresses, now);
        race
    }

    /// Adds addresses that became known after the race had begun, such as the answer to the other of A and AAAA.
    ///
    /// They are merged into those that were not tried yet; known ones are ignored, also those that failed. The next
    /// one starts at once if nothing is in flight or the delay since the last start has passed. An
    /// [`Exhausted`](EyeballsOutcome::Exhausted) race goes on. Without effect once an attempt has connected: then
    /// "new addresses will not be used for this connection" (RFC 8305 §5).
    pub fn add(&mut self, addresses: impl IntoIterator<Item = SocketAddr>, now: Instant) {
        self.advance(now);
        if self.winner.is_none() {
            self.waiting.add(addresses);
            self.start_if_due();
        }
    }

    /// An attempt has connected.
    ///
    /// The first to do so wins; every other attempt in flight is to be aborted. If `attempt` is not the winner
    /// afterwards (see [`outcome`](Self::outcome)), its connection is to be dropped: an
    /// [`Abort`](EyeballsAction::Abort) says so, unless it was said before.
    pub fn handle_connected(&mut self, attempt: AttemptId, now: Instant) {
        self.advance(now);
        if self.winner.is_some() {
            return;
        }
        if let Some(connected) = self.in_flight(attempt) {
            connected.phase = Phase::Over;
            self.winner = Some((attempt, connected.to));
            // "Any address that was not yet attempted as a connection SHOULD be ignored" (RFC 8305 §5), and so
            // are the starts that nobody has polled.
            self.attempts.truncate(self.polled);
        }
    }

    /// An attempt has failed; the next starts at once, and the delay runs anew from there.
    ///
    /// RFC 8305 §5 keeps connections at least 10 ms apart to bound the load on a lossy network. That is read as a
    /// bound on the delay, as it is introduced there: an attempt that is over is no load. A refused
    /// connection would otherwise cost its successor those 10 ms.
    pub fn handle_failed(&mut self, attempt: AttemptId, now: Instant) {
        self.advance(now);
        let Some(failed) = self.in_flight(attempt) else {
            return;
        };
        failed.phase = Phase::Over;
        if self.winner.is_none() {
            self.live -= 1;
            self.start_next();
        }
    }

    /// Time has passed; starts the next attempt if its time has come.
    ///
    /// To be called at [`poll_timeout`](Self::poll_timeout). Earlier, or in between, it has no effect.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if self.winner.is_none() {
            self.start_if_due();
        }
    }

    /// What the caller is to do next; `None` when it has been told everything.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<EyeballsAction> {
        if self.winner.is_none() {
            let to = self.attempts.get(self.polled)?.to;
            let attempt = AttemptId(self.polled);
            self.polled += 1;
            return Some(EyeballsAction::Start { attempt, to });
        }
        while let Some(loser) = self.attempts.get_mut(self.settled) {
            let attempt = AttemptId(self.settled);
            self.settled += 1;
            if loser.phase == Phase::InFlight {
                loser.phase = Phase::Over;
                return Some(EyeballsAction::Abort { attempt });
            }
        }
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` while the race does not wait for time.
    ///
    /// It waits for time only while an address is left to be tried and one more attempt may be in flight.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waits = self.winner.is_none() && !self.waiting.is_empty() && self.live < self.max_concurrent;
        if waits { self.next_start() } else { None }
    }

    /// How the race stands.
    pub fn outcome(&self) -> EyeballsOutcome {
        match self.winner {
            Some((attempt, to)) => EyeballsOutcome::Connected { attempt, to },
            None if self.live > 0 => EyeballsOutcome::Pending,
            None => EyeballsOutcome::Exhausted,
        }
    }

    fn advance(&mut self, now: Instant) {
        self.clock = self.clock.max(now);
    }

    /// The attempt of this number if its start was polled and it is not over.
    fn in_flight(&mut self, attempt: AttemptId) -> Option<&mut Attempt> {
        let polled = self.attempts.get_mut(..self.polled)?;
        polled.get_mut(attempt.0).filter(|attempt| attempt.phase == Phase::InFlight)
    }

    /// When the delay since the last start ends; `None` if that is beyond what an `Instant` can tell.
    fn next_start(&self) -> Option<Instant> {
        self.last_start.checked_add(self.attempt_delay)
    }

    fn start_if_due(&mut self) {
        if self.live == 0 || self.next_start().is_some_and(|at| at <= self.clock) {
            self.start_next();
        }
    }

    fn start_next(&mut self) {
        if self.live >= self.max_concurrent {
            return;
        }
        if let Some(to) = self.waiting.pop() {
            self.attempts.push(Attempt { to, phase: Phase::InFlight });
            self.live += 1;
            self.last_start = self.clock;
        }
    }
}

/// How a race is run.
///
/// Begin with [`default`](Self::default) and set what is to differ. No value is an error: one out of bounds counts as
/// the nearest within.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EyeballsConfig {
    /// How long after the start of one attempt the next one starts beside it: RFC 8305 §5's Connection Attempt
    /// Delay.
    ///
    /// 250 ms by default, as §5 recommends. Less than [`MIN_ATTEMPT_DELAY`](Self::MIN_ATTEMPT_DELAY) counts as
    /// that; the RFC recommends at least 100 ms. Deliberately without an upper bound (the RFC recommends 2 s):
    /// [`Duration::MAX`] tries one address after the other.
    pub attempt_delay: Duration,
    /// How many addresses of the first family are tried before the families take turns: RFC 8305 §4's First Address
    /// Family Count.
    ///
    /// 1 by default, as §4 recommends; 2 favours the first family more. 0 counts as 1.
    pub first_family_count: usize,
    /// How many attempts may be in flight at once.
    ///
    /// 6 by default, reached after 1.25 s when nothing answers. A host with many silent addresses costs
    /// no more sockets than that. The price: while so many attempts neither connect nor fail, no other address is
    /// tried. 0 counts as 1.
    pub max_concurrent: usize,
}

impl EyeballsConfig {
    /// The least [`attempt_delay`](Self::attempt_delay), 10 ms: "a subsequent connection MUST NOT be started within
    /// 10 milliseconds of the previous attempt" (RFC 8305 §5).
    pub const MIN_ATTEMPT_DELAY: Duration = Duration::from_millis(10);
}

impl Default for EyeballsConfig {
    fn default() -> Self {
        Self { attempt_delay: Duration::from_millis(250), first_family_count: 1, max_concurrent: 6 }
    }
}

/// Names one attempt of a race.
///
/// Only meaningful to the [`Eyeballs`] that gave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(usize);

impl AttemptId {
    /// The number of the attempt in its race: 0 for the first that started, then without gaps.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// What the caller of an [`Eyeballs`] is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum EyeballsAction {
    /// Start to connect, and report how it ended.
    Start {
        /// The name to report it by.
        attempt: AttemptId,
        /// Where to connect to.
        to: SocketAddr,
    },
    /// Give this attempt up and drop what there is of its connection. Nothing needs to be reported of it any more.
    Abort {
        /// An attempt that was started and has lost.
        attempt: AttemptId,
    },
}

/// How the race of an [`Eyeballs`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum EyeballsOutcome {
    /// An attempt is in flight or about to start.
    Pending,
    /// An attempt has connected. Final.
    Connected {
        /// The winner.
        attempt: AttemptId,
        /// The address that it is connected to.
        to: SocketAddr,
    },
    /// Every address so far was tried and failed, or there was none.
    ///
    /// Final unless [`add`](Eyeballs::add) brings new ones: a caller whose resolver has still to answer waits for that.
    Exhausted,
}

#[derive(Debug, Clone)]
struct Attempt {
    to: SocketAddr,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Started, or about to be.
    InFlight,
    /// Connected as the winner, failed, or aborted.
    Over,
}
