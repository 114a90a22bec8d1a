//! `soak`: many seeds of the simulated workload.

use std::process::Command;

use crate::shell::{Failure, cargo, run as run_command, target_directory};

/// The program that does it.
const PROGRAM: [&str; 4] = ["--package", "martlet-tests", "--bin", "soak"];

pub(crate) fn run(options: &[&str]) -> Result<(), Failure> {
    run_command(cargo(&["build", "--quiet", "--release"]).args(PROGRAM))?;
    let program = target_directory().join("release").join(format!("soak{}", std::env::consts::EXE_SUFFIX));
    run_command(Command::new(program).args(options))
}
