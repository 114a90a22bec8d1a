//! `instructions`: what operations cost, counted and not timed.

use std::path::Path;
use std::process::Command;

use crate::shell::{Failure, cargo, find_program, output_of_stderr, run as run_command, target_directory};

const FEW: u32 = 1_000;
const MANY: u32 = 100_000;

/// With many waiters an operation may cost so many times what it costs with few.
const GROWTH: f64 = 2.0;

/// The steps of `pool_load`, and how many operations each is per waiter.
const STEPS: [(&str, f64); 3] =
    [("a request queues", 1.0), ("one is cancelled", 0.5), ("one is served", 0.5)];

pub(crate) fn run() -> Result<(), Failure> {
    let valgrind = find_program("valgrind")
        .ok_or_else(|| Failure::new("no `valgrind` on PATH; install it first: it does the counting"))?;
    run_command(&mut cargo(&["build", "--release", "--package", "martlet-tests", "--bin", "pool_load"]))?;
    let program = target_directory().join("release/pool_load");
    let (few, many) = (costs(&valgrind, &program, FEW)?, costs(&valgrind, &program, MANY)?);
    println!("instructions per operation of the pool, over 1,000 origins:");
    let mut worst: f64 = 0.0;
    for ((what, _), (few, many)) in STEPS.iter().zip(few.iter().zip(&many)) {
        let growth = many / few;
        worst = worst.max(growth);
        println!("  {what:<18} {few:>7.0} with {FEW} waiters, {many:>7.0} with {MANY}: {growth:.2} times");
    }
    if worst <= GROWTH {
        return Ok(());
    }
    Err(Failure::new(format!("an operation costs {worst:.2} times as much, and may cost {GROWTH} times")))
}

/// What one operation of each step costs.
fn costs(valgrind: &Path, program: &Path, waiters: u32) -> Result<Vec<f64>, Failure> {
    let totals: Result<Vec<u64>, _> =
        (0..=STEPS.len()).map(|steps| count(valgrind, program, waiters, steps)).collect();
    let totals = totals?;
    let steps = totals.windows(2).zip(STEPS);
    Ok(steps
        .map(|(pair, (_, operations))| {
            pair[1].saturating_sub(pair[0]) as f64 / (f64::from(waiters) * operations)
        })
        .collect())
}

fn count(valgrind: &Path, program: &Path, waiters: u32, steps: usize) -> Result<u64, Failure> {
    let mut command = Command::new(valgrind);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command.args([waiters.to_string(), steps.to_string()]);
    let said = output_of_stderr(&mut command)?;
    collected(&said).ok_or_else(|| Failure::new(format!("valgrind counted nothing: {said}")))
}

/// The number behind `Collected :`.
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_count_is_read_from_what_valgrind_says() {
        let said =
            "==7== Events    : Ir\n==7== Collected : 1234567\n==7== \n==7== I   refs:      1,234,567\n";
        assert_eq!(collected(said), Some(1_234_567));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
