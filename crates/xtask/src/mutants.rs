//! `mutants`: the soak is a judge only if it finds what is wrong. Mistakes are made on purpose, one at a time, in a copy of
//! the tree, and each must be found.

mod list;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use self::list::{MUTANTS, Mutant};
use crate::shell::{Failure, cargo, output, root, target_directory};

/// Seeds within which a mistake must be found.
const SEEDS: &str = "3000";

/// A run that takes longer does not end.
const LONGEST: Duration = Duration::from_secs(300);

pub(crate) fn run(only: Option<&str>) -> Result<(), Failure> {
    let chosen: Vec<&Mutant> =
        MUTANTS.iter().filter(|mutant| only.is_none_or(|only| only == mutant.name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        return Err(Failure::new(format!("there is no such mutant; there are {}", names.join(", "))));
    }
    let place = Place::new()?;
    place.copy()?;
    println!("the tree as it is:");
    match place.soak()? {
        Found::Nothing => println!("  nothing is found in {SEEDS} seeds"),
        Found::Broken { seed, invariant } => {
            return Err(Failure::new(format!("seed {seed} fails without any mistake: {invariant}")));
        }
        Found::End(how) => return Err(Failure::new(format!("the soak {how} without any mistake"))),
    }
    println!("{:<20} {:<8} {:>6}  found as", "mistake", "seed", "time");
    let mut survivors = Vec::new();
    for mutant in chosen {
        let began = Instant::now();
        let text = applied(
            mutant,
            &fs::read_to_string(root().join(mutant.file)).map_err(Failure::of(mutant.file))?,
        )?;
        place.write(Path::new(mutant.file), text.as_bytes())?;
        let found = place.soak();
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
    match survivors[..] {
        [] => Ok(()),
        _ => Err(Failure::new(format!("not found in {SEEDS} seeds: {}", survivors.join(", ")))),
    }
}

/// The text of the file with the mistake in it.
fn applied(mutant: &Mutant, text: &str) -> Result<String, Failure> {
    match text.matches(mutant.find).count() {
        1 => Ok(text.replace(mutant.find, mutant.replace)),
        n => Err(Failure::new(format!(
            "`{}` does not apply any more: what it replaces stands {n} times in {}",
            mutant.name, mutant.file
        ))),
    }
}

/// What the soak has found.
enum Found {
    Nothing,
    Broken {
        seed: String,
        invariant: String,
    },
    /// It did not come to an end of its own.
    End(String),
}

/// The copy of the tree, and where it is built.
struct Place {
    tree: PathBuf,
    build: PathBuf,
}

impl Place {
    fn new() -> Result<Self, Failure> {
        let place = target_directory().join("mutants");
        let (tree, build) = (place.join("tree"), place.join("build"));
        fs::create_dir_all(&tree).map_err(Failure::of(tree.display()))?;
        Ok(Self { tree, build })
    }

    /// Makes the copy what the tree is. What is as it was is left alone, so that it is not built again.
    fn copy(&self) -> Result<(), Failure> {
        let mut git = Command::new("git");
        git.current_dir(root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        for path in output(&mut git)?.split_terminator('\0') {
            if root().join(path).is_file() {
                self.restore(Path::new(path))?;
            }
        }
        Ok(())
    }

    fn restore(&self, path: &Path) -> Result<(), Failure> {
        self.write(path, &fs::read(root().join(path)).map_err(Failure::of(path.display()))?)
    }

    fn write(&self, path: &Path, octets: &[u8]) -> Result<(), Failure> {
        let to = self.tree.join(path);
        if fs::read(&to).is_ok_and(|there| there == octets) {
            return Ok(());
        }
        let folder = to.parent().unwrap_or(&self.tree);
        fs::create_dir_all(folder).map_err(Failure::of(folder.display()))?;
        fs::write(&to, octets).map_err(Failure::of(to.display()))
    }

    /// Builds the copy and runs the soak up to its first failure.
    fn soak(&self) -> Result<Found, Failure> {
        let mut build =
            cargo(&["build", "--quiet", "--release", "--package", "martlet-tests", "--bin", "soak"]);
        build.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.build);
        // It is built more often than it runs for long.
        build.env("CARGO_PROFILE_RELEASE_DEBUG", "0").env("CARGO_INCREMENTAL", "1");
        // A mistake leaves things unused.
        build.env("RUSTFLAGS", "--cap-lints allow");
        crate::shell::run(&mut build)?;
        let printed = self.build.join("soak.txt");
        let to = File::create(&printed).map_err(Failure::of(printed.display()))?;
        let program = self.build.join("release").join(format!("soak{}", std::env::consts::EXE_SUFFIX));
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

fn found(status: ExitStatus, printed: &str) -> Found {
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
