//! An input that fails becomes a case: made small, named after what went wrong, and put into the committed corpus.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::build::Target;
use super::libfuzzer::{Failed, LONGEST_INPUT, MOST_MEMORY, name};
use crate::shell::{Failure, root};

/// Making an input small takes no longer.
const MINIMISE: &str = "-max_total_time=30";

/// A name is made of so many words.
const WORDS: usize = 8;

/// Writes the case, unless the corpus has it, and says where it is and how it is replayed.
pub(super) fn keep(program: &Path, target: &Target, failed: &Failed) -> Result<(), Failure> {
    let input = minimised(program, &failed.input)?;
    let folder = Path::new("fuzz/corpus").join(&target.name);
    let called = slug(&failed.message);
    let names = std::iter::once(called.clone()).chain((2..).map(|n| format!("{called}-{n}")));
    let octets = fs::read(&input).map_err(Failure::of(input.display()))?;
    // It fails again in each run until it is mended, and is one case all the same.
    let is_free = |path: &PathBuf| fs::read(root().join(path)).map_or(true, |there| there == octets);
    let case = names.map(|name| folder.join(name)).find(is_free);
    let case = case.unwrap_or_else(|| folder.join(called));
    if fs::write(root().join(&case), octets).is_err() {
        println!("  the corpus cannot be written to: the input stays at {}", input.display());
        return Ok(());
    }
    println!("  the input is a case of the corpus now: {}", case.display());
    println!("  cargo run -p martlet-fuzz --bin {} -- {}", target.name, case.display());
    Ok(())
}

/// The smallest input that was found in time to fail as well.
fn minimised(program: &Path, input: &Path) -> Result<PathBuf, Failure> {
    // One that takes too long or too much would do so again each time.
    if !name(input).starts_with("crash-") {
        return Ok(input.to_path_buf());
    }
    let small = input.with_file_name("minimised");
    let mut command = Command::new(program);
    command.args(["-minimize_crash=1", MINIMISE, LONGEST_INPUT, MOST_MEMORY]);
    command.arg(format!("-exact_artifact_path={}", small.display())).arg(input);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // How it ends says nothing: what counts is whether there is a smaller one.
    command.status().map_err(Failure::of(program.display()))?;
    Ok(if small.is_file() { small } else { input.to_path_buf() })
}

/// `assertion failed: a < b` is `crash-assertion-failed-a-b`.
pub(super) fn slug(message: &str) -> String {
    let words = message.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.take(WORDS).map(str::to_ascii_lowercase);
    std::iter::once("crash".to_owned()).chain(words).collect::<Vec<_>>().join("-")
}
