//! TLS over real sockets, with a server of rustls.
#![cfg(all(
    feature = "tokio",
    feature = "smol",
    feature = "async-std",
    any(feature = "ring", feature = "aws-lc-rs")
))]

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, unreachable_pub)]
#[path = "../common/tls.rs"]
mod peer;

mod bulk;
mod certs;
mod dialing;
mod ending;
mod environment;
mod identity;
mod keeping;
mod keys;
mod late;
mod mistakes;
mod names;
mod own_config;
mod resuming;
mod showing;
mod verifying;

use std::error::Error as StdError;
use std::sync::Arc;

use martlet::rustls::{ClientConfig, RootCertStore};
use martlet::tls::TlsConfig;
use martlet::{Client, Error, Response};

use certs::CA;
use common::soon::until;
use peer::{Options, TlsServer, Versions};

/// Trusts our authority, and nobody else.
fn trusting() -> TlsConfig {
    TlsConfig::new().add_root_certificates_pem(&CA.pem).only_added_roots()
}

fn client(config: TlsConfig) -> Client {
    Client::builder().tls(config).build().unwrap()
}

/// A configuration of the user's own that trusts our authority.
fn own_config(versions: Versions) -> ClientConfig {
    ClientConfig::builder_with_provider(peer::provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots())
        .with_no_client_auth()
}

fn roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CA.der.clone()).unwrap();
    roots.into()
}

/// A server with a certificate of our authority.
fn server() -> TlsServer {
    options().start()
}

fn options() -> Options {
    CA.leaf().options()
}

/// The whole response, and its text.
async fn get(client: &Client, server: &TlsServer) -> Result<String, Error> {
    get_url(client, &server.url("/")).await
}

async fn get_url(client: &Client, url: &str) -> Result<String, Error> {
    client.get(url).send().await?.text().await
}

/// A response whose content was read; what is known of its connection stays.
async fn read(mut response: Response) -> Result<Response, Error> {
    while response.chunk().await?.is_some() {}
    Ok(response)
}

/// An error and all its causes.
fn text(e: &Error) -> String {
    let mut text = e.to_string();
    let mut source = e.source();
    while let Some(e) = source {
        text = format!("{text}: {e}");
        source = e.source();
    }
    text
}
