//! One client in several runtimes, one of which ends.

use std::future::pending;
use std::pin::pin;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_lite::future::poll_once;
use martlet::http::Version;
use martlet::{Client, Closed, Delivery, Ending, Kind, Response};
use martlet_sim::h2::H2Server;
use martlet_sim::{SimRequest, SimResponse};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::common::flavor::watched;
use crate::served::{Served, plain, secure, target, tls};
use crate::{builder, client, get, read, text, until};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn many_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

const RUNTIMES: [fn() -> Runtime; 2] = [one_thread, many_threads];

/// Over HTTP/2 one response stalls in its midst, and one does not come at all.
fn stalling(is_secure: bool) -> Served {
    let tls = is_secure.then(|| tls(&[b"h2"]));
    Served::start(H2Server::new(), tls, |request: SimRequest| match request.target.as_str() {
        "/stalls" => SimResponse::ok("half").chunked().stall(),
        "/silent" => SimResponse::silent(),
        _ => target(request),
    })
}

/// So many requests at a time, by this version, all of which are served.
async fn all_served(client: &Client, url: &str, version: Version, count: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let send = client.get(url).version(version).send();
        tasks.spawn(async move { assert_eq!(send.await.unwrap().text().await.unwrap(), "/a") });
    }
    tasks.join_all().await;
}

/// A response whose content stalls, and of which a part was read.
async fn half(client: &Client, server: &Served) -> Response {
    let mut response = client.get(server.url("/stalls")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "half");
    response
}

#[test]
fn s782_05_two_runtimes_use_one_client_at_once() {
    watched("at once", || {
        let (server, client) = (plain(), client());
        thread::scope(|scope| {
            for make in RUNTIMES {
                let (server, client) = (&server, &client);
                scope.spawn(move || {
                    let url = server.url("/a");
                    make().block_on(async {
                        for _ in 0..10 {
                            all_served(client, &url, Version::HTTP_2, 20).await;
                            all_served(client, &url, Version::HTTP_11, 5).await;
                        }
                    });
                });
            }
        });
        // One for each runtime.
        assert_eq!(server.by_http2(), 2);
        assert_eq!(server.requests(), 400);
    });
}

#[test]
fn s782_05_streams_of_a_runtime_that_is_dropped_fail_wherever_they_are_read() {
    for is_secure in [false, true] {
        for make in RUNTIMES {
            watched("dropped", move || {
                let (server, client) = (stalling(is_secure), client());
                let dropped = make();
                let (mut response, waits) = dropped.block_on(async {
                    let response = half(&client, &server).await;
                    let mut send = Box::pin(client.post(server.url("/silent")).body("x").send());
                    assert!(poll_once(&mut send).await.is_none());
                    until("it is there", || server.link(0).requests().len() == 2).await;
                    (response, send)
                });
                let (begun, begins) = mpsc::channel();
                let reading = thread::spawn(move || {
                    one_thread().block_on(async move {
                        assert!(poll_once(response.chunk()).await.is_none());
                        begun.send(()).unwrap();
                        let read = response.chunk().await.unwrap_err();
                        let again = response.chunk().await.unwrap_err();
                        (read, again, waits.await.unwrap_err())
                    })
                });
                begins.recv().unwrap();
                // The others go on meanwhile, and afterwards.
                let other = make();
                other.block_on(all_served(&client, &server.url("/a"), Version::HTTP_2, 20));
                drop(dropped);
                let (read, again, waited) = reading.join().unwrap();
                let cut = Closed::InContent { expected: None, received: 4, by: Ending::Reset };
                assert_eq!((read.kind(), read.delivery()), (Kind::Closed(cut), Delivery::Answered));
                assert_eq!(again.kind(), read.kind());
                assert!(text(&read).contains("runtime"), "{}", text(&read));
                let none = Closed::BeforeResponse { interim: false, by: Ending::Reset };
                assert_eq!((waited.kind(), waited.delivery()), (Kind::Closed(none), Delivery::Unknown));
                other.block_on(async {
                    all_served(&client, &server.url("/a"), Version::HTTP_2, 20).await;
                    all_served(&client, &server.url("/a"), Version::HTTP_11, if is_secure { 0 } else { 5 })
                        .await;
                });
                assert_eq!(client.stats().streams, 0, "{client:?}");
                assert_eq!(server.by_http2(), 2);
            });
        }
    }
}

#[test]
fn s782_05_a_runtime_that_stops_hosts_nobody_elses_requests() {
    for make in RUNTIMES {
        watched("stops", move || {
            let (server, client) = (stalling(false), client());
            let stopped = one_thread();
            let response = stopped.block_on(half(&client, &server));
            // Nobody runs it any more. Its connection, with one stream open, is there.
            assert_eq!((client.stats().connections, client.stats().streams), (1, 1));
            let other = make();
            for version in [Version::HTTP_2, Version::HTTP_11] {
                other.block_on(all_served(&client, &server.url("/a"), version, 20));
            }
            drop(response);
            drop(stopped);
            other.block_on(async {
                all_served(&client, &server.url("/a"), Version::HTTP_2, 20).await;
                until("its connection is gone", || client.stats().streams == 0).await;
            });
        });
    }
}

#[test]
fn s782_05_a_slot_that_a_stopped_runtime_holds_is_free_when_it_is_dropped() {
    watched("slot", || {
        let server = stalling(false);
        let client = builder().max_connections(1).build().unwrap();
        let (stopped, other) = (one_thread(), many_threads());
        {
            let (client, url) = (client.clone(), server.url("/stalls"));
            let (held, holds) = mpsc::channel();
            stopped.spawn(async move {
                let mut response = client.get(url).send().await.unwrap();
                assert_eq!(response.chunk().await.unwrap().unwrap(), "half");
                held.send(()).unwrap();
                pending::<()>().await;
            });
            stopped.block_on(until("it is held", || holds.try_recv().is_ok()));
        }
        let waiting = {
            let (client, url) = (client.clone(), server.url("/a"));
            thread::spawn(move || other.block_on(all_served(&client, &url, Version::HTTP_2, 5)))
        };
        while client.stats().waiting < 5 {
            thread::yield_now();
        }
        drop(stopped);
        waiting.join().unwrap();
        assert_eq!(server.accepted(), 2);
    });
}

#[test]
fn s782_05_a_dial_that_a_stopped_runtime_shares_is_nobody_elses() {
    watched("dial", || {
        let (server, client) = (plain(), client());
        let stopped = one_thread();
        let mut sends: Vec<_> = (0..3).map(|_| Box::pin(client.get(server.url("/a")).send())).collect();
        stopped.block_on(async {
            for send in &mut sends {
                assert!(poll_once(send).await.is_none());
            }
        });
        one_thread().block_on(all_served(&client, &server.url("/a"), Version::HTTP_2, 20));
        drop(stopped);
        // They have lost the runtime that they were begun in, and hear of it.
        one_thread().block_on(async {
            for send in sends {
                match send.await {
                    Ok(response) => assert_eq!(response.text().await.unwrap(), "/a"),
                    Err(e) => {
                        assert!(matches!(e.kind(), Kind::Runtime | Kind::Connect | Kind::Closed(_)), "{e:?}")
                    }
                }
            }
        });
        assert_eq!((client.stats().dialing, client.stats().waiting), (0, 0), "{client:?}");
    });
}

#[test]
fn s782_04_a_client_outlives_the_runtime_of_its_connection() {
    watched("outlives", || {
        for server in [plain(), secure(&[b"h2"])] {
            let client = client();
            for make in [one_thread, many_threads, one_thread] {
                let runtime = make();
                runtime.block_on(async {
                    for is_reused in [false, true] {
                        let response =
                            read(client.get(server.url("/a")).send().await.unwrap()).await.unwrap();
                        assert_eq!(response.connection().is_reused(), is_reused);
                        assert_eq!(response.version(), Version::HTTP_2);
                    }
                });
                drop(runtime);
                assert_eq!(client.stats().connections, 0);
            }
            assert_eq!(smol::block_on(get(&client, &server.url("/a"))).unwrap(), "/a");
            assert_eq!(server.accepted(), 4);
        }
    });
}

#[test]
fn s782_04_an_idle_connection_of_a_runtime_that_only_stopped_is_not_used_by_another() {
    watched("stopped", || {
        let (server, client) = (plain(), client());
        let (first, second) = (one_thread(), one_thread());
        for (runtime, is_reused) in [(&first, false), (&second, false), (&first, true), (&second, true)] {
            let response = runtime
                .block_on(async { read(client.get(server.url("/a")).send().await.unwrap()).await.unwrap() });
            assert_eq!(response.connection().is_reused(), is_reused);
        }
        assert_eq!(server.accepted(), 2);
    });
}

#[test]
fn a_response_may_be_read_in_another_runtime_while_its_own_one_runs() {
    watched("elsewhere", || {
        let server = Served::start(H2Server::new(), None, |_: SimRequest| {
            let pieces =
                (0..50).fold(SimResponse::new(200), |response, _| response.piece(vec![b'x'; 50_000]));
            pieces.pause(Duration::from_millis(10)).piece("end")
        });
        let (client, own) = (client(), many_threads());
        let response = own.block_on(async { client.get(server.url("/")).send().await }).unwrap();
        let octets = smol::block_on(async {
            let mut bytes = pin!(response.bytes());
            bytes.as_mut().await.unwrap()
        });
        assert_eq!(octets.len(), 50 * 50_000 + 3);
    });
}
