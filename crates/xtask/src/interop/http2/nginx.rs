//! nginx: graceful restarts of a server of many workers, and of all servers the most used.

use std::{fs, thread, time::Duration};

use super::{GRACEFUL, Peer, Restart, Site, hyper};
use crate::{
    process::{Processes, program},
    shell::Failure,
};

/// For new workers to be there, and for the old ones to end.
const SETTLING: Duration = Duration::from_secs(1);

pub(super) const PEER: Peer = Peer {
    name: "nginx",
    start,
    // It neither sends interim responses over HTTP/2 nor passes on the trailer sections of others, and it reads all of a
    // request before it passes on the response.
    checks: &["get", "head", "digest", "many", "trailers"],
    restarts: &[Restart { check: GRACEFUL, restart: reload }],
};

fn start(site: &Site) -> Result<Processes, Failure> {
    let written = fs::write(site.directory.join("nginx.conf"), configuration(site));
    written.map_err(Failure::of("cannot write the configuration"))?;
    let mut processes = Processes::default();
    // Before it has read its configuration nginx would log to a file of the system.
    let mut command = program("nginx")?;
    command.arg("-p").arg(&site.directory).args(["-e", "error.log", "-c", "nginx.conf"]);
    processes.add(&site.directory, &mut command)?;
    hyper::add_behind(site, &mut processes)?;
    processes.wait_for(&[site.plain, site.secure])?;
    Ok(processes)
}

fn reload(site: &Site, processes: &mut Processes) -> Result<(), Failure> {
    processes.signal("HUP")?;
    thread::sleep(SETTLING);
    processes.wait_for(&[site.plain, site.secure])
}

fn configuration(site: &Site) -> String {
    let (plain, secure, behind) = (site.plain, site.secure, site.behind[0]);
    // As a parameter of `listen`, HTTP/2 is known to old versions, too; without TLS it leaves no other protocol.
    format!(
        r#"
user root;
daemon off;
worker_processes 2;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    types {{ text/plain txt; }}
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    # No connection is to end but by the restart.
    keepalive_requests 10000000;
    server {{
        listen {plain} http2;
        listen {secure} ssl http2;
        ssl_certificate good.pem;
        ssl_certificate_key good.key;
        root content;
        location = /trailers.txt {{ add_trailer x-trailer sent; }}
        location = /digest {{
            client_max_body_size 0;
            proxy_request_buffering off;
            proxy_http_version 1.1;
            proxy_pass http://{behind};
        }}
    }}
}}
"#
    )
}
