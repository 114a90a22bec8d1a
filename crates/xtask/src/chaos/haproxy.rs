//! HAProxy as a gateway.

use std::{fs, io, process::Command};

use super::{Gateway, Site};
use crate::{
    process::{Processes, program},
    shell::Failure,
};

pub(super) const GATEWAY: Gateway =
    Gateway { name: "haproxy", prepare, command, reload: "USR2", quit: "USR1", crash };

fn command(_: &Site) -> Result<Command, Failure> {
    let mut command = program("haproxy")?;
    command.args(["-W", "-f", "haproxy.cfg"]);
    Ok(command)
}

/// It does not outlive its workers. Another one shares the ports with it before it is killed.
fn crash(gateway: &Gateway, site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    let new = gateway.start(site)?;
    // That connections are accepted may be the old one's doing.
    new.wait_for_workers()?;
    std::mem::replace(processes, new).kill_tree()?;
    processes.wait_for(&site.front())
}

fn prepare(site: &Site) -> io::Result<()> {
    let Site { directory, plain, secure, known, origin } = site;
    let chain = fs::read_to_string(directory.join("good.pem"))?;
    let key = fs::read_to_string(directory.join("good.key"))?;
    fs::write(directory.join("haproxy.pem"), chain + &key)?;
    let configuration = format!(
        "
global
    maxconn 2048
    hard-stop-after 10s
defaults
    mode http
    # What was passed on once is never passed on again: the origin counts.
    retries 0
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend front
    bind {plain}
    bind {secure} ssl crt haproxy.pem alpn h2,http/1.1
    bind {known} proto h2
    default_backend origin
backend origin
    server origin {origin}
"
    );
    fs::write(directory.join("haproxy.cfg"), configuration)
}
