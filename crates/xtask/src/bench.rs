//! `bench`: what martlet costs beside its peers, in the same run.

mod http2;
mod https;
mod measure;

use crate::shell::{Failure, cargo, root, run as run_command, target_directory};

/// What is measured: everything, unless one of them is named.
const PARTS: [&str; 2] = ["https", "http2"];

pub(crate) fn run(only: Option<&str>) -> Result<(), Failure> {
    if let Some(unknown) = only.filter(|only| !PARTS.contains(only)) {
        return Err(Failure::new(format!(
            "no benchmark is called `{unknown}`: there are {}",
            PARTS.join(", ")
        )));
    }
    let manifest = root().join("crates/bench/Cargo.toml");
    let target = target_directory().join("bench");
    let mut build = cargo(&["build", "--release", "--locked", "--manifest-path"]);
    run_command(build.arg(manifest).env("CARGO_TARGET_DIR", &target))?;
    let programs = target.join("release");
    let mut failures = Vec::new();
    for part in PARTS.into_iter().filter(|part| only.is_none_or(|only| only == *part)) {
        let outcome = if part == "https" { https::run(&programs) } else { http2::run(&programs) };
        failures.extend(outcome.err().map(|failure| format!("{part}: {failure}")));
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("; "))) }
}
