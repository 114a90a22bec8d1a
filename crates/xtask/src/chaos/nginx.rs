//! nginx as a gateway.

use std::{fs, io, process::Command};

use super::{Gateway, Site};
use crate::{
    process::{Processes, program},
    shell::Failure,
};

pub(super) const GATEWAY: Gateway =
    Gateway { name: "nginx", prepare, command, reload: "HUP", quit: "QUIT", crash };

fn command(site: &Site) -> Result<Command, Failure> {
    // Before it has read its configuration nginx would log to a file of the system.
    let mut command = program("nginx")?;
    command.arg("-p").arg(&site.directory).args(["-e", "error.log", "-c", "nginx.conf"]);
    Ok(command)
}

/// The first process holds the ports, and begins new workers.
fn crash(_: &Gateway, site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    processes.kill_workers()?;
    processes.wait_for(&site.front())
}

fn prepare(site: &Site) -> io::Result<()> {
    let Site { directory, plain, secure, known, origin } = site;
    // As a parameter of `listen`, HTTP/2 is known to old versions, too; without TLS it leaves no other protocol.
    let configuration = format!(
        r#"
user root;
daemon off;
worker_processes 2;
pid nginx.pid;
error_log error.log crit;
worker_shutdown_timeout 10s;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    # No connection is to end but by a restart.
    keepalive_requests 10000000;
    upstream origin {{
        server {origin} max_fails=0;
        keepalive 64;
        keepalive_requests 10000000;
    }}
    server {{
        listen {plain};
        listen {secure} ssl http2;
        listen {known} http2;
        ssl_certificate good.pem;
        ssl_certificate_key good.key;
        client_max_body_size 0;
        location / {{
            # What was passed on once is never passed on again: the origin counts.
            proxy_next_upstream off;
            proxy_request_buffering off;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://origin;
        }}
    }}
}}
"#
    );
    fs::write(directory.join("nginx.conf"), configuration)
}
