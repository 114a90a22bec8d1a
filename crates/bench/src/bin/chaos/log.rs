//! What the origin has seen: of the two who are asked what became of a request, the one who knows.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::Id;

/// Every request that reached the origin.
pub(crate) struct Log(Mutex<Entries>);

struct Entries {
    seen: BTreeMap<Id, Seen>,
    under_way: usize,
    last: Instant,
}

/// What the origin has seen of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How often its head came.
    pub(crate) heads: u32,
    /// How often all of it came, and was acted on.
    pub(crate) processed: u32,
    /// What was wrong with it.
    pub(crate) spoiled: Option<String>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Entries { seen: BTreeMap::new(), under_way: 0, last: Instant::now() }))
    }

    /// A head has come. What it returns goes when no more can come of the request.
    pub(crate) fn begin(&self, id: Id) -> UnderWay<'_> {
        let mut entries = self.entries();
        entries.seen.entry(id).or_default().heads += 1;
        entries.under_way += 1;
        entries.last = Instant::now();
        UnderWay { log: self, id }
    }

    /// What is there when it has been quiet for so long, or has not become quiet within the limit.
    pub(crate) fn settle(&self, quiet: Duration, limit: Duration) -> BTreeMap<Id, Seen> {
        let deadline = Instant::now() + limit;
        loop {
            let entries = self.entries();
            let is_quiet = entries.under_way == 0 && entries.last.elapsed() >= quiet;
            if is_quiet || Instant::now() >= deadline {
                return entries.seen.clone();
            }
            drop(entries);
            std::thread::sleep(quiet / 10);
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Every change is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that may still be acted on.
pub(crate) struct UnderWay<'a> {
    log: &'a Log,
    id: Id,
}

impl UnderWay<'_> {
    /// All of it came, and it is acted on.
    pub(crate) fn process(self, spoiled: Option<String>) {
        let mut entries = self.log.entries();
        let seen = entries.seen.entry(self.id).or_default();
        seen.processed += 1;
        if spoiled.is_some() {
            seen.spoiled = spoiled;
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut entries = self.log.entries();
        entries.under_way -= 1;
        entries.last = Instant::now();
    }
}
