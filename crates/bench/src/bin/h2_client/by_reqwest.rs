//! reqwest, tuned.

use tokio_rustls::rustls::ClientConfig;

use crate::{CONNECTION_WINDOW, Client, Outcome, STREAM_WINDOW, USER_AGENT_VALUE};

pub(crate) fn client(mut config: ClientConfig) -> Outcome<reqwest::Client> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    let builder =
        reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().user_agent(USER_AGENT_VALUE);
    let builder = builder.http2_prior_knowledge().http2_initial_stream_window_size(STREAM_WINDOW);
    Ok(builder.http2_initial_connection_window_size(CONNECTION_WINDOW).build()?)
}

impl Client for reqwest::Client {
    async fn get(&mut self, url: &str) -> Outcome<usize> {
        let mut response = reqwest::Client::get(self, url).send().await?.error_for_status()?;
        let mut octets = 0;
        while let Some(piece) = response.chunk().await? {
            octets += piece.len();
        }
        Ok(octets)
    }
}
