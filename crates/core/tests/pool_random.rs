//! The pool against a slow model of it, over random sequences of operations.
//!
//! `MARTLET_SEED=n` replays one seed and prints what happened; without it 3,000 seeds are run, or `MARTLET_SEEDS`.

#![expect(clippy::disallowed_macros, reason = "a replay is told on the terminal")]

mod pool_model;

use std::fmt;
use std::time::Instant;

use martlet_core::pool::{ConnId, DialId, WaiterId};

use pool_model::{Choices, Run, foreign_ids};

const SEEDS: u64 = 3_000;
const STEPS: usize = 250;

/// Some instant; all others are counted from it.
#[expect(
    clippy::disallowed_methods,
    reason = "an instant cannot be made otherwise, and none is compared with the clock"
)]
fn epoch() -> Instant {
    Instant::now()
}

/// SplitMix64, and whether what it leads to is told.
struct Random(u64, bool);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Choices for Random {
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn say(&self, what: fmt::Arguments<'_>) {
        if self.1 {
            print!("{what}");
        }
    }
}

fn run(seed: u64, epoch: Instant, foreign: (WaiterId, DialId, ConnId), trace: bool) {
    let mut run = Run::new(Random(seed, trace), epoch, foreign);
    for _ in 0..STEPS {
        run.step();
    }
    run.finish();
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the test says which seeds")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_pool_does_what_the_model_does() {
    let epoch = epoch();
    let foreign = foreign_ids(epoch);
    if let Some(seed) = setting("MARTLET_SEED") {
        return run(seed, epoch, foreign, true);
    }
    let seeds = setting("MARTLET_SEEDS").unwrap_or(SEEDS);
    for seed in 0..seeds {
        let failed = std::panic::catch_unwind(|| run(seed, epoch, foreign, false)).is_err();
        assert!(!failed, "seed {seed}: replay it with MARTLET_SEED={seed} and --nocapture");
    }
}
