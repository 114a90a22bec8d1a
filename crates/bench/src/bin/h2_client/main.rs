//! `h2_client <client> <get|download> <number> <CA file> <URL>`: HTTP/2 on one connection, and what that has cost.
//!
//! `get` sends so many small requests, 64 at a time; `download` reads so many MiB by one request. Clients are `conn` (hyper's
//! connection), `hyper-util` (its client), `reqwest` and `martlet` (on tokio), the first three with windows that do not hold
//! them up, martlet as it is. What it takes to connect is not measured.

#![forbid(unsafe_code)]

mod by_hyper;
mod by_martlet;
mod by_reqwest;

use std::error::Error;
use std::fs;
use std::future::Future;
use std::sync::Arc;

use martlet_bench::Usage;
use tokio::task::JoinSet;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Who they say they are, all alike.
const USER_AGENT_VALUE: &str = "bench/1.0";

/// Requests in flight at a time.
const AT_A_TIME: usize = 64;

/// The peers' windows, from the sizes that serve them best.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;

/// A client that has one connection, or will have by its first request.
trait Client: Clone + Send + 'static {
    /// Sends a GET, reads the content, and returns its length.
    fn get(&mut self, url: &str) -> impl Future<Output = Outcome<usize>> + Send;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [client, what, number, ca, url] = &arguments[..] else {
        return Err("h2_client <client> <get|download> <number> <CA file> <URL>".into());
    };
    let work = Work { is_download: what == "download", number: number.parse()?, url: url.clone() };
    match client.as_str() {
        "conn" => work.measure(by_hyper::connection(config(ca)?, url).await?).await,
        "hyper-util" => work.measure(by_hyper::client(config(ca)?)).await,
        "reqwest" => work.measure(by_reqwest::client(config(ca)?)?).await,
        "martlet" => work.measure(by_martlet::client(fs::read(ca)?)?).await,
        _ => Err(format!("no client is called `{client}`").into()),
    }
}

fn config(ca: &str) -> Outcome<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// What is measured.
struct Work {
    is_download: bool,
    /// MiB of a download, or how many small requests.
    number: usize,
    url: String,
}

impl Work {
    async fn measure(&self, mut client: impl Client) -> Outcome<()> {
        let small = format!("{}/small.txt", self.url);
        client.get(&small).await?;
        let usage = Usage::begin();
        let octets = if self.is_download {
            client.get(&format!("{}/download/{}", self.url, self.number)).await?
        } else {
            self.get_all(client, &small).await?
        };
        usage.report(octets)?;
        Ok(())
    }

    async fn get_all(&self, client: impl Client, url: &str) -> Outcome<usize> {
        let mut loops = JoinSet::new();
        for at in 0..AT_A_TIME {
            // The first of them take what cannot be divided evenly.
            let share = self.number / AT_A_TIME + usize::from(at < self.number % AT_A_TIME);
            let (mut client, url) = (client.clone(), url.to_owned());
            loops.spawn(async move {
                let mut octets = 0;
                for _ in 0..share {
                    octets += client.get(&url).await?;
                }
                Outcome::Ok(octets)
            });
        }
        let mut octets = 0;
        while let Some(own) = loops.join_next().await {
            octets += own??;
        }
        Ok(octets)
    }
}
