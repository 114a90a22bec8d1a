//! `fuzz` and `fuzz-smoke`: every fuzz target in turn, for minutes or for seconds, or at least its body over its corpus.

mod build;
mod case;
mod libfuzzer;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) use self::build::{Purpose, Target, build, missing_tool, program, targets};
pub(crate) use self::libfuzzer::{Fuzzing, Stats, fuzz};

use crate::shell::{Failure, cargo, root, run as run_command, target_directory};

/// For all targets together.
const DEFAULT_MINUTES: u64 = 30;

/// A week.
const MOST_MINUTES: u64 = 7 * 24 * 60;

/// For each target.
const DEFAULT_SECONDS: u64 = 4;

/// `fuzz [--minutes N] [TARGET…]`.
pub(crate) fn run(options: &[&str]) -> Result<(), Failure> {
    let (minutes, names) = match options {
        ["--minutes", minutes, names @ ..] => (number(minutes)?, names),
        names => (DEFAULT_MINUTES, names),
    };
    if names.iter().any(|name| name.starts_with('-')) || !(1..=MOST_MINUTES).contains(&minutes) {
        let what = format!("`fuzz` takes `--minutes N`, of 1 to {MOST_MINUTES}, and then names of targets");
        return Err(Failure::new(what));
    }
    run_all(names, |targets| Duration::from_secs(minutes * 60 / targets.max(1)))
}

/// `fuzz-smoke [--seconds N]`.
pub(crate) fn smoke(options: &[&str]) -> Result<(), Failure> {
    let seconds = match options {
        [] => DEFAULT_SECONDS,
        ["--seconds", seconds] => number(seconds)?,
        _ => return Err(Failure::new("`fuzz-smoke` takes `--seconds N` and nothing else")),
    };
    run_all(&[], |_| Duration::from_secs(seconds))
}

fn number(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::new(format!("`{text}` is no number")))
}

fn run_all(names: &[&str], time: impl FnOnce(u64) -> Duration) -> Result<(), Failure> {
    if let Some(missing) = missing_tool() {
        println!("no fuzzing: {missing}; the fuzz bodies run over their corpora instead");
        return run_command(&mut cargo(&["test", "--package", "martlet-fuzz"]));
    }
    let place = target_directory().join("fuzz");
    let targets = chosen(targets(&place.join("seeds"))?, names)?;
    let only = if let [only] = &targets[..] { Some(&*only.name) } else { None };
    build(&root(), &place, only, Purpose::Search)?;
    let time = time(targets.len() as u64).max(Duration::from_secs(1));
    println!("{} targets, {} s each", targets.len(), time.as_secs());
    let mut table = Vec::new();
    let mut failed = 0;
    for target in &targets {
        // What becomes of one says nothing of the others.
        match run_one(&place, target, time) {
            Ok((stats, is_sound)) => {
                table.push(row(&target.name, &stats));
                failed += usize::from(!is_sound);
            }
            Err(failure) => {
                println!("{:<20} FAILED: {failure}", target.name);
                failed += 1;
            }
        }
    }
    println!("\n{HEADLINE}\n{}", table.join("\n"));
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{failed} of {} targets failed", targets.len()))),
    }
}

/// Runs one target. Whether it found nothing.
fn run_one(place: &Path, target: &Target, time: Duration) -> Result<(Stats, bool), Failure> {
    let program = program(place, &target.name)?;
    let corpora = &corpora(place, target);
    let outcome = fuzz(&Fuzzing { program: &program, target, corpora, place, time, tells: true })?;
    println!("{:<20} {}", target.name, outcome.stats);
    if let Some(failed) = &outcome.failed {
        println!("{:<20} FAILED: {}", target.name, failed.message);
        case::keep(&program, target, failed)?;
    }
    Ok((outcome.stats, outcome.failed.is_none()))
}

const HEADLINE: &str =
    "| target | executions | per second | cov | ft | corpus |\n|---|---:|---:|---:|---:|---:|";

fn row(target: &str, stats: &Stats) -> String {
    let Stats { executions, rate, cov, ft, corpus } = stats;
    format!("| `{target}` | {executions} | {rate} | {cov} | {ft} | {corpus} |")
}

fn chosen(all: Vec<Target>, names: &[&str]) -> Result<Vec<Target>, Failure> {
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|target| target.name != **name)) {
        let all: Vec<_> = all.iter().map(|target| &*target.name).collect();
        return Err(Failure::new(format!("there is no target `{unknown}`; there are {}", all.join(", "))));
    }
    let is_chosen = |target: &Target| names.is_empty() || names.contains(&&*target.name);
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// Where inputs lie: those that are found, which stay from run to run, the committed ones, and seeds from elsewhere.
fn corpora(place: &Path, target: &Target) -> [PathBuf; 3] {
    [
        place.join("found").join(&target.name),
        root().join("fuzz/corpus").join(&target.name),
        place.join("seeds").join(&target.name),
    ]
}
