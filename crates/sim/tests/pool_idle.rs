//! Idle connections: how long they are kept, and what is noticed of their servers.

mod common;

use std::time::Duration;

use martlet::{Delivery, Kind, Phase};
use martlet_sim::{Fault, Listener, Point, Script, Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use common::{
    calm, client, client_with, dials, distant, drop_inside, expect_pool, fetch, fetch_now, hold, millis,
    seconds, settle, site,
};

const A: &str = "http://a.test/";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The first connection answers once and then does something; all others only answer.
fn then(sim: &Sim, act: impl FnOnce(Script) -> Script) -> Listener {
    let once = || Script::new().expect_head().send(OK);
    sim.listen_script("a.test", 80, [act(once()), once().expect_head().send(OK).read_to_end()])
}

#[test]
fn s289_20_an_idle_connection_is_kept_for_five_seconds() {
    for (idle, expected) in [(4_999, 1), (5_000, 2)] {
        let sim = calm();
        site(&sim, "a.test");
        let client = client(&sim);
        fetch_now(&sim, &client, A);
        sim.advance(millis(idle)).expect("not endless");
        expect_pool(&sim, &client, [2 - expected, 0, 0, 0]);
        fetch_now(&sim, &client, A);
        assert_eq!(dials(&sim), expected);
    }
}

/// Nobody looks in between: the request itself sees that the time is over.
#[test]
fn s289_20_an_expired_connection_is_not_used_before_the_janitor_comes() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client(&sim);
    fetch_now(&sim, &client, A);
    let sleep = sim.sleep(seconds(5));
    let asked = sim.block_on(async {
        sleep.await;
        fetch(&client, A).await
    });
    assert!(asked.expect("no dead-lock").is_ok());
    assert_eq!(dials(&sim), 2);
    expect_pool(&sim, &client, [1, 0, 0, 0]);
}

#[test]
fn s289_20_the_expiry_counts_from_the_last_exchange() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client(&sim);
    for _ in 0..4 {
        fetch_now(&sim, &client, A);
        sim.advance(seconds(4)).expect("not endless");
    }
    assert_eq!(dials(&sim), 1);
    sim.advance(seconds(1)).expect("not endless");
    expect_pool(&sim, &client, [0, 0, 0, 0]);
}

#[test]
fn s289_20_a_machine_that_slept_trusts_no_idle_connection() {
    for (slept, expected) in [(seconds(3_600), 2), (millis(1_001), 2), (millis(1_000), 1)] {
        let sim = calm();
        site(&sim, "a.test");
        site(&sim, "b.test");
        let client = client(&sim);
        let held = hold(&sim, &client, "http://b.test/");
        fetch_now(&sim, &client, A);
        sim.suspend(slept);
        fetch_now(&sim, &client, A);
        assert_eq!(dials(&sim), 1 + expected, "{slept:?}");
        // What is in use is not touched.
        expect_pool(&sim, &client, [1, 1, 0, 0]);
        let content = sim.block_on(held.bytes()).expect("no dead-lock");
        assert_eq!(content.expect("it is whole"), "/");
        // Once is enough.
        fetch_now(&sim, &client, A);
        assert_eq!(dials(&sim), 1 + expected);
    }
}

#[test]
fn s289_20_a_wall_clock_that_is_set_back_means_nothing() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client(&sim);
    fetch_now(&sim, &client, A);
    sim.set_wall_clock(sim.wall_clock() - seconds(7_200));
    fetch_now(&sim, &client, A);
    sim.advance(seconds(2)).expect("not endless");
    fetch_now(&sim, &client, A);
    assert_eq!(dials(&sim), 1);
}

/// The transport says "not yet" although the end has come: only the system's own view tells.
#[test]
fn s289_20_after_a_millisecond_of_silence_the_system_is_asked_as_well() {
    for_each_seed(0..60, |seed| {
        let mut config = SimConfig::calm();
        config.spurious_pending = 60;
        let sim = Sim::with_config(seed, config);
        let server = then(&sim, |script| script.pause(millis(10)).fin());
        let client = client(&sim);
        fetch_now(&sim, &client, A);
        sim.advance(millis(20)).expect("not endless");
        expect_pool(&sim, &client, [1, 0, 0, 0]);
        fetch_now(&sim, &client, A);
        assert_eq!(server.accepted(), 2);
        assert_eq!(server.log().len(), 2);
    });
}

#[test]
fn without_an_expiry_an_idle_connection_stays() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client_with(&sim, |builder| builder.keepalive_expiry(None));
    fetch_now(&sim, &client, A);
    sim.advance(seconds(100_000)).expect("not endless");
    fetch_now(&sim, &client, A);
    assert_eq!(dials(&sim), 1);
    drop(client);
    assert_eq!(sim.open_connections(), 0);
}

#[test]
fn a_connection_is_used_up_to_its_age_and_no_longer() {
    for (last, expected) in [(999, 1), (1_000, 2)] {
        let sim = calm();
        site(&sim, "a.test");
        let client = client_with(&sim, |builder| builder.max_connection_age(Some(seconds(3))));
        fetch_now(&sim, &client, A);
        sim.advance(seconds(2)).expect("not endless");
        fetch_now(&sim, &client, A);
        sim.advance(millis(last)).expect("not endless");
        expect_pool(&sim, &client, [2 - expected, 0, 0, 0]);
        fetch_now(&sim, &client, A);
        assert_eq!(dials(&sim), expected);
    }
}

#[test]
fn a_connection_that_grows_too_old_while_in_use_is_not_kept() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client_with(&sim, |builder| builder.max_connection_age(Some(seconds(3))));
    fetch_now(&sim, &client, "http://a.test/3000");
    expect_pool(&sim, &client, [0, 0, 0, 0]);
}

#[test]
fn s327_01_02_a_connection_that_ended_while_idle_is_replaced_unseen() {
    for end in [Script::fin, Script::reset, Script::half_close] {
        for wait in [millis(10), millis(1_500)] {
            let sim = distant(millis(1));
            let server = then(&sim, end);
            let client = client(&sim);
            fetch_now(&sim, &client, A);
            expect_pool(&sim, &client, [1, 0, 0, 0]);
            sim.advance(wait).expect("not endless");
            fetch_now(&sim, &client, A);
            assert_eq!(server.accepted(), 2);
            // The first connection saw one request only.
            let log = server.log();
            assert_eq!(log.iter().map(|seen| seen.connection).collect::<Vec<_>>(), [1, 2]);
            expect_pool(&sim, &client, [1, 0, 0, 0]);
        }
    }
}

#[test]
fn s327_09_connections_that_all_died_are_dropped_by_the_one_request() {
    let sim = distant(millis(1));
    let server = site(&sim, "a.test");
    for _ in 0..8 {
        server.fail_next(Fault::Fin(Point::Response(39)));
    }
    let client = client(&sim);
    // Each connection has served its response when it ends.
    let held: Vec<_> = (0..8).map(|_| hold(&sim, &client, A)).collect();
    for response in held {
        sim.block_on(response.bytes()).expect("no dead-lock").expect("it is whole");
    }
    sim.advance(millis(5)).expect("not endless");
    assert_eq!(server.accepted(), 8);
    fetch_now(&sim, &client, A);
    assert_eq!(server.accepted(), 9);
    expect_pool(&sim, &client, [1, 0, 0, 0]);
}

#[test]
fn s327_12_13_what_comes_unasked_is_never_a_response() {
    for unasked in [
        "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged",
        "\r\n",
    ] {
        for fin in [true, false] {
            let sim = distant(millis(1));
            let server = then(&sim, |script| {
                let script = script.pause(millis(10)).send(unasked);
                if fin { script.fin() } else { script.read_to_end() }
            });
            let client = client(&sim);
            fetch_now(&sim, &client, A);
            sim.advance(millis(50)).expect("not endless");
            let asked = sim.block_on(fetch(&client, A)).expect("no dead-lock");
            assert_eq!(asked, Ok(b"ok".to_vec()));
            assert_eq!(server.accepted(), 2);
        }
    }
}

#[test]
fn s327_14_octets_behind_a_response_end_its_connection() {
    let sim = calm();
    let server = sim.listen_script(
        "a.test",
        80,
        [
            Script::new().expect_head().send(format!("{OK}HTTP/1.1 200 OK\r\n")),
            Script::new().expect_head().send(OK),
        ],
    );
    let client = client(&sim);
    assert_eq!(sim.block_on(fetch(&client, A)).expect("no dead-lock"), Ok(b"ok".to_vec()));
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    assert_eq!(sim.block_on(fetch(&client, A)).expect("no dead-lock"), Ok(b"ok".to_vec()));
    assert_eq!(server.accepted(), 2);
}

#[test]
fn s327_15_what_the_server_says_of_its_patience_is_heeded_less_a_second() {
    // What it says, when it is asked again, and the connections that this takes.
    let cases = [
        ("timeout=5", 4_500, 2),
        ("timeout=5", 4_000, 2),
        ("timeout=5", 3_999, 1),
        ("timeout=3, max=7", 2_000, 2),
        ("timeout=3, max=7", 1_999, 1),
        // Ours is shorter.
        ("timeout=60", 4_999, 1),
        ("timeout=60", 5_000, 2),
        ("timeout=1", 0, 2),
        ("timeout=0", 0, 2),
        ("nonsense", 4_999, 1),
    ];
    for (says, after, expected) in cases {
        let sim = calm();
        sim.listen("a.test", 80, move |_: SimRequest| SimResponse::ok("ok").header("keep-alive", says));
        let client = client(&sim);
        fetch_now(&sim, &client, A);
        sim.advance(millis(after)).expect("not endless");
        fetch_now(&sim, &client, A);
        assert_eq!(dials(&sim), expected, "{says} after {after} ms");
    }
}

#[test]
fn a_server_that_says_close_is_not_asked_again_there() {
    let sim = calm();
    let server = sim.listen("a.test", 80, |_: SimRequest| SimResponse::ok("ok").close());
    let client = client(&sim);
    for asked in 1..4 {
        fetch_now(&sim, &client, A);
        expect_pool(&sim, &client, [0, 0, 0, 0]);
        assert_eq!(server.accepted(), asked);
    }
}

#[test]
fn s327_19_a_network_that_comes_back_is_used_by_the_same_client() {
    let sim = calm();
    let server = site(&sim, "a.test");
    let client = client(&sim);
    fetch_now(&sim, &client, A);
    sim.advance(seconds(10)).expect("not endless");
    server.set_listening(false);
    for _ in 0..3 {
        assert_eq!(sim.block_on(fetch(&client, A)).expect("no dead-lock"), Err(Kind::Connect));
        expect_pool(&sim, &client, [0, 0, 0, 0]);
    }
    server.set_listening(true);
    fetch_now(&sim, &client, A);
}

#[test]
fn s327_20_a_connection_that_went_silent_times_out_and_is_closed() {
    let sim = calm();
    let server = site(&sim, "a.test");
    let client = client(&sim);
    fetch_now(&sim, &client, A);
    sim.lose_connections();
    let asked = sim.block_on(client.get(A).send()).expect("no dead-lock");
    let e = asked.expect_err("nobody answers");
    assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(Phase::ReceiveHead), Delivery::Unknown));
    assert_eq!(sim.now(), seconds(5));
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    fetch_now(&sim, &client, A);
    assert_eq!(server.accepted(), 2);
}

#[test]
fn s327_20_after_a_suspend_the_dead_connection_is_not_even_tried() {
    let sim = calm();
    let server = site(&sim, "a.test");
    let client = client(&sim);
    fetch_now(&sim, &client, A);
    sim.lose_connections();
    sim.suspend(seconds(3_600));
    fetch_now(&sim, &client, A);
    assert_eq!((server.accepted(), sim.now()), (2, Duration::ZERO));
}

#[test]
fn nothing_of_an_idle_client_keeps_the_run_going() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client(&sim);
    fetch_now(&sim, &client, A);
    sim.run().expect("the janitor comes to its end");
    assert_eq!(sim.now(), seconds(5));
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    // It is there again when it is needed again.
    fetch_now(&sim, &client, A);
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    sim.run().expect("and ends again");
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    drop_inside(&sim, client);
}
