//! OpenSSL's own server: unlike nginx it says by an alert that it does not like a client's certificate.

use std::{path::Path, process::Command};

use super::{Addresses, Case, Endpoint, Expected, Server};
use crate::certificates;

const CA: &[&str] = &["--ca", "ca.pem"];

pub(super) const SERVER: Server = Server {
    program: "openssl",
    processes: &[&[Endpoint::Tls12], &[Endpoint::Tls13]],
    prepare: |directory, _| certificates::write(directory),
    arguments,
    cases: &[
        // Up to the close of the connection, which close_notify must vouch for.
        Case::tls(
            "content that ends with the connection, to a client with a certificate",
            "good.test",
            "/",
            &["--ca", "ca.pem", "--identity", "client.pem", "client.key"],
            Expected::Status(200),
        ),
        Case::tls(
            "a client certificate that is not given is missed in the handshake",
            "good.test",
            "/",
            CA,
            Expected::Failure("Tls(Alert(40))", 0),
        )
        .only_at(&[Endpoint::Tls12]),
        Case::tls(
            "a client certificate that is not given is missed after the handshake",
            "good.test",
            "/",
            CA,
            Expected::Failure("Tls(Alert(116))", 0),
        )
        .only_at(&[Endpoint::Tls13]),
        Case::tls(
            "a client certificate of an authority that it does not know",
            "good.test",
            "/",
            &["--ca", "ca.pem", "--identity", "stranger.pem", "stranger.key"],
            Expected::Failure("Tls(Alert(48))", 0),
        ),
        Case::tls(
            "a certificate that this client does not trust",
            "good.test",
            "/",
            &["--ca", "self.pem"],
            Expected::Failure("Tls(Verify(UnknownIssuer))", 2),
        ),
    ],
};

fn arguments(command: &mut Command, _: &Path, listens: &[Endpoint], addresses: &Addresses) {
    command.args(["s_server", "-quiet", "-www", "-cert", "good.pem", "-cert_chain", "intermediate.pem"]);
    command.args(["-key", "good.key", "-CAfile", "ca.pem", "-Verify", "3", "-verify_return_error"]);
    for endpoint in listens {
        let version = if *endpoint == Endpoint::Tls12 { "-tls1_2" } else { "-tls1_3" };
        command.arg(version).arg("-accept").arg(addresses.at(*endpoint).to_string());
    }
}
