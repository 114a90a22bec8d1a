//! Virtual time.

use std::time::{Duration, Instant, SystemTime};

/// Where the wall clock stands when a simulation begins: 14 November 2023, 22:13:20 UTC, for every seed.
pub(crate) const WALL_START: Duration = Duration::from_secs(1_700_000_000);

/// The instant that stands for the beginning of a simulation.
///
/// An `Instant` cannot be made of a number. Nothing but differences to this one is ever looked at, so the trace does not
/// depend on it.
#[allow(clippy::disallowed_methods)]
pub(crate) fn base() -> Instant {
    Instant::now()
}

/// Two clocks: one that timers follow, and one that may jump.
#[derive(Debug)]
pub(crate) struct Clock {
    base: Instant,
    pub(crate) now: Duration,
    wall: SystemTime,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { base: base(), now: Duration::ZERO, wall: SystemTime::UNIX_EPOCH + WALL_START }
    }

    /// The monotonic clock.
    pub(crate) fn instant(&self) -> Instant {
        self.base + self.now
    }

    /// How long after the beginning this instant is; an earlier one is the beginning.
    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.base)
    }

    pub(crate) fn wall(&self) -> SystemTime {
        self.wall + self.now
    }

    /// The wall clock goes ahead; the monotonic one stands.
    pub(crate) fn jump(&mut self, by: Duration) {
        self.wall += by;
    }

    /// The wall clock is set to `to`.
    pub(crate) fn set_wall(&mut self, to: SystemTime) {
        self.wall = to.checked_sub(self.now).unwrap_or(SystemTime::UNIX_EPOCH);
    }
}
