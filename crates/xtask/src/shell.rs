//! Running other programs, and failing when they do.

use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

/// Why a command of this tool failed: text for whoever typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A failure to do `what`, for `map_err`.
    pub(crate) fn of<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("the package stands in `crates/xtask`").to_path_buf()
}

/// The cargo that runs this tool, at the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root()).args(arguments);
    command
}

/// Runs the command with its output shown.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = shown(command);
    let status = command.status().map_err(Failure::of(format!("cannot run `{shown}`")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{shown}` failed: {status}"))) }
}

/// Runs the command with its errors shown, and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let shown = shown(command);
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(Failure::of(format!("cannot run `{shown}`")))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{shown}` failed: {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(Failure::of(format!("`{shown}` printed no text")))
}

/// Runs the command and returns what it said on its standard error.
pub(crate) fn output_of_stderr(command: &mut Command) -> Result<String, Failure> {
    let shown = shown(command);
    let output = command.output().map_err(Failure::of(format!("cannot run `{shown}`")))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err(Failure::new(format!("`{shown}` failed: {said}"))) }
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |path| root().join(path))
}

/// Where the program `name` stands on `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    // Where administrators' programs stand is not on everybody's `PATH`.
    let search = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&search).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    directories.map(|directory| directory.join(name)).find(|program| program.is_file())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
