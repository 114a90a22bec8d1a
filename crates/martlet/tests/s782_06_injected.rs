//! Runtime and transport of the user's own: the whole client without sockets and without a clock.

mod common;

use std::io;
use std::sync::Mutex;

use martlet::http::StatusCode;
use martlet::{Body, Client, ConnectTarget, Kind, Transport};

use common::mock::Mock;
use common::poll::run;
use common::wire::{Read, Wires, answering, drip, octets, wire};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn scripted_octets_go_through_the_whole_client() {
    let runtime = Mock::default();
    let (wire, peer) = answering(OK);
    let wires = Wires::new([wire]);
    let client =
        Client::builder().runtime(runtime.clone()).connector(wires.clone()).user_agent("u").build().unwrap();
    let response = run(client.get("http://Example.test:80/a/../b?c").header("x", "y").send()).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.peer_addr(), None);
    assert_eq!(run(response.text()).unwrap(), "hello");
    assert_eq!(
        peer.written(),
        "GET /b?c HTTP/1.1\r\nhost: example.test\r\nx: y\r\naccept: */*\r\nuser-agent: u\r\n\r\n"
    );
    let target = &wires.targets()[0];
    assert_eq!((target.scheme(), target.host(), target.port()), ("http", "example.test", 80));
    // Neither resolver nor sockets had a part in it, and no task but the one that looks after the idle connection.
    assert_eq!((runtime.resolved().len(), runtime.attempts().len(), runtime.spawned()), (0, 0, 1));
    peer.assert_kept_as_long_as(client);
}

#[test]
fn it_needs_no_clock_when_everything_comes_octet_by_octet() {
    let (wire, peer) = wire(drip(OK), []);
    let client = Client::builder().runtime(Mock::default()).connector(Wires::new([wire])).build().unwrap();
    let body = Body::stream(futures_lite::stream::iter([io::Result::Ok("a"), Ok("bc")]));
    let response = run(client.post("http://a/").body(body).send()).unwrap();
    assert_eq!(run(response.text()).unwrap(), "hello");
    assert!(peer.written().ends_with("\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), "{}", peer.written());
    peer.assert_kept_as_long_as(client);
}

#[test]
fn a_closure_is_a_connector() {
    let (wire, peer) = answering(OK);
    let wire = Mutex::new(Some(wire));
    let client = Client::builder()
        .runtime(Mock::default())
        .connector(move |target: ConnectTarget| {
            let wire = wire.lock().unwrap().take();
            async move {
                assert_eq!((target.host(), target.port()), ("[::1]", 8080));
                wire.map(|wire| Box::new(wire) as Box<dyn Transport>).ok_or(io::ErrorKind::NotFound.into())
            }
        })
        .build()
        .unwrap();
    let response = run(client.get("http://[::1]:8080/").send()).unwrap();
    assert_eq!(run(response.text()).unwrap(), "hello");
    assert!(peer.written().contains("host: [::1]:8080\r\n"));
    peer.assert_kept();
    // It ends while it is idle, and the connector has no other.
    peer.say(Read::Fin);
    let e = run(client.get("http://[::1]:8080/").send()).unwrap_err();
    assert_eq!(e.kind(), Kind::Connect);
}

#[test]
fn the_runtimes_own_sockets_are_used_where_there_is_no_connector() {
    let (wire, peer) = wire([octets(OK)], []);
    let address = "192.0.2.1:80".parse().unwrap();
    let fate = common::mock::Fate::Connects(std::time::Duration::ZERO, wire);
    let runtime = Mock::default().name("example.test", Ok(vec![address])).fate(address, fate);
    let client = Client::builder().runtime(runtime.clone()).build().unwrap();
    let response = run(client.get("http://example.test/").send()).unwrap();
    assert_eq!(run(response.text()).unwrap(), "hello");
    assert_eq!(runtime.resolved(), [("example.test".to_owned(), 80)]);
    peer.assert_kept_as_long_as(client);
}
