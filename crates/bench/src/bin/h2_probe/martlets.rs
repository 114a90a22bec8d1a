//! The client under test, and what it is tested on.

use std::error::Error;
use std::time::Duration;

use async_io::Timer;
use martlet::http::Version;
use martlet::tls::TlsConfig;
use martlet::{Client, ClientBuilder, Protocols, Response};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Nothing that is checked takes so long, unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// What the futures are run by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    Tokio,
    Smol,
}

impl Runtime {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [("tokio", Self::Tokio), ("smol", Self::Smol)]
            .into_iter()
            .find(|(own, _)| *own == name)
            .map(|(_, it)| it)
    }

    pub(crate) async fn pause(self, time: Duration) {
        match self {
            Self::Tokio => tokio::time::sleep(time).await,
            Self::Smol => {
                Timer::after(time).await;
            }
        }
    }
}

/// A server, and how it is reached.
pub(crate) struct Target {
    pub(crate) runtime: Runtime,
    ca: Vec<u8>,
    url: String,
}

impl Target {
    pub(crate) fn new(runtime: Runtime, ca: Vec<u8>, url: String) -> Self {
        Self { runtime, ca, url }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// A client of its own for each check, with one connection at a time.
    pub(crate) fn client(&self) -> Outcome<Client> {
        let tls = TlsConfig::new().add_root_certificates_pem(&self.ca).only_added_roots();
        let builder = Client::builder().tls(tls).timeout(LIMIT).max_connections(1);
        Ok(self.with_protocols(builder).build()?)
    }

    fn with_protocols(&self, builder: ClientBuilder) -> ClientBuilder {
        let is_secure = self.url.starts_with("https:");
        builder.protocols(if is_secure { Protocols::Negotiated } else { Protocols::Http2 })
    }
}

/// The errors and their causes in one line.
pub(crate) fn told(e: &martlet::Error) -> String {
    let mut text = format!("{:?}, {}, {} attempts: {e}", e.kind(), e.delivery(), e.attempts());
    let mut cause = e.source();
    while let Some(e) = cause {
        text += &format!(": {e}");
        cause = e.source();
    }
    text
}

/// Fails unless this is 200 by HTTP/2.
pub(crate) fn is_fine(response: &Response) -> Outcome<()> {
    let versions = (response.version(), response.connection().version());
    if versions != (Version::HTTP_2, Version::HTTP_2) {
        return Err(format!("a response of another version: {versions:?}").into());
    }
    match response.status().as_u16() {
        200 => Ok(()),
        status => Err(format!("status {status}").into()),
    }
}
