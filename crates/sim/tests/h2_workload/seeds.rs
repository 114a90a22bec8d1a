//! The seeds.

use martlet_sim::for_each_seed;

use crate::check::{Seen, check};
use crate::run::run;

const SEEDS: u64 = 2_000;

/// Seeds that have failed, each of a mistake of its own.
const FAILED: [(u64, &str); 5] = [
    (36, "content waits for the peer's window for ever, whatever the time for writing is"),
    (124, "a request whose time is over is not sent, and goes out behind that"),
    (594, "trailers that leave with a younger request make that one not sent"),
    (622, "what is queued goes out behind the end of the peer's side"),
    (1_834, "the `h2` crate resets a stream that it has not opened"),
];

#[test]
fn every_request_ends_as_it_may_and_the_pool_keeps_its_limits() {
    let (mut seeds, mut seen) = (0, Seen::default());
    for_each_seed(0..SEEDS, |seed| {
        seen += check(&run(seed));
        seeds += 1;
    });
    if seeds == SEEDS {
        let (what, count) = seen.rarest().expect("something was looked for");
        assert!(count > 20, "too little happened, {what}: {seen:?}");
    }
}

#[test]
fn seeds_that_have_failed_do_so_no_more() {
    for (seed, _) in FAILED {
        for_each_seed(seed..seed + 1, |seed| _ = check(&run(seed)));
    }
}

#[test]
fn the_workload_is_the_same_for_the_same_seed() {
    for_each_seed(0..20, |seed| assert_eq!(run(seed).trace, run(seed).trace));
}
