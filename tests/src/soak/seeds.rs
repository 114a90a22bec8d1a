//! Seeds: one, or many on all cores.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use super::invariant::{Broken, Invariant};
use super::judge::judge;
use super::run::World;
use super::seen::Seen;

/// What became of a seed.
#[derive(Debug)]
pub struct Verdict {
    /// What was seen in it, or the invariant that it broke.
    pub judged: Result<Seen, Broken>,
    /// All that happened on the network, if it was wanted.
    pub trace: String,
}

/// Runs a seed and judges it. The same seed does the same each time.
#[must_use]
pub fn run_seed(seed: u64, has_trace: bool) -> Verdict {
    verdict(World::new(seed, has_trace))
}

pub(super) fn verdict(mut world: World) -> Verdict {
    let judged = catch_unwind(AssertUnwindSafe(|| judge(&world.run()?)));
    let judged = judged.unwrap_or_else(|panic| Err(Invariant::NothingPanics.broken(text_of(&*panic))));
    Verdict { judged, trace: world.sim.trace() }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_else(|| "no text".to_owned())
}

/// A seed that has failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The seed.
    pub seed: u64,
    /// What it broke.
    pub broken: Broken,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Seeds that are done.
    pub done: usize,
    /// Seeds that have failed.
    pub failed: usize,
}

/// What many seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: usize,
    /// What was seen in those that did not fail.
    pub seen: Seen,
    /// Those that failed, the lowest first.
    pub failed: Vec<Failed>,
}

/// Runs seeds on so many threads until all are done, or so many have failed.
pub fn soak(
    seeds: Range<u64>,
    threads: usize,
    most_failures: usize,
    tell: impl Fn(Progress) + Sync,
) -> Summary {
    let (next, done, failures) = (AtomicU64::new(seeds.start), AtomicUsize::new(0), AtomicUsize::new(0));
    let summary = Mutex::new(Summary::default());
    let work = || {
        let mut mine = Summary::default();
        while failures.load(Ordering::Relaxed) < most_failures {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            match run_seed(seed, false).judged {
                Ok(seen) => mine.seen += seen,
                Err(broken) => {
                    failures.fetch_add(1, Ordering::Relaxed);
                    mine.failed.push(Failed { seed, broken });
                }
            }
            mine.seeds += 1;
            let done = 1 + done.fetch_add(1, Ordering::Relaxed);
            tell(Progress { done, failed: failures.load(Ordering::Relaxed) });
        }
        let mut all = summary.lock().expect("nobody panics with it");
        all.seeds += mine.seeds;
        all.seen += mine.seen;
        all.failed.append(&mut mine.failed);
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut summary = summary.into_inner().expect("nobody panics with it");
    summary.failed.sort_by_key(|failed| failed.seed);
    summary
}
