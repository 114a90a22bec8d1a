//! A client that does what the tests say, and nothing else.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use h2::{Error, RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Response, Version};
use martlet_client::{Runtime, SocketOptions};
use martlet_sim::{Sim, SimConfig, SimTcp};
use tokio::io::ReadBuf;

/// A transport as the `h2` crate wants it.
pub(crate) struct Io<T>(pub(crate) T);

impl<T: AsyncRead + Unpin> tokio::io::AsyncRead for Io<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = vec![0; into.remaining().min(4096)];
        Pin::new(&mut self.0).poll_read(cx, &mut buffer).map_ok(|n| into.put_slice(&buffer[..n]))
    }
}

impl<T: AsyncWrite + Unpin> tokio::io::AsyncWrite for Io<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) send: SendRequest<Bytes>,
    pub(crate) pings: h2::PingPong,
    /// How the connection has ended.
    pub(crate) ended: Arc<Mutex<Option<Result<(), Error>>>>,
}

pub(crate) fn settings() -> Builder {
    let mut builder = Builder::new();
    // No clock but the simulation's.
    builder.reset_stream_duration(Duration::MAX).enable_push(false);
    builder
}

pub(crate) async fn dial(sim: &Sim) -> io::Result<SimTcp> {
    let runtime = sim.runtime();
    let to = runtime.resolve("a.test", 80).await?;
    runtime.connect(to[0], &SocketOptions::default()).await
}

pub(crate) async fn connect(sim: &Sim) -> Client {
    connect_with(sim, &settings()).await
}

pub(crate) async fn connect_with(sim: &Sim, settings: &Builder) -> Client {
    try_connect(sim, settings).await.expect("a connection")
}

/// `None` if there is no connection, or it breaks before the preface is out.
pub(crate) async fn try_connect(sim: &Sim, settings: &Builder) -> Option<Client> {
    let tcp = dial(sim).await.ok()?;
    let (send, mut connection): (_, Connection<_, Bytes>) = settings.handshake(Io(tcp)).await.ok()?;
    let pings = connection.ping_pong().expect("the first taker");
    let ended = Arc::new(Mutex::new(None));
    let told = Arc::clone(&ended);
    // Not awaited by a run: it lasts as long as the server does.
    let home = sim.runtime().home().expect("inside of a run");
    home.spawn(Box::pin(async move {
        let result = connection.await;
        *told.lock().expect("sound") = Some(result);
    }));
    Some(Client { send, pings, ended })
}

/// A request with a method and a target.
pub(crate) fn request(method: Method, target: &str) -> Request<()> {
    let uri = format!("http://a.test{target}");
    Request::builder().method(method).uri(uri).version(Version::HTTP_2).body(()).expect("a request")
}

/// A response that was read to its end.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Client {
    pub(crate) async fn ready(&mut self) {
        self.try_ready().await.expect("room for a stream");
    }

    pub(crate) async fn try_ready(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.send.poll_ready(cx)).await
    }

    /// Begins a GET.
    pub(crate) fn get(&mut self, target: &str) -> ResponseFuture {
        self.send.send_request(request(Method::GET, target), true).expect("it goes out").0
    }

    /// Begins a POST whose content is to come.
    pub(crate) fn post(&mut self, target: &str) -> (ResponseFuture, SendStream<Bytes>) {
        self.send.send_request(request(Method::POST, target), false).expect("it goes out")
    }

    pub(crate) async fn fetch(&mut self, target: &str) -> Result<Whole, Error> {
        self.try_ready().await?;
        read(self.send.send_request(request(Method::GET, target), true)?.0.await?).await
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.lock().expect("sound").is_some()
    }
}

pub(crate) async fn read(response: Response<RecvStream>) -> Result<Whole, Error> {
    let (head, mut body) = response.into_parts();
    let mut content = Vec::new();
    while let Some(octets) = body.data().await {
        let octets = octets?;
        body.flow_control().release_capacity(octets.len())?;
        content.extend_from_slice(&octets);
    }
    let trailers = body.trailers().await?;
    Ok(Whole { status: head.status.as_u16(), headers: head.headers, content, trailers })
}

/// Sends content as the windows allow, and its end.
pub(crate) async fn upload(body: &mut SendStream<Bytes>, mut octets: Bytes) -> Result<(), Error> {
    while !octets.is_empty() {
        body.reserve_capacity(octets.len());
        let Some(n) = poll_fn(|cx| body.poll_capacity(cx)).await else { break };
        let n = n?.min(octets.len());
        body.send_data(octets.split_to(n), false)?;
    }
    body.send_data(Bytes::new(), true)
}

/// A world in which nothing but what the test sets takes time.
pub(crate) fn calm() -> Sim {
    Sim::with_config(0, SimConfig::calm())
}

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Lets happen what takes no time.
#[track_caller]
pub(crate) fn settle(sim: &Sim) {
    sim.advance(Duration::ZERO).expect("not endless");
}

/// The code of a stream that the server has reset.
pub(crate) fn reset_code<T: std::fmt::Debug>(result: Result<T, Error>) -> u32 {
    let e = result.expect_err("a reset");
    assert!(e.is_reset() && e.is_remote(), "{e}");
    u32::from(e.reason().expect("a reason"))
}
