//! HTTP/2 over real sockets: the server of the simulator, one of the `h2` crate, and scripts of octets.
#![cfg(all(
    feature = "http2",
    feature = "tokio",
    feature = "smol",
    feature = "async-std",
    any(feature = "ring", feature = "aws-lc-rs")
))]

#[path = "../tls/certs.rs"]
#[allow(dead_code)]
mod certs;
#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code, unreachable_pub)]
#[path = "../common/tls.rs"]
mod peer;

mod choosing;
mod extended;
mod leaving;
mod many;
mod messages;
mod own_tls;
mod pooling;
mod raw;
mod runtimes;
mod served;
mod shutdown;
mod silence;
mod streamer;
mod streaming;
mod turns;

use std::error::Error as StdError;

use martlet::tls::TlsConfig;
use martlet::{Client, ClientBuilder, Error, Protocols, Response};

use certs::CA;
use common::soon::{soon, until};

/// By prior knowledge, and with trust in our authority.
fn builder() -> ClientBuilder {
    Client::builder().protocols(Protocols::Http2).tls(trusting())
}

fn client() -> Client {
    builder().build().unwrap()
}

/// Trusts our authority, and nobody else.
fn trusting() -> TlsConfig {
    TlsConfig::new().add_root_certificates_pem(&CA.pem).only_added_roots()
}

/// The whole response, and its text.
async fn get(client: &Client, url: &str) -> Result<String, Error> {
    client.get(url).send().await?.text().await
}

/// A response whose content was read; what is known of it stays.
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
