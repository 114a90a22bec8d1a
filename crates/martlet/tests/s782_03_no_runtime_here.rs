//! A client of one runtime where that runtime is not: an error with a text that helps, and never a panic.
#![cfg(feature = "tokio")]

mod common;

use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use martlet::{Delivery, Kind};
use martlet_tokio::{Client, Error};
use tokio::runtime::{Builder, Runtime};

use common::poll::run;
use common::server::Server;
use common::wire::{Wires, answering};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The whole story of an error, as an application logs it.
fn story(e: &Error) -> String {
    let mut story = e.to_string();
    let mut source = e.source();
    while let Some(e) = source {
        story = format!("{story}: {e}");
        source = e.source();
    }
    story
}

#[track_caller]
fn assert_names(e: &Error, parts: &[&str]) {
    assert_eq!((e.kind(), e.delivery()), (Kind::Runtime, Delivery::NotSent));
    let story = story(e);
    for part in parts {
        assert!(story.contains(part), "{part} is not in: {story}");
    }
}

fn fails_in(runtime: &Runtime) -> Error {
    let request = async { Client::new().get("http://127.0.0.1:1/").send().await };
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(request))).expect("a panic came through").unwrap_err()
}

#[test]
fn outside_of_tokio_the_first_request_fails_and_says_what_to_do() {
    let client = Client::new();
    let built = Client::builder().build().unwrap();
    for client in [client, built] {
        let e = run(client.get("http://127.0.0.1:1/").send()).unwrap_err();
        assert_names(&e, &["no tokio runtime", "#[tokio::main]", "`smol`"]);
        assert_eq!(e.url().unwrap(), "http://127.0.0.1:1/");
    }
}

#[test]
fn without_its_drivers_tokio_is_no_runtime_and_the_text_names_what_to_enable() {
    let bare = Builder::new_current_thread().build().unwrap();
    let without_io = Builder::new_current_thread().enable_time().build().unwrap();
    let without_time = Builder::new_current_thread().enable_io().build().unwrap();
    for _ in 0..2 {
        assert_names(&fails_in(&bare), &["enable_time()"]);
        assert_names(&fails_in(&without_io), &["enable_io()"]);
        assert_names(&fails_in(&without_time), &["enable_time()"]);
    }
    let pool = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    assert_names(&fails_in(&pool), &["enable_io()"]);
}

#[test]
fn nothing_is_dialled_where_there_is_no_runtime() {
    let (wire, peer) = answering(OK);
    let wires = Wires::new([wire]);
    let client = Client::builder().connector(wires.clone()).build().unwrap();
    assert_eq!(run(client.get("http://a/").send()).unwrap_err().kind(), Kind::Runtime);
    assert_eq!(wires.targets(), []);
    assert!(peer.is_open());
}

#[test]
fn a_client_that_failed_outside_works_inside() {
    let (server, client) = (Server::start(), Client::new());
    assert_eq!(run(client.get(server.url("/")).send()).unwrap_err().kind(), Kind::Runtime);
    let tokio = Builder::new_current_thread().enable_all().build().unwrap();
    let text = tokio.block_on(async { client.get(server.url("/")).send().await?.text().await });
    assert_eq!(text.unwrap(), "hello");
    assert_eq!(run(client.get(server.url("/")).send()).unwrap_err().kind(), Kind::Runtime);
}

#[test]
fn a_mistake_in_the_request_is_told_before_the_missing_runtime() {
    assert_eq!(run(Client::new().get("ftp://a/").send()).unwrap_err().kind(), Kind::Builder);
}
