//! S8: a download over https and HTTP/1.1.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::measure::{Cost, median};
use crate::shell::{Failure, output};

/// Content of one download.
const MIB: usize = 512;

/// Enough for a median that the machine's other work does not move much.
const ROUNDS: usize = 15;

/// The peer that the others are compared with.
const PEER: &str = "hyper";

const CLIENTS: [&str; 3] = [PEER, "tokio", "smol"];

/// A download may cost so many times the peer's CPU time.
const ALLOWED: f64 = 1.05;

pub(super) fn run(programs: &Path) -> Result<(), Failure> {
    let server = Server::start(programs)?;

    let mut costs: Vec<Vec<Cost>> = CLIENTS.map(|_| Vec::new()).into();
    for _ in 0..ROUNDS {
        // In turns, so that whatever else the machine does meets all of them.
        for (client, costs) in CLIENTS.iter().zip(&mut costs) {
            costs.push(server.download(programs, client)?);
        }
    }
    println!("{MIB} MiB over https, {ROUNDS} rounds in turns, medians (ratios are medians of each round's):");
    let mut worst: f64 = 0.0;
    for (client, own) in CLIENTS.iter().zip(&costs) {
        let ratio = median(own.iter().zip(&costs[0]).map(|(own, peer)| own.cpu / peer.cpu));
        let (cpu, wall) = (median(own.iter().map(|c| c.cpu)), median(own.iter().map(|c| c.wall)));
        let memory = own.iter().map(|cost| cost.memory).max().unwrap_or_default();
        println!(
            "  {client:<6} CPU {:>4.0} ms, {ratio:.3} of {PEER}'s; time {:>4.0} ms; at most {memory} KiB",
            cpu / 1e3,
            wall / 1e3
        );
        worst = worst.max(ratio);
    }
    if worst <= ALLOWED {
        return Ok(());
    }
    Err(Failure::new(format!("{worst:.3} times the CPU time of {PEER}, and {ALLOWED} are allowed")))
}

/// The server's process; it ends with this value.
struct Server {
    child: Child,
    address: String,
    certificate: PathBuf,
}

impl Server {
    fn start(programs: &Path) -> Result<Self, Failure> {
        let certificate = programs.join("bench-certificate.der");
        let mut command = Command::new(programs.join("https_server"));
        command.arg(&certificate).arg(MIB.to_string()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Failure::of("cannot run the server"))?;
        let mut address = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut address).map_err(Failure::of("the server says nothing"))?;
        }
        Ok(Self { child, address: address.trim().to_owned(), certificate })
    }

    fn download(&self, programs: &Path, client: &str) -> Result<Cost, Failure> {
        let mut command = Command::new(programs.join("https_download"));
        let printed = output(command.arg(client).arg(&self.certificate).arg(&self.address))?;
        Cost::read(&printed, MIB << 20)
            .ok_or_else(|| Failure::new(format!("`{client}` did not read everything: {printed}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
