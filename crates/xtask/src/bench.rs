//! `bench`: what martlet costs beside its peers, in the same run.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::shell::{Failure, cargo, output, root, run as run_command, target_directory};

/// Content of one download.
const MIB: usize = 512;

/// Enough for a median that the machine's other work does not move much.
const ROUNDS: usize = 15;

/// The peer that the others are compared with.
const PEER: &str = "hyper";

const CLIENTS: [&str; 3] = [PEER, "tokio", "smol"];

/// A download may cost so many times the peer's CPU time.
const ALLOWED: f64 = 1.05;

pub(crate) fn run() -> Result<(), Failure> {
    let manifest = root().join("crates/bench/Cargo.toml");
    let target = target_directory().join("bench");
    let mut build = cargo(&["build", "--release", "--locked", "--manifest-path"]);
    run_command(build.arg(manifest).env("CARGO_TARGET_DIR", &target))?;
    let programs = target.join("release");
    let server = Server::start(&programs)?;

    let mut costs: Vec<Vec<Cost>> = CLIENTS.map(|_| Vec::new()).into();
    for _ in 0..ROUNDS {
        // In turns, so that whatever else the machine does meets all of them.
        for (client, costs) in CLIENTS.iter().zip(&mut costs) {
            costs.push(server.download(&programs, client)?);
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

/// What one download took.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    /// In microseconds.
    cpu: f64,
    /// In microseconds.
    wall: f64,
    /// In KiB.
    memory: u64,
}

impl Cost {
    /// Reads `1 octets cpu 2 us wall 3 us memory 4 KiB`.
    fn read(line: &str, octets: usize) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [read, "octets", "cpu", cpu, "us", "wall", wall, "us", "memory", memory, "KiB"]
                if read.parse() == Ok(octets) =>
            {
                Some(Self { cpu: cpu.parse().ok()?, wall: wall.parse().ok()?, memory: memory.parse().ok()? })
            }
            _ => None,
        }
    }
}

/// The server's process; it ends with this value.
struct Server {
    child: Child,
    address: String,
    certificate: PathBuf,
}

impl Server {
    fn start(programs: &std::path::Path) -> Result<Self, Failure> {
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

    fn download(&self, programs: &std::path::Path, client: &str) -> Result<Cost, Failure> {
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

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{Cost, median};

    #[test]
    fn a_cost_is_read_from_what_a_client_prints() {
        let line = "8 octets cpu 1500 us wall 2000 us memory 4096 KiB\n";
        assert_eq!(Cost::read(line, 8), Some(Cost { cpu: 1500.0, wall: 2000.0, memory: 4096 }));
        assert_eq!(Cost::read(line, 9), None, "not all of it was read");
        assert_eq!(Cost::read("", 8), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
    }
}
