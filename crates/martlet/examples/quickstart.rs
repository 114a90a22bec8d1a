//! The same `async fn` on three runtimes: none of its calls names one.
//!
//! Without arguments it starts a server of its own on loopback and calls that; with a URL it fetches the URL.
//!
//! ```text
//! cargo run --example quickstart --all-features
//! cargo run --example quickstart --all-features -- http://127.0.0.1:8080/
//! ```

use std::error::Error;
use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use futures_lite::{AsyncReadExt, StreamExt, stream};
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
        return on_each_runtime(|client| fetch(client, url.clone()));
    }
    let base = server::start()?;
    println!("a hyper server listens on {base}");
    on_each_runtime(|client| tour(client, base.clone()))?;
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

async fn fetch(client: Client, url: String) -> Outcome {
    let mut response = client.get(url).send().await?;
    println!("  {} {:?} from {}", response.status(), response.version(), response.url());
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

fn on_each_runtime<F: Future<Output = Outcome>>(call: impl Fn(Client) -> F) -> Outcome {
    println!("\ntokio");
    tokio::runtime::Runtime::new()?.block_on(call(Client::new()))?;
    println!("\nasync-std");
    async_std::task::block_on(call(Client::new()))?;
    println!("\nsmol");
    smol::block_on(call(Client::new()))
}

/// What the example talks to: hyper, on a thread of its own.
mod server {
    use std::convert::Infallible;

    use http_body_util::combinators::BoxBody;
    use http_body_util::{BodyExt, Channel, Full};
    use hyper::body::{Bytes, Incoming};
    use hyper::service::service_fn;
    use hyper::{Request, Response, header};
    use hyper_util::rt::TokioIo;
    use tokio::net::TcpListener;

    use super::{Duration, io};

    /// Starts the server and returns its base URL.
    pub(super) fn start() -> io::Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let base = format!("http://{}", listener.local_addr()?);
        std::thread::spawn(move || runtime.block_on(serve(listener)));
        Ok(base)
    }

    async fn serve(listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let io = TokioIo::new(stream);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(answer)));
        }
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
