//! Which deadline comes next, and what has expired.

use std::time::{Duration, Instant};

use crate::time::phase::{Phase, Timeouts};

/// The deadlines of one request. Nobody is told to set a timer: whoever drives the request sleeps until
/// [`poll_timeout`](Self::poll_timeout) and then asks [`expired`](Self::expired).
///
/// # Inputs
///
/// [`enter`](Self::enter), [`progress`](Self::progress) and [`leave`](Self::leave) say what the request is doing.
/// Several phases may run at a time: content can be sent while a response is received.
///
/// # Outputs
///
/// The next deadline, and what has expired.
///
/// # Time
///
/// `now` is an argument. A `now` before an earlier one is taken as it is: a deadline is never moved to the past by it.
///
/// # Errors
///
/// None.
///
/// # Invariants
///
/// `poll_timeout` is the earliest deadline of the phases entered and not left.
#[derive(Clone, Debug)]
pub struct Deadlines {
    timeouts: Timeouts,
    started: Instant,
    /// When the first of Resolve, Connect and Tls was entered: they share one allowance.
    connect_since: Option<Instant>,
    /// The phases that are entered, with the time of entering and of the last progress. Sending, Continue, receiving and
    /// KeepAlive are the most that run at a time; those that lead to a connection run before them, each alone.
    running: [Option<Running>; 4],
}

#[derive(Clone, Copy, Debug)]
struct Running {
    phase: Phase,
    since: Instant,
    progress: Instant,
}

/// A deadline that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// What the request was waiting for.
    pub phase: Phase,
    /// How long it had been in this phase; for `total`, how long the whole request had taken.
    pub elapsed: Duration,
}

impl Deadlines {
    /// The deadlines of a request that begins now.
    pub fn new(timeouts: Timeouts, now: Instant) -> Self {
        Self { timeouts, started: now, connect_since: None, running: [None; 4] }
    }

    /// A phase begins. Entering a phase that is running changes nothing.
    pub fn enter(&mut self, phase: Phase, now: Instant) {
        if self.is_in(phase) {
            return;
        }
        let since = match phase {
            Phase::Resolve | Phase::Connect | Phase::Tls => *self.connect_since.get_or_insert(now),
            _ => now,
        };
        if let Some(free) = self.running.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(Running { phase, since, progress: now });
        }
    }

    /// An octet moved, or whatever else counts as progress in this phase: in [`Phase::Pool`], that a dial which worked for
    /// the request has been given up, so that it waits since then.
    pub fn progress(&mut self, phase: Phase, now: Instant) {
        if let Some(running) = self.running.iter_mut().flatten().find(|r| r.phase == phase) {
            running.progress = running.progress.max(now);
        }
    }

    /// A phase ends.
    pub fn leave(&mut self, phase: Phase) {
        for slot in &mut self.running {
            if slot.is_some_and(|r| r.phase == phase) {
                *slot = None;
            }
        }
    }

    /// Whether this phase is running.
    pub fn is_in(&self, phase: Phase) -> bool {
        self.running.iter().flatten().any(|r| r.phase == phase)
    }

    /// How long there has been no progress in this phase, if it is running.
    pub fn silence(&self, phase: Phase, now: Instant) -> Option<Duration> {
        let running = self.running.iter().flatten().find(|r| r.phase == phase)?;
        Some(now.saturating_duration_since(running.progress))
    }

    /// When the request began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The next deadline, if there is any.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let total = self.total();
        self.running.iter().flatten().filter_map(|r| self.deadline(r)).chain(total).min()
    }

    /// What has expired, the earliest first. An expired 100-continue wait is no failure unless the
    /// whole time [is over](Self::is_total_over): leave the phase and send the content.
    pub fn expired(&self, now: Instant) -> Option<Expired> {
        let due = |at: &Instant| *at <= now;
        let running = self.running.iter().flatten();
        let phase =
            running.filter_map(|r| Some((self.deadline(r).filter(due)?, *r))).min_by_key(|(at, _)| *at);
        let total = self.total().filter(due);
        match (phase, total) {
            (Some((at, _)), Some(total)) if total < at => Some(self.total_expired(now)),
            (Some((_, running)), _) => {
                Some(Expired { phase: running.phase, elapsed: now.saturating_duration_since(running.since) })
            }
            (None, Some(_)) => Some(self.total_expired(now)),
            (None, None) => None,
        }
    }

    /// Whether the time of the whole request is over. What has expired is final then, whatever its phase: also an
    /// expired wait for 100 (Continue).
    pub fn is_total_over(&self, now: Instant) -> bool {
        self.total().is_some_and(|at| at <= now)
    }

    fn total_expired(&self, now: Instant) -> Expired {
        let last = self.running.iter().flatten().max_by_key(|r| r.since);
        Expired {
            phase: last.map_or(Phase::ReceiveContent, |r| r.phase),
            elapsed: now.saturating_duration_since(self.started),
        }
    }

    fn total(&self) -> Option<Instant> {
        self.started.checked_add(self.timeouts.total?)
    }

    fn deadline(&self, running: &Running) -> Option<Instant> {
        let after = |since: Instant, allowed: Option<Duration>| since.checked_add(allowed?);
        match running.phase {
            // Here it is progress to have had a dial: what counts is since when there has been none.
            Phase::Pool => after(running.progress, self.timeouts.pool),
            Phase::KeepAlive => None,
            Phase::Resolve | Phase::Connect | Phase::Tls => after(running.since, self.timeouts.connect),
            Phase::Send => after(running.progress, self.timeouts.write),
            Phase::Continue => after(running.since, self.timeouts.continue_),
            Phase::ReceiveHead => {
                let read = after(running.progress, self.timeouts.read);
                let head = after(running.since, self.timeouts.head);
                [read, head].into_iter().flatten().min()
            }
            Phase::ReceiveContent => after(running.progress, self.timeouts.read),
        }
    }
}
