//! One client in two tokio runtimes at once, one of which stops: those in the other one are served.
#![cfg(all(feature = "tokio", feature = "smol", feature = "async-std"))]

mod common;

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures_lite::future::{poll_once, yield_now};
use martlet::{BoxFuture, Client, Error, PoolStats, Timeouts};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use common::flavor::watched;
use common::server::Server;

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn many_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Whoever waits for a connection does so until the watchdog comes.
fn limited(most: usize, per_origin: Option<usize>) -> Client {
    let mut timeouts = Timeouts::default();
    timeouts.pool = None;
    let builder = Client::builder().max_connections(most).max_connections_per_origin(per_origin);
    builder.timeouts(timeouts).build().unwrap()
}

async fn get(client: &Client, url: &str) -> Result<String, Error> {
    client.get(url).send().await?.text().await
}

/// So many requests at a time, all of which are served.
async fn all_served(client: &Client, url: &str, count: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let (client, url) = (client.clone(), url.to_owned());
        tasks.spawn(async move { assert_eq!(get(&client, &url).await.unwrap(), "hello") });
    }
    tasks.join_all().await;
}

fn counts(client: &Client) -> (usize, usize, usize) {
    let PoolStats { leased, dialing, waiting, .. } = client.stats();
    (leased, dialing, waiting)
}

/// Runs the runtime until the pool looks like this; from then on nobody drives it.
fn stop_when(runtime: &Runtime, client: &Client, expected: (usize, usize, usize)) {
    runtime.block_on(async {
        while counts(client) != expected {
            yield_now().await;
        }
    });
}

/// A task that has read a part of a response.
fn read_in(runtime: &Runtime, client: &Client, server: &Server) {
    let send = client.get(server.url("/large")).send();
    runtime.spawn(async move {
        let mut response = send.await.unwrap();
        assert!(response.chunk().await.unwrap().is_some());
        pending::<()>().await;
    });
}

/// A task that sends, and gets no further than the first poll.
fn begin_in(runtime: &Runtime, client: &Client, url: String) {
    let send = client.get(url).send();
    runtime.spawn(async move {
        let mut send = pin!(send);
        assert!(poll_once(&mut send).await.is_none());
        pending::<()>().await;
    });
}

/// A task that would go on if its runtime did.
fn send_in(runtime: &Runtime, client: &Client, url: String) {
    let client = client.clone();
    runtime.spawn(async move { get(&client, &url).await });
}

#[test]
fn a_runtime_that_stops_with_requests_in_every_state_leaves_the_slots_that_it_does_not_hold() {
    watched("roomy", || {
        for other in [one_thread, many_threads] {
            // Two origins; the first one is at its own limit, so that a request of the stopping runtime waits in line.
            let (x, y, client) = (Server::start(), Server::start(), limited(4, Some(2)));
            let stopping = one_thread();
            read_in(&stopping, &client, &x);
            stop_when(&stopping, &client, (1, 0, 0));
            begin_in(&stopping, &client, x.url("/"));
            send_in(&stopping, &client, x.url("/"));
            stop_when(&stopping, &client, (1, 1, 2));

            let other = other();
            other.block_on(all_served(&client, &y.url("/"), 20));
            assert_eq!(counts(&client), (1, 1, 2));
            assert_eq!((x.served(), y.served()), (1, 20));

            // To the first origin there is a way again as soon as those who hold its slots are gone.
            let begun = Arc::new(AtomicBool::new(false));
            let waiting = {
                let (client, url, begun) = (client.clone(), x.url("/"), begun.clone());
                thread::spawn(move || {
                    other.block_on(async {
                        let mut send = pin!(client.get(&url).send());
                        assert!(poll_once(&mut send).await.is_none());
                        begun.store(true, Ordering::SeqCst);
                        assert_eq!(send.await.unwrap().text().await.unwrap(), "hello");
                        all_served(&client, &url, 20).await;
                    });
                })
            };
            while !begun.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            assert_eq!(counts(&client), (1, 1, 3));
            drop(stopping);
            waiting.join().unwrap();
            assert_eq!(counts(&client), (0, 0, 0), "{client:?}");
            assert_eq!(x.served(), 22);
            drop(client);
            futures_lite::future::block_on(async {
                x.all_closed().await;
                y.all_closed().await;
            });
        }
    });
}

/// What the stopping runtime holds when it stops.
#[derive(Clone, Copy, Debug)]
enum Holds {
    Response,
    Dial,
    /// A response, and behind it one in line.
    ResponseAndPlace,
    /// A dial, and behind it one in line.
    DialAndPlace,
}

const HOLDS: [Holds; 4] = [Holds::Response, Holds::Dial, Holds::ResponseAndPlace, Holds::DialAndPlace];

/// A runtime that has stopped and holds all slots but `free`.
fn stopped(client: &Client, server: &Server, most: usize, free: usize, holds: Holds) -> Runtime {
    let runtime = one_thread();
    let taken = most - free;
    for _ in 0..taken {
        match holds {
            Holds::Response | Holds::ResponseAndPlace => read_in(&runtime, client, server),
            Holds::Dial | Holds::DialAndPlace => begin_in(&runtime, client, server.url("/")),
        }
    }
    let (leased, dialing) = match holds {
        Holds::Response | Holds::ResponseAndPlace => (taken, 0),
        Holds::Dial | Holds::DialAndPlace => (0, taken),
    };
    // Whoever dials counts as waiting, too.
    stop_when(&runtime, client, (leased, dialing, dialing));
    if let (Holds::ResponseAndPlace | Holds::DialAndPlace, 0) = (holds, free) {
        send_in(&runtime, client, server.url("/"));
        stop_when(&runtime, client, (leased, dialing, dialing + 1));
    }
    runtime
}

#[test]
fn one_slot_that_the_stopped_runtime_does_not_hold_serves_everybody_in_the_other() {
    for holds in [Holds::Response, Holds::Dial] {
        watched(format!("{holds:?}"), move || {
            let (x, y, client) = (Server::start(), Server::start(), limited(2, None));
            let stopping = stopped(&client, &x, 2, 1, holds);
            let other = many_threads();
            for url in [x.url("/"), y.url("/"), x.url("/")] {
                other.block_on(all_served(&client, &url, 20));
            }
            drop(stopping);
            other.block_on(all_served(&client, &x.url("/"), 20));
            assert_eq!(counts(&client), (0, 0, 0), "{client:?}");
        });
    }
}

#[test]
fn slots_that_the_stopped_runtime_holds_come_back_when_it_is_dropped() {
    for most in [1, 2] {
        for holds in HOLDS {
            watched(format!("{holds:?}, {most}"), move || {
                let (x, y, client) = (Server::start(), Server::start(), limited(most, None));
                let stopping = stopped(&client, &x, most, 0, holds);
                let (leased, dialing, waiting) = counts(&client);
                let others = [one_thread(), many_threads()].map(|other| {
                    let (client, urls) = (client.clone(), [x.url("/"), y.url("/")]);
                    thread::spawn(move || {
                        other.block_on(async {
                            for url in urls {
                                all_served(&client, &url, 10).await;
                            }
                        });
                    })
                });
                // Nobody gets what is held: there is no way for them.
                while client.stats().waiting < waiting + 20 {
                    thread::yield_now();
                }
                assert_eq!(counts(&client), (leased, dialing, waiting + 20));
                drop(stopping);
                for other in others {
                    other.join().unwrap();
                }
                assert_eq!(counts(&client), (0, 0, 0), "{client:?}");
                assert_eq!(y.served(), 20);
            });
        }
    }
}

#[test]
fn a_request_in_line_of_a_stopped_runtime_holds_one_slot_and_gives_it_back() {
    watched("in line", || {
        let (x, client) = (Server::start(), limited(1, None));
        // The only connection is used by the other runtime; the one that stops is next in line.
        let (other, stopping) = (one_thread(), one_thread());
        let response = other.block_on(async { client.get(x.url("/large")).send().await }).unwrap();
        send_in(&stopping, &client, x.url("/"));
        stop_when(&stopping, &client, (1, 0, 1));
        assert_eq!(other.block_on(response.bytes()).unwrap().len(), 1 << 20);
        // It is told to dial, and does not.
        assert_eq!(counts(&client), (0, 1, 1));
        other.block_on(async {
            let mut send = pin!(client.get(x.url("/")).send());
            assert!(poll_once(&mut send).await.is_none());
            // tokio lets no runtime be dropped inside of another one.
            thread::spawn(|| drop(stopping)).join().unwrap();
            assert_eq!(send.await.unwrap().text().await.unwrap(), "hello");
        });
        assert_eq!(counts(&client), (0, 0, 0), "{client:?}");
    });
}

/// Requests without end.
async fn forever(client: Client, url: String) {
    loop {
        // They fail when their runtime is shut down under them.
        let _ = get(&client, &url).await;
    }
}

/// Requests of all kinds without end, some of which are given up.
fn busy(client: &Client, servers: &[Server]) -> Vec<BoxFuture<'static, ()>> {
    let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
    for server in servers {
        for path in ["/", "/medium", "/large"] {
            tasks.push(Box::pin(forever(client.clone(), server.url(path))));
        }
        let (client, url) = (client.clone(), server.url("/large"));
        tasks.push(Box::pin(async move {
            loop {
                let _ = poll_once(pin!(client.get(&url).send())).await;
                yield_now().await;
            }
        }));
    }
    tasks
}

#[test]
fn runtimes_that_are_shut_down_in_the_middle_of_everything_harm_nobody_in_another() {
    for most in [1, 2, 8] {
        watched(format!("{most} connections"), move || {
            let servers = [Server::start(), Server::start()];
            let client = limited(most, None);
            let served = Arc::new(AtomicBool::new(false));
            let others = {
                let (client, served) = (client.clone(), served.clone());
                let urls = [servers[0].url("/"), servers[1].url("/")];
                thread::spawn(move || {
                    let runtime = one_thread();
                    for _ in 0..20 {
                        for url in &urls {
                            runtime.block_on(all_served(&client, url, 5));
                        }
                    }
                    served.store(true, Ordering::SeqCst);
                })
            };
            let mut shut_down = 0;
            while !served.load(Ordering::SeqCst) || shut_down < 5 {
                let runtime = if shut_down % 2 == 0 { one_thread() } else { many_threads() };
                for task in busy(&client, &servers) {
                    runtime.spawn(task);
                }
                runtime
                    .block_on(async { tokio::time::sleep(Duration::from_millis(5 + shut_down % 7)).await });
                drop(runtime);
                shut_down += 1;
            }
            others.join().unwrap();
            assert_eq!(counts(&client), (0, 0, 0), "{client:?}");
            drop(client);
            futures_lite::future::block_on(async {
                servers[0].all_closed().await;
                servers[1].all_closed().await;
            });
        });
    }
}
