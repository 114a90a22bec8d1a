//! The client against servers of HTTP/2, over TLS by ALPN and in clear text by prior knowledge.

mod haproxy;
mod hyper;
mod hypercorn;
mod nghttpd;
mod nginx;
mod probe;
mod table;

#[cfg(test)]
mod tests;

use std::{
    fmt, fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use self::{
    probe::Probe,
    table::{Outcome, Table},
};
use super::START_ATTEMPTS;
use crate::{
    certificates,
    process::Processes,
    scratch::Scratch,
    shell::{Failure, cargo, root, run as run_command, target_directory},
};

const PEERS: [Peer; 5] = [nghttpd::PEER, nginx::PEER, haproxy::PEER, hyper::PEER, hypercorn::PEER];

const RUNTIMES: [&str; 2] = ["tokio", "smol"];

/// What the probe can check, by its own words, in the order of the table.
const CHECKS: [(&str, &str); 11] = [
    ("get", "GET"),
    ("head", "HEAD"),
    ("echo", "64 MiB back"),
    ("digest", "64 MiB up"),
    ("many", "1,000 at once"),
    ("trailers", "trailers"),
    ("sent-trailers", "sent trailers"),
    ("continue", "100"),
    ("hints", "103"),
    (GRACEFUL, "reload"),
    (HARD, "kill"),
];

/// The server is replaced under load, and no request may fail.
const GRACEFUL: &str = "graceful";

/// The server ends under load and is started anew; only that nobody is there may show.
const HARD: &str = "hard";

/// What every server sends as `small.txt`.
const SMALL: &str = "hello, world\n";

/// A server of HTTP/2, how it is started, and what it can do.
struct Peer {
    name: &'static str,
    /// Starts it in the foreground.
    start: fn(&Site) -> Result<Processes, Failure>,
    /// Of `CHECKS`, those that it can pass without a restart.
    checks: &'static [&'static str],
    restarts: &'static [Restart],
}

/// How a server is restarted.
struct Restart {
    /// The check that the client runs meanwhile.
    check: &'static str,
    /// Returns when it accepts connections again.
    restart: fn(&Site, &mut Processes) -> Result<(), Failure>,
}

/// Where a server has its files and listens.
struct Site {
    directory: PathBuf,
    /// The programs that are written for this run.
    programs: PathBuf,
    plain: SocketAddr,
    secure: SocketAddr,
    /// For a server behind the server.
    behind: [SocketAddr; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Plain,
    Secure,
}

pub(super) fn run(only: Option<&str>) -> Result<(), Failure> {
    if let Some(unknown) = only.filter(|only| PEERS.iter().all(|peer| peer.name != *only)) {
        return Err(Failure::new(format!("there is no recipe for `{unknown}`")));
    }
    // Building first keeps a compiler's error apart from a server's.
    let target = target_directory().join("bench");
    let mut build =
        cargo(&["build", "--locked", "--bin", "h2_probe", "--bin", "h2_server", "--manifest-path"]);
    run_command(build.arg(root().join("crates/bench/Cargo.toml")).env("CARGO_TARGET_DIR", &target))?;

    let mut table = Table::default();
    let mut failed = Vec::new();
    for peer in PEERS.iter().filter(|peer| only.is_none_or(|only| only == peer.name)) {
        if let Err(failure) = peer.run(&target.join("debug"), &mut table) {
            eprintln!("{}: {failure}", peer.name);
            failed.push(peer.name);
        }
    }
    print!("\n{table}");
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("HTTP/2 failed with {}", failed.join(", "))))
}

impl Peer {
    fn run(&self, programs: &Path, table: &mut Table) -> Result<(), Failure> {
        let scratch = Scratch::new(&format!("h2-{}", self.name))
            .map_err(Failure::of("cannot make a temporary directory"))?;
        let (site, mut processes) = self.start(scratch.path(), programs)?;
        let mut failures = 0;
        for endpoint in [Endpoint::Plain, Endpoint::Secure] {
            for runtime in RUNTIMES {
                let probe = Probe { site: &site, endpoint, runtime };
                let mut outcomes = probe.run(self.checks, || Ok(()));
                for restart in self.restarts {
                    outcomes.extend(probe.run(&[restart.check], || (restart.restart)(&site, &mut processes)));
                }
                for (check, outcome) in outcomes {
                    let told = match &outcome {
                        Outcome::Passed(more) => format!("ok{more}"),
                        Outcome::Failed(why) => format!("FAILED: {why}"),
                    };
                    println!("{}, {endpoint}, {runtime}: {check}: {told}", self.name);
                    failures += usize::from(matches!(outcome, Outcome::Failed(_)));
                    table.add(self.name, endpoint, check, &outcome);
                }
            }
        }
        if failures == 0 {
            return Ok(());
        }
        scratch.show_logs();
        Err(Failure::new(format!("{failures} checks failed")))
    }

    fn start(&self, directory: &Path, programs: &Path) -> Result<(Site, Processes), Failure> {
        let mut last = None;
        for _ in 0..START_ATTEMPTS {
            let site = Site::prepare(directory, programs)?;
            match (self.start)(&site) {
                Ok(processes) => return Ok((site, processes)),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::new("the server does not start")))
    }
}

impl Site {
    /// Free addresses, certificates and content.
    fn prepare(directory: &Path, programs: &Path) -> Result<Self, Failure> {
        certificates::write(directory)?;
        Self::write(directory, programs).map_err(Failure::of("cannot prepare the server"))
    }

    fn write(directory: &Path, programs: &Path) -> io::Result<Self> {
        let content = directory.join("content");
        fs::create_dir_all(&content)?;
        for name in ["small.txt", "trailers.txt"] {
            fs::write(content.join(name), SMALL)?;
        }
        // All are held before the first is let go, so that they differ.
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let held = [bind()?, bind()?, bind()?, bind()?];
        let [plain, secure, one, other] = held.map(|listener| listener.local_addr());
        Ok(Self {
            directory: directory.to_path_buf(),
            programs: programs.to_path_buf(),
            plain: plain?,
            secure: secure?,
            behind: [one?, other?],
        })
    }

    fn url(&self, endpoint: Endpoint) -> String {
        match endpoint {
            Endpoint::Plain => format!("http://{}", self.plain),
            Endpoint::Secure => format!("https://{}", self.secure),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "clear text",
            Self::Secure => "TLS",
        })
    }
}
