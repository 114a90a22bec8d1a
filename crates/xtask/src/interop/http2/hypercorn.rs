//! Hypercorn: HTTP/2 in Python.

use std::{fs, process::Command};

use super::{HARD, Peer, Restart, Site};
use crate::{process::Processes, python::environment, shell::Failure};

/// All that it needs, so that an old checkout does not break on a new release.
const REQUIREMENTS: [&str; 7] = [
    "h11==0.16.0",
    "h2==4.4.1",
    "hpack==4.2.0",
    "hypercorn==0.18.0",
    "hyperframe==6.1.0",
    "priority==2.0.0",
    "wsproto==1.3.2",
];

const APPLICATION: &str = include_str!("hypercorn.py");

/// No connection is to end but by the restart: by default it does after 1,000 requests.
const CONFIGURATION: &str = "keep_alive_max_requests = 10_000_000\n";

pub(super) const PEER: Peer = Peer {
    name: "hypercorn",
    start,
    // It takes a trailer section of its application and does not send it.
    checks: &["get", "head", "echo", "many", "hints"],
    restarts: &[Restart { check: HARD, restart }],
};

fn start(site: &Site) -> Result<Processes, Failure> {
    let mut processes = Processes::default();
    run(site, &mut processes)?;
    Ok(processes)
}

fn run(site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    let python = environment("hypercorn", &REQUIREMENTS)?;
    for (name, text) in [("application.py", APPLICATION), ("hypercorn.toml", CONFIGURATION)] {
        fs::write(site.directory.join(name), text).map_err(Failure::of("cannot write the application"))?;
    }
    // Without workers it serves in the process that is started.
    let mut command = Command::new(python);
    command.args(["-m", "hypercorn", "--workers", "0", "--config", "hypercorn.toml"]);
    command.args(["--certfile", "good.pem", "--keyfile", "good.key"]);
    command.args(["--bind", &site.secure.to_string(), "--insecure-bind", &site.plain.to_string()]);
    processes.add(&site.directory, command.arg("application:application"))?;
    processes.wait_for(&[site.plain, site.secure])
}

/// Asked to end, it would reset new streams without refusing them: nobody may replay those.
fn restart(site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    processes.kill();
    run(site, processes)
}
