//! Clients that are used in several runtimes, and what reaches a request between being served and being polled.

mod common;

use martlet::{Client, Kind, Phase};
use martlet_sim::{Fault, Script, Sim, SimHome, SimRequest, SimResponse};

use common::{
    Fetched, Held, calm, client, client_with, dials, drop_inside, expect_pool, fetch, fetch_now, hold,
    limited, millis, seconds, settle, site, start,
};

const A: &str = "http://a.test/";
const B: &str = "http://b.test/";

/// A GET in another home, to its end.
#[track_caller]
fn fetch_there(sim: &Sim, home: &SimHome, client: &Client, url: &str) -> Fetched {
    let request = home.spawn(fetch(client, url));
    sim.block_on(request).expect("no dead-lock").expect("the home lives")
}

#[test]
fn a_connection_serves_the_home_that_dialled_it() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client(&sim);
    let home = sim.new_home();
    for _ in 0..2 {
        assert!(fetch_there(&sim, &home, &client, A).is_ok());
        fetch_now(&sim, &client, A);
    }
    assert_eq!(dials(&sim), 2);
    expect_pool(&sim, &client, [2, 0, 0, 0]);
}

#[test]
fn a_response_that_is_read_elsewhere_gives_its_connection_back_to_its_home() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client(&sim);
    let home = sim.new_home();
    let request = client.get(A);
    let sent = home.spawn(async move { request.send().await });
    let response = sim.block_on(sent).expect("no dead-lock").expect("the home lives").expect("an answer");
    assert_eq!(sim.block_on(response.bytes()).expect("no dead-lock").expect("it is whole"), "/");
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    assert!(fetch_there(&sim, &home, &client, A).is_ok());
    assert_eq!(dials(&sim), 1);
}

/// In its own home the rest is read if it is here; elsewhere its transport is not touched.
#[test]
fn a_response_that_is_dropped_elsewhere_is_not_read_to_its_end() {
    for (at_home, expected) in [(true, [1, 0, 0, 0]), (false, [0, 0, 0, 0])] {
        let sim = calm();
        sim.listen("a.test", 80, |_: SimRequest| SimResponse::ok("one").pause(seconds(1)).piece("two"));
        let client = client(&sim);
        let home = sim.new_home();
        let (request, runtime) = (client.get(A), sim.runtime());
        let sent = home.spawn(async move {
            let response = request.send().await;
            runtime.sleep(seconds(2)).await;
            if at_home {
                drop(response.expect("an answer"))
            } else {
                return Some(response);
            }
            None
        });
        let response = sim.block_on(sent).expect("no dead-lock").expect("the home lives");
        assert_eq!(response.is_none(), at_home);
        drop_inside(&sim, response);
        expect_pool(&sim, &client, expected);
    }
}

#[test]
fn the_idle_connections_of_a_home_are_closed_when_it_ends() {
    let sim = calm();
    site(&sim, "a.test");
    let client = limited(&sim, 1);
    let home = sim.new_home();
    assert!(fetch_there(&sim, &home, &client, A).is_ok());
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    home.shut_down();
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    fetch_now(&sim, &client, A);
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    assert_eq!((dials(&sim), sim.now()), (2, millis(0)));
}

#[test]
fn connections_of_a_home_that_ended_make_room_for_others() {
    let sim = calm();
    site(&sim, "a.test");
    site(&sim, "b.test");
    let client = limited(&sim, 2);
    let home = sim.new_home();
    // The janitor is at home, so that nobody tells of the other one's end.
    fetch_now(&sim, &client, A);
    assert!(fetch_there(&sim, &home, &client, A).is_ok());
    home.shut_down();
    expect_pool(&sim, &client, [2, 0, 0, 0]);
    fetch_now(&sim, &client, A);
    fetch_now(&sim, &client, B);
    expect_pool(&sim, &client, [2, 0, 0, 0]);
    assert_eq!((dials(&sim), sim.now()), (3, millis(0)));
}

#[test]
fn tasks_that_end_with_their_home_leave_their_slots_to_others() {
    let sim = calm();
    site(&sim, "a.test");
    site(&sim, "b.test").fail_next(Fault::NeverAnswer);
    sim.listen("c.test", 80, |_: SimRequest| SimResponse::ok("some").stall().piece("rest"));
    let client = limited(&sim, 3);
    let home = sim.new_home();
    // One runs, one dials, one has a response, and one is in line.
    for url in ["http://a.test/60000", B, "http://c.test/", A] {
        let request = client.get(url);
        drop(home.spawn(async move {
            let _response = request.send().await;
            std::future::pending::<()>().await
        }));
        settle(&sim);
    }
    expect_pool(&sim, &client, [0, 2, 1, 2]);
    let waiting: Vec<_> = [A, B].map(|url| start(&sim, fetch(&client, url))).into();
    settle(&sim);
    home.shut_down();
    settle(&sim);
    assert!(waiting.iter().all(|waiting| waiting.succeeded()), "{client:?}");
    expect_pool(&sim, &client, [2, 0, 0, 0]);
    assert_eq!(sim.now(), millis(0));
}

#[test]
fn idle_connections_are_closed_in_time_though_the_home_of_the_janitor_has_ended() {
    let sim = calm();
    site(&sim, "a.test");
    site(&sim, "b.test");
    let client = client(&sim);
    let home = sim.new_home();
    assert!(fetch_there(&sim, &home, &client, B).is_ok());
    fetch_now(&sim, &client, A);
    expect_pool(&sim, &client, [2, 0, 0, 0]);
    home.shut_down();
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    sim.advance(millis(4_999)).expect("not endless");
    expect_pool(&sim, &client, [1, 0, 0, 0]);
    sim.advance(millis(1)).expect("not endless");
    expect_pool(&sim, &client, [0, 0, 0, 0]);
}

#[test]
fn idle_connections_of_many_homes_that_ended_one_after_the_other_are_all_closed() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client(&sim);
    let homes: Vec<_> = (0..5).map(|_| sim.new_home()).collect();
    for home in &homes {
        assert!(fetch_there(&sim, home, &client, A).is_ok());
    }
    expect_pool(&sim, &client, [5, 0, 0, 0]);
    // The one with the janitor comes last: the others are found gone by whoever is engaged there.
    homes.into_iter().rev().for_each(SimHome::shut_down);
    expect_pool(&sim, &client, [0, 0, 0, 0]);
}

/// A request that was given a connection which its server ends before it is polled.
fn given_a_dying_connection(sim: &Sim, client: &Client) -> Held<Fetched> {
    let once = Script::new().expect_head().send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    sim.listen_script("a.test", 80, [once.clone().pause(millis(10)).fin(), once.read_to_end()]);
    let held = hold(sim, client, A);
    let mut request = Held::new(fetch(client, A));
    assert!(request.poll(sim).is_none());
    sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
    sim.advance(millis(20)).expect("not endless");
    expect_pool(sim, client, [0, 1, 0, 0]);
    request
}

#[test]
fn a_request_whose_connection_was_found_dead_keeps_its_place_in_line() {
    let sim = calm();
    site(&sim, "b.test");
    let client = limited(&sim, 1);
    let mut request = given_a_dying_connection(&sim, &client);
    let other = start(&sim, fetch(&client, B));
    settle(&sim);
    expect_pool(&sim, &client, [0, 1, 0, 1]);
    // In one poll: found dead, dialled, asked.
    assert!(request.poll(&sim).is_none());
    expect_pool(&sim, &client, [0, 1, 0, 1]);
    assert_eq!(request.finish(&sim), Ok(b"ok".to_vec()));
    settle(&sim);
    assert!(other.succeeded());
}

#[test]
fn a_request_whose_connection_was_found_dead_after_a_drain_is_shut_down() {
    let sim = calm();
    let client = limited(&sim, 1);
    let request = given_a_dying_connection(&sim, &client);
    let drained = start(&sim, client.drain());
    settle(&sim);
    assert!(!drained.is_over());
    assert_eq!(request.finish(&sim), Err(Kind::Shutdown));
    settle(&sim);
    assert!(drained.is_over());
    expect_pool(&sim, &client, [0, 0, 0, 0]);
}

#[test]
fn s289_22_a_request_that_has_its_connection_and_was_not_polled_since() {
    for (closes, polls) in [(false, true), (false, false), (true, true), (true, false)] {
        let sim = calm();
        site(&sim, "a.test");
        let client = limited(&sim, 1);
        let held = hold(&sim, &client, A);
        let mut request = Held::new(fetch(&client, A));
        assert!(request.poll(&sim).is_none());
        sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
        let ended = start(&sim, if closes { client.close() } else { client.drain() });
        settle(&sim);
        assert!(!ended.is_over());
        if polls {
            let expected = if closes { Err(Kind::Shutdown) } else { Ok(b"/".to_vec()) };
            assert_eq!(request.finish(&sim), expected);
        } else {
            request.cancel(&sim);
        }
        settle(&sim);
        assert!(ended.is_over());
        expect_pool(&sim, &client, [0, 0, 0, 0]);
    }
}

#[test]
fn a_dial_that_was_handed_on_is_given_up_by_a_drain() {
    let sim = calm();
    site(&sim, "a.test").fail_next(Fault::NeverAnswer);
    let client = limited(&sim, 1);
    let mut first = Held::new(fetch(&client, A));
    assert!(first.poll(&sim).is_none());
    let waiting = start(&sim, fetch(&client, A));
    settle(&sim);
    first.cancel(&sim);
    settle(&sim);
    expect_pool(&sim, &client, [0, 0, 1, 1]);
    let drained = start(&sim, client.drain());
    settle(&sim);
    assert_eq!(waiting.result(), Some(Err(Kind::Shutdown)));
    assert!(drained.is_over());
    expect_pool(&sim, &client, [0, 0, 0, 0]);
}

#[test]
fn the_time_of_the_whole_request_ends_its_waiting_and_its_dialling() {
    let sim = calm();
    site(&sim, "a.test");
    site(&sim, "b.test").fail_always(Some(Fault::NeverAnswer));
    let client = client_with(&sim, |builder| builder.max_connections(1).timeout(seconds(2)));
    let dialled = sim.block_on(fetch(&client, B)).expect("no dead-lock");
    assert_eq!(dialled, Err(Kind::Timeout(Phase::Connect)));
    assert_eq!(sim.now(), seconds(2));
    expect_pool(&sim, &client, [0, 0, 0, 0]);
    let held = hold(&sim, &client, A);
    let waited = sim.block_on(fetch(&client, A)).expect("no dead-lock");
    assert_eq!(waited, Err(Kind::Timeout(Phase::Pool)));
    assert_eq!(sim.now(), seconds(4));
    expect_pool(&sim, &client, [0, 1, 0, 0]);
    drop_inside(&sim, held);
}
