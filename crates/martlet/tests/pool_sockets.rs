//! The pool over real sockets, the same on every runtime.
#![cfg(all(feature = "tokio", feature = "smol", feature = "async-std"))]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_lite::future::poll_once;
use martlet::{BoxFuture, Client, DialPolicy, Error, Kind, Response, Timeouts};

use common::flavor::{Flavor, everywhere, watched};
use common::server::Server;

/// Whoever waits for a connection does so until the watchdog comes.
fn limited(most: usize) -> Client {
    let mut timeouts = Timeouts::default();
    timeouts.pool = None;
    Client::builder().max_connections(most).timeouts(timeouts).build().unwrap()
}

async fn get(client: &Client, server: &Server) -> Result<String, Error> {
    client.get(server.url("/")).send().await?.text().await
}

/// Ready when the server has so many connections open.
async fn has_open(server: &Server, count: usize) {
    let begun = Instant::now();
    while server.open() != count {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} are open, not {count}", server.open());
        futures_lite::future::yield_now().await;
    }
}

/// A server that sends a part of one response, and then waits for its connection to be closed.
fn stalling() -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    (address, thread)
}

#[test]
fn s289_01_with_one_connection_and_two_origins_each_makes_room_for_the_other() {
    everywhere(|_| async {
        let (a, b, client) = (Server::start(), Server::start(), limited(1));
        for server in [&a, &a, &b, &b, &a, &b, &a, &a, &a, &b] {
            assert_eq!(get(&client, server).await.unwrap(), "hello");
            assert_eq!((client.stats().connections, client.stats().idle), (1, 1));
        }
        // A new connection for each change of the origin, and none but for that.
        assert_eq!((a.accepted(), a.served()), (3, 6));
        assert_eq!((b.accepted(), b.served()), (3, 4));
        has_open(&a, 0).await;
        has_open(&b, 1).await;
        drop(client);
        b.all_closed().await;
    });
}

#[test]
fn s289_01_with_one_connection_a_hundred_requests_to_two_origins_at_once_are_all_served() {
    everywhere(|flavor| async move {
        for most in [1, 2] {
            let servers = Arc::new([Server::start(), Server::start()]);
            let client = limited(most);
            let tasks: Vec<_> = (0..100)
                .map(|n| {
                    let (client, servers) = (client.clone(), servers.clone());
                    flavor.spawn(async move {
                        assert_eq!(get(&client, &servers[n % 2]).await.unwrap(), "hello");
                        let stats = client.stats();
                        assert!(stats.connections + stats.dialing <= most, "{stats:?}");
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
            assert_eq!((servers[0].served(), servers[1].served()), (50, 50));
            let stats = client.stats();
            assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "{client:?}");
            let left = servers[0].open() + servers[1].open();
            assert!(stats.idle <= most && left >= stats.idle);
            drop(client);
            servers[0].all_closed().await;
            servers[1].all_closed().await;
        }
    });
}

#[test]
fn sequential_requests_of_many_tasks_keep_to_few_connections() {
    // Whoever prefers idle connections dials only while there is none. Others dial now and then while they wait for one,
    // and give it up.
    let patient = DialPolicy::PreferIdle { wait: Duration::from_secs(600) };
    for (policy, most) in [(patient, 4), (DialPolicy::Race, 40)] {
        everywhere(|flavor| async move {
            let server = Arc::new(Server::start());
            let client = Client::builder().max_connections(4).dial_policy(policy).build().unwrap();
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let (client, server) = (client.clone(), server.clone());
                    flavor.spawn(async move {
                        for _ in 0..25 {
                            assert_eq!(get(&client, &server).await.unwrap(), "hello");
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
            assert_eq!(server.served(), 200);
            assert!(server.accepted() <= most, "{} with {policy:?}", server.accepted());
        });
    }
}

/// Others go on beside a request that nobody polls, to the same origin and to another one; then it goes on itself.
async fn others_go_on(client: &Client, a: &Server, b: &Server, most: usize) {
    for _ in 0..5 {
        for server in [a, b, b, a] {
            assert_eq!(get(client, server).await.unwrap(), "hello");
            let stats = client.stats();
            assert!(stats.connections + stats.dialing <= most, "{stats:?}");
        }
    }
}

/// A client of this limit, and a request of it that dials. Where another thread does tokio's IO, a dial may be over in the
/// poll that begins it; such a request is of no use.
async fn dialing(server: &Server, most: usize) -> (Client, BoxFuture<'static, Result<Response, Error>>) {
    loop {
        let client = limited(most);
        let mut held: BoxFuture<'_, _> = Box::pin(client.get(server.url("/")).send());
        let pending = poll_once(&mut held).await.is_none();
        if pending && client.stats().dialing == 1 {
            assert_eq!(client.stats().waiting, 1);
            return (client, held);
        }
    }
}

#[test]
fn a_request_that_is_held_while_it_dials_stops_nobody() {
    everywhere(|_| async {
        let (a, b) = (Server::start(), Server::start());
        for goes_on in [true, false] {
            let (client, held) = dialing(&a, 2).await;
            others_go_on(&client, &a, &b, 2).await;
            if goes_on {
                assert_eq!(held.await.unwrap().text().await.unwrap(), "hello");
            } else {
                drop(held);
            }
            let stats = client.stats();
            assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "{client:?}");
        }
    });
}

#[test]
fn s289_15_a_dial_goes_on_for_the_next_in_line_when_its_request_goes_away() {
    everywhere(|flavor| async move {
        let a = Server::start();
        let (client, held) = dialing(&a, 1).await;
        let mut next = pin!(client.get(a.url("/")).send());
        assert!(poll_once(&mut next).await.is_none());
        drop(held);
        assert_eq!(next.await.unwrap().text().await.unwrap(), "hello");
        let stats = client.stats();
        assert_eq!((stats.idle, stats.leased, stats.dialing, stats.waiting), (1, 0, 0, 0), "{client:?}");
        if flavor != Flavor::TokioManyThreads {
            // It was not begun anew. (Elsewhere requests that were of no use have dialled, too.)
            assert_eq!(a.accepted(), 1);
        }
    });
}

#[test]
fn a_request_that_is_held_with_the_connection_it_was_given_stops_nobody() {
    everywhere(|_| async {
        let (a, b, client) = (Server::start(), Server::start(), limited(2));
        let first = client.get(a.url("/large")).send().await.unwrap();
        let second = client.get(a.url("/large")).send().await.unwrap();
        let mut held = pin!(client.get(a.url("/")).send());
        assert!(poll_once(&mut held).await.is_none());
        let stats = client.stats();
        assert_eq!((stats.leased, stats.dialing, stats.waiting), (2, 0, 1));
        // While it waits, those that have their connections go on; then one of these is for it, and it does not take it.
        assert_eq!(first.bytes().await.unwrap().len(), 1 << 20);
        assert_eq!((client.stats().leased, client.stats().waiting), (2, 0));
        assert_eq!(second.bytes().await.unwrap().len(), 1 << 20);
        others_go_on(&client, &a, &b, 2).await;
        assert_eq!(held.await.unwrap().text().await.unwrap(), "hello");
        assert_eq!(client.stats().leased, 0);
    });
}

#[test]
fn a_request_that_is_held_before_it_begins_the_dial_it_was_given_stops_nobody() {
    everywhere(|_| async {
        let (a, b, client) = (Server::start(), Server::start(), limited(2));
        let first = client.get(a.url("/large")).send().await.unwrap();
        let second = client.get(a.url("/large")).send().await.unwrap();
        let mut held = pin!(client.get(b.url("/")).send());
        assert!(poll_once(&mut held).await.is_none());
        // Closed in the middle: its slot is for a dial of the request that waits.
        drop(first);
        let stats = client.stats();
        assert_eq!((stats.leased, stats.dialing, stats.waiting), (1, 1, 1));
        assert_eq!(second.bytes().await.unwrap().len(), 1 << 20);
        others_go_on(&client, &a, &b, 2).await;
        assert_eq!(held.await.unwrap().text().await.unwrap(), "hello");
        let stats = client.stats();
        assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "{client:?}");
    });
}

#[test]
fn a_request_that_is_held_in_line_and_dropped_leaves_nothing() {
    everywhere(|_| async {
        let (a, b, client) = (Server::start(), Server::start(), limited(1));
        let first = client.get(a.url("/large")).send().await.unwrap();
        {
            let mut held = pin!(client.get(a.url("/")).send());
            assert!(poll_once(&mut held).await.is_none());
            assert_eq!(first.bytes().await.unwrap().len(), 1 << 20);
            // It was given the connection, and goes away with it: nothing was sent, it is as good as before.
            assert_eq!((client.stats().leased, client.stats().idle), (1, 0));
        }
        assert_eq!((client.stats().leased, client.stats().idle), (0, 1));
        assert_eq!(get(&client, &a).await.unwrap(), "hello");
        assert_eq!((a.accepted(), a.served()), (1, 2));
        assert_eq!(get(&client, &b).await.unwrap(), "hello");
    });
}

#[test]
fn s782_04_idle_connections_of_a_runtime_that_is_gone_are_not_used_and_do_not_stay() {
    for (first, second) in Flavor::ALL.into_iter().flat_map(|first| Flavor::ALL.map(|second| (first, second)))
    {
        watched(format!("{first:?}, then {second:?}"), move || {
            for most in [1, 10] {
                let server = Arc::new(Server::start());
                let expiry = Some(Duration::from_secs(60));
                let builder = Client::builder().max_connections(most).keepalive_expiry(expiry);
                let client = builder.build().unwrap();
                for flavor in [first, second] {
                    let (client, server) = (client.clone(), server.clone());
                    flavor.block_on(async move {
                        for _ in 0..3 {
                            assert_eq!(get(&client, &server).await.unwrap(), "hello");
                        }
                    });
                }
                // async-io outlives every executor, and so do its sockets.
                let accepted = if first.tokio() || second.tokio() { 2 } else { 1 };
                assert_eq!(server.accepted(), accepted);
                // The runtime that has the janitor tells of its end, and its connections go with it.
                let idle = match (first.tokio(), second.tokio()) {
                    (true, true) => 0,
                    (true, false) | (false, false) => 1,
                    (false, true) => most.min(2),
                };
                assert_eq!(client.stats().idle, idle);
                drop(client);
                futures_lite::future::block_on(server.all_closed());
            }
        });
    }
}

#[test]
fn s782_04_idle_connections_are_closed_in_time_though_the_runtime_of_the_janitor_is_gone() {
    watched("two runtimes of one thread", || {
        let server = Arc::new(Server::start());
        let client = Client::builder().keepalive_expiry(Some(Duration::from_millis(200))).build().unwrap();
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (first, second) = (runtime(), runtime());
        for runtime in [&first, &second] {
            let (client, server) = (client.clone(), server.clone());
            runtime.block_on(async move { assert_eq!(get(&client, &server).await.unwrap(), "hello") });
        }
        drop(first);
        second.block_on(server.all_closed());
        assert_eq!(client.stats().connections, 0);
    });
}

#[test]
fn s782_04_the_connections_of_a_runtime_that_is_gone_expire_by_the_next_ones_clock() {
    for first in [Flavor::TokioOneThread, Flavor::TokioManyThreads] {
        for second in Flavor::ALL {
            watched(format!("{first:?}, then {second:?}"), move || {
                let server = Arc::new(Server::start());
                let client =
                    Client::builder().keepalive_expiry(Some(Duration::from_millis(50))).build().unwrap();
                {
                    let (client, server) = (client.clone(), server.clone());
                    first.block_on(async move { assert_eq!(get(&client, &server).await.unwrap(), "hello") });
                }
                second.block_on(async move {
                    assert_eq!(get(&client, &server).await.unwrap(), "hello");
                    assert_eq!(server.accepted(), 2);
                    // Both are closed while the second runtime runs, though nobody asks for anything.
                    server.all_closed().await;
                    assert_eq!(client.stats().connections, 0);
                });
            });
        }
    }
}

#[test]
fn s782_04_a_connection_of_async_io_is_there_still_when_the_client_comes_back_from_tokio() {
    watched("smol, tokio, async-std", || {
        let server = Arc::new(Server::start());
        let client = limited(10);
        for flavor in [Flavor::Smol, Flavor::TokioOneThread, Flavor::AsyncStd] {
            let (client, server) = (client.clone(), server.clone());
            flavor.block_on(async move { assert_eq!(get(&client, &server).await.unwrap(), "hello") });
        }
        assert_eq!((server.accepted(), server.served()), (2, 3));
    });
}

#[test]
fn s289_22_drain_ends_what_waits_and_lets_finish_what_runs() {
    everywhere(|flavor| async move {
        let (a, b, client) = (Server::start(), Server::start(), limited(2));
        assert_eq!(get(&client, &b).await.unwrap(), "hello");
        let running = client.get(a.url("/large")).send().await.unwrap();
        assert_eq!((client.stats().idle, client.stats().leased), (1, 1));
        let mut drained = client.drain();
        // The idle one is closed at once, nobody new is served.
        b.all_closed().await;
        assert_eq!(get(&client, &b).await.unwrap_err().kind(), Kind::Shutdown);
        assert!(poll_once(&mut drained).await.is_none());
        let waits = flavor.spawn(drained);
        assert_eq!(running.bytes().await.unwrap().len(), 1 << 20);
        waits.await;
        assert_eq!(client.stats().connections, 0);
        a.all_closed().await;
        assert_eq!((a.accepted(), b.accepted()), (1, 1));
    });
}

#[test]
fn s289_22_drain_ends_requests_that_wait_or_dial_in_other_tasks() {
    everywhere(|flavor| async move {
        let (a, client) = (Server::start(), limited(1));
        let running = client.get(a.url("/large")).send().await.unwrap();
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let send = client.get(a.url("/")).send();
                flavor.spawn(async move { send.await.unwrap_err().kind() })
            })
            .collect();
        while client.stats().waiting < 5 {
            futures_lite::future::yield_now().await;
        }
        let drained = client.drain();
        for waiting in waiting {
            assert_eq!(waiting.await, Kind::Shutdown);
        }
        drop(running);
        drained.await;
        assert_eq!(a.served(), 1);
        a.all_closed().await;
    });
}

#[test]
fn s289_22_close_ends_what_runs_too() {
    everywhere(|flavor| async move {
        let (a, client) = (Server::start(), limited(3));
        let (stalling, stalled) = stalling();
        let mut held = client.get(a.url("/large")).send().await.unwrap();
        let mut response = client.get(format!("http://{stalling}/")).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "ab");
        let reading = flavor.spawn(async move { response.chunk().await });
        let waiting = client.get(a.url("/large")).send().await.unwrap();
        let send = client.get(a.url("/")).send();
        let sending = flavor.spawn(async move { send.await.map(drop) });
        while client.stats().waiting == 0 {
            futures_lite::future::yield_now().await;
        }
        let mut closed = client.close();
        assert_eq!(reading.await.unwrap_err().kind(), Kind::Shutdown);
        assert_eq!(sending.await.unwrap_err().kind(), Kind::Shutdown);
        // Those that nobody polls end when they are polled or dropped.
        assert!(poll_once(&mut closed).await.is_none());
        assert_eq!(held.chunk().await.unwrap_err().kind(), Kind::Shutdown);
        drop(waiting);
        closed.await;
        assert_eq!(client.stats().connections, 0);
        a.all_closed().await;
        stalled.join().unwrap();
        assert_eq!(get(&client, &a).await.unwrap_err().kind(), Kind::Shutdown);
    });
}

#[test]
fn s289_22_dropping_the_last_clone_closes_what_is_idle_and_ends_no_response() {
    everywhere(|_| async {
        let (a, b, client) = (Server::start(), Server::start(), limited(2));
        assert_eq!(get(&client, &b).await.unwrap(), "hello");
        let response = client.get(a.url("/large")).send().await.unwrap();
        drop(client);
        b.all_closed().await;
        assert_eq!(response.bytes().await.unwrap().len(), 1 << 20);
        a.all_closed().await;
    });
}
