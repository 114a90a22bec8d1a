//! What happens to the gateway, and when.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What is done to the gateway, from the mildest to the hardest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// Nothing: it is up, and nothing of a restart is left.
    Up,
    /// It takes its configuration anew, finishes what it has begun, and there is always somebody who accepts.
    Reload,
    /// What serves is killed, and something else is there to accept: what was under way is lost, and who asks again is
    /// served.
    Crash,
    /// It finishes what it has begun and ends; for a while there is none.
    Quit,
    /// It is told to end at once.
    Term,
    /// It is killed with all its processes.
    Kill,
}

impl Way {
    pub(crate) const ALL: [Self; 6] =
        [Self::Up, Self::Reload, Self::Crash, Self::Quit, Self::Term, Self::Kill];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.to_string() == name)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Reload => "reload",
            Self::Crash => "crash",
            Self::Quit => "quit",
            Self::Term => "term",
            Self::Kill => "kill",
        })
    }
}

/// All that has happened so far.
pub(crate) struct Weather(Mutex<Vec<(Instant, Way)>>);

impl Weather {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(vec![(Instant::now(), Way::Up)]))
    }

    /// From now on.
    pub(crate) fn set(&self, way: Way) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), way));
    }

    /// The hardest of what has happened since then.
    pub(crate) fn hardest_since(&self, then: Instant) -> Way {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hardest = Way::Up;
        for (began, way) in all.iter().rev() {
            hardest = hardest.max(*way);
            if *began <= then {
                break;
            }
        }
        hardest
    }
}

#[cfg(test)]
mod tests;
