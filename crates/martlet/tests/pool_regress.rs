//! What the pool is not told: servers talk unasked, futures leave their runtime, runtimes are not driven.
#![cfg(all(feature = "tokio", feature = "smol", feature = "async-std"))]

mod common;

use std::future::{Future, pending};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::{poll_once, yield_now};
use martlet::{BoxFuture, Client, ConnectTarget, Error, Kind, Phase, Timeouts, Transport};
use tokio::runtime::{Builder, Runtime};

use common::flavor::{Flavor, everywhere, watched};
use common::mock::Mock;
use common::poll::run;
use common::server::Server;
use common::wire::answering;

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell";

/// Longer than a connection may rest without the system being asked about it.
const PAUSE: Duration = Duration::from_millis(20);

/// What a request may take that must fail by it.
const SHORT: Duration = Duration::from_millis(300);

/// A server that leaves the first request of each connection to this, one by one, and lets the connection be open.
fn serving(mut answer: impl FnMut(&mut TcpStream, &str) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut head, mut octet) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut octet), Ok(1)) {
                head.push(octet[0]);
            }
            let head = String::from_utf8(head).unwrap();
            // Without a path nobody asked for anything.
            if let Some(path) = head.split(' ').nth(1) {
                answer(&mut stream, &path[1..]);
            }
            open.push(stream);
        }
    });
    address
}

/// Answers with the path, and says something unasked on the idle connection when it is told to.
struct Rude {
    address: SocketAddr,
    tell: Sender<()>,
    told: Receiver<()>,
}

impl Rude {
    /// A whole response, a farewell as servers send it to those who are silent, and just the end.
    const UNASKED: [(&'static str, bool); 3] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", false),
        ("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true),
        ("", true),
    ];

    fn start((unasked, ends): (&'static str, bool)) -> Self {
        let (tell, command) = mpsc::channel();
        let (done, told) = mpsc::channel();
        let address = serving(move |stream, path| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()).unwrap();
            // They go away when the test is over.
            if command.recv().is_ok() {
                stream.write_all(unasked.as_bytes()).unwrap();
                if ends {
                    stream.shutdown(Shutdown::Write).unwrap();
                }
                let _ = done.send(());
            }
        });
        Self { address, tell, told }
    }

    /// Has it said, while the thread that calls this does nothing else.
    fn interrupt(&self) {
        self.tell.send(()).unwrap();
        self.told.recv().unwrap();
        thread::sleep(PAUSE);
    }

    /// Asks for this path. The answer, and whether it came on a connection that was used before.
    fn ask(
        &self,
        client: &Client,
        path: &str,
    ) -> impl Future<Output = Result<(String, bool), Error>> + use<> {
        let send = client.get(format!("http://{}/{path}", self.address)).send();
        async {
            let response = send.await?;
            let reused = response.connection().is_reused();
            Ok((response.text().await?, reused))
        }
    }
}

/// One runtime for many calls: between them it has no turn.
struct Resting(Flavor, Option<Runtime>);

impl Resting {
    fn new(flavor: Flavor) -> Self {
        let runtime = match flavor {
            Flavor::TokioOneThread => Some(Builder::new_current_thread().enable_all().build().unwrap()),
            Flavor::TokioManyThreads => Some(many_threads()),
            Flavor::Smol | Flavor::AsyncStd => None,
        };
        Self(flavor, runtime)
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.1 {
            Some(runtime) => runtime.block_on(future),
            None if self.0 == Flavor::Smol => smol::block_on(future),
            None => async_std::task::block_on(future),
        }
    }
}

fn many_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn what_came_unasked_while_the_runtime_had_no_turn_is_nobodys_answer() {
    for flavor in Flavor::ALL {
        for unasked in Rude::UNASKED {
            watched(format!("{flavor:?}, {unasked:?}"), move || {
                let (rude, client, runtime) = (Rude::start(unasked), Client::new(), Resting::new(flavor));
                for path in ["one", "two", "three"] {
                    let answer = runtime.block_on(rude.ask(&client, path));
                    assert_eq!(answer.unwrap(), (path.to_owned(), false), "{flavor:?}, {unasked:?}");
                    rude.interrupt();
                }
            });
        }
    }
}

#[test]
fn what_came_unasked_while_the_task_computed_is_nobodys_answer() {
    for unasked in Rude::UNASKED {
        everywhere(|flavor| async move {
            let (rude, client) = (Rude::start(unasked), Client::new());
            for path in ["one", "two", "three"] {
                let answer = rude.ask(&client, path).await;
                assert_eq!(answer.unwrap(), (path.to_owned(), false), "{flavor:?}, {unasked:?}");
                rude.interrupt();
            }
        });
    }
}

#[test]
fn a_connection_that_was_silent_while_the_runtime_had_no_turn_is_used_again() {
    for flavor in Flavor::ALL {
        watched(format!("{flavor:?}"), move || {
            let (server, client, runtime) = (Server::start(), Client::new(), Resting::new(flavor));
            for _ in 0..3 {
                let get = async { client.get(server.url("/")).send().await?.text().await };
                assert_eq!(runtime.block_on(get).unwrap(), "hello");
                thread::sleep(PAUSE);
            }
            assert_eq!((server.accepted(), server.served()), (1, 3), "{flavor:?}");
        });
    }
}

/// A request to the end of its response, of which a test runs a part in another place.
fn get(client: &Client, url: String) -> BoxFuture<'static, Result<String, Error>> {
    let send = client.get(url).send();
    Box::pin(async { send.await?.text().await })
}

/// A server that says this to every request, and nothing more.
fn stalling(said: &'static str) -> String {
    format!("http://{}/", serving(move |stream, _| stream.write_all(said.as_bytes()).unwrap()))
}

/// Begins something in a tokio runtime, which stays alive, and ends it where there is none: it must run out of time.
fn assert_times_out_elsewhere(
    phase: Phase,
    limit: fn(&mut Timeouts) -> &mut Option<Duration>,
    begin: impl Fn(&Runtime, &Client) -> BoxFuture<'static, Result<String, Error>> + Copy + Send + 'static,
) {
    for (smol, whole) in [(true, false), (true, true), (false, false), (false, true)] {
        watched(format!("{phase}, smol {smol}, of the whole request {whole}"), move || {
            let mut timeouts = Timeouts::none();
            *(if whole { &mut timeouts.total } else { limit(&mut timeouts) }) = Some(SHORT);
            let client = Client::builder().max_connections(1).timeouts(timeouts).build().unwrap();
            let (runtime, begun) = (many_threads(), Instant::now());
            let future = begin(&runtime, &client);
            let e = if smol { smol::block_on(future) } else { futures_lite::future::block_on(future) };
            let e = e.unwrap_err();
            assert_eq!(e.kind(), Kind::Timeout(phase), "smol {smol}, of the whole request {whole}");
            assert!(begun.elapsed() >= SHORT);
        });
    }
}

#[test]
fn a_request_that_left_its_runtime_waits_for_a_connection_no_longer_than_it_may() {
    assert_times_out_elsewhere(
        Phase::Pool,
        |timeouts| &mut timeouts.pool,
        |runtime, client| {
            let url = stalling(HALF);
            let mut holding = Timeouts::none();
            holding.connect = Some(Duration::from_secs(20));
            let held = runtime.block_on(client.get(&url).timeouts(holding).send()).unwrap();
            let mut waiting = get(client, url);
            assert!(runtime.block_on(poll_once(&mut waiting)).is_none());
            Box::pin(async move {
                let result = waiting.await;
                drop(held);
                result
            })
        },
    );
}

#[test]
fn a_request_that_left_its_runtime_while_it_dialed_waits_for_the_head_no_longer_than_it_may() {
    assert_times_out_elsewhere(
        Phase::ReceiveHead,
        |timeouts| &mut timeouts.head,
        |runtime, client| {
            let mut request = get(client, stalling(""));
            assert!(runtime.block_on(poll_once(&mut request)).is_none());
            request
        },
    );
}

#[test]
fn a_request_that_left_its_runtime_when_it_was_sent_waits_for_the_head_no_longer_than_it_may() {
    assert_times_out_elsewhere(
        Phase::ReceiveHead,
        |timeouts| &mut timeouts.read,
        |runtime, client| {
            let (seen, request_seen) = mpsc::channel();
            let address = serving(move |_, _| seen.send(()).unwrap());
            let mut request = get(client, format!("http://{address}/"));
            runtime.block_on(async {
                while request_seen.try_recv().is_err() {
                    assert!(poll_once(&mut request).await.is_none());
                    yield_now().await;
                }
            });
            request
        },
    );
}

#[test]
fn a_response_that_left_its_runtime_waits_for_its_content_no_longer_than_it_may() {
    for polled_before in [false, true] {
        assert_times_out_elsewhere(
            Phase::ReceiveContent,
            |timeouts| &mut timeouts.read,
            move |runtime, client| {
                let response = runtime.block_on(client.get(stalling(HALF)).send()).unwrap();
                let mut text = Box::pin(response.text());
                assert!(!polled_before || runtime.block_on(poll_once(&mut text)).is_none());
                text
            },
        );
    }
}

#[test]
fn a_request_that_is_told_to_dial_outside_of_its_runtime_has_it_dial_there() {
    for smol in [true, false] {
        watched(format!("smol {smol}"), move || {
            let (server, runtime) = (Server::start(), many_threads());
            let client = Client::builder().max_connections(1).build().unwrap();
            let held = runtime.block_on(client.get(stalling(HALF)).send()).unwrap();
            let mut request = get(&client, server.url("/"));
            assert!(runtime.block_on(poll_once(&mut request)).is_none());
            // Its turn has come, and it was not polled since.
            drop(held);
            let text = if smol { smol::block_on(request) } else { futures_lite::future::block_on(request) };
            assert_eq!(text.unwrap(), "hello");
        });
    }
}

#[test]
fn a_dial_that_nobody_wants_leaves_its_slot_although_its_runtime_is_not_driven() {
    watched("a dial", || {
        let connect = |target: ConnectTarget| async move {
            if target.host() == "never" {
                pending::<()>().await;
            }
            Ok(Box::new(answering(HELLO).0) as Box<dyn Transport>)
        };
        let client = Client::builder().max_connections(1).connector(connect).build().unwrap();
        let resting = Builder::new_current_thread().enable_all().build().unwrap();
        let [mut first, mut second] = [(); 2].map(|()| get(&client, "http://never/".to_owned()));
        resting.block_on(async {
            assert!(poll_once(&mut first).await.is_none());
            assert!(poll_once(&mut second).await.is_none());
        });
        // It goes on for the second one, which nobody polls any more.
        drop(first);
        assert_eq!(client.stats().dialing, 1);
        drop(second);
        let stats = client.stats();
        assert_eq!((stats.dialing, stats.waiting), (0, 0), "{client:?}");
        let other = Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(other.block_on(get(&client, "http://other/".to_owned())).unwrap(), "hello");
        drop(resting);
    });
}

#[test]
fn a_request_that_must_not_be_sent_leaves_the_slot_that_it_was_to_dial_with() {
    let connect = |_| async { Ok(Box::new(answering(HELLO).0) as Box<dyn Transport>) };
    let builder = Client::builder().runtime(Mock::default().keeping_tasks()).max_connections(1);
    let client = builder.connector(connect).build().unwrap();
    let e = run(client.get("http://a/").header("host", "a").header("host", "b").send()).unwrap_err();
    assert_eq!(e.kind(), Kind::Builder);
    assert_eq!(client.stats().dialing, 0, "{client:?}");
    assert_eq!(run(get(&client, "http://a/".to_owned())).unwrap(), "hello");
}

#[test]
fn the_dump_says_how_long_nothing_has_happened() {
    let runtime = Mock::default().keeping_tasks();
    let connect = |_| async { Ok(Box::new(answering(HALF).0) as Box<dyn Transport>) };
    let client = Client::builder().runtime(runtime.clone()).connector(connect).build().unwrap();
    let held = run(client.get("http://a/").send()).unwrap();
    runtime.advance(Duration::from_secs(3));
    let dump = format!("{client:?}");
    assert!(dump.contains("nothing has happened for 3.0s"), "{dump}");
    drop(held);
}
