//! `h2_server <certificate file> <key file> [<address> <address over TLS>]`: hyper's server of HTTP/1.1 and HTTP/2.
//!
//! It prints its two addresses, free ports of the loopback if none are given. For each line on its standard input it shuts
//! down every connection that it has, gracefully, and goes on accepting; at the end of the input it ends.

#![forbid(unsafe_code)]

mod service;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// More than the interop run has in flight at a time.
const STREAMS: u32 = 2_000;

/// Windows that do not hold up an upload.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (chain, key, plain, secure) = match &arguments[..] {
        [chain, key] => (chain, key, free(), free()),
        [chain, key, plain, secure] => (chain, key, plain.parse()?, secure.parse()?),
        _ => return Err("h2_server <certificate file> <key file> [<address> <address over TLS>]".into()),
    };
    let acceptor = acceptor(chain, key)?;
    let plain = TcpListener::bind(plain).await?;
    let secure = TcpListener::bind(secure).await?;
    println!("{} {}", plain.local_addr()?, secure.local_addr()?);

    let restarts = watch::Sender::new(());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            accepted = plain.accept() => {
                tokio::spawn(serve_plain(accepted?.0, restarts.subscribe()));
            }
            accepted = secure.accept() => {
                tokio::spawn(serve_secure(acceptor.clone(), accepted?.0, restarts.subscribe()));
            }
            line = lines.next_line() => match line? {
                Some(_) => restarts.send_replace(()),
                None => return Ok(()),
            },
        }
    }
}

fn free() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn acceptor(chain: &str, key: &str) -> Outcome<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve_plain(stream: TcpStream, restarted: watch::Receiver<()>) {
    let outcome = async {
        stream.set_nodelay(true)?;
        serve(stream, restarted).await
    };
    tell(outcome.await);
}

async fn serve_secure(acceptor: TlsAcceptor, stream: TcpStream, restarted: watch::Receiver<()>) {
    let outcome = async {
        stream.set_nodelay(true)?;
        serve(acceptor.accept(stream).await?, restarted).await
    };
    tell(outcome.await);
}

/// One connection that fails is no reason to end.
fn tell(outcome: Outcome<()>) {
    if let Err(e) = outcome {
        eprintln!("h2_server: {e}");
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut restarted: watch::Receiver<()>,
) -> Outcome<()> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    let mut http2 = builder.http2();
    http2.max_concurrent_streams(STREAMS).initial_stream_window_size(STREAM_WINDOW);
    http2.initial_connection_window_size(CONNECTION_WINDOW).timer(TokioTimer::new());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service_fn(service::answer)));
    tokio::select! {
        outcome = connection.as_mut() => return outcome,
        _ = restarted.changed() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}
