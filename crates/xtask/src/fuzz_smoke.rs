//! `fuzz-smoke`: every fuzz target for a few seconds, or at least its body over the corpus.

use std::{env, process::Command};

use crate::shell::{Failure, cargo, find_program, output, root, run as run_command};

pub(crate) const DEFAULT_SECONDS: u32 = 10;

pub(crate) fn run(seconds: u32) -> Result<(), Failure> {
    if let Some(missing) = missing_tool() {
        println!("no fuzzing: {missing}; the fuzz bodies run over their corpus instead");
        return run_command(&mut cargo(&["test", "--package", "martlet-fuzz"]));
    }
    let listed = output(&mut fuzz(&["list"]))?;
    let targets: Vec<&str> = listed.split_whitespace().collect();
    if targets.is_empty() {
        return Err(Failure::new("`cargo fuzz list` names no target"));
    }
    for target in &targets {
        println!("fuzzing {target} for {seconds} s");
        let limit = format!("-max_total_time={seconds}");
        run_command(&mut fuzz(&["run", target, "--", &limit]))?;
    }
    println!("{} fuzz targets ran for {seconds} s each", targets.len());
    Ok(())
}

/// The first tool that fuzzing needs and that is not here.
fn missing_tool() -> Option<&'static str> {
    let nightly =
        Command::new("cargo").args(["+nightly", "--version"]).env_remove("RUSTUP_TOOLCHAIN").output();
    if !nightly.is_ok_and(|output| output.status.success()) {
        return Some("there is no nightly toolchain");
    }
    // A plug-in of cargo need not be on PATH: cargo looks beside itself, too.
    let installed = find_program("cargo-fuzz").is_some()
        || fuzz(&["--version"]).output().is_ok_and(|output| output.status.success());
    (!installed).then_some("cargo-fuzz is not installed")
}

/// `cargo +nightly fuzz`; the toolchain that runs this tool must not reach it through the environment.
fn fuzz(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root()).args(["+nightly", "fuzz"]).args(arguments);
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
