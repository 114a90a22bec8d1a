//! martlet on tokio, as it is.

use martlet::tls::TlsConfig;
use martlet::{Client as Martlet, Protocols};

use crate::{Client, Outcome, USER_AGENT_VALUE};

/// One that takes only HTTP/2, by ALPN over TLS and by prior knowledge without.
pub(crate) fn client(ca: Vec<u8>) -> Outcome<Martlet> {
    let tls = TlsConfig::new().add_root_certificates_pem(ca).only_added_roots();
    Ok(Martlet::builder()
        .tls(tls)
        .protocols(Protocols::Http2)
        .max_connections(1)
        .user_agent(USER_AGENT_VALUE)
        .build()?)
}

impl Client for Martlet {
    async fn get(&mut self, url: &str) -> Outcome<usize> {
        let mut response = Martlet::get(self, url).send().await?;
        let mut octets = 0;
        while let Some(piece) = response.chunk().await? {
            octets += piece.len();
        }
        Ok(octets)
    }
}
