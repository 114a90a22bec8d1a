//! A client outlives the runtimes that it is used in.
#![cfg(all(feature = "tokio", feature = "smol"))]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use martlet::{Client, Error, Kind, Phase, Response, Timeouts};
use tokio::runtime::{Builder, Runtime};

use common::poll::run;
use common::server::Server;
use common::wire::{Peer, Read, Wires, octets, wire};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";

fn tokio() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

async fn text(client: &Client, server: &Server) -> Result<String, Error> {
    client.get(server.url("/")).send().await?.text().await
}

#[test]
fn made_and_used_in_one_runtime_it_works_in_the_next_after_the_first_is_gone() {
    let server = Server::start();
    let first = tokio();
    let client = first.block_on(async {
        let client = Client::new();
        assert_eq!(text(&client, &server).await.unwrap(), "hello");
        client
    });
    drop(first);
    for runtime in [tokio(), Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()] {
        assert_eq!(runtime.block_on(text(&client, &server)).unwrap(), "hello");
    }
    assert_eq!(smol::block_on(text(&client, &server)).unwrap(), "hello");
}

#[test]
fn two_runtimes_use_one_client_at_the_same_time() {
    let server = Server::start();
    let client = Client::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio();
                for _ in 0..20 {
                    assert_eq!(runtime.block_on(text(&client, &server)).unwrap(), "hello");
                }
            });
        }
    });
}

/// A response whose head came while a timer of that runtime was armed: it had to wait for it.
fn response_of(runtime: &Runtime, timeouts: Timeouts) -> (Response, Peer) {
    let (wire, peer) = wire([Read::Pending, octets(HEAD), octets("ab")], []);
    let client = Client::builder().connector(Wires::new([wire])).timeouts(timeouts).build().unwrap();
    (runtime.block_on(async { client.get("http://a/").send().await }).unwrap(), peer)
}

fn read_timeout() -> Timeouts {
    let mut timeouts = Timeouts::none();
    timeouts.read = Some(Duration::from_secs(5));
    timeouts
}

#[test]
fn a_response_is_read_in_another_runtime_after_its_own_is_gone() {
    let first = tokio();
    let (mut response, peer) = response_of(&first, read_timeout());
    drop(first);
    let second = paused();
    let read = || {
        second.block_on(async {
            assert_eq!(response.chunk().await.unwrap().unwrap(), "ab");
            response.chunk().await.unwrap_err()
        })
    };
    // The timer is one of the second runtime: nothing panics, and the silence is noticed.
    let e = catch_unwind(AssertUnwindSafe(read)).expect("a timer of a dead runtime was polled");
    assert_eq!(e.kind(), Kind::Timeout(Phase::ReceiveContent));
    peer.assert_closed();
}

#[test]
fn a_response_is_read_outside_of_any_runtime_after_its_own_is_gone() {
    for timeouts in [read_timeout(), Timeouts::default()] {
        let first = tokio();
        let (response, peer) = response_of(&first, timeouts);
        drop(first);
        let read = || {
            let mut reading = std::pin::pin!(response.bytes());
            assert!(common::poll::stall(reading.as_mut()).is_pending());
            peer.say(octets("cd"));
            run(reading).unwrap()
        };
        let content = catch_unwind(AssertUnwindSafe(read)).expect("a timer of a dead runtime was polled");
        assert_eq!(content, "abcd");
    }
}

#[test]
fn a_response_that_never_waited_is_read_outside_of_its_runtime() {
    let (wire, peer) = wire([octets(HEAD), octets("ab")], []);
    let client = Client::builder().connector(Wires::new([wire])).timeouts(read_timeout()).build().unwrap();
    let first = tokio();
    let response = first.block_on(async { client.get("http://a/").send().await }).unwrap();
    let read = || {
        let mut reading = std::pin::pin!(response.bytes());
        assert!(common::poll::stall(reading.as_mut()).is_pending());
        peer.say(octets("cd"));
        run(reading).unwrap()
    };
    assert_eq!(catch_unwind(AssertUnwindSafe(read)).expect("a timer was made outside of tokio"), "abcd");
}

/// A long response over a real socket, of which the head has come.
fn large(runtime: &Runtime, server: &Server) -> Response {
    runtime.block_on(async { Client::new().get(server.url("/large")).send().await }).unwrap()
}

#[test]
fn a_response_of_a_runtime_that_is_gone_is_dropped_or_fails_and_panics_nowhere() {
    let server = Server::start();
    let first = tokio();
    let (dropped, dropped_inside, mut read) =
        (large(&first, &server), large(&first, &server), large(&first, &server));
    drop(first);
    drop(dropped);
    tokio().block_on(async { drop(dropped_inside) });
    let failed = loop {
        match run(read.chunk()) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("1 MiB was in the buffers"),
            Err(e) => break e,
        }
    };
    assert!(matches!(failed.kind(), Kind::Closed(_)), "{failed:?}");
}

#[test]
fn a_response_of_a_runtime_that_runs_elsewhere_is_read_outside_of_it() {
    let server = Server::start();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let response = large(&runtime, &server);
    assert_eq!(futures_lite::future::block_on(response.bytes()).unwrap().len(), 1 << 20);
}
