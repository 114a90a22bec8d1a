//! What happened, counted: a workload in which something never happens proves nothing of it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// In 3,000 seeds everything that is looked for happens more often than this.
pub const RARE: usize = 20;

/// Numbers by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<String, usize>);

impl Tally {
    pub(super) fn add(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// What was counted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(what, count)| (what.as_str(), *count))
    }

    /// All of it together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    /// A line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.0 {
            writeln!(f, "  {count:>9}  {what}")?;
        }
        Ok(())
    }
}

/// What was seen in one run, or in many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    classes: BTreeMap<&'static str, usize>,
    /// Requests by what they came to.
    pub outcomes: Tally,
    /// Requests that were sent again, by what had become of them.
    pub replays: Tally,
}

impl Seen {
    /// Something interesting, which has happened or has not.
    pub(super) fn note(&mut self, what: &'static str, happened: bool) {
        *self.classes.entry(what).or_default() += usize::from(happened);
    }

    /// What is to happen, and how often it did, the rarest first.
    #[must_use]
    pub fn classes(&self) -> Vec<(&'static str, usize)> {
        let mut classes: Vec<_> = self.classes.iter().map(|(what, count)| (*what, *count)).collect();
        classes.sort_by_key(|(_, count)| *count);
        classes
    }
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        for (what, count) in other.classes {
            *self.classes.entry(what).or_default() += count;
        }
        self.outcomes += other.outcomes;
        self.replays += other.replays;
    }
}
