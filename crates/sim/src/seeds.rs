//! Many seeds, or the one that failed.

use std::ops::Range;

/// Names the seed that is to be run alone.
const VARIABLE: &str = "MARTLET_SEED";

/// Runs a test with each seed of the range. When it panics, the seed is printed; with `MARTLET_SEED=n` in the
/// environment only the seed `n` is run.
///
/// # Panics
///
/// When the test does, or the variable holds no number.
pub fn for_each_seed(seeds: Range<u64>, mut test: impl FnMut(u64)) {
    match only() {
        Some(seed) => run(seed, &mut test),
        None => seeds.for_each(|seed| run(seed, &mut test)),
    }
}

fn run(seed: u64, test: &mut impl FnMut(u64)) {
    let _told = Told(seed);
    test(seed);
}

/// The only place where something of the outside enters.
#[allow(clippy::disallowed_methods)]
fn only() -> Option<u64> {
    let text = std::env::var(VARIABLE).ok()?;
    match text.parse() {
        Ok(seed) => Some(seed),
        Err(_) => panic!("{VARIABLE} is not a number: {text}"),
    }
}

struct Told(u64);

impl Drop for Told {
    #[allow(clippy::disallowed_macros)]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {seed} failed; {VARIABLE}={seed} runs it alone", seed = self.0);
        }
    }
}
