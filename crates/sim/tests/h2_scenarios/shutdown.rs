//! Draining, closing, crowds, and connections that have served enough.

use martlet::{Delivery, Kind};
use martlet_sim::{Sim, SimConfig};

use crate::book::Book;
use crate::common::{calm, drop_inside, fetch, hold, millis, seconds, settle, start};
use crate::world::{
    A, B, client, client_with, expect_idle, expect_pool, farewells, limited, resets, rest, site,
};

#[test]
fn s289_22_drain_fails_who_waits_and_lets_end_what_runs() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/held");
    let running = start(&sim, book.get("http://a.test/1000"));
    settle(&sim);
    let waiting = start(&sim, book.get(B));
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 2, 0, 1]);
    let drained = start(&sim, client.drain());
    settle(&sim);
    let failed = waiting.result().expect("it is over").expect_err("drained");
    assert_eq!((failed.kind, failed.delivery), (Kind::Shutdown, Delivery::NotSent));
    let failed = sim.block_on(book.get("http://a.test/late")).expect("no dead-lock").expect_err("drained");
    assert_eq!((failed.kind, failed.delivery), (Kind::Shutdown, Delivery::NotSent));
    sim.advance(seconds(1)).expect("not endless");
    assert!(running.result().is_some_and(|told| told.is_ok()));
    expect_pool(&sim, &client, [1, 0, 1, 0, 0]);
    assert!(!drained.is_over());
    assert_eq!(rest(&sim, held).expect("it is whole"), b"/held");
    settle(&sim);
    assert!(drained.is_over());
    expect_idle(&sim, &client, 0);
    assert_eq!((farewells(&a.h2(0)), resets(&a.h2(0))), (vec![0], vec![]));
    assert_eq!(sim.now(), seconds(1));
    book.check(&[&a, &b]);
}

#[test]
fn s289_22_drain_closes_what_is_idle_at_once() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get(A)).expect("no dead-lock").expect("an answer");
    sim.block_on(client.drain()).expect("no dead-lock");
    settle(&sim);
    expect_idle(&sim, &client, 0);
    assert_eq!((farewells(&a.h2(0)), sim.now()), (vec![0], millis(0)));
    book.check(&[&a]);
}

#[test]
fn s289_22_close_ends_what_runs_too() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let running = start(&sim, book.get("http://a.test/60000"));
    let mut read = hold(&sim, &client, "http://a.test/stall");
    let dropped = hold(&sim, &client, "http://a.test/stall/dropped");
    settle(&sim);
    let waiting = start(&sim, book.get(B));
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 3, 0, 1]);
    let closed = start(&sim, client.close());
    settle(&sim);
    let failed = waiting.result().expect("it is over").expect_err("closed");
    assert_eq!((failed.kind, failed.delivery), (Kind::Shutdown, Delivery::NotSent));
    let failed = running.result().expect("it is over").expect_err("closed");
    assert_eq!((failed.kind, failed.delivery), (Kind::Shutdown, Delivery::Unknown));
    // What had come before is no whole.
    let mut chunk = sim.block_on(read.chunk()).expect("no dead-lock");
    if chunk.as_ref().is_ok_and(Option::is_some) {
        chunk = sim.block_on(read.chunk()).expect("no dead-lock");
    }
    assert_eq!(chunk.expect_err("closed").kind(), Kind::Shutdown);
    drop_inside(&sim, dropped);
    drop_inside(&sim, read);
    settle(&sim);
    assert!(closed.is_over());
    expect_idle(&sim, &client, 0);
    assert_eq!(sim.now(), millis(0));
    book.check(&[&a, &b]);
}

/// The last clone goes while a response is being read.
#[test]
fn s289_22_a_response_outlives_its_client() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = client(&sim);
    let held = hold(&sim, &client, "http://a.test/held");
    drop_inside(&sim, client);
    settle(&sim);
    assert_eq!(sim.open_connections(), 1);
    assert_eq!(rest(&sim, held).expect("it is whole"), b"/held");
    settle(&sim);
    assert_eq!((sim.open_connections(), farewells(&a.h2(0))), (0, vec![0]));
    assert_eq!(a.complaints(), Vec::<String>::new());
}

/// A bound on polls stands for one on time: what is looked at once per event for each that waits would exceed it.
#[test]
fn s289_23_a_thousand_waiters_of_a_hundred_origins_are_served_without_being_polled_in_between() {
    let mut config = SimConfig::calm();
    config.trace = false;
    config.max_polls = 20_000;
    let sim = Sim::with_config(0, config);
    let client = limited(&sim, 10);
    let (mut waiting, mut servers) = (Vec::new(), Vec::new());
    for origin in 0..100 {
        let host = format!("h{origin}.test");
        servers.push(site(&sim, &host));
        waiting.extend((0..10).map(|n| start(&sim, fetch(&client, &format!("http://{host}/{n}")))));
    }
    sim.run().expect("neither a dead-lock nor too many polls");
    assert!(waiting.iter().all(|waiting| waiting.succeeded()));
    let log: usize = servers.iter().map(|server| server.log().len()).sum();
    assert_eq!(log, 1_000);
    // One connection each: those who wait for the same share it.
    assert!(servers.iter().all(|server| server.accepted() == 1 && server.complaints().is_empty()));
    expect_idle(&sim, &client, 0);
}

#[test]
fn s289_24_a_connection_that_has_served_enough_is_replaced() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = client_with(&sim, |builder| builder.max_requests_per_connection(Some(2)));
    let book = Book::new(&client);
    for (n, idle) in [1, 0, 1, 0, 1].into_iter().enumerate() {
        sim.block_on(book.get(&format!("http://a.test/r{n}"))).expect("no dead-lock").expect("an answer");
        settle(&sim);
        assert_eq!(a.accepted(), n / 2 + 1);
        expect_idle(&sim, &client, idle);
    }
    book.check(&[&a]);
}

#[test]
fn s289_24_one_that_has_enough_at_once_is_drained_while_another_is_opened() {
    for most in [1, 100] {
        let sim = calm();
        let a = site(&sim, "a.test");
        let client =
            client_with(&sim, |builder| builder.max_connections(most).max_requests_per_connection(Some(3)));
        let book = Book::new(&client);
        let all: Vec<_> =
            (0..10).map(|n| start(&sim, book.get(&format!("http://a.test/1000/{n}")))).collect();
        sim.run().expect("no dead-lock");
        assert!(all.iter().all(|told| told.result().is_some_and(|told| told.is_ok())));
        let served: Vec<usize> = (0..a.accepted()).map(|nth| a.h2(nth).requests().len()).collect();
        assert_eq!(served, [3, 3, 3, 1]);
        expect_idle(&sim, &client, 0);
        book.check(&[&a]);
    }
}
