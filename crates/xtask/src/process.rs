//! The processes of a server.

use std::{
    fs::{self, File},
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::shell::{Failure, find_program, run as run_command};

/// A server accepts connections after this time, or does not count as started.
pub(crate) const START_TIME: Duration = Duration::from_secs(10);

/// A process that was asked to end is killed after this time.
const END_TIME: Duration = Duration::from_secs(5);

const STEP: Duration = Duration::from_millis(10);

/// Processes of one server; they end with this value.
#[derive(Default)]
pub(crate) struct Processes {
    children: Vec<Child>,
}

impl Processes {
    /// Runs this in the server's directory, too.
    pub(crate) fn add(&mut self, directory: &Path, command: &mut Command) -> Result<(), Failure> {
        let said = || complaints(directory).map_err(Failure::of("cannot write a log"));
        // At the end of its input the server of this run's own ends, even if nobody can kill it any more.
        command.stdin(Stdio::piped()).stdout(said()?).stderr(said()?).current_dir(directory);
        let child = command.spawn().map_err(Failure::of("cannot run the server"))?;
        self.children.push(child);
        Ok(())
    }

    /// Waits until connections are accepted everywhere.
    pub(crate) fn wait_for(&mut self, addresses: &[SocketAddr]) -> Result<(), Failure> {
        let deadline = Instant::now() + START_TIME;
        let mut awaited = addresses.to_vec();
        while Instant::now() < deadline {
            for child in &mut self.children {
                if let Some(status) = child.try_wait().map_err(Failure::of("cannot watch the server"))? {
                    return Err(Failure::new(format!("the server ended instead of accepting: {status}")));
                }
            }
            awaited
                .retain(|address| TcpStream::connect_timeout(address, Duration::from_millis(500)).is_err());
            if awaited.is_empty() {
                return Ok(());
            }
            thread::sleep(STEP);
        }
        Err(Failure::new(format!("no connection was accepted within {} s", START_TIME.as_secs())))
    }

    /// Sends a signal, by its name, to the process that was added first.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Failure> {
        self.children.first().map_or(Ok(()), |child| signal(child.id(), name))
    }

    /// Writes a line to the process that was added first.
    pub(crate) fn write_line(&mut self) -> Result<(), Failure> {
        let input = self.children.first_mut().and_then(|child| child.stdin.as_mut());
        let input = input.ok_or_else(|| Failure::new("the server has no standard input"))?;
        input.write_all(b"\n").map_err(Failure::of("cannot write to the server"))
    }

    /// Ends all of them without a warning.
    pub(crate) fn kill(&mut self) {
        for mut child in self.children.drain(..) {
            // It may have ended by itself: then there is nothing left to end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends the process that was added first and all that it has begun itself, as if the machine had lost power.
    pub(crate) fn kill_tree(&mut self) -> Result<(), Failure> {
        // So that it begins no other meanwhile.
        self.signal("STOP")?;
        let workers = self.workers()?;
        self.kill();
        kill(&workers);
        Ok(())
    }

    /// Kills what the process that was added first has begun itself.
    pub(crate) fn kill_workers(&self) -> Result<(), Failure> {
        kill(&self.workers()?);
        Ok(())
    }

    /// Waits until the process that was added first has begun others.
    pub(crate) fn wait_for_workers(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + START_TIME;
        while self.workers()?.is_empty() {
            if Instant::now() >= deadline {
                return Err(Failure::new("the server begins no worker"));
            }
            thread::sleep(STEP);
        }
        Ok(())
    }

    fn workers(&self) -> Result<Vec<u32>, Failure> {
        let first = self.children.first().map(Child::id);
        let workers = first.map_or(Ok(Vec::new()), children_of);
        workers.map_err(Failure::of("cannot look for a server's processes"))
    }

    /// Waits until all have ended by themselves, or until the time is over.
    pub(crate) fn wait_for_end(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline
            && self.children.iter_mut().any(|child| matches!(child.try_wait(), Ok(None)))
        {
            thread::sleep(STEP);
        }
    }

    /// Asks all of them to end, and kills those that do not: those that have processes of their own end them only if
    /// they are asked.
    fn end(&mut self) {
        for child in &self.children {
            // A process that is gone already is no failure.
            let _ = signal(child.id(), "TERM");
        }
        self.wait_for_end(END_TIME);
        self.kill();
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.end();
    }
}

fn kill(ids: &[u32]) {
    for id in ids {
        // The end of another one may have been the end of this one, too.
        let _ = signal(*id, "KILL");
    }
}

fn signal(id: u32, name: &str) -> Result<(), Failure> {
    // The shell has `kill` built in; the program is not on every system.
    run_command(Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\" 2>/dev/null", name, &id.to_string()]))
}

/// The processes that this one has begun, by what Linux says of all of them.
fn children_of(id: u32) -> io::Result<Vec<u32>> {
    let parent = format!("PPid:\t{id}");
    let is_child = |path: &Path| {
        let status = fs::read_to_string(path.join("status"));
        status.is_ok_and(|status| status.lines().any(|line| line == parent))
    };
    let all = fs::read_dir("/proc")?.flatten().map(|entry| entry.path()).filter(|path| is_child(path));
    Ok(all.filter_map(|path| path.file_name()?.to_str()?.parse().ok()).collect())
}

/// The program `name`, which must be on `PATH`.
pub(crate) fn program(name: &str) -> Result<Command, Failure> {
    let found = find_program(name).ok_or_else(|| {
        Failure::new(format!("skipped and not passed: no `{name}` on PATH; install it first"))
    })?;
    Ok(Command::new(found))
}

/// Where a server's complaints go, to be shown if a case fails.
pub(crate) fn complaints(directory: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(directory.join("complaints.log"))
}
