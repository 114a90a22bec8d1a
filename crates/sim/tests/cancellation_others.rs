//! What a request that is dropped leaves to others: its dial, its connection, its client.

mod common;

use std::time::Duration;

use martlet_sim::Sim;

use common::{
    Fetched, Held, calm, client_with, dials, distant, drop_inside, expect_pool, fetch, fetch_now, hold,
    limited, millis, seconds, settle, site, start,
};

const A: &str = "http://a.test/";
const B: &str = "http://b.test/";

const LEASED: [usize; 4] = [0, 1, 0, 0];
const DIALING: [usize; 4] = [0, 0, 1, 1];
const IDLE: [usize; 4] = [1, 0, 0, 0];
const NOTHING: [usize; 4] = [0; 4];

/// A request to be dropped after its first poll.
fn polled(sim: &Sim, future: impl Future<Output = Fetched> + Send + 'static) -> Held<Fetched> {
    let mut request = Held::new(future);
    assert!(request.poll(sim).is_none());
    request
}

#[test]
fn a_reserved_connection_that_nobody_used_keeps_its_old_expiry() {
    let sim = calm();
    site(&sim, "a.test");
    let client = limited(&sim, 1);
    let held = hold(&sim, &client, A);
    let request = polled(&sim, fetch(&client, A));
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    sim.advance(seconds(3)).expect("not endless");
    expect_pool(&sim, &client, LEASED);
    request.cancel(&sim);
    expect_pool(&sim, &client, IDLE);
    sim.advance(millis(1_999)).expect("not endless");
    expect_pool(&sim, &client, IDLE);
    sim.advance(millis(1)).expect("not endless");
    expect_pool(&sim, &client, NOTHING);
}

#[test]
fn a_reserved_connection_that_expired_meanwhile_is_closed() {
    let sim = calm();
    site(&sim, "a.test");
    let client = limited(&sim, 1);
    let held = hold(&sim, &client, A);
    let request = polled(&sim, fetch(&client, A));
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    sim.advance(seconds(5)).expect("not endless");
    request.cancel(&sim);
    expect_pool(&sim, &client, NOTHING);
}

/// The dial goes on for the next request to the same origin, and is as far as it was.
#[test]
fn a_dial_that_somebody_else_wants_goes_on_without_its_request() {
    for (slow_name, after) in [(seconds(2), millis(500)), (Duration::ZERO, millis(150))] {
        let sim = distant(millis(100));
        site(&sim, "a.test");
        sim.host("a.test").resolve_slowly(slow_name);
        let client = client_with(&sim, |builder| builder.max_connections(1).max_keepalive_connections(0));
        for round in 1..=50 {
            let began = sim.now();
            let request = polled(&sim, fetch(&client, A));
            let waiting = start(&sim, fetch(&client, A));
            sim.advance(after).expect("not endless");
            expect_pool(&sim, &client, [0, 0, 1, 2]);
            request.cancel(&sim);
            expect_pool(&sim, &client, DIALING);
            // Resolving, to connect and back, to ask and back.
            let rest = slow_name + millis(400) - (sim.now() - began);
            sim.advance(rest - millis(1)).expect("not endless");
            expect_pool(&sim, &client, LEASED);
            sim.advance(millis(1)).expect("not endless");
            assert!(waiting.succeeded());
            assert_eq!(dials(&sim), round);
            expect_pool(&sim, &client, NOTHING);
        }
    }
}

/// Each of them goes, one after the other, and the last takes the dial along.
#[test]
fn a_dial_that_was_handed_on_is_given_up_with_its_last_request() {
    let sim = distant(millis(100));
    site(&sim, "a.test");
    let client = limited(&sim, 1);
    for round in 1..=50 {
        let requests: Vec<_> = (0..3).map(|_| polled(&sim, fetch(&client, A))).collect();
        for (gone, request) in requests.into_iter().enumerate() {
            sim.advance(millis(50)).expect("not endless");
            expect_pool(&sim, &client, [0, 0, 1, 3 - gone]);
            request.cancel(&sim);
        }
        settle(&sim);
        expect_pool(&sim, &client, NOTHING);
        assert_eq!(dials(&sim), round);
    }
    sim.run().expect("nothing is left");
    assert!(!sim.trace().contains(" open"));
}

/// The next of its origin is behind one of another, and has its dial all the same.
#[test]
fn a_dial_is_handed_on_within_its_origin() {
    let sim = distant(millis(100));
    site(&sim, "a.test");
    site(&sim, "b.test");
    let client = limited(&sim, 1);
    let request = polled(&sim, fetch(&client, A));
    let other = start(&sim, fetch(&client, B));
    settle(&sim);
    let same = start(&sim, fetch(&client, A));
    sim.advance(millis(50)).expect("not endless");
    request.cancel(&sim);
    sim.advance(millis(350)).expect("not endless");
    assert!(same.succeeded() && !other.is_over());
    sim.advance(millis(400)).expect("not endless");
    assert!(other.succeeded());
    assert_eq!(dials(&sim), 2);
}

#[test]
fn responses_outlive_their_client_and_close_their_connections() {
    let sim = calm();
    site(&sim, "a.test");
    let client = limited(&sim, 3);
    fetch_now(&sim, &client, A);
    let [read_whole, dropped, slow] = [(); 3].map(|()| hold(&sim, &client, A));
    assert_eq!(sim.open_connections(), 3);
    drop(client);
    assert_eq!(sim.open_connections(), 3);
    assert_eq!(sim.block_on(read_whole.bytes()).expect("no dead-lock").expect("it is whole"), "/");
    assert_eq!(sim.open_connections(), 2);
    drop_inside(&sim, dropped);
    assert_eq!(sim.open_connections(), 1);
    sim.advance(seconds(60)).expect("not endless");
    assert_eq!(sim.block_on(slow.bytes()).expect("no dead-lock").expect("it is whole"), "/");
    assert_eq!(sim.open_connections(), 0);
    sim.run().expect("nothing is left");
}
