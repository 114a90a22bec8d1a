//! Who gets which connection: slots, turns, limits and the end of a client.

mod common;

use std::time::Duration;

use martlet::{Kind, Phase};
use martlet_sim::{Fault, Sim, SimConfig, for_each_seed};

use common::{
    Held, calm, client_with, dials, distant, drop_inside, expect_pool, fetch, fetch_now, hold, limited,
    millis, seconds, settle, site, start,
};

const A: &str = "http://a.test/";
const B: &str = "http://b.test/";
const C: &str = "http://c.test/";

/// A calm world with three sites.
fn sites() -> Sim {
    let sim = calm();
    for host in ["a.test", "b.test", "c.test"] {
        site(&sim, host);
    }
    sim
}

#[test]
fn s289_01_an_idle_connection_makes_room_for_another_origin_at_once() {
    let sim = sites();
    let client = limited(&sim, 1);
    fetch_now(&sim, &client, A);
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    fetch_now(&sim, &client, B);
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    assert_eq!(sim.now(), Duration::ZERO);
    // Not only was one closed: it is the one to A that is gone.
    fetch_now(&sim, &client, B);
    assert_eq!(dials(&sim), 2);
}

#[test]
fn s289_02_a_response_that_is_held_lets_others_time_out_and_stays_readable() {
    let sim = sites();
    let client = limited(&sim, 1);
    let held = hold(&sim, &client, A);
    let asked = sim.block_on(client.get(B).send()).expect("no dead-lock");
    let e = asked.expect_err("no slot is free");
    assert_eq!((e.kind(), e.elapsed()), (Kind::Timeout(Phase::Pool), Some(seconds(5))));
    assert_eq!(sim.now(), seconds(5));
    expect_pool(&sim, &client, [0, 1, 0, 0]);
    let content = sim.block_on(held.bytes()).expect("no dead-lock");
    assert_eq!(content.expect("it is whole"), "/");
    fetch_now(&sim, &client, B);
}

/// Whatever the order in which the tasks run.
#[test]
fn s289_04_a_slot_that_becomes_free_is_used_in_the_same_turn() {
    for_each_seed(0..60, |seed| {
        let mut config = SimConfig::calm();
        config.shuffle_tasks = true;
        config.spurious_pending = 30;
        config.segment = 1..=40;
        let sim = Sim::with_config(seed, config);
        site(&sim, "a.test");
        site(&sim, "b.test");
        let client = limited(&sim, 1);
        let held = hold(&sim, &client, A);
        let waiting = start(&sim, fetch(&client, B));
        sim.advance(seconds(1)).expect("not endless");
        assert!(!waiting.is_over());
        let read = start(&sim, async move { held.bytes().await.is_ok() });
        settle(&sim);
        assert_eq!(read.result(), Some(true));
        assert!(waiting.succeeded(), "{client:?}\n{}", sim.trace());
        assert_eq!(sim.now(), seconds(1));
    });
}

/// Of HTTP/1.1: whoever asks again stands at the end of the line, whatever its connection could do for it.
#[test]
fn s289_09_a_busy_origin_keeps_nobody_else_waiting() {
    let sim = sites();
    let client = limited(&sim, 1);
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            start(&sim, async move {
                for _ in 0..20 {
                    fetch(&client, "http://a.test/100").await?;
                }
                Ok(Vec::new())
            })
        })
        .collect();
    sim.advance(millis(250)).expect("not endless");
    let other = start(&sim, fetch(&client, B));
    // One runs, three came before it.
    sim.advance(millis(349)).expect("not endless");
    assert!(!other.is_over());
    sim.advance(millis(1)).expect("not endless");
    assert!(other.succeeded());
    sim.run().expect("no dead-lock");
    assert!(busy.iter().all(|busy| busy.succeeded()));
    assert_eq!(sim.now(), seconds(8) + seconds(5));
}

#[test]
fn s289_10_waiters_are_served_in_their_order() {
    let sim = sites();
    let client = limited(&sim, 1);
    let held = hold(&sim, &client, A);
    // Each takes a second, so that the order shows.
    let waiting = ["http://b.test/1000/1", "http://c.test/1000/2", "http://a.test/1000/3"].map(|url| {
        let waiting = start(&sim, fetch(&client, url));
        settle(&sim);
        waiting
    });
    expect_pool(&sim, &client, [0, 1, 0, 3]);
    drop_inside(&sim, held);
    for turn in 0..3 {
        sim.advance(seconds(1)).expect("not endless");
        let over: Vec<bool> = waiting.iter().map(|waiting| waiting.succeeded()).collect();
        assert_eq!(over, [true, turn >= 1, turn >= 2]);
    }
    assert_eq!(sim.now(), seconds(3));
}

#[test]
fn s289_11_a_waiter_that_goes_leaves_the_order_of_the_others() {
    let sim = sites();
    let client = limited(&sim, 1);
    let held = hold(&sim, &client, A);
    let mut first = Held::new(fetch(&client, B));
    assert!(first.poll(&sim).is_none());
    let second = start(&sim, fetch(&client, C));
    settle(&sim);
    expect_pool(&sim, &client, [0, 1, 0, 2]);
    first.cancel(&sim);
    expect_pool(&sim, &client, [0, 1, 0, 1]);
    drop_inside(&sim, held);
    settle(&sim);
    assert!(second.succeeded());
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    assert_eq!(sim.now(), Duration::ZERO);
}

#[test]
fn s289_12_a_connection_that_was_given_out_is_not_evicted_while_nobody_polls() {
    let sim = sites();
    let client = limited(&sim, 1);
    let held = hold(&sim, &client, A);
    let mut reserved = Held::new(fetch(&client, A));
    assert!(reserved.poll(&sim).is_none());
    // It goes back, and is the other's now, which is not polled.
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    expect_pool(&sim, &client, [0, 1, 0, 0]);
    let other = start(&sim, fetch(&client, B));
    settle(&sim);
    expect_pool(&sim, &client, [0, 1, 0, 1]);
    assert_eq!(reserved.finish(&sim), Ok(b"/".to_vec()));
    settle(&sim);
    assert!(other.succeeded());
    assert_eq!((dials(&sim), sim.now()), (2, Duration::ZERO));
}

#[test]
fn s289_13_of_two_waiters_exactly_one_gets_a_connection_that_becomes_free() {
    let sim = sites();
    let client = limited(&sim, 1);
    let held = hold(&sim, &client, A);
    let first = start(&sim, fetch(&client, "http://a.test/1000/1"));
    settle(&sim);
    let second = start(&sim, fetch(&client, "http://a.test/1000/2"));
    settle(&sim);
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    settle(&sim);
    expect_pool(&sim, &client, [0, 1, 0, 1]);
    sim.advance(seconds(1)).expect("not endless");
    assert!(first.succeeded() && !second.is_over());
    sim.advance(seconds(1)).expect("not endless");
    assert!(second.succeeded());
    assert_eq!(dials(&sim), 1);
}

#[test]
fn s289_14_a_connection_that_fails_leaves_its_slot_to_the_next() {
    let sim = distant(millis(100));
    let (a, _) = (site(&sim, "a.test"), site(&sim, "b.test"));
    a.fail_next(Fault::Refuse);
    let client = limited(&sim, 1);
    let failing = start(&sim, fetch(&client, A));
    settle(&sim);
    let other = start(&sim, fetch(&client, B));
    settle(&sim);
    let same = start(&sim, fetch(&client, A));
    settle(&sim);
    expect_pool(&sim, &client, [0, 0, 1, 3]);
    sim.advance(millis(200)).expect("not endless");
    assert_eq!(failing.result(), Some(Err(Kind::Connect)));
    expect_pool(&sim, &client, [0, 0, 1, 2]);
    // There and back twice for each: to connect, and to ask.
    sim.advance(millis(400)).expect("not endless");
    assert!(other.succeeded() && !same.is_over());
    sim.advance(millis(400)).expect("not endless");
    assert!(same.succeeded());
    assert_eq!(dials(&sim), 3);
}

#[test]
fn s289_21_connections_in_use_do_not_count_as_kept() {
    let sim = sites();
    let client = client_with(&sim, |builder| builder.max_keepalive_connections(2));
    let held: Vec<_> = (0..5).map(|_| hold(&sim, &client, A)).collect();
    expect_pool(&sim, &client, [0, 5, 0, 0]);
    for (n, response) in held.into_iter().enumerate() {
        sim.block_on(response.bytes()).expect("no dead-lock").expect("it is whole");
        expect_pool(&sim, &client, [(n + 1).min(2), 4 - n, 0, 0]);
    }
}

#[test]
fn without_room_for_idle_connections_none_is_kept_but_a_waiter_gets_one() {
    let sim = sites();
    let client = client_with(&sim, |builder| builder.max_connections(1).max_keepalive_connections(0));
    let held = hold(&sim, &client, A);
    let waiting = start(&sim, fetch(&client, A));
    settle(&sim);
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    settle(&sim);
    assert!(waiting.succeeded());
    assert_eq!(dials(&sim), 1);
    expect_pool(&sim, &client, [0, 0, 0, 0]);
}

#[test]
fn s289_22_drain_fails_who_waits_and_lets_end_what_runs() {
    let sim = sites();
    let client = limited(&sim, 2);
    fetch_now(&sim, &client, B);
    let held = hold(&sim, &client, A);
    let running = start(&sim, fetch(&client, "http://c.test/1000"));
    settle(&sim);
    let waiting = start(&sim, fetch(&client, B));
    settle(&sim);
    expect_pool(&sim, &client, [0, 2, 0, 1]);
    let drained = start(&sim, client.drain());
    settle(&sim);
    assert_eq!(waiting.result(), Some(Err(Kind::Shutdown)));
    expect_pool(&sim, &client, [0, 2, 0, 0]);
    assert_eq!(sim.block_on(fetch(&client.clone(), A)).expect("no dead-lock"), Err(Kind::Shutdown));

    sim.advance(seconds(1)).expect("not endless");
    assert!(running.succeeded());
    expect_pool(&sim, &client, [0, 1, 0, 0]);
    assert!(!drained.is_over());
    assert_eq!(sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole"), "/");
    settle(&sim);
    assert!(drained.is_over());
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    assert_eq!(sim.now(), seconds(1));
}

#[test]
fn s289_22_drain_closes_what_is_idle_at_once_and_gives_up_dials() {
    let sim = distant(millis(100));
    site(&sim, "a.test");
    site(&sim, "b.test");
    let client = limited(&sim, 2);
    fetch_now(&sim, &client, A);
    let dialing = start(&sim, fetch(&client, B));
    sim.advance(millis(50)).expect("not endless");
    expect_pool(&sim, &client, [1, 0, 1, 1]);
    let before = sim.now();
    let drained = start(&sim, client.drain());
    settle(&sim);
    assert_eq!(dialing.result(), Some(Err(Kind::Shutdown)));
    assert!(drained.is_over());
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    assert_eq!(sim.now(), before);
    sim.run().expect("nothing is left");
    assert!(!sim.trace().contains("c2 open"));
}

#[test]
fn s289_22_close_ends_what_runs_too() {
    let sim = sites();
    let client = limited(&sim, 3);
    fetch_now(&sim, &client, C);
    let running = start(&sim, fetch(&client, "http://a.test/60000"));
    let mut held = hold(&sim, &client, B);
    let held_by_task = hold(&sim, &client, "http://b.test/held");
    settle(&sim);
    let waiting = start(&sim, fetch(&client, C));
    settle(&sim);
    expect_pool(&sim, &client, [0, 3, 0, 1]);
    let closed = start(&sim, client.close());
    settle(&sim);
    assert_eq!(waiting.result(), Some(Err(Kind::Shutdown)));
    assert_eq!(running.result(), Some(Err(Kind::Shutdown)));
    assert_eq!(sim.block_on(fetch(&client, A)).expect("no dead-lock"), Err(Kind::Shutdown));
    // Those that nobody polls close their connections when they are polled or dropped.
    expect_pool(&sim, &client, [0, 2, 0, 0]);
    assert!(!closed.is_over());
    let chunk = sim.block_on(held.chunk()).expect("no dead-lock");
    assert_eq!(chunk.expect_err("closed").kind(), Kind::Shutdown);
    expect_pool(&sim, &client, [0, 1, 0, 0]);
    drop_inside(&sim, held_by_task);
    settle(&sim);
    assert!(closed.is_over());
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    assert_eq!(sim.now(), Duration::ZERO);
}

/// A bound on polls stands for one on time: what is looked at once per event for each that waits would exceed it.
#[test]
fn s289_23_a_thousand_waiters_are_served_without_being_polled_in_between() {
    let mut config = SimConfig::calm();
    config.trace = false;
    config.max_polls = 60_000;
    let sim = Sim::with_config(0, config);
    let client = client_with(&sim, |builder| builder.max_connections(10));
    let mut waiting = Vec::new();
    for origin in 0..100 {
        let host = format!("h{origin}.test");
        site(&sim, &host);
        waiting.extend((0..10).map(|n| start(&sim, fetch(&client, &format!("http://{host}/{n}")))));
    }
    sim.run().expect("neither a dead-lock nor too many polls");
    assert!(waiting.iter().all(|waiting| waiting.succeeded()));
}

#[test]
fn s289_24_a_connection_that_has_served_enough_is_replaced() {
    let sim = sites();
    let client = client_with(&sim, |builder| builder.max_requests_per_connection(Some(2)));
    for (n, idle) in [1, 0, 1, 0, 1].into_iter().enumerate() {
        fetch_now(&sim, &client, A);
        assert_eq!(dials(&sim), n / 2 + 1);
        expect_pool(&sim, &client, [idle, 0, 0, 0]);
    }
}

#[test]
fn a_limit_per_origin_blocks_nobody_else() {
    let sim = sites();
    let client = client_with(&sim, |builder| builder.max_connections(3).max_connections_per_origin(Some(1)));
    let held = hold(&sim, &client, A);
    let same = start(&sim, fetch(&client, A));
    settle(&sim);
    let other = start(&sim, fetch(&client, B));
    settle(&sim);
    assert!(other.succeeded() && !same.is_over());
    expect_pool(&sim, &client, [1, 1, 0, 1]);
    drop_inside(&sim, held);
    settle(&sim);
    assert!(same.succeeded());
    assert_eq!(sim.now(), Duration::ZERO);
}

#[test]
fn one_connection_and_two_origins_in_alternation_never_dead_lock() {
    for_each_seed(0..40, |seed| {
        let sim = Sim::new(seed);
        site(&sim, "a.test");
        site(&sim, "b.test");
        let client = limited(&sim, 1);
        {
            let client = client.clone();
            sim.on_deadlock("pool", move || format!("{client:?}"));
        }
        for n in 0..10 {
            fetch_now(&sim, &client, [A, B][n % 2]);
        }
        let tasks: Vec<_> = (0..10).map(|n| start(&sim, fetch(&client, [A, B][n % 2]))).collect();
        if let Err(deadlock) = sim.run() {
            panic!("{deadlock}");
        }
        assert!(tasks.iter().all(|task| task.succeeded()));
        expect_pool(&sim, &client, [0, 0, 0, 0]);
    });
}

/// How a request comes to hold one of two slots without being polled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unpolled {
    Dialing,
    Ordered,
    Assigned,
}

#[test]
fn a_request_that_nobody_polls_costs_one_slot_and_no_more() {
    for state in [Unpolled::Dialing, Unpolled::Ordered, Unpolled::Assigned] {
        let sim = distant(millis(10));
        for host in ["a.test", "b.test", "c.test"] {
            site(&sim, host);
        }
        let client = limited(&sim, 2);
        let held = match state {
            Unpolled::Dialing => Vec::new(),
            Unpolled::Ordered => vec![hold(&sim, &client, B), hold(&sim, &client, B)],
            Unpolled::Assigned => vec![hold(&sim, &client, A), hold(&sim, &client, A)],
        };
        let mut unpolled = Held::new(fetch(&client, A));
        assert!(unpolled.poll(&sim).is_none());
        expect_pool(&sim, &client, if state == Unpolled::Dialing { [0, 0, 1, 1] } else { [0, 2, 0, 1] });
        for response in held {
            sim.block_on(response.bytes()).expect("no dead-lock").expect("it is whole");
        }
        // Not to its own origin: a connection that becomes free there is the first in line's.
        for n in 0..10 {
            fetch_now(&sim, &client, [B, C, C][n % 3]);
        }
        expect_pool(&sim, &client, if state == Unpolled::Assigned { [1, 1, 0, 0] } else { [1, 0, 1, 1] });
        assert_eq!(unpolled.finish(&sim), Ok(b"/".to_vec()), "{state:?}");
    }
}
