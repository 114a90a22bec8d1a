//! A request that is dropped after each of its polls, and at each tick of a network that moves a few octets in one.

use std::future::{Future, poll_fn};

use martlet_sim::Sim;
use martlet_sim::h2::H2Server;

use crate::world::{
    A, B, Begin, Fetched, KINDS, Started, WINDOW, advance, client_with, content, dripping, drop_inside,
    expect_no_streams, expect_pool, fetch, fetch_now, millis, resets, seconds, site, site_with, start,
    within_polls, within_ticks,
};

/// How far a request goes before it is dropped.
#[derive(Clone, Copy, Debug)]
enum Reach {
    Polls,
    Ticks,
}

impl Reach {
    fn run(self, sim: &Sim, request: impl Future<Output = Fetched>, nth: usize) -> Option<Fetched> {
        let result = match self {
            Self::Polls => sim.block_on(within_polls(request, nth)),
            Self::Ticks => sim.block_on(within_ticks(sim, request, nth)),
        };
        result.unwrap_or_else(|e| panic!("{e}"))
    }
}

/// Requests that never end of themselves go no farther.
const FAR: usize = 400;

/// One connection for all: what is lost of its window a little at a time is missed in the end.
#[test]
fn a_stream_may_be_dropped_at_any_point_beside_others_that_go_on() {
    for (name, begin) in KINDS {
        for (reach, octets) in [(Reach::Polls, 64), (Reach::Ticks, 120)] {
            if name == "unread" && matches!(reach, Reach::Polls) {
                // It is polled no more.
                continue;
            }
            for siblings in [0, 3] {
                let what = format!("{name}, {reach:?}, {siblings} siblings");
                let dropped = drop_at_each_point(begin, reach, octets, siblings, &what);
                assert!(dropped > 1, "{what}: dropped {dropped} times only");
            }
        }
    }
}

fn drop_at_each_point(begin: Begin, reach: Reach, octets: usize, siblings: usize, what: &str) -> usize {
    let sim = dripping(octets);
    let servers = [site(&sim, "a.test")];
    let client = client_with(&sim, |builder| builder.max_connections(1).keepalive_expiry(None));
    fetch_now(&sim, &client, &format!("{A}/"));
    let mut nth = 0;
    loop {
        let what = format!("{what}, dropped after {nth}");
        let beside: Vec<Started<Fetched>> =
            (0..siblings).map(|_| start(&sim, fetch(&client, &format!("{A}/octets/3000")))).collect();
        let done = reach.run(&sim, begin(&client, &nth.to_string()), nth);
        // The allowance for resets comes back in 10 ms.
        advance(&sim, millis(20));
        for sibling in beside {
            assert_eq!(sibling.result(), Some(Ok(content(3_000))), "{what}\n{client:?}");
        }
        expect_pool(&sim, &client, [1, 1, 0, 0, 0], &what);
        expect_no_streams(&servers, &what);
        if let Some(result) = done {
            assert!(result.is_ok(), "{what}: {result:?}");
            break;
        }
        nth += 1;
        if nth == FAR {
            break;
        }
    }
    // The last one was dropped by itself; what came before was said to the server, unless it was not begun.
    assert_eq!(servers[0].accepted(), 1, "{what}");
    let given_up = resets(&servers[0])[0];
    assert!(given_up > 0 && given_up <= nth, "{what}: {given_up} of {nth} were reset");
    let large = 4 * WINDOW as usize;
    assert_eq!(fetch_now(&sim, &client, &format!("{A}/octets/{large}")), content(large), "{what}");
    assert_eq!(servers[0].accepted(), 1, "{what}");
    nth
}

/// From the first look at the pool on: the dial, the preface, the wait for a stream.
#[test]
fn a_request_may_be_dropped_at_any_point_of_its_connection_and_the_next_in_line_runs() {
    for (name, begin) in [KINDS[0], KINDS[3], KINDS[8]] {
        for (reach, octets) in [(Reach::Polls, 16), (Reach::Ticks, 60)] {
            for waiter in [None, Some(A), Some(B)] {
                for most in [1, 100] {
                    let what = format!("{name}, {reach:?}, waits: {waiter:?}, {most} streams");
                    let points = (0..FAR).take_while(|nth| {
                        let what = format!("{what}, dropped after {nth}");
                        begin_anew(begin, reach, octets, (waiter, most), *nth, &what)
                    });
                    assert!(points.count() > 1, "{what}");
                }
            }
        }
    }
}

/// Whether it was dropped before its end.
fn begin_anew(
    begin: Begin,
    reach: Reach,
    octets: usize,
    (waiter, most): (Option<&str>, u32),
    nth: usize,
    what: &str,
) -> bool {
    let sim = dripping(octets);
    let servers = ["a.test", "b.test"].map(|host| site_with(&sim, host, H2Server::new().max_streams(most)));
    let client = client_with(&sim, |builder| builder.max_connections(1).keepalive_expiry(None));
    let mut waiting = None;
    let begun = &mut waiting;
    let mut request = begin(&client, "victim");
    let victim = poll_fn(|cx| {
        let polled = request.as_mut().poll(cx);
        // The other comes second.
        if begun.is_none() {
            *begun = waiter.map(|origin| start(&sim, fetch(&client, &format!("{origin}/octets/2000"))));
        }
        polled
    });
    let ended = reach.run(&sim, victim, nth);
    drop_inside(&sim, request);
    advance(&sim, millis(20));
    if let Some(result) = &ended {
        assert!(result.is_ok(), "{what}: {result:?}");
    }
    if let Some(waiting) = waiting {
        assert_eq!(waiting.result(), Some(Ok(content(2_000))), "{what}\n{client:?}");
    }
    let stats = client.stats();
    expect_pool(&sim, &client, [stats.idle, stats.idle, 0, 0, 0], what);
    expect_no_streams(&servers, what);
    for origin in [A, B] {
        assert_eq!(fetch_now(&sim, &client, &format!("{origin}/octets/500")), content(500), "{what}");
    }
    expect_pool(&sim, &client, [1, 1, 0, 0, 0], what);
    drop(client);
    advance(&sim, seconds(2));
    assert_eq!(sim.open_connections(), 0, "{what}");
    ended.is_none()
}
