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
    /// The phases that are entered, each at its place in [`Phase::ALL`]. Hardly more than four run at a time in a request, but none
    /// that is entered may lose its deadline.
    running: [Option<Running>; Phase::ALL.len()],
}

/// When a phase was entered, and when there was progress in it.
#[derive(Clone, Copy, Debug)]
struct Running {
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
        Self { timeouts, started: now, connect_since: None, running: [None; Phase::ALL.len()] }
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
        self.running[phase as usize] = Some(Running { since, progress: now });
    }

    /// An octet moved, or whatever else counts as progress in this phase: in [`Phase::Pool`], that a dial which worked for
    /// the request has been given up, so that it waits since then.
    pub fn progress(&mut self, phase: Phase, now: Instant) {
        if let Some(running) = &mut self.running[phase as usize] {
            running.progress = running.progress.max(now);
        }
    }

    /// A phase ends.
    pub fn leave(&mut self, phase: Phase) {
        self.running[phase as usize] = None;
    }

    /// Whether this phase is running.
    pub fn is_in(&self, phase: Phase) -> bool {
        self.running[phase as usize].is_some()
    }

    /// How long there has been no progress in this phase, if it is running.
    pub fn silence(&self, phase: Phase, now: Instant) -> Option<Duration> {
        let running = self.running[phase as usize]?;
        Some(now.saturating_duration_since(running.progress))
    }

    /// When the request began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The next deadline, if there is any.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let total = self.total();
        self.running().filter_map(|(phase, r)| self.deadline(phase, r)).chain(total).min()
    }

    /// What has expired, the earliest first. An expired 100-continue wait is no failure unless the
    /// whole time [is over](Self::is_total_over): leave the phase and send the content.
    pub fn expired(&self, now: Instant) -> Option<Expired> {
        let due = |at: &Instant| *at <= now;
        let deadlines = self.running().filter_map(|(phase, running)| {
            let at = self.deadline(phase, running).filter(due)?;
            Some((at, Expired { phase, elapsed: now.saturating_duration_since(running.since) }))
        });
        let phase = deadlines.min_by_key(|(at, _)| *at);
        let total = self.total().filter(due);
        match (phase, total) {
            (Some((at, _)), Some(total)) if total < at => Some(self.total_expired(now)),
            (Some((_, expired)), _) => Some(expired),
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
        let last = self.running().max_by_key(|(_, running)| running.since);
        Expired {
            phase: last.map_or(Phase::ReceiveContent, |(phase, _)| phase),
            elapsed: now.saturating_duration_since(self.started),
        }
    }

    fn total(&self) -> Option<Instant> {
        self.started.checked_add(self.timeouts.total?)
    }

    fn running(&self) -> impl Iterator<Item = (Phase, &Running)> {
        Phase::ALL.iter().zip(&self.running).filter_map(|(phase, slot)| Some((*phase, slot.as_ref()?)))
    }

    fn deadline(&self, phase: Phase, running: &Running) -> Option<Instant> {
        let after = |since: Instant, allowed: Option<Duration>| since.checked_add(allowed?);
        match phase {
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
