//! `differential`: generated messages, read by this repository and by readers that other people wrote.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    python,
    scratch::Scratch,
    shell::{Failure, cargo, find_program, output, root, run as run_command, target_directory},
};

/// The only dependency of its reader, so that an old checkout does not break on a new release.
const H11: [&str; 1] = ["h11==0.16.0"];

const H11_READER: &str = include_str!("differential/h11_reader.py");

const NODE_READER: &str = include_str!("differential/node_reader.mjs");

/// Older ones take what no other reader does, and nobody keeps them up any more.
const OLDEST_NODE: u32 = 20;

/// The program that generates and compares.
const JUDGE: [&str; 4] = ["--package", "martlet-tests", "--bin", "differential"];

/// Compares all readers that this machine has; those that it lacks are named and left out.
pub(crate) fn run(options: &[&str]) -> Result<(), Failure> {
    run_command(cargo(&["build", "--quiet"]).args(JUDGE))?;
    let scratch = Scratch::new("differential").map_err(Failure::of("cannot make a temporary directory"))?;
    let peers = [("hyper", Ok(hyper()?)), ("h11", h11(scratch.path())), ("node", node(scratch.path()))];
    let mut judge = Command::new(target_directory().join("debug/differential"));
    judge.args(options);
    for (name, command) in peers {
        match command {
            Ok(words) => {
                judge.arg("--peer").arg(name).args(words).arg(";");
            }
            Err(why) => println!("{name}: skipped and not passed: {why}"),
        }
    }
    run_command(&mut judge)
}

/// The reader of `crates/bench`.
fn hyper() -> Result<Vec<PathBuf>, Failure> {
    let target = target_directory().join("bench");
    let mut build = cargo(&["build", "--quiet", "--locked", "--bin", "h1_reader", "--manifest-path"]);
    run_command(build.arg(root().join("crates/bench/Cargo.toml")).env("CARGO_TARGET_DIR", &target))?;
    Ok(vec![target.join("debug/h1_reader")])
}

fn h11(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let python = python::environment("h11", &H11)?;
    Ok(vec![python, script(directory, "h11_reader.py", H11_READER)?])
}

fn node(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let program = ["node", "nodejs"].into_iter().find_map(find_program);
    let program = program.ok_or_else(|| Failure::new("no `node` on PATH; install it first"))?;
    let version = output(Command::new(&program).arg("--version"))?;
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        let version = version.trim();
        return Err(Failure::new(format!(
            "this is Node {version}, and what is known is of {OLDEST_NODE} and above"
        )));
    }
    Ok(vec![program, script(directory, "node_reader.mjs", NODE_READER)?])
}

/// The first number of `v20.1.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn script(directory: &Path, name: &str, text: &str) -> Result<PathBuf, Failure> {
    let path = directory.join(name);
    fs::write(&path, text).map_err(Failure::of("cannot write a reader"))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn a_version_of_node_begins_with_its_major_number() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20"), None);
        assert_eq!(major("vx.1"), None);
    }
}
