//! What the tests share.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::AsyncRead;
use http::{HeaderMap, HeaderValue, Method};
use martlet::{Body, Client, ClientBuilder, Error, Http2Config, Kind, Protocols, RequestBuilder, Response};
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{Listener, Service, Sim, SimConfig, SimRequest, SimResponse, Sleep};

pub(crate) const A: &str = "http://a.test";
pub(crate) const B: &str = "http://b.test";

/// CANCEL (RFC 9113 §7).
pub(crate) const CANCEL: u32 = 0x8;

/// The smallest window that a connection can have.
pub(crate) const WINDOW: u32 = 65_535;

/// What a request comes to.
pub(crate) type Fetched = Result<Vec<u8>, Kind>;

pub(crate) type Fetching = Pin<Box<dyn Future<Output = Fetched> + Send>>;

/// A world in which nothing but what the test sets takes time.
pub(crate) fn calm() -> Sim {
    Sim::with_config(0, SimConfig::calm())
}

/// A client that speaks HTTP/2, with small windows.
pub(crate) fn client_with(sim: &Sim, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let mut config = Http2Config::default();
    config.stream_window = WINDOW;
    config.connection_window = WINDOW;
    config.reset_memory = Duration::MAX;
    let builder = Client::builder().runtime(sim.runtime()).protocols(Protocols::Http2).http2(config);
    set(builder).build().expect("the settings are sound")
}

pub(crate) fn client(sim: &Sim) -> Client {
    client_with(sim, |builder| builder)
}

/// Content of so many octets, which tells where each of them stands.
pub(crate) fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// Answers as the target says.
pub(crate) struct Site;

impl Service for Site {
    fn respond(&mut self, request: SimRequest) -> SimResponse {
        let mut segments = request.target.trim_start_matches('/').split('/');
        let (what, number) = (segments.next(), segments.next());
        let number = number.and_then(|number| number.parse().ok()).unwrap_or(0);
        match what {
            Some("octets") => SimResponse::ok(content(number)),
            Some("trailers") => {
                SimResponse::ok(content(number)).chunked().trailer("x-end", "yes").interim(103)
            }
            Some("after") => SimResponse::ok(request.target).after(millis(number as u64)),
            Some("slow") => SimResponse::ok(content(number)).pause(seconds(1)).piece(content(number)),
            Some("halts") => SimResponse::ok(content(number)).stall().piece("rest"),
            Some("echo") => SimResponse::ok(request.content),
            Some("silent") => SimResponse::silent(),
            _ => SimResponse::ok(request.target),
        }
    }

    fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
        (head.method == "CONNECT").then(|| SimResponse::ok(content(500)).pause(millis(1)).piece(content(500)))
    }
}

pub(crate) fn site(sim: &Sim, host: &str) -> Listener {
    site_with(sim, host, H2Server::new())
}

pub(crate) fn site_with(sim: &Sim, host: &str, settings: H2Server) -> Listener {
    sim.listen_h2_with(host, 80, settings.extended_connect(true), Site)
}

/// Content in pieces, with a break before each.
pub(crate) struct Drops {
    left: usize,
    pause: bool,
}

impl Drops {
    pub(crate) fn new(left: usize) -> Self {
        Self { left, pause: false }
    }
}

impl AsyncRead for Drops {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.pause = !self.pause;
        if self.pause {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let n = self.left.min(100);
        self.left -= n;
        buffer[..n].fill(b'd');
        Poll::Ready(Ok(n))
    }
}

/// A reader that never has anything.
pub(crate) struct Silent;

impl AsyncRead for Silent {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

pub(crate) fn with_trailers(content: impl Into<Body>) -> Body {
    let mut fields = HeaderMap::new();
    fields.insert("x-end", HeaderValue::from_static("yes"));
    content.into().with_trailers(async { Ok::<_, io::Error>(fields) })
}

/// The whole content of a response to come.
pub(crate) async fn read(response: impl Future<Output = Result<Response, Error>>) -> Fetched {
    let response = response.await.map_err(|e| e.kind())?;
    Ok(response.bytes().await.map_err(|e| e.kind())?.to_vec())
}

/// A GET of the whole content.
pub(crate) fn fetch(client: &Client, url: &str) -> Fetching {
    Box::pin(read(client.get(url).send()))
}

/// A GET that must succeed.
#[track_caller]
pub(crate) fn fetch_now(sim: &Sim, client: &Client, url: &str) -> Vec<u8> {
    sim.block_on(fetch(client, url)).unwrap_or_else(|e| panic!("{e}")).expect("an answer")
}

/// The response to a GET whose content is not read.
#[track_caller]
pub(crate) fn hold(sim: &Sim, client: &Client, url: &str) -> Response {
    sim.block_on(client.get(url).send()).unwrap_or_else(|e| panic!("{e}")).expect("an answer")
}

async fn unread(response: impl Future<Output = Result<Response, Error>>) -> Fetched {
    let _response = response.await.map_err(|e| e.kind())?;
    pending().await
}

/// A kind of request, begun with a client and a target that nobody else uses.
pub(crate) type Begin = fn(&Client, &str) -> Fetching;

fn post(client: &Client, rest: &str, content: impl Into<Body>) -> RequestBuilder {
    client.post(format!("{A}{rest}")).body(content)
}

/// All kinds of requests. The target that they are given ends in a query, which tells them apart.
pub(crate) const KINDS: [(&str, Begin); 9] = [
    ("get", |client, nth| fetch(client, &format!("{A}/octets/3000?{nth}"))),
    ("empty", |client, nth| fetch(client, &format!("{A}/octets/0?{nth}"))),
    ("bytes", |client, nth| Box::pin(read(post(client, &format!("/echo?{nth}"), content(3_000)).send()))),
    ("stream", |client, nth| {
        let body = Body::reader(Drops::new(2_000));
        Box::pin(read(post(client, &format!("/echo?{nth}"), body).send()))
    }),
    ("expect", |client, nth| {
        let request = post(client, &format!("/echo?{nth}"), content(3_000));
        Box::pin(read(request.header("expect", "100-continue").send()))
    }),
    ("unread", |client, nth| Box::pin(unread(client.get(format!("{A}/octets/30000?{nth}")).send()))),
    ("trailers", |client, nth| {
        let body = with_trailers(content(500));
        Box::pin(read(post(client, &format!("/trailers/2000?{nth}"), body).send()))
    }),
    ("trailers of a stream", |client, nth| {
        let body = with_trailers(Body::reader(Drops::new(500)));
        Box::pin(read(post(client, &format!("/trailers/2000?{nth}"), body).send()))
    }),
    ("connect", |client, nth| {
        let request = client.request(Method::CONNECT, format!("{A}/tunnel?{nth}"));
        let request = request.connect_protocol("websocket").body(Body::reader(Drops::new(2_000)));
        Box::pin(read(request.send()))
    }),
];

/// What the future yields before so many ticks have passed, if it is polled whenever it asks for it.
pub(crate) async fn within_ticks<T>(sim: &Sim, future: impl Future<Output = T>, ticks: usize) -> Option<T> {
    let mut future = pin!(future);
    let (mut left, mut tick) = (ticks, None::<Pin<Box<Sleep>>>);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        while left > 0 {
            let sleep = tick.get_or_insert_with(|| Box::pin(sim.sleep(TICK)));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            (left, tick) = (left - 1, None);
            // Whatever happens in a tick, the future is looked at once more behind it.
            cx.waker().wake_by_ref();
        }
        Poll::Ready(None)
    })
    .await
}

/// What the future yields within so many polls of it. Then it is dropped.
pub(crate) async fn within_polls<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The unit of time in which octets move.
pub(crate) const TICK: Duration = Duration::from_micros(1);

/// A network that takes a tick for each few octets, in each direction.
pub(crate) fn dripping(octets: usize) -> Sim {
    let mut config = SimConfig::calm();
    config.latency = TICK..=TICK;
    config.segment = octets..=octets;
    config.buffer = octets..=octets;
    config.trace = false;
    config.max_polls = 100_000_000;
    Sim::with_config(0, config)
}

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[track_caller]
pub(crate) fn advance(sim: &Sim, span: Duration) {
    sim.advance(span).unwrap_or_else(|e| panic!("{e}"));
}

/// Lets happen what takes no time.
#[track_caller]
pub(crate) fn settle(sim: &Sim) {
    advance(sim, Duration::ZERO);
}

/// Drops something inside of the runtime.
#[track_caller]
pub(crate) fn drop_inside<T>(sim: &Sim, thing: T) {
    sim.block_on(async { drop(thing) }).unwrap_or_else(|e| panic!("{e}"));
}

/// What a pool is to hold: connections and how many of them are idle, streams, dials, and waiters. Nothing else is open.
#[track_caller]
pub(crate) fn expect_pool(sim: &Sim, client: &Client, counts: [usize; 5], what: &str) {
    let stats = client.stats();
    let found = [stats.connections, stats.idle, stats.streams, stats.dialing, stats.waiting];
    assert_eq!(
        found,
        counts,
        "{what}: connections, idle, streams, dialing, waiting\n{client:?}\n{}",
        sim.trace()
    );
    assert_eq!(sim.open_connections(), stats.connections, "{what}\n{client:?}\n{}", sim.trace());
}

/// Checks that the servers have no stream left and nothing to say against the client, and that it gave up streams by no
/// other code than CANCEL.
#[track_caller]
pub(crate) fn expect_no_streams(servers: &[Listener], what: &str) {
    for server in servers {
        for nth in 0..server.accepted() {
            assert_eq!(server.h2(nth).active_streams(), 0, "{what}: connection {nth}");
        }
        for request in server.log() {
            assert!(matches!(request.reset, None | Some(CANCEL)), "{what}: {:?}", request.reset);
        }
        assert_eq!(server.complaints(), Vec::<String>::new(), "{what}");
    }
}

/// RST_STREAM frames of each connection to a server.
pub(crate) fn resets(server: &Listener) -> Vec<usize> {
    (0..server.accepted()).map(|nth| server.h2(nth).frames_of(FrameKind::RstStream).len()).collect()
}

/// A task that somebody looks at from outside.
pub(crate) struct Started<T>(Arc<Mutex<Option<T>>>);

pub(crate) fn start<T: Send + 'static>(
    sim: &Sim,
    future: impl Future<Output = T> + Send + 'static,
) -> Started<T> {
    let place = Arc::new(Mutex::new(None));
    let theirs = Arc::clone(&place);
    sim.spawn(async move {
        let output = future.await;
        *theirs.lock().expect("sound") = Some(output);
    });
    Started(place)
}

impl<T> Started<T> {
    /// What it came to, if it has ended.
    pub(crate) fn result(&self) -> Option<T> {
        self.0.lock().expect("sound").take()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.lock().expect("sound").is_some()
    }
}

/// Tasks in the background and timers that are left when nothing can happen any more: what leaks shows there.
pub(crate) fn leftovers(sim: &Sim) -> String {
    let deadlock = sim.block_on(pending::<()>()).expect_err("nobody ends it").to_string();
    let line = deadlock.lines().find(|line| line.starts_with("waiting:"));
    line.expect("a line of the report").to_owned()
}
