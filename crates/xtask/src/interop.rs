//! `interop`: the client against servers that other people wrote.

mod nginx;
mod scratch;

#[cfg(test)]
mod tests;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use self::scratch::Scratch;
use crate::shell::{Failure, cargo, find_program, output, run as run_command};

/// Every server there is a recipe for. A server that is missing on the machine is a failure.
const SERVERS: [Server; 1] = [nginx::SERVER];

/// A server accepts connections after this time, or does not count as started.
const START_TIME: Duration = Duration::from_secs(10);

/// Another process may take a port between our look and the server's start.
const START_ATTEMPTS: usize = 5;

/// How a real server is started, and what the client must get from it.
struct Server {
    /// The program on `PATH`.
    program: &'static str,
    /// Writes configuration and content into an empty directory, for a server on this address of the loopback.
    prepare: fn(&Path, SocketAddr) -> io::Result<()>,
    /// Gives the program its arguments; it is to stay in the foreground.
    arguments: fn(&mut Command, &Path),
    cases: &'static [Case],
}

/// One request and what is expected of the answer.
struct Case {
    /// What the case is about, as a clause.
    about: &'static str,
    /// Path and query of the target.
    target: &'static str,
    status: u16,
    /// Octets of content.
    length: usize,
}

pub(crate) fn run() -> Result<(), Failure> {
    // Building first keeps a compiler's error apart from a server's.
    run_command(&mut cargo(&["build", "--example", "quickstart", "--all-features"]))?;
    let mut failed = Vec::new();
    for server in &SERVERS {
        if let Err(failure) = server.run() {
            eprintln!("{}: {failure}", server.program);
            failed.push(server.program);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(format!("failed with {}", failed.join(", ")))) }
}

impl Server {
    fn run(&self) -> Result<(), Failure> {
        let scratch = Scratch::new(self.program).map_err(Failure::of("cannot make a temporary directory"))?;
        let running = self.start(scratch.path())?;
        let mut failed = 0;
        for case in self.cases {
            match case.run(running.address) {
                Ok(()) => println!("{}: ok: {}", self.program, case.about),
                Err(failure) => {
                    failed += 1;
                    eprintln!("{}: FAILED: {}: {failure}", self.program, case.about);
                }
            }
        }
        if failed == 0 {
            println!("{}: {} cases passed", self.program, self.cases.len());
            return Ok(());
        }
        scratch.show_logs();
        Err(Failure::new(format!("{failed} of {} cases failed", self.cases.len())))
    }

    fn start(&self, directory: &Path) -> Result<Running, Failure> {
        let program = find_program(self.program).ok_or_else(|| {
            Failure::new(format!("skipped and not passed: no `{}` on PATH; install it first", self.program))
        })?;
        for _ in 0..START_ATTEMPTS {
            let address = free_address().map_err(Failure::of("no free port on the loopback"))?;
            (self.prepare)(directory, address).map_err(Failure::of("cannot write the configuration"))?;
            let mut command = Command::new(&program);
            (self.arguments)(&mut command, directory);
            command.stdin(Stdio::null()).current_dir(directory);
            let child = command.spawn().map_err(Failure::of(format!("cannot run `{}`", self.program)))?;
            let mut running = Running { child, address };
            if running.is_up()? {
                return Ok(running);
            }
        }
        Err(Failure::new("the server does not start"))
    }
}

impl Case {
    fn run(&self, server: SocketAddr) -> Result<(), Failure> {
        let url = format!("http://{server}{}", self.target);
        let mut command = cargo(&["run", "--example", "quickstart", "--all-features", "--", &url]);
        // The example is built: what cargo says of it is of no interest here.
        command.env("CARGO_TERM_QUIET", "true");
        let printed = output(&mut command)?;
        if tells(&printed, self.status, self.length) {
            Ok(())
        } else {
            Err(Failure::new(format!(
                "expected {} and {} octets of content, got: {printed}",
                self.status, self.length
            )))
        }
    }
}

/// Whether the client's output names both the status and the length, each as a word of its own.
fn tells(printed: &str, status: u16, length: usize) -> bool {
    let mut words: Vec<&str> = printed.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let mut take = |wanted: String| {
        let found = words.iter().position(|word| *word == wanted);
        found.map(|at| words.remove(at)).is_some()
    };
    take(status.to_string()) && take(length.to_string())
}

/// A port that nobody listens on at this moment.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A server's process; it ends with this value.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Waits until connections are accepted; `false` when the process ended instead.
    fn is_up(&mut self) -> Result<bool, Failure> {
        let deadline = Instant::now() + START_TIME;
        while Instant::now() < deadline {
            if self.child.try_wait().map_err(Failure::of("cannot watch the server"))?.is_some() {
                return Ok(false);
            }
            if TcpStream::connect_timeout(&self.address, Duration::from_millis(500)).is_ok() {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(Failure::new(format!("no connection was accepted within {} s", START_TIME.as_secs())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
