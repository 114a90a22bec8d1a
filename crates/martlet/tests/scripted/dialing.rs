//! From a name to a connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use martlet::{Client, Delivery, Error, Kind, Phase, Timeouts};

use crate::cause;
use crate::common::mock::{Fate, Mock};
use crate::common::wire::{Peer, Wire, answering, wire};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const V6: &str = "[2001:db8::1]:80";
const V4: &str = "192.0.2.1:80";

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn good(after: Duration) -> (Fate, Peer) {
    let (wire, peer): (Wire, Peer) = answering(OK);
    (Fate::Connects(after, wire), peer)
}

fn get(runtime: &Mock) -> Result<String, Error> {
    let client = Client::builder().runtime(runtime.clone()).build().unwrap();
    runtime.block_on(async { client.get("http://example.test/").send().await?.text().await })
}

fn named(addresses: &[&str]) -> Mock {
    Mock::default().name("example.test", Ok(addresses.iter().map(|a| at(a)).collect()))
}

#[test]
fn a_dead_first_address_is_overtaken_by_a_good_one_after_250_ms() {
    let (fate, peer) = good(millis(30));
    let runtime = named(&[V6, V4]).fate(at(V6), Fate::Hangs).fate(at(V4), fate);
    assert_eq!(get(&runtime).unwrap(), "ok");
    assert_eq!(runtime.attempts(), [(at(V6), millis(0)), (at(V4), millis(250))]);
    // The one task was for the connection while it was idle.
    assert_eq!((runtime.elapsed(), runtime.given_up(), runtime.spawned()), (millis(280), 1, 1));
    peer.assert_closed();
}

#[test]
fn a_refused_first_address_is_followed_by_the_next_at_once() {
    let refused = Fate::Fails(millis(10), io::ErrorKind::ConnectionRefused);
    let (fate, _peer) = good(millis(0));
    let runtime = named(&[V6, V4]).fate(at(V6), refused).fate(at(V4), fate);
    assert_eq!(get(&runtime).unwrap(), "ok");
    assert_eq!(runtime.attempts(), [(at(V6), millis(0)), (at(V4), millis(10))]);
}

#[test]
fn the_first_that_connects_wins_and_the_other_is_closed() {
    let ((slow, loser), (fast, winner)) = (good(millis(400)), good(millis(100)));
    let runtime = named(&[V6, V4]).fate(at(V6), slow).fate(at(V4), fast);
    assert_eq!(get(&runtime).unwrap(), "ok");
    assert_eq!(runtime.elapsed(), millis(350));
    winner.assert_closed();
    assert!(!loser.is_open() && loser.written_len() == 0);
}

#[test]
fn all_refused_is_a_connect_error_whose_cause_is_the_preferred_addresss() {
    let refused = Fate::Fails(millis(10), io::ErrorKind::ConnectionRefused);
    let unreachable = Fate::Fails(millis(5), io::ErrorKind::HostUnreachable);
    let runtime = named(&[V6, V4]).fate(at(V6), refused).fate(at(V4), unreachable);
    let e = get(&runtime).unwrap_err();
    assert_eq!((e.kind(), e.delivery()), (Kind::Connect, Delivery::NotSent));
    assert!(e.is_connect() && !e.is_timeout());
    let cause = cause::<io::Error>(&e).unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
    assert!(cause.to_string().contains("2001:db8::1"), "{cause}");
}

#[test]
fn a_host_that_swallows_everything_times_out_in_all_its_addresses_together() {
    let runtime = named(&[V6, V4]).fate(at(V6), Fate::Hangs).fate(at(V4), Fate::Hangs);
    let e = get(&runtime).unwrap_err();
    assert_eq!((e.kind(), e.elapsed()), (Kind::Timeout(Phase::Connect), Some(Duration::from_secs(5))));
    assert_eq!((runtime.elapsed(), runtime.given_up()), (Duration::from_secs(5), 2));
}

#[test]
fn without_a_deadline_it_is_tried_as_long_as_the_system_tries() {
    let late = Fate::Fails(Duration::from_secs(130), io::ErrorKind::TimedOut);
    let runtime = named(&[V4]).fate(at(V4), late);
    let builder = Client::builder().runtime(runtime.clone()).timeouts(Timeouts::none());
    let client = builder.build().unwrap();
    let e = runtime.block_on(client.get("http://example.test/").send()).unwrap_err();
    assert_eq!(e.kind(), Kind::Connect);
}

#[test]
fn a_name_without_address_is_a_resolve_error() {
    for addresses in [Ok(vec![]), Err(io::ErrorKind::NotFound), Err(io::ErrorKind::Other)] {
        let runtime = Mock::default().name("example.test", addresses);
        let e = get(&runtime).unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Resolve, Delivery::NotSent));
        assert!(e.is_connect() && cause::<io::Error>(&e).is_some());
        assert_eq!(runtime.attempts(), []);
    }
}

#[test]
fn an_address_is_not_resolved() {
    for (url, address) in [("http://192.0.2.1/", V4), ("http://[2001:DB8:0::1]/", V6)] {
        let (fate, _peer) = good(millis(0));
        let runtime = Mock::default().fate(at(address), fate);
        let client = Client::builder().runtime(runtime.clone()).build().unwrap();
        assert_eq!(runtime.block_on(client.get(url).send()).unwrap().status(), 200);
        assert_eq!((runtime.resolved(), runtime.attempts().len()), (vec![], 1));
    }
}

#[test]
fn a_client_dials_anew_for_every_request_and_asks_the_resolver_again() {
    let (first, _one) = good(millis(0));
    let runtime = named(&[V4]).fate(at(V4), first);
    assert_eq!(get(&runtime).unwrap(), "ok");
    let (second, _two) = good(millis(0));
    let runtime = runtime.fate(at(V4), second);
    assert_eq!(get(&runtime).unwrap(), "ok");
    assert_eq!((runtime.resolved().len(), runtime.attempts().len()), (2, 2));
}

#[test]
fn a_hundred_addresses_are_raced_within_the_deadline() {
    let addresses: Vec<_> = (1..=100).map(|n| format!("192.0.2.{n}:80")).collect();
    let mut runtime = named(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
    for address in &addresses {
        runtime = runtime.fate(at(address), Fate::Hangs);
    }
    assert_eq!(get(&runtime).unwrap_err().kind(), Kind::Timeout(Phase::Connect));
    // They are given up with the request.
    assert_eq!(runtime.given_up(), runtime.attempts().len());
}

#[test]
fn the_deadline_of_the_connection_ends_with_it() {
    let (wire, _peer) = wire([], []);
    let runtime = named(&[V4]).fate(at(V4), Fate::Connects(millis(100), wire));
    let mut timeouts = Timeouts::default();
    timeouts.read = Some(Duration::from_secs(20));
    let client = Client::builder().runtime(runtime.clone()).timeouts(timeouts).build().unwrap();
    let e = runtime.block_on(client.get("http://example.test/").send()).unwrap_err();
    assert_eq!((e.kind(), e.elapsed()), (Kind::Timeout(Phase::ReceiveHead), Some(Duration::from_secs(20))));
}
