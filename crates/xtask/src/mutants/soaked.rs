//! The soak as the judge of a mistake.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use super::applied;
use super::list::Mutant;
use super::place::Place;
use crate::shell::{Failure, cargo, root};

/// Seeds within which a mistake must be found.
const SEEDS: &str = "3000";

/// A run that takes longer does not end.
const LONGEST: Duration = Duration::from_secs(300);

/// Makes each mistake, and returns those that are not found.
pub(super) fn judge(place: &Place, mutants: &[&Mutant]) -> Result<Vec<&'static str>, Failure> {
    println!("the tree as it is:");
    match soak(place)? {
        Found::Nothing => println!("  nothing is found in {SEEDS} seeds"),
        Found::Broken { seed, invariant } => {
            return Err(Failure::new(format!("seed {seed} fails without any mistake: {invariant}")));
        }
        Found::End(how) => return Err(Failure::new(format!("the soak {how} without any mistake"))),
    }
    println!("{:<20} {:<8} {:>6}  found as", "mistake", "seed", "time");
    let mut survivors = Vec::new();
    for mutant in mutants {
        let began = Instant::now();
        let text = applied(
            mutant,
            &fs::read_to_string(root().join(mutant.file)).map_err(Failure::of(mutant.file))?,
        )?;
        place.write(Path::new(mutant.file), text.as_bytes())?;
        let found = soak(place);
        place.restore(Path::new(mutant.file))?;
        let seconds = began.elapsed().as_secs();
        let (seed, what) = match found? {
            Found::Broken { seed, invariant } => (seed, invariant),
            Found::End(how) => ("-".to_owned(), how),
            Found::Nothing => {
                survivors.push(mutant.name);
                ("-".to_owned(), format!("NOT FOUND: {}", mutant.breaks))
            }
        };
        println!("{:<20} {seed:<8} {seconds:>4} s  {what}", mutant.name);
    }
    Ok(survivors)
}

/// Builds the copy and runs the soak up to its first failure.
fn soak(place: &Place) -> Result<Found, Failure> {
    let mut build = cargo(&["build", "--quiet", "--release", "--package", "martlet-tests", "--bin", "soak"]);
    build.current_dir(&place.tree).env("CARGO_TARGET_DIR", &place.build);
    // It is built more often than it runs for long.
    build.env("CARGO_PROFILE_RELEASE_DEBUG", "0").env("CARGO_INCREMENTAL", "1");
    // A mistake leaves things unused.
    build.env("RUSTFLAGS", "--cap-lints allow");
    crate::shell::run(&mut build)?;
    let printed = place.build.join("soak.txt");
    let to = File::create(&printed).map_err(Failure::of(printed.display()))?;
    let program = place.build.join("release").join(format!("soak{}", std::env::consts::EXE_SUFFIX));
    let mut child = Command::new(&program)
        .args(["--seeds", SEEDS, "--most-failures", "1"])
        .stdout(to)
        .spawn()
        .map_err(Failure::of(program.display()))?;
    let Some(status) = wait(&mut child)? else {
        return Ok(Found::End("does not end".to_owned()));
    };
    let printed = fs::read_to_string(&printed).map_err(Failure::of(printed.display()))?;
    Ok(found(status, &printed))
}

/// How the child ends, if it does in time.
fn wait(child: &mut Child) -> Result<Option<ExitStatus>, Failure> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(Failure::of("the soak"))? {
            return Ok(Some(status));
        }
        if began.elapsed() > LONGEST {
            child.kill().map_err(Failure::of("the soak"))?;
            child.wait().map_err(Failure::of("the soak"))?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

pub(super) fn found(status: ExitStatus, printed: &str) -> Found {
    let failed = printed.lines().find_map(|line| line.strip_prefix("seed ")?.split_once(": "));
    match failed {
        Some((seed, broken)) => {
            let invariant = broken.split_once(": ").map_or(broken, |(invariant, _)| invariant);
            Found::Broken { seed: seed.to_owned(), invariant: invariant.to_owned() }
        }
        None if status.success() => Found::Nothing,
        None => Found::End(format!("ends by {status}")),
    }
}

/// What the soak has found.
pub(super) enum Found {
    Nothing,
    Broken {
        seed: String,
        invariant: String,
    },
    /// It did not come to an end of its own.
    End(String),
}
