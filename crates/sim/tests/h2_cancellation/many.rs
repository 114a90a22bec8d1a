//! Many requests that are given up, one after the other and all at once.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::AsyncRead;
use martlet::{Body, Client, Kind};
use martlet_sim::h2::FrameKind;
use martlet_sim::{Listener, Sim, SimConfig};

use crate::world::{
    A, KINDS, TICK, WINDOW, advance, calm, client_with, content, dripping, drop_inside, expect_no_streams,
    expect_pool, fetch, fetch_now, hold, leftovers, millis, resets, seconds, settle, site, start,
    within_ticks,
};

const ITERATIONS: usize = 10_000;
const REQUESTS: u64 = 200;

/// So many resets one connection may see at once, and one more in each 10 ms.
const BURST: usize = 101;

/// The most resets that a server saw on one connection within a second.
fn worst_second(server: &Listener) -> usize {
    (0..server.accepted())
        .map(|nth| {
            let at: Vec<Duration> =
                server.h2(nth).frames_of(FrameKind::RstStream).iter().map(|frame| frame.at).collect();
            let within =
                |from: &Duration| at.iter().filter(|at| (*from..*from + seconds(1)).contains(*at)).count();
            at.iter().map(within).max().unwrap_or(0)
        })
        .max()
        .unwrap_or(0)
}

fn silent() -> Sim {
    let mut config = SimConfig::calm();
    config.trace = false;
    config.max_polls = 100_000_000;
    Sim::with_config(0, config)
}

/// One request at a time, each as far as the next kind and point have it, at a pace that no server minds.
#[test]
fn nothing_is_left_of_ten_thousand_requests_that_were_dropped() {
    let sim = dripping(500);
    let servers = [site(&sim, "a.test")];
    // Streams that were reset are remembered for ever here, and no more than 256 of them.
    let client = client_with(&sim, |builder| {
        builder.max_connections(1).keepalive_expiry(None).max_requests_per_connection(Some(REQUESTS))
    });
    fetch_now(&sim, &client, A);
    let before = (leftovers(&sim), format!("{client:?}"));
    for nth in 0..ITERATIONS {
        let (name, begin) = KINDS[nth % KINDS.len()];
        let request = begin(&client, &nth.to_string());
        let _ended = sim.block_on(within_ticks(&sim, request, nth / KINDS.len() % 40)).expect("no dead-lock");
        advance(&sim, millis(10));
        let stats = client.stats();
        assert_eq!((stats.streams, stats.dialing, stats.waiting), (0, 0, 0), "{name}, {nth}");
    }
    fetch_now(&sim, &client, A);
    settle(&sim);
    expect_pool(&sim, &client, [1, 1, 0, 0, 0], "");
    assert_eq!(leftovers(&sim), before.0, "tasks or timers are left");
    assert_eq!(format!("{client:?}").lines().count(), before.1.lines().count(), "{client:?}");
    expect_no_streams(&servers, "");
    assert!(resets(&servers[0]).iter().sum::<usize>() > ITERATIONS / 10, "{:?}", resets(&servers[0]));
    assert!(servers[0].accepted() > ITERATIONS / 2 / REQUESTS as usize);
    let large = 4 * WINDOW as usize;
    assert_eq!(fetch_now(&sim, &client, &format!("{A}/octets/{large}")), content(large));
    drop(client);
    sim.run().expect("nothing is left");
    assert_eq!(sim.open_connections(), 0);
}

fn give_up_in_silence(sim: &Sim, client: &Client) {
    let mut request = fetch(client, &format!("{A}/silent"));
    // The first look may begin a dial.
    for _ in 0..2 {
        let polled = sim.block_on(poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))));
        assert!(polled.expect("no dead-lock").is_pending());
        settle(sim);
    }
    drop_inside(sim, request);
    settle(sim);
}

#[test]
fn many_requests_that_are_given_up_in_a_row_are_spread_over_connections() {
    let sim = silent();
    let servers = [site(&sim, "a.test")];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    for _ in 0..2_000 {
        give_up_in_silence(&sim, &client);
    }
    let seen = resets(&servers[0]);
    assert!(seen.iter().all(|resets| *resets <= BURST), "{seen:?}");
    assert_eq!(seen.iter().sum::<usize>(), 2_000);
    settle(&sim);
    assert!(sim.open_connections() <= 1, "those that are given up are closed");
    assert_eq!(fetch_now(&sim, &client, A), b"/");
    expect_no_streams(&servers, "");
    assert_eq!(sim.now(), Duration::ZERO);
}

/// Those that are under way on a connection that is given up go on.
#[test]
fn requests_go_on_while_others_are_given_up_in_a_row() {
    let sim = silent();
    let servers = [site(&sim, "a.test")];
    let client = client_with(&sim, |builder| builder.max_connections(2));
    let beside = start(&sim, fetch(&client, &format!("{A}/slow/100000")));
    settle(&sim);
    for _ in 0..1_000 {
        give_up_in_silence(&sim, &client);
    }
    advance(&sim, seconds(1));
    let whole = [content(100_000), content(100_000)].concat();
    assert_eq!(beside.result(), Some(Ok(whole)));
    let seen = resets(&servers[0]);
    assert!(seen.iter().all(|resets| *resets <= BURST), "{seen:?}");
    expect_no_streams(&servers, "");
}

/// All streams of a connection may be given up at once; no new ones are begun on it then.
#[test]
fn many_requests_that_are_given_up_at_once_end_the_use_of_their_connection() {
    let sim = silent();
    let servers = [site(&sim, "a.test")];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    for _ in 0..10 {
        let held: Vec<_> = (0..100).map(|_| hold(&sim, &client, &format!("{A}/halts/10"))).collect();
        settle(&sim);
        drop_inside(&sim, held);
        settle(&sim);
    }
    let seen = resets(&servers[0]);
    assert_eq!(seen.iter().sum::<usize>(), 1_000);
    assert!(seen.iter().all(|resets| *resets <= 200), "{seen:?}");
    assert_eq!(fetch_now(&sim, &client, A), b"/");
    expect_no_streams(&servers, "");
}

/// More than are remembered, with answers that come all the same: the others on the connection are none the worse for it.
#[test]
fn a_large_batch_may_be_given_up_beside_requests_that_go_on() {
    for batch in [200, 1_000, 3_000] {
        let sim = silent();
        let servers = [site(&sim, "a.test")];
        let client = client_with(&sim, |builder| builder.max_connections(1));
        fetch_now(&sim, &client, A);
        let beside = start(&sim, fetch(&client, &format!("{A}/slow/20000")));
        settle(&sim);
        let mut held: Vec<_> =
            (0..batch).map(|nth| fetch(&client, &format!("{A}/octets/20?{nth}"))).collect();
        // All are sent and given up before anything is answered.
        let begun = sim.block_on(poll_fn(|cx| {
            Poll::Ready(held.iter_mut().all(|request| request.as_mut().poll(cx).is_pending()))
        }));
        assert!(begun.expect("no dead-lock"));
        drop_inside(&sim, held);
        advance(&sim, seconds(2));
        let whole = [content(20_000), content(20_000)].concat();
        assert_eq!(beside.result(), Some(Ok(whole)), "beside {batch}");
        expect_pool_is_quiet(&client);
        assert_eq!(fetch_now(&sim, &client, A), b"/");
        assert_eq!(servers[0].complaints(), Vec::<String>::new());
    }
}

fn expect_pool_is_quiet(client: &Client) {
    let stats = client.stats();
    assert_eq!((stats.streams, stats.dialing, stats.waiting), (0, 0, 0), "{client:?}");
}

/// A timeout ends a stream as a cancellation does, and the server sees no difference.
#[test]
fn requests_that_time_out_in_a_row_do_not_look_like_an_attack_either() {
    let sim = silent();
    let servers = [site(&sim, "a.test")];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    // Something comes all the time: nobody suspects the connection.
    let busy = sim.spawn({
        let (client, runtime) = (client.clone(), sim.runtime());
        async move {
            loop {
                let _ = fetch(&client, A).await;
                runtime.sleep(TICK * 100).await;
            }
        }
    });
    drop(busy);
    let mut timed_out = 0;
    for _ in 0..2_000 {
        let request = client.get(format!("{A}/silent")).timeout(millis(1)).send();
        let result = sim.block_on(pin!(request)).expect("no dead-lock");
        timed_out += usize::from(result.is_err_and(|e| matches!(e.kind(), Kind::Timeout(_))));
    }
    assert_eq!(timed_out, 2_000);
    let worst = worst_second(&servers[0]);
    assert!(worst <= 2 * BURST, "{worst} resets in a second: {:?}", resets(&servers[0]));
}

/// A source of content that fails ends a stream, too.
#[test]
fn requests_whose_content_fails_in_a_row_do_not_look_like_an_attack_either() {
    let sim = calm();
    let servers = [site(&sim, "a.test")];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    for _ in 0..500 {
        let body = Body::reader(Broken);
        let request = client.post(format!("{A}/echo")).body(body).send();
        let result = sim.block_on(request).expect("no dead-lock");
        assert_eq!(result.map(|_| ()).map_err(|e| e.kind()), Err(Kind::Body));
        settle(&sim);
    }
    let seen = resets(&servers[0]);
    assert!(seen.iter().all(|resets| *resets <= BURST), "{seen:?}");
    expect_no_streams(&servers, "");
}

/// A reader that fails at once.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::Error::other("a failure of the source")))
    }
}
