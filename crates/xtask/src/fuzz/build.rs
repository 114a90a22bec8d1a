//! Building targets for libFuzzer.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::shell::{Failure, cargo, find_program, output, run as run_command};

/// What a runner knows of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// A file in `fuzz/dictionaries`.
    pub(crate) dictionary: Option<String>,
}

/// The first tool that fuzzing needs and that is not here.
pub(crate) fn missing_tool() -> Option<&'static str> {
    let nightly =
        Command::new("cargo").args(["+nightly", "--version"]).env_remove("RUSTUP_TOOLCHAIN").output();
    if !nightly.is_ok_and(|output| output.status.success()) {
        return Some("there is no nightly toolchain");
    }
    // A plug-in of cargo need not be on PATH: cargo looks beside itself, too.
    let installed = find_program("cargo-fuzz").is_some()
        || cargo_fuzz(&["--version"]).output().is_ok_and(|output| output.status.success());
    (!installed).then_some("cargo-fuzz is not installed")
}

/// All targets. Their seeds from elsewhere than their corpora are written below this folder.
pub(crate) fn targets(seeds: &Path) -> Result<Vec<Target>, Failure> {
    let mut list = cargo(&["run", "--quiet", "--package", "martlet-fuzz", "--example", "targets", "--"]);
    let listed = output(list.arg(seeds))?;
    let targets: Vec<_> = listed.lines().filter_map(target).collect();
    if targets.is_empty() { Err(Failure::new("there is no fuzz target")) } else { Ok(targets) }
}

/// A line of that list.
pub(super) fn target(line: &str) -> Option<Target> {
    let (name, dictionary) = line.split_once(' ')?;
    let dictionary = Some(dictionary.to_owned()).filter(|file| file != "-");
    Some(Target { name: name.to_owned(), dictionary })
}

/// What targets are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To look for mistakes, those with memory included.
    Search,
    /// To find a mistake that was made on purpose. It is no memory that is looked for, and without sanitizer more is tried in
    /// the same time; a mistake leaves things unused.
    Proof,
}

/// Builds one target of the tree, or all.
pub(crate) fn build(tree: &Path, to: &Path, target: Option<&str>, purpose: Purpose) -> Result<(), Failure> {
    let sanitizer = if purpose == Purpose::Search { "address" } else { "none" };
    let mut command = cargo_fuzz(&["build", "--sanitizer", sanitizer, "--target-dir"]);
    command.arg(to).args(target).current_dir(tree).env("CARGO_TERM_QUIET", "true");
    if purpose == Purpose::Proof {
        command.env("RUSTFLAGS", "--cap-lints allow");
    }
    run_command(&mut command)
}

/// The program that a target was built into.
pub(crate) fn program(built: &Path, target: &str) -> Result<PathBuf, Failure> {
    // cargo-fuzz builds for the host by name, so the folder has that name.
    let folders = fs::read_dir(built).map_err(Failure::of(built.display()))?.flatten();
    let name = format!("{target}{}", env::consts::EXE_SUFFIX);
    let mut programs = folders.map(|folder| folder.path().join("release").join(&name));
    programs
        .find(|program| program.is_file())
        .ok_or_else(|| Failure::new(format!("`{target}` was not built in {}", built.display())))
}

/// `cargo +nightly fuzz`; the toolchain that runs this tool must not reach it through the environment.
fn cargo_fuzz(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(crate::shell::root()).args(["+nightly", "fuzz"]).args(arguments);
    let inherited = env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_str().is_some_and(is_of_the_outer_cargo)) {
        command.env_remove(name);
    }
    command
}

fn is_of_the_outer_cargo(name: &str) -> bool {
    name == "CARGO"
        || name == "RUSTUP_TOOLCHAIN"
        || name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST")
}
