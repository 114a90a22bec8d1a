//! `fuzz` and `fuzz-smoke`: every fuzz target in turn, for minutes or for seconds, or at least its body over its corpus.

mod build;
mod case;
mod libfuzzer;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

pub(crate) use self::build::{Purpose, Target, build, missing_tool, program, targets};
pub(crate) use self::libfuzzer::{Fuzzing, Stats, fuzz};

use crate::shell::{Failure, cargo, root, run as run_command, target_directory};

/// For all targets together.
const DEFAULT_MINUTES: u64 = 30;

/// For each target.
const DEFAULT_SECONDS: u64 = 4;

/// `fuzz [--minutes N] [TARGET…]`.
pub(crate) fn run(options: &[&str]) -> Result<(), Failure> {
    let (minutes, names) = match options {
        ["--minutes", minutes, names @ ..] => (number(minutes)?, names),
        names => (DEFAULT_MINUTES, names),
    };
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
    let mut cases = Vec::new();
    for target in &targets {
        let outcome = fuzz(&Fuzzing {
            program: &program(&place, &target.name)?,
            target,
            corpora: &corpora(&place, target),
            place: &place,
            time,
            tells: true,
        })?;
        println!("{:<20} {}", target.name, outcome.stats);
        if let Some(failed) = outcome.failed {
            cases.push(case::keep(&program(&place, &target.name)?, target, &failed)?);
        }
        table.push(row(&target.name, &outcome.stats));
    }
    println!("\n{HEADLINE}\n{}", table.join("\n"));
    match &cases[..] {
        [] => Ok(()),
        _ => Err(Failure::new(format!("{} of {} targets failed", cases.len(), targets.len()))),
    }
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
fn corpora(place: &std::path::Path, target: &Target) -> [PathBuf; 3] {
    [
        place.join("found").join(&target.name),
        root().join("fuzz/corpus").join(&target.name),
        place.join("seeds").join(&target.name),
    ]
}
