//! The simulated workload over many seeds.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::thread::available_parallelism;

use martlet_sim::Rng;
use martlet_tests::soak::{RARE, run_octets, run_seed, soak};

const SEEDS: u64 = 3_000;

/// Seeds above these that meet what has failed once. Most of what has is a mistake that `cargo xtask mutants` makes again.
const FAILED: [(u64, &str); 3] = [
    (4_188, "the `h2` crate resets a stream that it has not opened"),
    (9_870, "a connection whose last response was read late was not looked at before it was used again"),
    (22_179, "what is queued goes out behind the end of the peer's side"),
];

#[test]
fn every_request_ends_as_it_may_whatever_servers_and_network_do() {
    if let Some(seed) = std::env::var("MARTLET_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let verdict = run_seed(seed, true);
        assert!(verdict.judged.is_ok(), "{}\n{:?}", verdict.trace, verdict.judged);
        return;
    }
    let threads = available_parallelism().map_or(1, NonZero::get);
    let summary = soak(0..SEEDS, threads, 5, |_| {});
    for failed in &summary.failed {
        eprintln!("seed {}: {}\n", failed.seed, failed.broken);
    }
    let failed: Vec<_> = summary.failed.iter().map(|failed| failed.seed).collect();
    assert!(
        failed.is_empty(),
        "seeds {failed:?} failed; `cargo xtask soak --seed N` shows what happened in one"
    );
    let classes = summary.seen.classes();
    let rare: Vec<_> = classes.iter().filter(|(_, count)| *count <= RARE).collect();
    assert!(rare.is_empty(), "these happen too seldom to prove anything: {rare:?}");
}

#[test]
fn seeds_that_have_failed_do_so_no_more() {
    for (seed, what) in FAILED {
        let verdict = run_seed(seed, false);
        assert!(verdict.judged.is_ok(), "seed {seed}, {what}: {:?}", verdict.judged);
    }
}

#[test]
fn a_run_is_the_same_for_the_same_seed() {
    for seed in 0..20 {
        let [first, second] = [0, 1].map(|_| run_seed(seed, true));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.judged, second.judged, "seed {seed}");
    }
}

#[test]
fn a_trace_changes_nothing_of_a_run() {
    for seed in 0..20 {
        assert_eq!(run_seed(seed, true).judged, run_seed(seed, false).judged, "seed {seed}");
    }
}

/// Octets of any kind, long enough to decide most of a run, or too short.
fn any_octets(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let len = rng.skewed(&(0..=4_000));
    // Small numbers are what octets of a hand or of a fuzzer often are.
    let bound = if rng.percent(50) { 256 } else { 12 };
    (0..len).map(|_| rng.below(bound) as u8).collect()
}

#[test]
fn every_request_ends_as_it_may_whatever_octets_decide() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..1_500 {
        match run_octets(&any_octets(seed), false).judged {
            Ok(seen) => outcomes.extend(seen.outcomes.iter().map(|(what, _)| what.to_owned())),
            Err(broken) => panic!("octets of seed {seed}: {broken}"),
        }
    }
    assert!(outcomes.len() > 12, "these are the only ends: {outcomes:?}");
}

#[test]
fn a_run_is_the_same_for_the_same_octets() {
    let mut traces = Vec::new();
    for seed in 0..20 {
        let octets = any_octets(seed);
        let [first, second] = [0, 1].map(|_| run_octets(&octets, true));
        assert_eq!((&first.trace, &first.judged), (&second.trace, &second.judged), "octets of seed {seed}");
        traces.push(first.trace);
    }
    traces.sort();
    traces.dedup();
    assert!(traces.len() >= 18, "octets decide little: {} traces", traces.len());
}
