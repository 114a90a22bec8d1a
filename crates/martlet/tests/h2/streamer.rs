//! A server of the `h2` crate on a tokio runtime of its own, for content that does not fit into memory at once.

use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use h2::server::{Builder, SendResponse};
use h2::{Error, RecvStream, SendStream};
use martlet::bytes::Bytes;
use martlet::http::{HeaderMap, Method, Request, Response};
use tokio::net::TcpListener;
use tokio::runtime::Builder as RuntimeBuilder;
use tokio::sync::oneshot;

/// Content whose octet at a place is known: what is lost or out of order shows.
pub(crate) struct Pattern(u64);

const PERIOD: usize = 251;
const PIECE: usize = 64 * 1024;

fn table() -> &'static Bytes {
    static TABLE: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    TABLE.get_or_init(|| (0..PIECE * 17).map(|place| (place % PERIOD) as u8).collect::<Vec<_>>().into())
}

impl Pattern {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    /// The next octets, at most 64 KiB.
    pub(crate) fn next(&mut self, most: u64) -> Bytes {
        let begin = (self.0 % PERIOD as u64) as usize;
        let len = most.min(PIECE as u64) as usize;
        self.0 += len as u64;
        table().slice(begin..begin + len)
    }

    /// These are the next octets.
    pub(crate) fn check(&mut self, octets: &[u8]) -> bool {
        octets.chunks(PIECE).all(|part| self.next(part.len() as u64) == part)
    }

    pub(crate) fn len(&self) -> u64 {
        self.0
    }
}

/// How the content of a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Whole {
        octets: u64,
        trailers: Option<HeaderMap>,
    },
    /// By RST_STREAM, with this code.
    Reset(u32),
    /// With the connection.
    Lost,
    Corrupt,
}

/// What it has seen.
#[derive(Default)]
struct Seen {
    accepted: AtomicUsize,
    ends: Mutex<Vec<(String, End)>>,
}

/// The server. It ends, and so do its connections, when this is dropped.
pub(crate) struct Streamer {
    address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Streamer {
    /// `/echo` returns content and trailers as they come, `/count` says how much came, `/early` answers before it reads,
    /// `/down/N` returns N octets of the [`Pattern`]. An extended CONNECT is echoed.
    pub(crate) fn start() -> Self {
        let runtime = RuntimeBuilder::new_current_thread().enable_all().build().unwrap();
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let seen = Arc::<Seen>::default();
        let serving = Arc::clone(&seen);
        let thread = thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn accepted(&self) -> usize {
        self.seen.accepted.load(Ordering::SeqCst)
    }

    /// How the requests to a path ended that have ended.
    pub(crate) fn ends(&self, path: &str) -> Vec<End> {
        let ends = self.seen.ends.lock().unwrap();
        ends.iter().filter(|(target, _)| target == path).map(|(_, end)| end.clone()).collect()
    }
}

impl Drop for Streamer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the server has panicked");
        }
    }
}

async fn accept(listener: StdListener, seen: Arc<Seen>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        seen.accepted.fetch_add(1, Ordering::SeqCst);
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut builder = Builder::new();
            builder.initial_window_size(1 << 20).initial_connection_window_size(4 << 20);
            builder.enable_connect_protocol();
            let Ok(mut connection) = builder.handshake::<_, Bytes>(tcp).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let path = request.uri().path().to_owned();
                    if let Some(end) = serve(&path, request, respond).await {
                        seen.ends.lock().unwrap().push((path, end));
                    }
                });
            }
        });
    }
}

async fn serve(path: &str, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Option<End> {
    let is_tunnel = request.method() == Method::CONNECT;
    let mut content = request.into_body();
    if let Some(length) = path.strip_prefix("/down/") {
        let mut out = respond.send_response(Response::new(()), false).ok()?;
        send_pattern(&mut out, length.parse().unwrap()).await?;
        return None;
    }
    if path == "/echo" || is_tunnel {
        let mut out = respond.send_response(Response::new(()), false).ok()?;
        return Some(echo(&mut content, &mut out).await);
    }
    let answer = |text: String, respond: &mut SendResponse<Bytes>| {
        let mut out = respond.send_response(Response::new(()), false).ok()?;
        out.send_data(text.into(), true).ok()
    };
    if path == "/early" {
        answer("early".into(), &mut respond)?;
    }
    let end = count(&mut content).await;
    if let (End::Whole { octets, .. }, "/count") = (&end, path) {
        answer(octets.to_string(), &mut respond);
    }
    Some(end)
}

/// Sends as much as the client allows.
async fn send(out: &mut SendStream<Bytes>, mut octets: Bytes) -> Option<()> {
    while !octets.is_empty() {
        out.reserve_capacity(octets.len());
        let granted = poll_fn(|cx| out.poll_capacity(cx)).await?.ok()?;
        out.send_data(octets.split_to(granted.min(octets.len())), false).ok()?;
    }
    Some(())
}

async fn send_pattern(out: &mut SendStream<Bytes>, length: u64) -> Option<()> {
    let mut pattern = Pattern::new();
    while pattern.len() < length {
        let piece = pattern.next(length - pattern.len());
        send(out, piece).await?;
    }
    out.send_data(Bytes::new(), true).ok()
}

fn ended(e: &Error) -> End {
    match e.reason() {
        Some(code) if e.is_reset() => End::Reset(code.into()),
        _ => End::Lost,
    }
}

async fn echo(content: &mut RecvStream, out: &mut SendStream<Bytes>) -> End {
    let mut octets = 0;
    while let Some(piece) = content.data().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(e) => return ended(&e),
        };
        octets += piece.len() as u64;
        let _ = content.flow_control().release_capacity(piece.len());
        if send(out, piece).await.is_none() {
            return End::Lost;
        }
    }
    let trailers = content.trailers().await.unwrap_or_default();
    let _ = match &trailers {
        Some(fields) => out.send_trailers(fields.clone()),
        None => out.send_data(Bytes::new(), true),
    };
    End::Whole { octets, trailers }
}

async fn count(content: &mut RecvStream) -> End {
    let mut pattern = Pattern::new();
    while let Some(piece) = content.data().await {
        match piece {
            Ok(piece) if pattern.check(&piece) => {
                let _ = content.flow_control().release_capacity(piece.len());
            }
            Ok(_) => return End::Corrupt,
            Err(e) => return ended(&e),
        }
    }
    match content.trailers().await {
        Ok(trailers) => End::Whole { octets: pattern.len(), trailers },
        Err(e) => ended(&e),
    }
}
