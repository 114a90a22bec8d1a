//! hyper's connection and hyper-util's client, tuned.

use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::header::{ACCEPT, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperUtil;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::{CONNECTION_WINDOW, Client, Outcome, STREAM_WINDOW, USER_AGENT_VALUE};

type Sender = SendRequest<Empty<Bytes>>;

/// hyper-util's client with a connector of hyper-rustls.
#[derive(Clone)]
pub(crate) struct Pooled(HyperUtil<HttpsConnector<HttpConnector>, Empty<Bytes>>);

pub(crate) fn client(config: ClientConfig) -> Pooled {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http2()
        .wrap_connector(http);
    let mut builder = HyperUtil::builder(TokioExecutor::new());
    builder.http2_only(true).http2_initial_stream_window_size(STREAM_WINDOW);
    builder.http2_initial_connection_window_size(CONNECTION_WINDOW);
    Pooled(builder.build(connector))
}

impl Client for Pooled {
    async fn get(&mut self, url: &str) -> Outcome<usize> {
        let request = request(url)?;
        length(self.0.request(request).await?).await
    }
}

/// hyper's connection by itself.
#[derive(Clone)]
pub(crate) struct Connection(Sender);

pub(crate) async fn connection(mut config: ClientConfig, url: &str) -> Outcome<Connection> {
    let url: Uri = url.parse()?;
    let (host, port) = (url.host().unwrap_or_default().to_owned(), url.port_u16().unwrap_or(80));
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    if url.scheme_str() != Some("https") {
        return handshake(stream).await;
    }
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    handshake(connector.connect(ServerName::try_from(host)?, stream).await?).await
}

async fn handshake(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Outcome<Connection> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(Connection(sender))
}

impl Client for Connection {
    async fn get(&mut self, url: &str) -> Outcome<usize> {
        let request = request(url)?;
        self.0.ready().await?;
        length(self.0.send_request(request).await?).await
    }
}

/// With the fields that martlet sends by itself, and reqwest, too: all send the same.
fn request(url: &str) -> Outcome<Request<Empty<Bytes>>> {
    let request = Request::get(url).header(ACCEPT, "*/*").header(USER_AGENT, USER_AGENT_VALUE);
    Ok(request.body(Empty::new())?)
}

async fn length(mut response: Response<Incoming>) -> Outcome<usize> {
    if !response.status().is_success() {
        return Err(format!("the server answers {}", response.status()).into());
    }
    let mut octets = 0;
    while let Some(frame) = response.frame().await {
        octets += frame?.into_data().map_or(0, |piece| piece.len());
    }
    Ok(octets)
}
