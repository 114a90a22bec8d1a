//! What the compiler knows.

use std::future::IntoFuture;
use std::mem::size_of_val;

use martlet::{Body, Client, ClientBuilder, Error, Kind, Request, RequestBuilder, Response};

use crate::client;
use crate::common::poll::run;
use crate::common::wire::answering;

fn send_sync<T: Send + Sync + 'static>() {}
fn send<T: Send>(value: T) -> T {
    value
}

#[test]
fn whatever_is_kept_may_be_shared_between_threads() {
    send_sync::<Client>();
    send_sync::<ClientBuilder>();
    send_sync::<Request>();
    send_sync::<RequestBuilder>();
    send_sync::<Response>();
    send_sync::<Error>();
    send_sync::<Kind>();
    fn unpin<T: Unpin>() {}
    unpin::<Response>();
    unpin::<Body>();
}

#[test]
fn all_futures_may_move_between_threads() {
    let (wire, _peer) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let client = client(wire);
    let mut response = run(send(client.get("http://a/").send())).unwrap();
    drop(send(client.execute(client.get("http://a/").build().unwrap())));
    drop(send(client.get("http://a/").into_future()));
    drop(send(response.chunk()));
    let (wire, _peer) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    drop(send(run(crate::client(wire).get("http://a/").send()).unwrap().bytes()));
    drop(send(response.text()));
}

#[test]
fn errors_and_futures_are_small() {
    let client = Client::new();
    let sending = size_of_val(&client.get("http://a/").send());
    let executing = size_of_val(&client.execute(client.get("http://a/").build().unwrap()));
    println!("send {sending}, execute {executing}, response {}", size_of::<Response>());
    assert!(sending < 4096, "{sending}");
    assert!(executing < 4096, "{executing}");
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert!(size_of::<Response>() < 512);
}
