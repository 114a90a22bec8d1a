//! `interop`: the client against servers that other people wrote.

mod http2;
mod nginx;
mod openssl;

#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    differential,
    process::{START_TIME, complaints},
    scratch::Scratch,
    shell::{Failure, cargo, find_program, output, run as run_command, target_directory},
};

/// Every server of HTTP/1.1 that there is a recipe for. A server that is missing on the machine is a failure.
const SERVERS: [Server; 2] = [nginx::SERVER, openssl::SERVER];

/// The runtimes that the client names in its output, a line for each.
const RUNTIMES: [&str; 3] = ["tokio", "async-std", "smol"];

/// Another process may take a port between our look and the server's start.
const START_ATTEMPTS: usize = 5;

/// How a real server is started, and what the client must get from it.
struct Server {
    /// The program on `PATH`.
    program: &'static str,
    /// Where it listens. Each gets a process of its own if the program has one port only.
    processes: &'static [&'static [Endpoint]],
    /// Writes configuration and content into an empty directory, for a server at these addresses.
    prepare: fn(&Path, &Addresses) -> Result<(), Failure>,
    /// Gives the program its arguments, for a process that listens here; it is to stay in the foreground.
    arguments: fn(&mut Command, &Path, &[Endpoint], &Addresses),
    cases: &'static [Case],
}

/// What is spoken at an address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Plain,
    Tls12,
    Tls13,
}

/// An address of the loopback for each endpoint.
struct Addresses([SocketAddr; 3]);

/// One request and what is expected of it.
struct Case {
    /// What the case is about, as a clause.
    about: &'static str,
    scheme: &'static str,
    /// Where it is run.
    at: &'static [Endpoint],
    /// The host of the URL, which is nobody's but the server's; an address of the loopback if there is none.
    host: Option<&'static str>,
    /// Path and query of the target.
    target: &'static str,
    /// Further arguments of the client. Files are those in the server's directory.
    options: &'static [&'static str],
    expected: Expected,
}

/// What a request must come to.
#[derive(Clone, Copy)]
enum Expected {
    /// A response with this status and so many octets of content.
    Response(u16, usize),
    /// A response with this status, whatever its content.
    Status(u16),
    /// An error of this kind, with so many certificates that were turned down.
    Failure(&'static str, usize),
}

/// Everything, or only servers of one version, or of HTTP/2 only the one of this name, or only other readers.
pub(crate) fn run(only: &[&str]) -> Result<(), Failure> {
    match only {
        [] => {
            // What fails with the one says nothing about the other.
            let outcomes = [http1(), http2::run(None), differential::run(&[])];
            let failures = outcomes.into_iter().filter_map(Result::err);
            let texts: Vec<String> = failures.map(|failure| failure.to_string()).collect();
            if texts.is_empty() { Ok(()) } else { Err(Failure::new(texts.join("; "))) }
        }
        ["http1"] => http1(),
        ["differential"] => differential::run(&[]),
        ["http2"] => http2::run(None),
        ["http2", peer] => http2::run(Some(peer)),
        _ => Err(Failure::new(format!("`{}` names no servers", only.join(" ")))),
    }
}

fn http1() -> Result<(), Failure> {
    // Building first keeps a compiler's error apart from a server's.
    run_command(&mut cargo(&["build", "--package", "martlet", "--example", "probe", "--all-features"]))?;
    let mut failed = Vec::new();
    for server in &SERVERS {
        if let Err(failure) = server.run() {
            eprintln!("{}: {failure}", server.program);
            failed.push(server.program);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("HTTP/1.1 failed with {}", failed.join(", "))))
}

impl Server {
    fn run(&self) -> Result<(), Failure> {
        let scratch = Scratch::new(self.program).map_err(Failure::of("cannot make a temporary directory"))?;
        let running = self.start(scratch.path())?;
        let (mut failed, mut count) = (0, 0);
        for case in self.cases {
            for &endpoint in case.at {
                count += 1;
                match case.run(endpoint, &running.addresses, scratch.path()) {
                    Ok(()) => println!("{}: ok: {}, {endpoint}", self.program, case.about),
                    Err(failure) => {
                        failed += 1;
                        eprintln!("{}: FAILED: {}, {endpoint}: {failure}", self.program, case.about);
                    }
                }
            }
        }
        if failed == 0 {
            println!("{}: {count} cases passed", self.program);
            return Ok(());
        }
        scratch.show_logs();
        Err(Failure::new(format!("{failed} of {count} cases failed")))
    }

    fn start(&self, directory: &Path) -> Result<Running, Failure> {
        let program = find_program(self.program).ok_or_else(|| {
            Failure::new(format!("skipped and not passed: no `{}` on PATH; install it first", self.program))
        })?;
        for _ in 0..START_ATTEMPTS {
            let addresses = Addresses::free().map_err(Failure::of("no free port on the loopback"))?;
            (self.prepare)(directory, &addresses)?;
            let mut running = Running { children: Vec::new(), addresses };
            for listens in self.processes {
                let mut command = Command::new(&program);
                (self.arguments)(&mut command, directory, listens, &running.addresses);
                let said = complaints(directory).map_err(Failure::of("cannot write a log"))?;
                command.stdin(Stdio::null()).stderr(said).current_dir(directory);
                let child = command.spawn().map_err(Failure::of(format!("cannot run `{}`", self.program)))?;
                running.children.push(child);
            }
            if running.is_up(self.processes)? {
                return Ok(running);
            }
        }
        Err(Failure::new("the server does not start"))
    }
}

impl Case {
    /// A response without TLS.
    const fn plain(about: &'static str, target: &'static str, status: u16, length: usize) -> Self {
        let expected = Expected::Response(status, length);
        Self { about, scheme: "http", at: &[Endpoint::Plain], host: None, target, options: &[], expected }
    }

    /// A request over TLS to this host, by each version.
    const fn tls(
        about: &'static str,
        host: &'static str,
        target: &'static str,
        options: &'static [&'static str],
        expected: Expected,
    ) -> Self {
        let (scheme, at) = ("https", [Endpoint::Tls12, Endpoint::Tls13].as_slice());
        Self { about, scheme, at, host: Some(host), target, options, expected }
    }

    /// The same to the address itself, without a name.
    const fn without_name(mut self) -> Self {
        self.host = None;
        self
    }

    /// The same by one version only.
    const fn only_at(mut self, at: &'static [Endpoint]) -> Self {
        self.at = at;
        self
    }

    fn run(&self, endpoint: Endpoint, server: &Addresses, directory: &Path) -> Result<(), Failure> {
        let address = server.at(endpoint);
        let authority =
            self.host.map_or_else(|| address.to_string(), |host| format!("{host}:{}", address.port()));
        let mut command = Command::new(target_directory().join("debug/examples/probe"));
        command.current_dir(directory).args(self.options).arg("--connect-to").arg(address.to_string());
        command.arg(format!("{}://{authority}{}", self.scheme, self.target));
        let printed = output(&mut command)?;
        if self.expected.is_told(&printed, endpoint) {
            Ok(())
        } else {
            Err(Failure::new(format!("expected {}, got:\n{printed}", self.expected.shown(endpoint))))
        }
    }
}

impl Expected {
    /// Whether the client says so for every runtime, each on a line of its own.
    fn is_told(self, printed: &str, endpoint: Endpoint) -> bool {
        let is_it = |outcome: &str| match self {
            Self::Status(status) => {
                outcome.starts_with(&format!("{status}, "))
                    && outcome.contains(&format!(" octets, {endpoint}, "))
            }
            Self::Response(..) | Self::Failure(..) => {
                outcome.starts_with(&format!("{}, ", self.shown(endpoint)))
            }
        };
        let mut lines = printed.lines();
        let all = RUNTIMES.iter().all(|runtime| {
            let outcome = lines.next().and_then(|line| line.strip_prefix(runtime)?.strip_prefix(": "));
            // The text of an error is not looked at.
            outcome.is_some_and(&is_it)
        });
        all && lines.next().is_none()
    }

    fn shown(self, endpoint: Endpoint) -> String {
        match self {
            Self::Response(status, length) => format!("{status}, {length} octets, {endpoint}"),
            Self::Status(status) => format!("{status}, any number of octets, {endpoint}"),
            Self::Failure(kind, certificates) => format!("{kind}, {certificates} certificates"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "no TLS",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

impl Addresses {
    /// Ports that nobody listens on at this moment.
    fn free() -> io::Result<Self> {
        // All are held before the first is let go, so that they differ.
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let [plain, tls12, tls13] = [bind()?, bind()?, bind()?];
        Ok(Self([plain.local_addr()?, tls12.local_addr()?, tls13.local_addr()?]))
    }

    fn at(&self, endpoint: Endpoint) -> SocketAddr {
        let [plain, tls12, tls13] = self.0;
        match endpoint {
            Endpoint::Plain => plain,
            Endpoint::Tls12 => tls12,
            Endpoint::Tls13 => tls13,
        }
    }
}

/// A server's processes; they end with this value.
struct Running {
    children: Vec<Child>,
    addresses: Addresses,
}

impl Running {
    /// Waits until connections are accepted everywhere; `false` when a process ended instead.
    fn is_up(&mut self, processes: &[&[Endpoint]]) -> Result<bool, Failure> {
        let deadline = Instant::now() + START_TIME;
        let mut awaited: Vec<Endpoint> = processes.concat();
        while Instant::now() < deadline {
            for child in &mut self.children {
                if child.try_wait().map_err(Failure::of("cannot watch the server"))?.is_some() {
                    return Ok(false);
                }
            }
            let is_silent =
                |address| TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_err();
            awaited.retain(|endpoint| is_silent(self.addresses.at(*endpoint)));
            if awaited.is_empty() {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(Failure::new(format!("no connection was accepted within {} s", START_TIME.as_secs())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself: then there is nothing left to end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
