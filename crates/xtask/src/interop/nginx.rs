//! nginx: the server that most answers come from.

use std::{fs, io, net::SocketAddr, path::Path, process::Command};

use super::{Case, Server};

const SMALL: &str = "hello from nginx\n";
const LARGE: usize = 5 * 1024 * 1024;
const REFUSED: &str = "too much\n";

/// Server-side includes make the length unknown beforehand, so that nginx answers in chunks.
const PAGE: &str = "<p><!--#echo var=\"request_method\" --></p>\n";
const PAGE_LENGTH: usize = "<p>GET</p>\n".len();
const LARGE_PAGE: &str = "<!--#include virtual=\"/large.bin\" -->\n";

pub(super) const SERVER: Server = Server {
    program: "nginx",
    prepare,
    arguments,
    cases: &[
        Case { about: "a small file", target: "/small.txt", status: 200, length: SMALL.len() },
        Case { about: "a file of no octets", target: "/empty.txt", status: 200, length: 0 },
        Case { about: "a file of 5 MiB", target: "/large.bin", status: 200, length: LARGE },
        Case { about: "a response in chunks", target: "/page.html", status: 200, length: PAGE_LENGTH },
        Case { about: "5 MiB in chunks", target: "/large.html", status: 200, length: LARGE + 1 },
        Case {
            about: "a response that closes the connection",
            target: "/close/small.txt",
            status: 200,
            length: SMALL.len(),
        },
        Case { about: "5 MiB through a gateway", target: "/gateway", status: 200, length: LARGE },
        Case { about: "a response without content", target: "/nothing", status: 204, length: 0 },
        Case {
            about: "a refusal of too much content",
            target: "/refused",
            status: 413,
            length: REFUSED.len(),
        },
        Case {
            about: "a target with a query",
            target: "/small.txt?a=1&b=%20",
            status: 200,
            length: SMALL.len(),
        },
    ],
};

fn prepare(directory: &Path, address: SocketAddr) -> io::Result<()> {
    let content = directory.join("content");
    fs::create_dir_all(&content)?;
    fs::write(content.join("small.txt"), SMALL)?;
    fs::write(content.join("empty.txt"), "")?;
    fs::write(content.join("large.bin"), pattern(LARGE))?;
    fs::write(content.join("page.html"), PAGE)?;
    fs::write(content.join("large.html"), LARGE_PAGE)?;
    fs::write(content.join("refused.txt"), REFUSED)?;
    fs::write(directory.join("nginx.conf"), configuration(address))
}

fn arguments(command: &mut Command, directory: &Path) {
    // Before it has read its configuration nginx would log to a file of the system.
    command.arg("-p").arg(directory).args(["-e", "error.log", "-c", "nginx.conf"]);
}

/// Octets that show a piece lost or doubled.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// One process in the foreground, all files below its own directory, nothing from the system's configuration.
fn configuration(address: SocketAddr) -> String {
    format!(
        r#"
daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 64; }}
http {{
    access_log access.log;
    types {{ text/html html; text/plain txt; }}
    default_type application/octet-stream;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {address};
        root content;
        keepalive_timeout 5s;
        location ~ \.html$ {{ ssi on; }}
        location /close/ {{ rewrite ^/close/(.*)$ /$1 break; keepalive_timeout 0; }}
        location = /nothing {{ return 204; }}
        location = /gateway {{ proxy_http_version 1.1; proxy_pass http://{address}/large.bin; }}
        # A GET of the client becomes a POST with content, which the server then really refuses.
        location = /refused {{
            proxy_method POST;
            proxy_set_body "more than one octet";
            proxy_pass http://{address}/upload;
        }}
        location = /upload {{ client_max_body_size 1; error_page 413 /refused.txt; }}
    }}
}}
"#
    )
}
