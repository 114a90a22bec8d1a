//! Dials: whom they serve, and what of waiting is whose time.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use martlet::{
    Client, ConnectTarget, DialPolicy, Kind, Phase, Response, Runtime, SocketOptions, Timeouts, Transport,
};
use martlet_sim::{Fault, Sim};

use common::{
    Held, calm, client_with, dials, distant, drop_inside, expect_pool, fetch, fetch_now, hold, limited,
    millis, read, seconds, settle, site, start,
};

const A: &str = "http://a.test/";
const B: &str = "http://b.test/";

/// The defaults but for `connect`.
fn patient_in_connect(limit: Duration) -> Timeouts {
    let mut timeouts = Timeouts::default();
    timeouts.connect = Some(limit);
    timeouts
}

fn prefers_idle(sim: &Sim, wait: Duration) -> Client {
    client_with(sim, |builder| builder.dial_policy(DialPolicy::PreferIdle { wait }))
}

#[test]
fn a_request_that_dials_is_not_timed_out_by_the_pool() {
    let sim = calm();
    site(&sim, "a.test").fail_next(Fault::NeverAnswer);
    let client = client_with(&sim, |builder| builder.timeouts(patient_in_connect(seconds(12))));
    let asked = sim.block_on(fetch(&client, A)).expect("no dead-lock");
    assert_eq!(asked, Err(Kind::Timeout(Phase::Connect)));
    assert_eq!(sim.now(), seconds(12));
    expect_pool(&sim, &client, [0, 0, 0, 0]);
}

#[test]
fn a_dial_of_somebody_else_does_not_stop_the_time_of_who_waits() {
    let sim = calm();
    site(&sim, "a.test").fail_next(Fault::NeverAnswer);
    let client =
        client_with(&sim, |builder| builder.max_connections(1).timeouts(patient_in_connect(seconds(12))));
    let dialing = start(&sim, fetch(&client, A));
    settle(&sim);
    let waiting = start(&sim, fetch(&client, A));
    sim.advance(millis(4_999)).expect("not endless");
    assert!(!waiting.is_over());
    sim.advance(millis(1)).expect("not endless");
    assert_eq!(waiting.result(), Some(Err(Kind::Timeout(Phase::Pool))));
    assert!(!dialing.is_over());
    expect_pool(&sim, &client, [0, 0, 1, 1]);
    sim.run().expect("it times out, too");
}

#[test]
fn a_dial_that_was_handed_on_stops_the_time_of_who_waits() {
    let sim = calm();
    site(&sim, "a.test");
    sim.host("a.test").resolve_slowly(seconds(8));
    let client =
        client_with(&sim, |builder| builder.max_connections(1).timeouts(patient_in_connect(seconds(12))));
    let mut first = Held::new(fetch(&client, A));
    assert!(first.poll(&sim).is_none());
    let waiting = start(&sim, fetch(&client, A));
    sim.advance(seconds(1)).expect("not endless");
    first.cancel(&sim);
    expect_pool(&sim, &client, [0, 0, 1, 1]);
    sim.advance(millis(6_999)).expect("not endless");
    assert!(!waiting.is_over());
    sim.advance(millis(1)).expect("not endless");
    assert!(waiting.succeeded(), "{client:?}");
    assert_eq!(dials(&sim), 1);
}

#[test]
fn a_dial_that_was_handed_on_and_runs_out_of_time_is_begun_anew() {
    let sim = calm();
    site(&sim, "a.test").fail_next(Fault::NeverAnswer);
    let client = limited(&sim, 1);
    let mut first = Held::new(read(client.get(A).timeouts(patient_in_connect(seconds(3))).send()));
    assert!(first.poll(&sim).is_none());
    let waiting = start(&sim, fetch(&client, A));
    sim.advance(seconds(2)).expect("not endless");
    first.cancel(&sim);
    expect_pool(&sim, &client, [0, 0, 1, 1]);
    sim.advance(millis(999)).expect("not endless");
    assert_eq!(dials(&sim), 1);
    // The time was the first one's. The other has time of its own.
    sim.advance(millis(1)).expect("not endless");
    assert!(waiting.succeeded(), "{client:?}");
    assert_eq!(dials(&sim), 2);
}

#[test]
fn a_dial_that_was_handed_on_may_take_as_long_as_who_waits_allows_from_then_on() {
    for patience in [None, Some(seconds(60))] {
        let sim = calm();
        site(&sim, "a.test").fail_next(Fault::NeverAnswer);
        let client = limited(&sim, 1);
        let mut timeouts = Timeouts::default();
        timeouts.connect = patience;
        let mut first = Held::new(read(client.get(A).timeouts(timeouts).send()));
        assert!(first.poll(&sim).is_none());
        let waiting = start(&sim, fetch(&client, A));
        sim.advance(seconds(3)).expect("not endless");
        first.cancel(&sim);
        sim.advance(millis(4_999)).expect("not endless");
        assert!(!waiting.is_over());
        sim.advance(millis(1)).expect("not endless");
        assert_eq!(waiting.result(), Some(Err(Kind::Timeout(Phase::Connect))), "{patience:?}");
        expect_pool(&sim, &client, [0, 0, 0, 0]);
    }
}

#[test]
fn the_time_of_a_whole_request_that_a_dial_of_another_works_for_ends_in_connecting() {
    let sim = calm();
    site(&sim, "a.test").fail_next(Fault::NeverAnswer);
    let client = limited(&sim, 1);
    let mut first = Held::new(fetch(&client, A));
    assert!(first.poll(&sim).is_none());
    let mut timeouts = Timeouts::default();
    timeouts.total = Some(seconds(2));
    let waiting = start(&sim, read(client.get(A).timeouts(timeouts).send()));
    sim.advance(seconds(1)).expect("not endless");
    first.cancel(&sim);
    sim.advance(seconds(1)).expect("not endless");
    assert_eq!(waiting.result(), Some(Err(Kind::Timeout(Phase::Connect))));
}

#[test]
fn a_dial_that_nobody_wants_is_given_up_although_its_home_is_not_run() {
    let sim = calm();
    site(&sim, "a.test").fail_next(Fault::NeverAnswer);
    site(&sim, "b.test");
    let client = limited(&sim, 1);
    let mut first = Held::new(fetch(&client, A));
    let mut second = Held::new(fetch(&client, A));
    assert!(first.poll(&sim).is_none() && second.poll(&sim).is_none());
    drop((first, second));
    // Without a run in between: whatever was spawned has not been polled.
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    fetch_now(&sim, &client, B);
}

#[test]
fn a_dial_that_ends_with_its_home_leaves_its_slot_to_who_waits() {
    let sim = calm();
    site(&sim, "a.test").fail_next(Fault::NeverAnswer);
    site(&sim, "b.test");
    let client = limited(&sim, 1);
    let home = sim.new_home();
    let theirs = client.clone();
    drop(home.spawn(async move { fetch(&theirs, A).await }));
    settle(&sim);
    let waiting = start(&sim, fetch(&client, B));
    sim.advance(seconds(4)).expect("not endless");
    expect_pool(&sim, &client, [0, 0, 1, 2]);
    home.shut_down();
    settle(&sim);
    assert!(waiting.succeeded());
    assert_eq!(sim.now(), seconds(4));
    expect_pool(&sim, &client, [1, 0, 0, 0]);
}

#[test]
fn race_a_connection_that_is_free_sooner_serves_and_the_dial_goes_to_the_next() {
    let sim = distant(millis(100));
    site(&sim, "a.test");
    let client = limited(&sim, 2);
    let held = hold(&sim, &client, A);
    let began = sim.now();
    let first = start(&sim, fetch(&client, "http://a.test/500"));
    settle(&sim);
    let next = start(&sim, fetch(&client, A));
    sim.advance(millis(50)).expect("not endless");
    expect_pool(&sim, &client, [0, 1, 1, 2]);
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    // The first has the connection, and its dial works for the next.
    expect_pool(&sim, &client, [0, 1, 1, 1]);
    sim.advance(millis(150)).expect("not endless");
    expect_pool(&sim, &client, [0, 2, 0, 0]);
    sim.advance(millis(200)).expect("not endless");
    assert!(next.succeeded());
    assert_eq!(sim.now() - began, millis(400));
    assert!(!first.is_over());
    sim.advance(millis(350)).expect("not endless");
    assert!(first.succeeded());
    assert_eq!(dials(&sim), 2);
    expect_pool(&sim, &client, [2, 0, 0, 0]);
}

#[test]
fn race_a_dial_that_nobody_wants_any_more_is_given_up() {
    let sim = distant(millis(100));
    site(&sim, "a.test");
    let client = limited(&sim, 2);
    let held = hold(&sim, &client, A);
    let first = start(&sim, fetch(&client, A));
    sim.advance(millis(50)).expect("not endless");
    expect_pool(&sim, &client, [0, 1, 1, 1]);
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    settle(&sim);
    expect_pool(&sim, &client, [0, 1, 0, 0]);
    sim.advance(seconds(1)).expect("not endless");
    assert!(first.succeeded());
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    assert_eq!(dials(&sim), 2);
    assert!(!sim.trace().contains("c2 open"));
}

#[test]
fn race_a_dial_whose_request_is_not_polled_goes_on_for_the_next() {
    let sim = distant(millis(100));
    site(&sim, "a.test");
    let client = limited(&sim, 2);
    let held = hold(&sim, &client, A);
    let mut unpolled = Held::new(fetch(&client, A));
    assert!(unpolled.poll(&sim).is_none());
    let next = start(&sim, fetch(&client, A));
    settle(&sim);
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    // Only the one that has the connection is not polled.
    sim.advance(millis(400)).expect("not endless");
    assert!(next.succeeded());
    expect_pool(&sim, &client, [1, 1, 0, 0]);
    assert_eq!(unpolled.finish(&sim), Ok(b"/".to_vec()));
    assert_eq!(dials(&sim), 2);
}

#[test]
fn race_a_dial_that_is_sooner_serves_its_request() {
    let sim = distant(millis(100));
    site(&sim, "a.test");
    let client = limited(&sim, 2);
    let held = hold(&sim, &client, A);
    fetch_now(&sim, &client, A);
    expect_pool(&sim, &client, [1, 1, 0, 0]);
    drop_inside(&sim, held);
    assert_eq!(dials(&sim), 2);
}

#[test]
fn prefer_idle_waits_for_a_connection_and_dials_when_none_came() {
    let sim = calm();
    site(&sim, "a.test");
    let client = prefers_idle(&sim, seconds(2));
    let held = hold(&sim, &client, A);
    let waiting = start(&sim, fetch(&client, A));
    sim.advance(millis(1_999)).expect("not endless");
    expect_pool(&sim, &client, [0, 1, 0, 1]);
    assert_eq!(dials(&sim), 1);
    sim.advance(millis(1)).expect("not endless");
    assert!(waiting.succeeded());
    assert_eq!(dials(&sim), 2);
    drop_inside(&sim, held);
}

#[test]
fn prefer_idle_takes_the_connection_that_becomes_free() {
    let sim = calm();
    site(&sim, "a.test");
    let client = prefers_idle(&sim, seconds(2));
    let held = hold(&sim, &client, A);
    let waiting = start(&sim, fetch(&client, A));
    sim.advance(seconds(1)).expect("not endless");
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    settle(&sim);
    assert!(waiting.succeeded());
    assert_eq!(dials(&sim), 1);
}

#[test]
fn prefer_idle_does_not_wait_where_there_is_nothing_to_wait_for() {
    let sim = calm();
    site(&sim, "a.test");
    let client = prefers_idle(&sim, seconds(2));
    let held = hold(&sim, &client, A);
    let waiting = start(&sim, fetch(&client, A));
    sim.advance(seconds(1)).expect("not endless");
    // It was not read, and is closed.
    let mut response = held;
    assert!(sim.block_on(response.chunk()).expect("no dead-lock").expect("content").is_some());
    drop_inside(&sim, response);
    settle(&sim);
    assert!(waiting.succeeded());
    assert_eq!(sim.now(), seconds(1));
}

/// The janitor's runtime ends while somebody else's patience depends on it.
#[test]
fn prefer_idle_dials_in_time_when_the_janitor_is_gone() {
    let sim = calm();
    site(&sim, "a.test");
    site(&sim, "b.test");
    let client = prefers_idle(&sim, seconds(2));
    let home = sim.new_home();
    let theirs = client.clone();
    drop(home.spawn(async move { fetch(&theirs, B).await }));
    settle(&sim);
    // Its idle connection brought the janitor to life over there.
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    let held = hold(&sim, &client, A);
    let waiting = start(&sim, fetch(&client, A));
    settle(&sim);
    home.shut_down();
    sim.advance(millis(1_999)).expect("not endless");
    assert!(!waiting.is_over());
    sim.advance(millis(1)).expect("not endless");
    assert!(waiting.succeeded(), "{client:?}");
    drop_inside(&sim, held);
}

/// A connector that drops a response while the second dial is being polled, so that the pool changes under it. What the
/// response had is free then, and the dial takes so much longer.
fn meddling(sim: &Sim, longer: Duration) -> (Client, Arc<Mutex<Option<Response>>>) {
    let held = Arc::new(Mutex::new(None));
    let (theirs, runtime) = (Arc::clone(&held), sim.runtime());
    let client = client_with(sim, |builder| {
        builder.max_connections(2).connector(move |target: ConnectTarget| {
            let (held, runtime) = (Arc::clone(&theirs), runtime.clone());
            async move {
                let addresses = runtime.resolve(target.host(), target.port()).await?;
                if held.lock().expect("sound").is_some() {
                    // Others come into line meanwhile.
                    runtime.sleep(millis(10)).await;
                    let response: Option<Response> = held.lock().expect("sound").take();
                    drop(response);
                    runtime.sleep(longer).await;
                }
                let io = runtime.connect(addresses[0], &SocketOptions::default()).await?;
                Ok(Box::new(io) as Box<dyn Transport>)
            }
        })
    });
    (client, held)
}

#[test]
fn a_dial_that_loses_its_request_while_it_is_polled_ends_or_goes_on_for_another() {
    // With another one in line or not, and a dial that ends in that poll or later.
    for (other, longer) in [(false, 0), (true, 0), (false, 100), (true, 100)] {
        let sim = calm();
        site(&sim, "a.test");
        let (client, held) = meddling(&sim, millis(longer));
        for _ in 0..20 {
            let response = hold(&sim, &client, A);
            *held.lock().expect("sound") = Some(response);
            let request = start(&sim, fetch(&client, "http://a.test/1000"));
            settle(&sim);
            let other = other.then(|| start(&sim, fetch(&client, A)));
            settle(&sim);
            expect_pool(&sim, &client, [0, 1, 1, 1 + usize::from(other.is_some())]);
            sim.advance(millis(10 + longer)).expect("not endless");
            assert!(other.is_none_or(|other| other.succeeded()), "{client:?}");
            assert_eq!(client.stats().leased, 1);
            sim.advance(seconds(1)).expect("not endless");
            assert!(request.succeeded(), "{client:?}");
            let stats = client.stats();
            assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "{client:?}");
            assert_eq!(sim.open_connections(), stats.connections);
            // What is idle now is used up, so that the next round dials again.
            sim.advance(seconds(5)).expect("not endless");
            expect_pool(&sim, &client, [0, 0, 0, 0]);
        }
    }
}
