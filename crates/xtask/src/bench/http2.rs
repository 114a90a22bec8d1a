//! S9 and S10: small requests and a download over HTTP/2, on one connection, in clear text and over TLS.
//!
//! The client runs on one core and the server on the other; the peers' windows are tuned, martlet is as it comes.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use rcgen::CertifiedKey;

use super::measure::{Cost, median};
use crate::shell::{Failure, find_program, output};

/// Small requests in one run of S9, 64 at a time.
const REQUESTS: usize = 100_000;

/// What the server sends to each of them.
const SMALL: usize = "hello, world\n".len();

/// Content of the download, in MiB.
const MIB: usize = 1_024;

/// Enough for a median that the machine's other work does not move much.
const ROUNDS: usize = 11;

/// So many times hyper-util's rate S9 must reach at least.
const RATE: f64 = 1.0;

/// S10 may take so many times what the fastest of the peers takes.
const TIME: f64 = 1.05;

const CLIENT_CORE: &str = "0";
const SERVER_CORE: &str = "1";

const OURS: &str = "martlet";

/// The peer of S9.
const PEER: &str = "hyper-util";

/// One measurement of several clients in turns.
struct Measurement {
    name: &'static str,
    clients: &'static [&'static str],
    /// What the client is told to do, and how much of it.
    work: &'static str,
    number: usize,
    octets: usize,
}

const SMALL_REQUESTS: Measurement = Measurement {
    name: "S9",
    clients: &[PEER, "conn", OURS],
    work: "get",
    number: REQUESTS,
    octets: REQUESTS * SMALL,
};

const DOWNLOAD: Measurement = Measurement {
    name: "S10",
    clients: &[PEER, "reqwest", "conn", OURS],
    work: "download",
    number: MIB,
    octets: MIB << 20,
};

pub(super) fn run(programs: &Path) -> Result<(), Failure> {
    let server = Server::start(programs)?;
    let mut failed = Vec::new();
    for (scheme, url) in [("clear text", &server.plain), ("TLS", &server.secure)] {
        for (measurement, print) in [
            (&SMALL_REQUESTS, small_requests as fn(&Medians<'_>) -> bool),
            (&DOWNLOAD, download as fn(&Medians<'_>) -> bool),
        ] {
            let rounds = measurement.run(programs, &server, url)?;
            println!("{}, HTTP/2 in {scheme}, {ROUNDS} rounds in turns, medians:", measurement.name);
            if !print(&Medians { clients: measurement.clients, costs: &rounds }) {
                failed.push(format!("{} in {scheme}", measurement.name));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(format!("missed in {}", failed.join(", ")))) }
}

impl Measurement {
    /// What each client cost in each round.
    fn run(&self, programs: &Path, server: &Server, url: &str) -> Result<Vec<Vec<Cost>>, Failure> {
        let mut costs: Vec<Vec<Cost>> = self.clients.iter().map(|_| Vec::new()).collect();
        for _ in 0..ROUNDS {
            // In turns, so that whatever else the machine does meets all of them.
            for (client, costs) in self.clients.iter().zip(&mut costs) {
                let mut command = pinned(CLIENT_CORE, &programs.join("h2_client"))?;
                command.arg(client).arg(self.work).arg(self.number.to_string());
                let printed = output(command.arg(&server.certificate).arg(url))?;
                costs.push(
                    Cost::read(&printed, self.octets).ok_or_else(|| {
                        Failure::new(format!("`{client}` did not read everything: {printed}"))
                    })?,
                );
            }
        }
        Ok(costs)
    }
}

/// The costs of the clients, by round.
struct Medians<'a> {
    clients: &'a [&'a str],
    costs: &'a [Vec<Cost>],
}

impl Medians<'_> {
    fn of(&self, client: &str, measure: fn(&Cost) -> f64) -> f64 {
        let at = self.clients.iter().position(|own| *own == client);
        at.map_or(f64::NAN, |at| median(self.costs[at].iter().map(measure)))
    }

    fn time(&self, client: &str) -> f64 {
        self.of(client, |cost| cost.wall)
    }

    fn cpu(&self, client: &str) -> f64 {
        self.of(client, |cost| cost.cpu)
    }

    fn memory(&self, client: &str) -> f64 {
        self.of(client, |cost| cost.memory as f64)
    }
}

fn small_requests(medians: &Medians<'_>) -> bool {
    for client in medians.clients {
        let (time, cpu) = (medians.time(client), medians.cpu(client));
        println!(
            "  {client:<10} {:>7.0} requests/s, {:.2} of {PEER}'s; CPU {:.2} us per request, {:.2} of {PEER}'s; busy {:.0} %",
            REQUESTS as f64 / time * 1e6,
            medians.time(PEER) / time,
            cpu / REQUESTS as f64,
            cpu / medians.cpu(PEER),
            cpu / time * 100.0,
        );
    }
    // A client that is not busy waits for the server: then the CPU time tells more than the rate.
    let ratio = medians.time(PEER) / medians.time(OURS);
    verdict(ratio >= RATE, &format!("{ratio:.3} of {PEER}'s rate, and {RATE} is the least"))
}

fn download(medians: &Medians<'_>) -> bool {
    let peers = || medians.clients.iter().filter(|client| **client != OURS);
    let best = peers().map(|client| medians.time(client)).fold(f64::INFINITY, f64::min);
    for client in medians.clients {
        let time = medians.time(client);
        println!(
            "  {client:<10} {:>5.0} MiB/s, {:.2} of the best peer's time; CPU {:>4.0} ms; memory {:.0} KiB",
            MIB as f64 / time * 1e6,
            time / best,
            medians.cpu(client) / 1e3,
            medians.memory(client),
        );
    }
    let ratio = medians.time(OURS) / best;
    verdict(ratio <= TIME, &format!("{ratio:.3} of the best peer's time, and {TIME} is the most"))
}

fn verdict(is_reached: bool, text: &str) -> bool {
    println!("  {}: {text}", if is_reached { "PASS" } else { "FAIL" });
    is_reached
}

/// The program on one core only.
fn pinned(core: &str, program: &Path) -> Result<Command, Failure> {
    let taskset = find_program("taskset").ok_or_else(|| {
        Failure::new("no `taskset` on PATH; install util-linux first: it keeps programs to one core")
    })?;
    let mut command = Command::new(taskset);
    command.arg("-c").arg(core).arg(program);
    Ok(command)
}

/// hyper's server in a process of its own; it ends with this value, and with its standard input in any case.
struct Server {
    child: Child,
    _input: Option<ChildStdin>,
    plain: String,
    secure: String,
    certificate: PathBuf,
}

impl Server {
    fn start(programs: &Path) -> Result<Self, Failure> {
        let (certificate, key) = certificate(programs)?;
        let mut command = pinned(SERVER_CORE, &programs.join("h2_server"))?;
        command.arg(&certificate).arg(key).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Failure::of("cannot run the server"))?;
        let input = child.stdin.take();
        let mut server =
            Self { child, _input: input, plain: String::new(), secure: String::new(), certificate };
        let mut line = String::new();
        if let Some(stdout) = server.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(Failure::of("the server says nothing"))?;
        }
        let (plain, secure) =
            line.trim().split_once(' ').ok_or_else(|| Failure::new("the server does not say where it is"))?;
        server.plain = format!("http://{plain}");
        server.secure = format!("https://{secure}");
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate for the loopback, and its key.
fn certificate(directory: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]);
    let CertifiedKey { cert, signing_key } = made.map_err(Failure::of("cannot make a certificate"))?;
    let files = (directory.join("h2-certificate.pem"), directory.join("h2-certificate.key"));
    fs::write(&files.0, cert.pem()).map_err(Failure::of("cannot write the certificate"))?;
    fs::write(&files.1, signing_key.serialize_pem()).map_err(Failure::of("cannot write the key"))?;
    Ok(files)
}
