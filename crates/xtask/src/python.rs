//! Environments of Python with packages of pinned versions.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    process::program,
    shell::{Failure, run as run_command, target_directory},
};

/// The Python of an environment that has these installed: made once, and again when the requirements change.
pub(crate) fn environment(name: &str, requirements: &[&str]) -> Result<PathBuf, Failure> {
    let directory = target_directory().join("interop").join(name);
    let (python, done) = (directory.join("bin/python"), directory.join("installed.txt"));
    let wanted = requirements.join("\n");
    if python.is_file() && fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run_command(program("python3")?.args(["-m", "venv", "--clear"]).arg(&directory))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run_command(install.args(requirements))?;
    fs::write(&done, wanted).map_err(Failure::of("cannot note what is installed"))?;
    Ok(python)
}
