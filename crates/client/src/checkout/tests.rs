//! Dials that requests share: what may turn out to carry several of them at a time. What can be seen from outside is
//! tested from outside.

use std::collections::VecDeque;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};
use std::{future, io};

use futures_io::{AsyncRead, AsyncWrite};
use martlet_core::Limits;
use martlet_core::pool::Want;
use martlet_core::time::{Phase, Timeouts};

use super::*;
use crate::PoolConfig;
use crate::dial::{ConnectTarget, Connector, DialSettings, Plan};
use crate::erased::RuntimeHandle;
use crate::error::{Error, Kind};
use crate::here::Here;
use crate::protocols::Protocols;
use crate::runtime::{BoxFuture, Home, Runtime, SocketOptions, Spawn};
use crate::timer::Timer;
use crate::transport::Transport;
use crate::url::Url;

/// A runtime whose clock the test moves and whose tasks it runs.
#[derive(Clone)]
struct Desk {
    epoch: Instant,
    passed: Arc<Mutex<Duration>>,
    tasks: Arc<Tasks>,
}

#[derive(Default)]
struct Tasks {
    queue: Mutex<VecDeque<BoxFuture<'static, ()>>>,
    has_ended: Mutex<bool>,
}

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        if !*self.has_ended.lock().unwrap() {
            self.queue.lock().unwrap().push_back(task);
        }
    }
}

impl Runtime for Desk {
    type Tcp = Silent;
    type Sleep = BoxFuture<'static, ()>;

    fn home(&self) -> io::Result<Home> {
        Ok(Home::new(1, self.tasks.clone()))
    }

    fn now(&self) -> Instant {
        self.epoch + *self.passed.lock().unwrap()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + *self.passed.lock().unwrap()
    }

    fn random(&self) -> u64 {
        1
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        let desk = self.clone();
        Box::pin(future::poll_fn(move |_| if desk.now() >= at { Poll::Ready(()) } else { Poll::Pending }))
    }

    async fn connect(&self, _: SocketAddr, _: &SocketOptions) -> io::Result<Silent> {
        pending().await
    }

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        pending().await
    }
}

/// A transport on which nothing is heard.
struct Silent;

impl Transport for Silent {}

impl AsyncRead for Silent {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for Silent {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What becomes of the dials, all alike.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Open,
    Connects,
    Fails,
}

#[expect(clippy::disallowed_methods, reason = "any instant will do, and there is no other way to one")]
fn epoch() -> Instant {
    Instant::now()
}

struct World {
    desk: Desk,
    checkout: Arc<Checkout>,
    settings: Arc<DialSettings>,
    fate: Arc<Mutex<Fate>>,
    dials: Arc<AtomicUsize>,
}

impl World {
    fn new(max_connections: usize) -> Self {
        let desk = Desk { epoch: epoch(), passed: Arc::default(), tasks: Arc::default() };
        let (fate, dials) = (Arc::new(Mutex::new(Fate::Open)), Arc::new(AtomicUsize::new(0)));
        let (fate_of, count) = (fate.clone(), dials.clone());
        let connector = Connector::new(move |_: ConnectTarget| {
            count.fetch_add(1, Ordering::SeqCst);
            let fate = fate_of.clone();
            future::poll_fn(move |_| match *fate.lock().unwrap() {
                Fate::Open => Poll::Pending,
                Fate::Connects => Poll::Ready(Ok(Box::new(Silent) as Box<dyn Transport>)),
                Fate::Fails => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
            })
        });
        let mut config = PoolConfig::default();
        config.max_connections = max_connections;
        let settings = DialSettings {
            socket: SocketOptions::default(),
            connector: Some(connector),
            limits: Limits::default(),
            memory: crate::memory::Memory::default(),
            #[cfg(feature = "http2")]
            http2: crate::Http2Config::default(),
            #[cfg(feature = "tls")]
            tls: crate::dial::TlsSource::Described(crate::tls::TlsConfig::new()),
            opened: AtomicU64::new(0),
        };
        Self { desk, checkout: Checkout::new(config), settings: Arc::new(settings), fate, dials }
    }

    fn here(&self) -> Here {
        let runtime = RuntimeHandle::new(self.desk.clone());
        Here { home: runtime.home().unwrap(), runtime }
    }

    /// A request to an origin that may carry several at a time.
    fn request(&self) -> Request<'_> {
        let url = Url::parse("http://a.test/").unwrap();
        let (here, settings) = (self.here(), self.settings.clone());
        let key = Key::new(&url, None, here.home.id(), Protocols::Negotiated, true);
        let plan = {
            let here = here.clone();
            let allowed = Some(Duration::from_secs(5));
            move || {
                let (url, here, settings) = (url.clone(), here.clone(), settings.clone());
                Ok(Plan { url, route: None, protocols: Protocols::Negotiated, here, settings, allowed })
            }
        };
        let timer = Timer::new(here.clone(), Timeouts::default());
        let five = Some(Duration::from_secs(5));
        let allowed = Allowed { pool: five, connect: five };
        Request {
            waiting: Waiting::new(&self.checkout, (key, Want::Any), here, allowed, Box::new(plan)),
            timer,
        }
    }

    /// Polls every task once.
    fn run_tasks(&self) {
        let tasks = std::mem::take(&mut *self.desk.tasks.queue.lock().unwrap());
        for mut task in tasks {
            if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                self.desk.tasks.queue.lock().unwrap().push_back(task);
            }
        }
    }

    fn become_of_dials(&self, fate: Fate) {
        *self.fate.lock().unwrap() = fate;
        self.run_tasks();
    }

    fn pass(&self, time: Duration) {
        *self.desk.passed.lock().unwrap() += time;
    }

    fn dials(&self) -> usize {
        self.dials.load(Ordering::SeqCst)
    }

    /// Connections, idle ones, leased ones, dials, waiters.
    fn counts(&self) -> [usize; 5] {
        let stats = self.checkout.stats();
        [stats.connections, stats.idle, stats.leased, stats.dialing, stats.waiting]
    }
}

struct Request<'a> {
    waiting: Waiting<'a, Box<dyn FnMut() -> Result<Plan, Error>>>,
    timer: Timer,
}

impl Request<'_> {
    fn poll(&mut self) -> Poll<Result<Leased, Error>> {
        self.waiting.poll(&mut Context::from_waker(Waker::noop()), &mut self.timer)
    }

    #[track_caller]
    fn expect_pending(&mut self) {
        assert!(self.poll().is_pending());
    }

    #[track_caller]
    fn expect_connection(&mut self) -> Leased {
        match self.poll() {
            Poll::Ready(Ok(leased)) => leased,
            Poll::Ready(Err(e)) => panic!("{e}"),
            Poll::Pending => panic!("no connection"),
        }
    }

    #[track_caller]
    fn expect_error(&mut self) -> Error {
        match self.poll() {
            Poll::Ready(Err(e)) => e,
            Poll::Ready(Ok(_)) => panic!("a connection"),
            Poll::Pending => panic!("nothing"),
        }
    }
}

#[test]
fn a_shared_dial_is_a_task_from_the_start_and_needs_no_request_to_be_polled() {
    let world = World::new(2);
    let (mut held, mut other) = (world.request(), world.request());
    held.expect_pending();
    other.expect_pending();
    assert_eq!((world.counts(), world.dials()), ([0, 0, 0, 1, 2], 0));
    // The first is not polled any more. It turns out that connections serve one request at a time: the first in line has
    // this one, and the other dials for itself.
    world.become_of_dials(Fate::Connects);
    assert_eq!(world.dials(), 1);
    drop(other.expect_connection());
    assert_eq!(world.dials(), 2);
    drop(held.expect_connection());
    assert_eq!(world.counts()[2..], [0, 0, 0]);
}

#[test]
fn s289_15_the_dial_goes_on_when_the_request_that_began_it_is_cancelled() {
    let world = World::new(1);
    let mut requests: Vec<_> = (0..5).map(|_| world.request()).collect();
    requests.iter_mut().for_each(Request::expect_pending);
    world.run_tasks();
    drop(requests.remove(0));
    assert_eq!((world.counts(), world.dials()), ([0, 0, 0, 1, 4], 1));
    world.become_of_dials(Fate::Connects);
    for mut request in requests {
        request.expect_connection().unused();
    }
    assert_eq!((world.counts(), world.dials()), ([1, 1, 0, 0, 0], 1));
}

#[test]
fn s289_16_requests_that_shared_a_dial_open_connections_of_their_own_up_to_the_limit() {
    let world = World::new(3);
    let mut requests: Vec<_> = (0..5).map(|_| world.request()).collect();
    requests.iter_mut().for_each(Request::expect_pending);
    world.become_of_dials(Fate::Connects);
    let leased: Vec<_> = requests.drain(..3).map(|mut request| request.expect_connection()).collect();
    requests.iter_mut().for_each(Request::expect_pending);
    assert_eq!((world.counts(), world.dials()), ([3, 0, 3, 0, 2], 3));
    drop(leased);
    assert_eq!(world.counts(), [3, 1, 2, 0, 0], "the others have them, and one is left");
    requests.into_iter().for_each(|mut request| request.expect_connection().unused());
    assert_eq!(world.counts(), [3, 3, 0, 0, 0]);
}

#[test]
fn all_who_share_a_dial_fail_with_it() {
    let world = World::new(1);
    let mut requests: Vec<_> = (0..3).map(|_| world.request()).collect();
    requests.iter_mut().for_each(Request::expect_pending);
    world.become_of_dials(Fate::Fails);
    for request in &mut requests {
        let e = request.expect_error();
        let cause = std::error::Error::source(&e).and_then(|e| e.downcast_ref::<io::Error>());
        assert_eq!(
            (e.kind(), cause.map(io::Error::kind)),
            (Kind::Connect, Some(io::ErrorKind::ConnectionRefused))
        );
    }
    drop(requests);
    assert_eq!((world.counts(), world.dials()), ([0; 5], 1));
}

#[test]
fn a_shared_dial_is_given_up_with_the_last_request() {
    let world = World::new(1);
    let mut requests: Vec<_> = (0..3).map(|_| world.request()).collect();
    requests.iter_mut().for_each(Request::expect_pending);
    world.run_tasks();
    drop(requests);
    assert_eq!(world.counts(), [0; 5], "although nobody runs its task");
    world.run_tasks();
    assert!(world.desk.tasks.queue.lock().unwrap().is_empty());
}

#[test]
fn a_shared_dial_has_the_time_of_the_request_that_began_it() {
    let world = World::new(1);
    let (mut first, mut second) = (world.request(), world.request());
    first.expect_pending();
    world.run_tasks();
    world.pass(Duration::from_secs(3));
    second.expect_pending();
    world.pass(Duration::from_millis(1_999));
    world.run_tasks();
    second.expect_pending();
    world.pass(Duration::from_millis(1));
    world.run_tasks();
    for request in [&mut first, &mut second] {
        assert_eq!(request.expect_error().kind(), Kind::Timeout(Phase::Connect));
    }
}

#[test]
fn a_request_that_a_dial_works_for_is_not_waiting_for_the_pool() {
    let world = World::new(1);
    let mut request = world.request();
    request.expect_pending();
    // Nobody runs the task, so that its own deadline does not come up. The request has its own time for connecting, and
    // says how far the dial is: it has not begun.
    world.pass(Duration::from_millis(4_999));
    request.expect_pending();
    world.pass(Duration::from_millis(1));
    assert_eq!(request.expect_error().kind(), Kind::Timeout(Phase::Resolve));
}

#[test]
fn those_who_share_a_dial_fail_when_their_runtime_takes_no_tasks() {
    let world = World::new(1);
    *world.desk.tasks.has_ended.lock().unwrap() = true;
    let mut request = world.request();
    request.expect_pending();
    assert_eq!(request.expect_error().kind(), Kind::Runtime);
    drop(request);
    assert_eq!(world.counts(), [0; 5]);
}

#[test]
fn a_task_that_is_dropped_half_way_leaves_the_dial_to_the_next() {
    let world = World::new(1);
    let mut request = world.request();
    request.expect_pending();
    world.run_tasks();
    let dropped = std::mem::take(&mut *world.desk.tasks.queue.lock().unwrap());
    drop(dropped);
    assert_eq!((world.counts(), world.dials()), ([0, 0, 0, 1, 1], 1));
    world.become_of_dials(Fate::Connects);
    drop(request.expect_connection());
    assert_eq!(world.dials(), 2);
}
