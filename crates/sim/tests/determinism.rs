//! The same seed is the same run.

mod common;

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;
use std::time::Duration;

use martlet_sim::{Rng, Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use common::{client, echo, get};

fn trace_of(seed: u64) -> String {
    run(Sim::with_config(seed, faulty()))
}

fn faulty() -> SimConfig {
    let mut config = SimConfig::default();
    config.fault_percent = 40;
    config
}

/// A run with several tasks, servers, timers and faults.
fn run(sim: Sim) -> String {
    echo(&sim);
    sim.host("a.test").add_ipv6();
    sim.listen("b.test", 80, |request: SimRequest| {
        SimResponse::ok("one ").piece(request.content).pause(Duration::from_secs(1)).piece("two").chunked()
    });
    let client = client(&sim);
    for n in 0..6 {
        let client = client.clone();
        sim.spawn(async move {
            let url = format!("http://{}.test/{n}", if n % 2 == 0 { "a" } else { "b" });
            let _ = get(&client, &url).await;
            let posted = client.post(url).body(vec![b'x'; 3_000]).send().await;
            if let Ok(response) = posted {
                let _ = response.bytes().await;
            }
        });
    }
    sim.run().expect("no dead-lock");
    sim.trace()
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    for seed in 0..20 {
        let first = trace_of(seed);
        assert!(first.lines().count() > 50, "hardly anything happened:\n{first}");
        assert_eq!(first, trace_of(seed), "seed {seed}");
    }
}

#[test]
fn different_seeds_give_different_traces() {
    let mut digests: Vec<_> = (0..50).map(|seed| digest(&trace_of(seed))).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 50);
}

#[test]
fn a_generator_from_a_seed_gives_the_trace_of_the_seed() {
    for seed in 0..5 {
        assert_eq!(run(Sim::with_rng(Rng::new(seed), faulty())), trace_of(seed), "seed {seed}");
    }
}

#[test]
fn the_same_octets_give_the_same_trace_and_their_beginning_its_beginning() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let mut octets: Vec<u8> = (0..2_000).map(|_| rng.below(256) as u8).collect();
        let trace = |octets: &[u8]| run(Sim::with_rng(Rng::from_octets(octets), faulty()));
        let first = trace(&octets);
        assert_eq!(first, trace(&octets), "seed {seed}");
        // Many an octet is worth a line, and most of them come behind the first.
        octets.truncate(200);
        let other = trace(&octets);
        let same = first.lines().zip(other.lines()).take_while(|(one, other)| one == other).count();
        assert!(same > 20 && first != other, "seed {seed}: {same}\n{first}");
    }
}

/// Set in a process that another test has started.
const CHILD: &str = "MARTLET_SIM_CHILD";

#[allow(clippy::disallowed_methods)]
fn is_child() -> bool {
    env::var(CHILD).is_ok()
}

/// For the test below, in a process of its own; by itself it tests nothing.
#[test]
#[allow(clippy::disallowed_macros)]
fn child_prints_digests() {
    if !is_child() {
        return;
    }
    for seed in 0..10 {
        println!("digest {seed} {}", digest(&trace_of(seed)));
    }
}

/// Runs one of the tests in a process of its own. Gives what it printed, and whether it passed.
fn run_alone(test: &str, seed: Option<&str>) -> (String, bool) {
    let mut command = Command::new(env::current_exe().expect("this test has a file"));
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1").env_remove("MARTLET_SEED");
    command.envs(seed.map(|seed| ("MARTLET_SEED", seed)));
    let output = command.output().expect("it runs");
    let printed = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&printed).into_owned(), output.status.success())
}

#[test]
fn the_trace_is_the_same_in_another_process() {
    let (printed, _) = run_alone("child_prints_digests", None);
    for seed in 0..10 {
        let line = format!("digest {seed} {}", digest(&trace_of(seed)));
        assert!(printed.contains(&line), "{line} is not in\n{printed}");
    }
}

#[test]
fn the_trace_holds_no_date_and_no_pointer() {
    let trace = trace_of(3);
    for line in trace.lines() {
        let (time, _) = line.split_once(' ').expect("a time and what happened");
        let (seconds, nanos) = time.split_once('.').expect("seconds and a fraction");
        assert!(seconds.parse::<u64>().is_ok_and(|seconds| seconds < 100), "{line}");
        assert_eq!(nanos.len(), 9, "{line}");
        assert!(!line.contains("0x"), "{line}");
    }
}

#[test]
fn one_more_draw_of_the_user_does_not_change_the_network() {
    let trace = |draws: usize| {
        let sim = Sim::new(5);
        echo(&sim);
        for _ in 0..draws {
            sim.rng();
        }
        let client = client(&sim);
        let _ = sim.block_on(get(&client, "http://a.test/")).expect("no dead-lock");
        sim.trace()
    };
    assert_eq!(trace(0), trace(3));
}

/// For the tests below, in a process of its own; by itself it tests nothing.
#[test]
#[allow(clippy::disallowed_macros)]
fn child_fails_at_seed_3() {
    if !is_child() {
        return;
    }
    for_each_seed(0..10, |seed| {
        println!("ran {seed};");
        assert_ne!(seed, 3);
    });
}

#[test]
fn a_seed_that_fails_is_printed() {
    let (printed, passed) = run_alone("child_fails_at_seed_3", None);
    assert!(!passed);
    assert!(printed.contains("MARTLET_SEED=3 runs it alone"), "{printed}");
    assert!(printed.contains("ran 0;") && !printed.contains("ran 4;"), "{printed}");
}

#[test]
fn the_variable_runs_one_seed_alone() {
    for (seed, passes) in [("3", false), ("7", true), ("1000", true)] {
        let (printed, passed) = run_alone("child_fails_at_seed_3", Some(seed));
        assert_eq!(passed, passes, "{printed}");
        assert_eq!(printed.matches("ran ").count(), 1, "{printed}");
        assert!(printed.contains(&format!("ran {seed};")), "{printed}");
    }
    let (printed, passed) = run_alone("child_fails_at_seed_3", Some("seven"));
    assert!(!passed && printed.contains("MARTLET_SEED is not a number"), "{printed}");
}
