//! The client's side of the checks: a program of its own, which says in a line what came of each.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use super::{Endpoint, Outcome, Site};
use crate::shell::Failure;

/// The longest that nothing is heard, before the program is killed: that is longer than its own limit for a request.
const SILENCE: Duration = Duration::from_secs(100);

/// What it says when the server may be restarted.
const UNDER_LOAD: &str = "under load";

/// How the client runs, and against what.
#[derive(Clone, Copy)]
pub(super) struct Probe<'a> {
    pub(super) site: &'a Site,
    pub(super) endpoint: Endpoint,
    pub(super) runtime: &'static str,
}

impl Probe<'_> {
    /// What comes of each check. The server is restarted when there is load on it.
    pub(super) fn run(
        self,
        checks: &[&'static str],
        mut restart: impl FnMut() -> Result<(), Failure>,
    ) -> Vec<(&'static str, Outcome)> {
        let mut running = match self.start(checks) {
            Ok(running) => running,
            Err(failure) => return all(checks, &failure.to_string()),
        };
        let mut outcomes = Vec::new();
        while outcomes.len() < checks.len() {
            let Ok(line) = running.lines.recv_timeout(SILENCE) else {
                // It ended too early, or it hangs.
                outcomes.extend(all(&checks[outcomes.len()..], "the client says nothing about it"));
                break;
            };
            if line == UNDER_LOAD {
                if let Err(failure) = restart() {
                    return all(checks, &format!("not restarted: {failure}"));
                }
                drop(running.child.stdin.take());
            } else {
                let check = checks[outcomes.len()];
                outcomes.push((check, read(check, &line)));
            }
        }
        outcomes
    }

    fn start(self, checks: &[&str]) -> Result<Running, Failure> {
        let mut command = Command::new(self.site.programs.join("h2_probe"));
        command.arg(self.runtime).arg("ca.pem").arg(self.site.url(self.endpoint)).args(checks);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).current_dir(&self.site.directory);
        let mut child = command.spawn().map_err(Failure::of("cannot run the client"))?;
        let lines = lines(child.stdout.take());
        Ok(Running { child, lines })
    }
}

fn all(checks: &[&'static str], why: &str) -> Vec<(&'static str, Outcome)> {
    checks.iter().map(|check| (*check, Outcome::Failed(why.to_owned()))).collect()
}

/// Reads `get: ok` or `get: FAILED: why`.
pub(super) fn read(check: &str, line: &str) -> Outcome {
    let said = line.strip_prefix(check).and_then(|said| said.strip_prefix(": "));
    match said.and_then(|said| said.strip_prefix("ok")) {
        Some(more) => Outcome::Passed(more.to_owned()),
        None => {
            Outcome::Failed(said.and_then(|said| said.strip_prefix("FAILED: ")).unwrap_or(line).to_owned())
        }
    }
}

/// A thread reads them, so that waiting for one can have a limit.
fn lines(output: Option<ChildStdout>) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()).map_while(Result::ok)
        {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The client's process; it ends with this value.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
