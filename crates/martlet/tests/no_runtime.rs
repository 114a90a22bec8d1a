//! The facade without a runtime feature. Run it with
//! `cargo test -p martlet --no-default-features --test no_runtime`.
#![cfg(not(any(feature = "tokio", feature = "smol", feature = "async-std")))]

mod common;

use std::error::Error as _;

use martlet::{Client, Delivery, Kind};

use common::mock::Mock;
use common::poll::run;
use common::wire::{Wires, answering};

#[test]
fn every_request_fails_and_names_the_features() {
    let client = Client::new();
    for _ in 0..2 {
        let e = run(client.get("http://a/").send()).unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Runtime, Delivery::NotSent));
        let cause = e.source().unwrap().to_string();
        for feature in ["`tokio`", "`smol`", "`async-std`"] {
            assert!(cause.contains(feature), "{cause}");
        }
    }
}

#[test]
fn inside_a_tokio_runtime_it_is_the_same() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let e = tokio.block_on(async { Client::new().get("http://a/").send().await }).unwrap_err();
    assert_eq!(e.kind(), Kind::Runtime);
}

#[test]
fn a_runtime_of_the_users_own_makes_it_work() {
    let (wire, peer) = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let client = Client::builder().runtime(Mock::default()).connector(Wires::new([wire])).build().unwrap();
    let response = run(client.get("http://a/").send()).unwrap();
    assert_eq!(run(response.text()).unwrap(), "ok");
    peer.assert_closed();
}
