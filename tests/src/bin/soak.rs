//! Runs seeds of the simulated workload: `soak [--seeds N] [--from S] [--most-failures N]`, or `soak --seed S` for one with
//! its trace, or `soak --octets FILE` for the run that the octets of a file decide. `cargo xtask soak` builds and starts it.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::panic;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use martlet_tests::soak::{Failed, Progress, Summary, Verdict, run_octets, run_seed, soak};

const USAGE: &str = "usage: soak [--seeds N] [--from S] [--most-failures N] | --seed S | --octets FILE";

/// How many seeds are run if nobody says.
const SEEDS: u64 = 20_000;

/// After so many failures there is enough to look at.
const MOST_FAILURES: u64 = 5;

/// How often lines come where there is no terminal, and how often the bar moves where there is one.
const PAUSES: [Duration; 2] = [Duration::from_secs(10), Duration::from_millis(200)];

/// Columns of the bar.
const WIDTH: usize = 40;

fn main() -> ExitCode {
    let (mut seeds, mut from, mut only, mut most_failures) = (SEEDS, 0, None, MOST_FAILURES);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next();
        if let ("--octets", Some(path)) = (name.as_str(), &value) {
            return of_file(path);
        }
        let Some(number) = value.and_then(|value| value.parse().ok()) else {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        };
        match name.as_str() {
            "--seeds" => seeds = number,
            "--from" => from = number,
            "--most-failures" => most_failures = number,
            "--seed" => only = Some(number),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    match only {
        Some(seed) => one(seed),
        None => many(from, seeds, usize::try_from(most_failures).unwrap_or(usize::MAX)),
    }
}

/// One seed, with its trace.
fn one(seed: u64) -> ExitCode {
    tell(&format!("seed {seed}"), run_seed(seed, true))
}

/// What a fuzzer has found.
fn of_file(path: &str) -> ExitCode {
    match std::fs::read(path) {
        Ok(octets) => tell(path, run_octets(&octets, true)),
        Err(e) => {
            eprintln!("{path}: {e}");
            ExitCode::from(2)
        }
    }
}

fn tell(what: &str, verdict: Verdict) -> ExitCode {
    print!("{}", verdict.trace);
    match verdict.judged {
        Ok(seen) => {
            println!("\n{what} is as it should be:\n{}", seen.outcomes);
            ExitCode::SUCCESS
        }
        Err(broken) => {
            println!("\n{what} failed: {broken}");
            ExitCode::FAILURE
        }
    }
}

fn many(from: u64, seeds: u64, most_failures: usize) -> ExitCode {
    // What panics is reported with its seed.
    panic::set_hook(Box::new(|_| {}));
    let threads = available_parallelism().map_or(1, NonZero::get);
    println!("seeds {from} to {} on {threads} threads", from.saturating_add(seeds));
    let bar = Bar::new(seeds);
    let summary =
        soak(from..from.saturating_add(seeds), threads, most_failures, |progress| bar.show(progress));
    bar.end();
    report(&summary, bar.began.elapsed());
    if summary.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(summary: &Summary, took: Duration) {
    let seconds = took.as_secs_f64();
    let (seeds, requests) = (summary.seeds, summary.seen.outcomes.total());
    println!("{seeds} seeds, {requests} requests in {seconds:.1} s: {:.0} seeds/s", seeds as f64 / seconds);
    println!("requests by what they came to, and for errors what is said of the delivery:");
    print!("{}", summary.seen.outcomes);
    println!("requests that were sent again, by what servers saw of the attempts before:");
    print!("{}", summary.seen.replays);
    println!("what is looked for, the rarest first:");
    for (what, count) in summary.seen.classes() {
        println!("  {count:>9}  {what}");
    }
    println!("failures: {}", summary.failed.len());
    for Failed { seed, broken } in &summary.failed {
        println!("\nseed {seed}: {broken}\n  replay: cargo xtask soak --seed {seed}");
    }
}

/// A line that tells how far it is.
struct Bar {
    seeds: u64,
    began: Instant,
    is_terminal: bool,
    shown: Mutex<Instant>,
}

impl Bar {
    fn new(seeds: u64) -> Self {
        let began = Instant::now();
        Self { seeds, began, is_terminal: io::stdout().is_terminal(), shown: Mutex::new(began) }
    }

    fn show(&self, progress: Progress) {
        // Whoever has it shows it.
        let Ok(mut shown) = self.shown.try_lock() else { return };
        if shown.elapsed() < PAUSES[usize::from(self.is_terminal)] {
            return;
        }
        *shown = Instant::now();
        let Progress { done, failed } = progress;
        let took = self.began.elapsed().as_secs_f64();
        let speed = done as f64 / took;
        let left = (self.seeds as f64 - done as f64) / speed;
        let text = format!("{done}/{} seeds, {failed} failed, {speed:.0}/s, {left:.0} s left", self.seeds);
        if self.is_terminal {
            let full = WIDTH * done / usize::try_from(self.seeds.max(1)).unwrap_or(usize::MAX);
            print!("\r[{:<WIDTH$}] {text}   ", "#".repeat(full.min(WIDTH)));
            // Whether anybody sees it is not ours to say.
            let _ = io::stdout().flush();
        } else {
            println!("{text}");
        }
    }

    fn end(&self) {
        if self.is_terminal {
            println!();
        }
    }
}
