//! The same `async fn` on three runtimes: none of its calls names one.
//!
//! Without arguments it starts a server of its own on loopback and calls that, plainly and over TLS; with a URL it fetches
//! the URL. Whom to trust is up to the environment then: `SSL_CERT_FILE` names the roots.
//!
//! ```text
//! cargo run --example quickstart --all-features
//! cargo run --example quickstart --all-features -- http://127.0.0.1:8080/
//! SSL_CERT_FILE=ca.pem cargo run --example quickstart --all-features -- https://localhost:8443/
//! ```

use std::error::Error;
use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use futures_lite::{AsyncReadExt, StreamExt, stream};
use martlet::tls::{TlsConfig, TlsInfo};
use martlet::{Body, Client};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let Err(e) = run() else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {e}");
    let mut cause = e.source();
    while let Some(e) = cause {
        eprintln!("  because: {e}");
        cause = e.source();
    }
    ExitCode::FAILURE
}

fn run() -> Outcome {
    if let Some(url) = std::env::args().nth(1) {
        return on_each_runtime(&TlsConfig::new(), |client| fetch(client, url.clone()));
    }
    let server::Started { http, https, certificate } = server::start()?;
    println!("a hyper server listens on {http} and {https}");
    // Nobody but us knows the server's certificate: it was made a moment ago.
    let tls = TlsConfig::new().add_root_certificate_der(certificate);
    on_each_runtime(&tls, |client| {
        let (http, https) = (http.clone(), https.clone());
        async {
            tour(client.clone(), http).await?;
            secure(client, https).await
        }
    })?;
    println!("\nthree runtimes, one type of client, no runtime argument");
    Ok(())
}

/// GET, POST with content that is made while it is sent, and a response that is read while it is made.
async fn tour(client: Client, base: String) -> Outcome {
    let response = client.get(format!("{base}/hello")).send().await?;
    println!("  GET  /hello  {} {:?}", response.status(), response.version());
    println!("       server: {:?}", response.headers().get("server").ok_or("no server field")?);
    println!("       {:?}", response.text().await?);

    let lines = stream::iter(1..=3).map(|n| Ok::<_, io::Error>(format!("line {n}\n")));
    let response = client.post(format!("{base}/echo")).body(Body::stream(lines)).send().await?;
    println!("  POST /echo   {} came back: {:?}", response.status(), response.text().await?);

    let mut response = client.get(format!("{base}/ticks")).send().await?;
    print!("  GET  /ticks  {}", response.status());
    while let Some(piece) = response.chunk().await? {
        print!(" | {}", String::from_utf8_lossy(&piece));
    }
    println!(" | end");

    let mut response = client.get(format!("{base}/large")).send().await?;
    let mut buffer = vec![0; 64 * 1024];
    let mut total = 0;
    loop {
        match response.read(&mut buffer).await? {
            0 => break,
            n => total += n,
        }
    }
    println!("  GET  /large  {} {total} octets through AsyncRead", response.status());
    let connection = response.connection();
    println!(
        "       connection {} to {:?}, reused: {}",
        connection.id(),
        connection.peer_addr(),
        connection.is_reused()
    );
    println!("       {:?}", client.stats());

    let closed = client.get("http://127.0.0.1:1/").send().await.err().ok_or("port 1 answered")?;
    println!("  GET  :1      {closed} (delivery: {})", closed.delivery());
    Ok(())
}

/// The same over TLS. Clients that were built from clones of one `TlsConfig` resume each other's sessions.
async fn secure(client: Client, base: String) -> Outcome {
    let response = client.get(format!("{base}/hello")).send().await?;
    // What the handshake showed is there for as long as anybody wants it.
    let connection = response.connection().clone();
    println!("  GET  /hello  {} {:?} over TLS", response.status(), response.text().await?);
    show(connection.tls().ok_or("no TLS")?);

    // Who does not know the certificate does not trust it, and sees it all the same.
    let refused = Client::new().get(base).send().await.err().ok_or("a stranger was trusted")?;
    println!("  GET  /       {refused}");
    println!("       it showed {} certificate(s)", refused.peer_certificates().len());
    Ok(())
}

fn show(tls: &TlsInfo) {
    let alpn = tls.alpn().map(|protocol| protocol.escape_ascii().to_string());
    println!("       {}, {}", tls.protocol_version(), tls.cipher_suite_name());
    println!("       key exchange: {:?}, ALPN: {alpn:?}", tls.key_exchange_group());
    println!("       server name: {}, resumed: {}", tls.server_name(), tls.is_resumed());
    let lengths: Vec<usize> = tls.peer_certificates().iter().map(|der| der.len()).collect();
    println!("       {} certificate(s), of {lengths:?} octets of DER", lengths.len());
}

async fn fetch(client: Client, url: String) -> Outcome {
    let mut response = client.get(url).send().await?;
    println!("  {} {:?} from {}", response.status(), response.version(), response.url());
    if let Some(tls) = response.connection().tls() {
        show(tls);
    }
    for (name, value) in response.fields().iter() {
        println!("  {}: {}", name.escape_ascii(), value.escape_ascii());
    }
    let mut length = 0;
    while let Some(piece) = response.chunk().await? {
        length += piece.len();
    }
    println!("  {length} octets of content");
    Ok(())
}

fn on_each_runtime<F: Future<Output = Outcome>>(tls: &TlsConfig, call: impl Fn(Client) -> F) -> Outcome {
    let client = || Client::builder().tls(tls.clone()).build();
    println!("\ntokio");
    tokio::runtime::Runtime::new()?.block_on(call(client()?))?;
    println!("\nasync-std");
    async_std::task::block_on(call(client()?))?;
    println!("\nsmol");
    smol::block_on(call(client()?))
}

/// What the example talks to: hyper, on a thread of its own, plain and with a certificate that is made at the start.
mod server {
    use std::convert::Infallible;
    use std::sync::Arc;

    use http_body_util::combinators::BoxBody;
    use http_body_util::{BodyExt, Channel, Full};
    use hyper::body::{Bytes, Incoming};
    use hyper::service::service_fn;
    use hyper::{Request, Response, header};
    use hyper_util::rt::TokioIo;
    use martlet::rustls::ServerConfig;
    use martlet::rustls::crypto::ring;
    use martlet::rustls::pki_types::PrivateKeyDer;
    use rcgen::CertifiedKey;
    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::{Duration, Error};

    /// Where the server listens, and the certificate by which it may be trusted, in DER.
    pub(super) struct Started {
        pub(super) http: String,
        pub(super) https: String,
        pub(super) certificate: Vec<u8>,
    }

    pub(super) fn start() -> Result<Started, Box<dyn Error>> {
        let made = rcgen::generate_simple_self_signed(["localhost".into()])?;
        let certificate = made.cert.der().to_vec();
        let acceptor = acceptor(made)?;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let plain = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let secure = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let http = format!("http://{}", plain.local_addr()?);
        let https = format!("https://localhost:{}", secure.local_addr()?.port());
        std::thread::spawn(move || {
            runtime.spawn(accept_tls(secure, acceptor));
            runtime.block_on(accept(plain));
        });
        Ok(Started { http, https, certificate })
    }

    fn acceptor(made: CertifiedKey<rcgen::KeyPair>) -> Result<TlsAcceptor, Box<dyn Error>> {
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config).into())
    }

    async fn accept(listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    }

    async fn accept_tls(listener: TcpListener, acceptor: TlsAcceptor) {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Those who do not trust the certificate go away in the middle of the handshake.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream).await;
                }
            });
        }
    }

    async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin) {
        let server = hyper::server::conn::http1::Builder::new();
        // How a connection ends is the client's to tell.
        let _ = server.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
    }

    type Answer = Response<BoxBody<Bytes, hyper::Error>>;

    async fn answer(request: Request<Incoming>) -> Result<Answer, Infallible> {
        let response = Response::builder().header(header::SERVER, "hyper");
        let body = match request.uri().path() {
            "/hello" => whole("hello from loopback"),
            "/echo" => request.into_body().boxed(),
            "/ticks" => ticks(),
            "/large" => whole(vec![b'x'; 8 << 20]),
            _ => whole("nothing here"),
        };
        Ok(response.body(body).unwrap_or_default())
    }

    fn whole(content: impl Into<Bytes>) -> BoxBody<Bytes, hyper::Error> {
        Full::new(content.into()).map_err(|never| match never {}).boxed()
    }

    /// Four pieces, a moment apart.
    fn ticks() -> BoxBody<Bytes, hyper::Error> {
        let (mut sender, body) = Channel::new(1);
        tokio::spawn(async move {
            for n in 1..=4 {
                if sender.send_data(Bytes::from(format!("tick {n}"))).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        body.boxed()
    }
}
