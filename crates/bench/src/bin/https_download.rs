//! `https_download <client> <certificate file> <address>`: reads a whole response, and tells what that has cost.
//!
//! Clients are `hyper` (its connection over tokio-rustls), `tokio` and `smol` (martlet on these).

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use martlet::tls::TlsConfig;
use martlet_bench::Usage;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(client), Some(file), Some(address)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("https_download <client> <certificate file> <address>".into());
    };
    let (root, address) = (fs::read(file)?, address.parse()?);
    let usage = Usage::begin();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let octets = match client.as_str() {
        "hyper" => runtime.block_on(by_hyper(root, address))?,
        "tokio" => runtime.block_on(by_martlet(root, address))?,
        "smol" => async_io::block_on(by_martlet(root, address))?,
        _ => return Err(format!("no client is called `{client}`").into()),
    };
    usage.report(octets)?;
    Ok(())
}

async fn by_martlet(root: Vec<u8>, address: SocketAddr) -> Outcome<usize> {
    let tls = TlsConfig::new().add_root_certificate_der(root).only_added_roots();
    let client = martlet::Client::builder().tls(tls).build()?;
    let mut response = client.get("https://localhost/").connect_to(address).send().await?;
    let mut octets = 0;
    while let Some(piece) = response.chunk().await? {
        octets += piece.len();
    }
    Ok(octets)
}

async fn by_hyper(root: Vec<u8>, address: SocketAddr) -> Outcome<usize> {
    let mut roots = RootCertStore::empty();
    roots.add(root.into())?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(Arc::new(config)).connect("localhost".try_into()?, stream).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "localhost").body(Empty::<Bytes>::new())?;
    let mut response = sender.send_request(request).await?;
    let mut octets = 0;
    while let Some(frame) = response.frame().await {
        octets += frame?.into_data().map_or(0, |piece| piece.len());
    }
    Ok(octets)
}
