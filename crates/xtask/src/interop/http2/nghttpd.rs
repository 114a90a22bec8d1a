//! nghttpd: the server of nghttp2, whose reading of the protocol is nobody else's.

use std::process::Command;

use super::{HARD, Peer, Restart, Site};
use crate::{
    process::{Processes, program},
    shell::Failure,
};

pub(super) const PEER: Peer = Peer {
    name: "nghttpd",
    start,
    // A 103 is beyond it.
    checks: &["get", "head", "echo", "many", "trailers", "continue"],
    restarts: &[Restart { check: HARD, restart }],
};

fn start(site: &Site) -> Result<Processes, Failure> {
    let mut processes = Processes::default();
    run(site, &mut processes)?;
    Ok(processes)
}

fn run(site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    let mut plain = program("nghttpd")?;
    processes.add(&site.directory, options(&mut plain).arg("--no-tls").arg(site.plain.port().to_string()))?;
    let mut secure = program("nghttpd")?;
    options(&mut secure).arg(site.secure.port().to_string()).args(["good.key", "good.pem"]);
    processes.add(&site.directory, &mut secure)?;
    processes.wait_for(&[site.plain, site.secure])
}

fn options(command: &mut Command) -> &mut Command {
    command.args(["--address=127.0.0.1", "--htdocs=content", "--echo-upload", "--trailer=x-trailer: sent"]);
    // As many streams as the client has requests: none of them waits.
    command.arg("--max-concurrent-streams=1000")
}

fn restart(site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    processes.kill();
    run(site, processes)
}
