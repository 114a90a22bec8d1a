//! hyper, in a program of this run's own.

use std::{process::Command, thread, time::Duration};

use super::{GRACEFUL, HARD, Peer, Restart, Site};
use crate::{process::Processes, shell::Failure};

/// For connections that are shut down to be seen to.
const SETTLING: Duration = Duration::from_millis(300);

pub(super) const PEER: Peer = Peer {
    name: "hyper",
    start,
    // It sends no interim responses over HTTP/2.
    checks: &["get", "head", "echo", "digest", "many", "trailers", "sent-trailers"],
    restarts: &[Restart { check: GRACEFUL, restart: shut_down }, Restart { check: HARD, restart: kill }],
};

fn start(site: &Site) -> Result<Processes, Failure> {
    let mut processes = Processes::default();
    run(site, &mut processes)?;
    Ok(processes)
}

fn run(site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    processes.add(
        &site.directory,
        Command::new(site.programs.join("h2_server"))
            .args(["good.pem", "good.key"])
            .args([site.plain.to_string(), site.secure.to_string()]),
    )?;
    processes.wait_for(&[site.plain, site.secure])
}

/// Adds the same server at the addresses behind the site's own, for one that passes requests on.
pub(super) fn add_behind(site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    let addresses = site.behind.map(|address| address.to_string());
    let mut command = Command::new(site.programs.join("h2_server"));
    processes.add(&site.directory, command.args(["good.pem", "good.key"]).args(addresses))?;
    processes.wait_for(&site.behind)
}

/// Its connections end gracefully, and there are new ones for whoever asks.
fn shut_down(_: &Site, processes: &mut Processes) -> Result<(), Failure> {
    processes.write_line()?;
    thread::sleep(SETTLING);
    Ok(())
}

fn kill(site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    processes.kill();
    run(site, processes)
}
