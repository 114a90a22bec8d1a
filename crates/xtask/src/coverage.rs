//! `coverage`: which lines of the core its own tests and the corpora run.

mod lcov;

use std::path::PathBuf;
use std::process::Command;

use self::lcov::File;
use crate::shell::{Failure, cargo, find_program, output, root, run as run_command};

/// So many of a hundred lines must be run.
const LEAST: f64 = 97.0;

/// Seeds of the random test of the pool: counting slows it, and more of them run no other line.
const POOL_SEEDS: &str = "500";

/// What counts: the tests of the core, and the corpora through the two runners that know the core alone.
const TESTS: [&[&str]; 3] = [
    &["--package", "martlet-core"],
    &["--package", "martlet-tests", "--test", "conformance"],
    &["--package", "martlet-fuzz", "--lib"],
];

pub(crate) fn run() -> Result<(), Failure> {
    let tools = Tools::find()?;
    run_command(&mut tools.llvm_cov(&["clean", "--workspace"]))?;
    for tests in TESTS {
        run_command(
            tools.llvm_cov(&["--no-report", "--profile", "plain"]).args(tests).args(["--", "--quiet"]),
        )?;
    }
    let report = output(&mut tools.llvm_cov(&["report", "--profile", "plain", "--lcov"]))?;
    let sources = root().join("crates/core/src");
    let files = lcov::files(&report, &sources);
    let (mut lines, mut run) = (0, 0);
    println!("{:>6} {:>6} {:>7}  file: lines that are not run", "lines", "run", "");
    for file in &files {
        lines += file.lines.len();
        run += file.run();
        println!("{}", row(file.lines.len(), file.run(), &format!("{}{}", file.path, missing(file))));
    }
    println!("{}", row(lines, run, "all"));
    match percent(lines, run) {
        _ if lines == 0 => Err(Failure::new("no line of the core was counted")),
        percent if percent < LEAST => {
            Err(Failure::new(format!("{percent:.2} % of the core's lines are run, and {LEAST} % must be")))
        }
        _ => Ok(()),
    }
}

fn row(lines: usize, run: usize, what: &str) -> String {
    format!("{lines:>6} {run:>6} {:>5.1} %  {what}", percent(lines, run))
}

fn percent(lines: usize, run: usize) -> f64 {
    run as f64 * 100.0 / lines.max(1) as f64
}

fn missing(file: &File) -> String {
    let stretches: Vec<String> = file
        .stretches_not_run()
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    if stretches.is_empty() { String::new() } else { format!(": {}", stretches.join(", ")) }
}

/// The programs that do the counting.
struct Tools {
    /// `llvm-cov` and `llvm-profdata` of the version that the compiler has. `None` where cargo-llvm-cov finds them.
    llvm: Option<[PathBuf; 2]>,
}

impl Tools {
    fn find() -> Result<Self, Failure> {
        if !cargo(&["llvm-cov", "--version"]).output().is_ok_and(|output| output.status.success()) {
            return Err(Failure::new(
                "cargo-llvm-cov is not installed: `cargo install --locked cargo-llvm-cov`",
            ));
        }
        let given = |name| std::env::var_os(name).is_some();
        if given("LLVM_COV") && given("LLVM_PROFDATA") || has_component()? {
            return Ok(Self { llvm: None });
        }
        // What one version of LLVM has counted, another one cannot read.
        let compiler = output(Command::new("rustc").arg("-vV"))?;
        let version =
            llvm_version(&compiler).ok_or_else(|| Failure::new("`rustc -vV` names no version of LLVM"))?;
        let tool = |name: &str| {
            find_program(&format!("{name}-{version}")).ok_or_else(|| {
                Failure::new(format!(
                    "no `{name}` that goes with this compiler: `rustup component add llvm-tools`, or the package \
                     llvm-{version} of Debian, or LLVM_COV and LLVM_PROFDATA in the environment"
                ))
            })
        };
        Ok(Self { llvm: Some([tool("llvm-cov")?, tool("llvm-profdata")?]) })
    }

    fn llvm_cov(&self, arguments: &[&str]) -> Command {
        let mut command = cargo(&["llvm-cov"]);
        command.args(arguments).env("MARTLET_SEEDS", POOL_SEEDS);
        if let Some([cov, profdata]) = &self.llvm {
            command.env("LLVM_COV", cov).env("LLVM_PROFDATA", profdata);
        }
        command
    }
}

/// Whether the toolchain has brought its own tools.
fn has_component() -> Result<bool, Failure> {
    let sysroot = PathBuf::from(output(Command::new("rustc").args(["--print", "sysroot"]))?.trim());
    let Ok(targets) = sysroot.join("lib/rustlib").read_dir() else {
        return Ok(false);
    };
    let program = format!("bin/llvm-profdata{}", std::env::consts::EXE_SUFFIX);
    Ok(targets.flatten().any(|target| target.path().join(&program).is_file()))
}

/// The number in front of the first dot of `LLVM version: 22.1.2`.
fn llvm_version(said: &str) -> Option<&str> {
    let version = said.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()
}

#[cfg(test)]
mod tests;
