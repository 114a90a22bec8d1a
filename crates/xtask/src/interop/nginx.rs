//! nginx: the server that most answers come from.

use std::{fs, io, path::Path, process::Command};

use super::{Addresses, Case, Endpoint, Expected, Server};
use crate::{certificates, shell::Failure};

const SMALL: &str = "hello from nginx\n";
const LARGE: usize = 5 * 1024 * 1024;
const REFUSED: &str = "too much\n";

/// Server-side includes make the length unknown beforehand, so that nginx answers in chunks.
const PAGE: &str = "<p><!--#echo var=\"request_method\" --></p>\n";
const PAGE_LENGTH: usize = "<p>GET</p>\n".len();
const LARGE_PAGE: &str = "<!--#include virtual=\"/large.bin\" -->\n";

/// What nginx says where a client's certificate is missing, or is not one that it takes: by a status, not by an alert.
const NO_CERTIFICATE: Expected = Expected::Status(400);

const CA: &[&str] = &["--ca", "ca.pem"];

pub(super) const SERVER: Server = Server {
    program: "nginx",
    processes: &[&[Endpoint::Plain, Endpoint::Tls12, Endpoint::Tls13]],
    prepare,
    arguments,
    cases: &[
        Case::plain("a small file", "/small.txt", 200, SMALL.len()),
        Case::plain("a file of no octets", "/empty.txt", 200, 0),
        Case::plain("a file of 5 MiB", "/large.bin", 200, LARGE),
        Case::plain("a response in chunks", "/page.html", 200, PAGE_LENGTH),
        Case::plain("5 MiB in chunks", "/large.html", 200, LARGE + 1),
        Case::plain("a response that closes the connection", "/close/small.txt", 200, SMALL.len()),
        Case::plain("5 MiB through a gateway", "/gateway", 200, LARGE),
        Case::plain("a response without content", "/nothing", 204, 0),
        Case::plain("a refusal of too much content", "/refused", 413, REFUSED.len()),
        Case::plain("a target with a query", "/small.txt?a=1&b=%20", 200, SMALL.len()),
        Case::tls("a small file", "good.test", "/small.txt", CA, Expected::Response(200, SMALL.len())),
        Case::tls("a file of 5 MiB", "good.test", "/large.bin", CA, Expected::Response(200, LARGE)),
        Case::tls("5 MiB in chunks", "good.test", "/large.html", CA, Expected::Response(200, LARGE + 1)),
        Case::tls(
            "a response that closes the connection",
            "good.test",
            "/close/small.txt",
            CA,
            Expected::Response(200, SMALL.len()),
        ),
        Case::tls("an address instead of a name", "", "/small.txt", CA, Expected::Response(200, SMALL.len()))
            .without_name(),
        Case::tls("a key of RSA", "rsa.test", "/small.txt", CA, Expected::Response(200, SMALL.len())),
        Case::tls(
            "a self-signed certificate that is trusted",
            "self.test",
            "/small.txt",
            &["--ca", "self.pem"],
            Expected::Response(200, SMALL.len()),
        ),
        Case::tls(
            "a self-signed certificate",
            "self.test",
            "/small.txt",
            CA,
            Expected::Failure("Tls(Verify(UnknownIssuer))", 1),
        ),
        Case::tls(
            "an authority that is not known",
            "good.test",
            "/small.txt",
            &["--ca", "self.pem"],
            Expected::Failure("Tls(Verify(UnknownIssuer))", 2),
        ),
        Case::tls(
            "an intermediate certificate that is not sent",
            "cut.test",
            "/small.txt",
            &["--ca", "ca.pem"],
            Expected::Failure("Tls(Verify(UnknownIssuer))", 1),
        ),
        Case::tls(
            "a certificate that has expired",
            "expired.test",
            "/small.txt",
            CA,
            Expected::Failure("Tls(Verify(Expired))", 1),
        ),
        Case::tls(
            "a certificate that is not valid yet",
            "early.test",
            "/small.txt",
            CA,
            Expected::Failure("Tls(Verify(NotYetValid))", 1),
        ),
        Case::tls(
            "a certificate for another host",
            "other.test",
            "/small.txt",
            CA,
            Expected::Failure("Tls(Verify(WrongName))", 1),
        ),
        Case::tls(
            "a certificate that was revoked",
            "revoked.test",
            "/small.txt",
            &["--ca", "ca.pem", "--crls", "crls.pem"],
            Expected::Failure("Tls(Verify(Revoked))", 1),
        ),
        Case::tls(
            "a revocation list that does not name the certificate",
            "rsa.test",
            "/small.txt",
            &["--ca", "ca.pem", "--crls", "crls.pem"],
            Expected::Response(200, SMALL.len()),
        ),
        Case::tls(
            "a client certificate that is wanted and given",
            "clients.test",
            "/small.txt",
            &["--ca", "ca.pem", "--identity", "client.pem", "client.key"],
            Expected::Response(200, SMALL.len()),
        ),
        Case::tls(
            "a client certificate that is wanted and not given",
            "clients.test",
            "/small.txt",
            CA,
            NO_CERTIFICATE,
        ),
        Case::tls(
            "a client certificate of somebody else",
            "clients.test",
            "/small.txt",
            &["--ca", "ca.pem", "--identity", "stranger.pem", "stranger.key"],
            NO_CERTIFICATE,
        ),
        Case::tls(
            "TLS where there is none",
            "good.test",
            "/small.txt",
            CA,
            Expected::Failure("Tls(Protocol)", 0),
        )
        .only_at(&[Endpoint::Plain]),
    ],
};

fn prepare(directory: &Path, addresses: &Addresses) -> Result<(), Failure> {
    certificates::write(directory)?;
    write(directory, addresses).map_err(Failure::of("cannot write the configuration"))
}

fn write(directory: &Path, addresses: &Addresses) -> io::Result<()> {
    let content = directory.join("content");
    fs::create_dir_all(&content)?;
    fs::write(content.join("small.txt"), SMALL)?;
    fs::write(content.join("empty.txt"), "")?;
    fs::write(content.join("large.bin"), pattern(LARGE))?;
    fs::write(content.join("page.html"), PAGE)?;
    fs::write(content.join("large.html"), LARGE_PAGE)?;
    fs::write(content.join("refused.txt"), REFUSED)?;
    fs::write(directory.join("nginx.conf"), configuration(addresses))
}

fn arguments(command: &mut Command, directory: &Path, _: &[Endpoint], _: &Addresses) {
    // Before it has read its configuration nginx would log to a file of the system.
    command.arg("-p").arg(directory).args(["-e", "error.log", "-c", "nginx.conf"]);
}

/// Octets that show a piece lost or doubled.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// One process in the foreground, all files below its own directory, nothing from the system's configuration.
fn configuration(addresses: &Addresses) -> String {
    let address = addresses.at(Endpoint::Plain);
    let secure = secure(addresses);
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
{secure}}}
"#
    )
}

/// A server of TLS for each certificate, under the name of its file; `clients.test` wants certificates of its clients.
fn secure(addresses: &Addresses) -> String {
    let mut servers = String::new();
    for (endpoint, version) in [(Endpoint::Tls12, "TLSv1.2"), (Endpoint::Tls13, "TLSv1.3")] {
        let address = addresses.at(endpoint);
        // The first is the one for clients that send no name.
        for name in ["good", "cut", "rsa", "self", "expired", "early", "other", "revoked", "clients"] {
            let more = match name {
                "clients" => "ssl_verify_client on; ssl_client_certificate ca.pem;",
                _ => "",
            };
            servers += &format!(
                r"    server {{
        listen {address} ssl;
        server_name {name}.test;
        ssl_protocols {version};
        ssl_certificate {name}.pem;
        ssl_certificate_key {name}.key;
        {more}
        root content;
        location ~ \.html$ {{ ssi on; }}
        location /close/ {{ rewrite ^/close/(.*)$ /$1 break; keepalive_timeout 0; }}
    }}
"
            );
        }
    }
    servers
}
