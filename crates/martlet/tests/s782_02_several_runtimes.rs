//! With several runtimes compiled in, the one that a request begins in is used.
#![cfg(all(feature = "tokio", feature = "smol", feature = "async-std"))]

mod common;

use std::io;
use std::time::{Duration, Instant};

use martlet::{Auto, Client, Kind, Phase, RuntimeChoice, RuntimeHandle, Timeouts};
use tokio::runtime::Builder;

use common::server::Server;
use common::wire::{Wires, wire};

/// A deadline that only a clock that can be moved reaches within a test.
const AN_HOUR: Duration = Duration::from_secs(3600);

fn patient() -> Timeouts {
    let mut timeouts = Timeouts::none();
    timeouts.read = Some(AN_HOUR);
    timeouts
}

#[test]
fn inside_tokio_it_is_tokios_clock_and_timers() {
    let (silent, peer) = wire([], []);
    let client = Client::builder().connector(Wires::new([silent])).timeouts(patient()).build().unwrap();
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let begun = Instant::now();
    let e = runtime.block_on(async { client.get("http://a/").send().await }).unwrap_err();
    assert_eq!(e.kind(), Kind::Timeout(Phase::ReceiveHead));
    assert!(e.elapsed().unwrap() >= AN_HOUR);
    assert!(begun.elapsed() < Duration::from_secs(60), "it was not the paused clock");
    peer.assert_closed();
}

#[test]
fn inside_tokio_the_socket_is_one_of_tokios_driver() {
    let server = Server::start();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new();
    let before = runtime.metrics().num_alive_tasks();
    let mut response = runtime.block_on(async { client.get(server.url("/large")).send().await }).unwrap();
    assert_eq!(runtime.metrics().num_alive_tasks(), before, "a request makes no task");
    // A socket of tokio's fails once its runtime is gone; one of async-io's would go on.
    drop(runtime);
    let other = Builder::new_current_thread().enable_all().build().unwrap();
    let failed = other.block_on(async {
        loop {
            match response.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(e) => break Some(e),
            }
        }
    });
    assert!(matches!(failed.expect("the socket has outlived its runtime").kind(), Kind::Closed(_)));
}

#[test]
fn outside_of_tokio_it_is_async_io_also_while_a_tokio_runtime_exists() {
    let server = Server::start();
    let tokio = Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new();
    let response = smol::block_on(client.get(server.url("/large")).send()).unwrap();
    // The tokio runtime, which nobody drives, has no part in it.
    drop(tokio);
    assert_eq!(smol::block_on(response.bytes()).unwrap().len(), 1 << 20);
}

#[test]
fn a_request_that_begins_outside_of_tokio_may_go_on_inside_and_keeps_async_ios_clock() {
    let server = Server::start();
    let client = Client::new();
    let response = smol::block_on(client.get(server.url("/large")).send()).unwrap();
    let tokio = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    assert_eq!(tokio.block_on(response.bytes()).unwrap().len(), 1 << 20);
}

#[test]
fn the_choice_is_made_anew_each_time() {
    // Only tokio's is of no use outside of tokio.
    let is_tokio = |chosen: io::Result<RuntimeHandle>| chosen.unwrap().is_here().is_err();
    let tokio = Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..2 {
        assert!(is_tokio(tokio.block_on(async { Auto::choose() })));
        assert!(!is_tokio(Auto::choose()));
    }
}

#[test]
fn a_tokio_runtime_without_drivers_is_passed_over_for_async_io() {
    let server = Server::start();
    let bare = Builder::new_current_thread().build().unwrap();
    let client = Client::new();
    let text = bare.block_on(async { client.get(server.url("/")).send().await?.text().await });
    assert_eq!(text.unwrap(), "hello");
}

#[test]
fn every_adapter_has_a_client_of_its_own_beside_the_others() {
    let server = Server::start();
    let (url, tokio) = (server.url("/"), Builder::new_current_thread().enable_all().build().unwrap());
    let text = tokio.block_on(async { martlet_tokio::Client::new().get(&url).send().await?.text().await });
    assert_eq!(text.unwrap(), "hello");
    let text = smol::block_on(async { martlet_smol::Client::new().get(&url).send().await?.text().await });
    assert_eq!(text.unwrap(), "hello");
    let text =
        smol::block_on(async { martlet_async_std::Client::new().get(&url).send().await?.text().await });
    assert_eq!(text.unwrap(), "hello");
}
