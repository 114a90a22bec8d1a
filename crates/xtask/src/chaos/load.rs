//! The clients and the origin: a program of their own, which judges at the end.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::Site;
use crate::{process::START_TIME, shell::Failure};

const STEP: Duration = Duration::from_millis(10);

/// The program; it ends with this value.
pub(super) struct Load {
    child: Child,
    talk: Option<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Load {
    /// Its clients begin when it is told for the first time what happens.
    pub(super) fn start(program: &Path, site: &Site) -> Result<Self, Failure> {
        let Site { directory, plain, secure, known, origin } = site;
        let mut command = Command::new(program);
        command.arg(directory.join("ca.pem")).arg(origin.to_string());
        command.args([format!("http://{plain}"), format!("https://{secure}")]);
        command.args([format!("https://{secure}"), format!("http://{known}")]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(Failure::of("cannot run the clients"))?;
        let talk = child.stdin.take().zip(child.stdout.take().map(BufReader::new));
        Ok(Self { child, talk })
    }

    pub(super) fn wait_for_origin(&mut self, site: &Site) -> Result<(), Failure> {
        let deadline = Instant::now() + START_TIME;
        while Instant::now() < deadline {
            if TcpStream::connect(site.origin).is_ok() {
                return Ok(());
            }
            thread::sleep(STEP);
        }
        Err(Failure::new("there is no origin"))
    }

    /// What happens to the gateway from now on. It may happen when this returns.
    pub(super) fn tell(&mut self, what: &str) -> Result<(), Failure> {
        let (input, output) = self.talk.as_mut().ok_or_else(|| Failure::new("the clients have ended"))?;
        writeln!(input, "{what}").map_err(Failure::of("the clients do not listen"))?;
        let mut answer = String::new();
        output.read_line(&mut answer).map_err(Failure::of("the clients do not answer"))?;
        let is_understood = answer.trim_end() == what;
        is_understood.then_some(()).ok_or_else(|| Failure::new(format!("the clients say `{answer}`")))
    }

    /// Lets the clients end, and the origin be asked.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        if let Some((input, mut output)) = self.talk.take() {
            drop(input);
            io::copy(&mut output, &mut io::stdout())
                .map_err(Failure::of("cannot tell what the clients say"))?;
        }
        let status = self.child.wait().map_err(Failure::of("cannot wait for the clients"))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new("client and origin do not tell the same story"))
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
