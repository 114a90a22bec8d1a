//! HAProxy: a gateway that speaks HTTP/2 on both sides and restarts without a gap.

use std::{fs, io, thread, time::Duration};

use super::{GRACEFUL, Peer, Restart, Site, hyper};
use crate::{
    process::{Processes, program},
    shell::Failure,
};

/// For the new worker to be there, and for the old one to end.
const SETTLING: Duration = Duration::from_secs(1);

pub(super) const PEER: Peer = Peer {
    name: "haproxy",
    start,
    checks: &["get", "head", "echo", "digest", "many", "trailers", "sent-trailers", "hints"],
    restarts: &[Restart { check: GRACEFUL, restart: reload }],
};

fn start(site: &Site) -> Result<Processes, Failure> {
    write(site).map_err(Failure::of("cannot write the configuration"))?;
    let mut processes = Processes::default();
    let mut command = program("haproxy")?;
    processes.add(&site.directory, command.args(["-W", "-f", "haproxy.cfg"]))?;
    hyper::add_behind(site, &mut processes)?;
    processes.wait_for(&[site.plain, site.secure])?;
    Ok(processes)
}

fn reload(site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    processes.signal("USR2")?;
    thread::sleep(SETTLING);
    processes.wait_for(&[site.plain, site.secure])
}

fn write(site: &Site) -> io::Result<()> {
    let directory = &site.directory;
    let chain = fs::read_to_string(directory.join("good.pem"))?;
    let key = fs::read_to_string(directory.join("good.key"))?;
    fs::write(directory.join("haproxy.pem"), chain + &key)?;
    let (plain, secure, behind) = (site.plain, site.secure, site.behind[0]);
    let configuration = format!(
        "
global
    maxconn 256
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend front
    bind {plain} proto h2
    bind {secure} ssl crt haproxy.pem alpn h2,http/1.1
    http-request early-hint link \"</style.css>; rel=preload\" if {{ path /hints.txt }}
    default_backend behind
backend behind
    server hyper {behind} proto h2
"
    );
    fs::write(directory.join("haproxy.cfg"), configuration)
}
