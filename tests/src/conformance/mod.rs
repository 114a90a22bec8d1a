//! Worked protocol cases, run at every split.
//!
//! `tests/corpus/README.md` tells the format.

mod case;
mod received;
mod request;
mod response;
mod splits;

use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As expected in every run.
    Passed,
    /// Safe but not as expected: a wrong class of error, or a connection closed that could have been kept.
    Minor(String),
    /// Not as expected.
    Failed(String),
}

/// One case and what became of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// The case's `id`.
    pub id: String,
    /// What became of it.
    pub verdict: Verdict,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Passed => write!(f, "passed {}", self.id),
            Verdict::Minor(why) => write!(f, "minor {}: {why}", self.id),
            Verdict::Failed(why) => write!(f, "FAILED {}: {why}", self.id),
        }
    }
}

/// Runs all cases of a file.
///
/// # Errors
///
/// The file cannot be read, or a line of it is not a case.
pub fn run_file(path: &Path) -> Result<Vec<Report>, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    run_text(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Runs all cases of a text, one to a line.
///
/// # Errors
///
/// A line that is not a case.
pub fn run_text(text: &str) -> Result<Vec<Report>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(n, line)| run_line(line).map_err(|e| format!("line {}: {e}", n + 1))).collect()
}

fn run_line(line: &str) -> Result<Report, String> {
    let case: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let id = case["id"].as_str().ok_or("a case without id")?.to_owned();
    let has = |names: &[&str]| names.iter().any(|name| case.get(name).is_some());
    let verdict = if has(&["input", "input_parts", "input_b64"]) {
        response::run(&case)
    } else if has(&["received", "received_parts", "received_b64"]) {
        received::run(&case)
    } else {
        request::run(&case)
    };
    Ok(Report { verdict: verdict.map_err(|e| format!("{id}: {e}"))?, id })
}

/// The members of `any_of`, or the one outcome.
fn outcomes(case: &Value) -> Vec<&Value> {
    let expect = &case["expect"];
    match expect["any_of"].as_array() {
        Some(any) => any.iter().collect(),
        None => vec![expect],
    }
}
