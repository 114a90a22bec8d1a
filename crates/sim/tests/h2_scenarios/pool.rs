//! Limits of connections, where a connection that nobody uses is idle although it is open.

use martlet::{Kind, Phase};
use martlet_sim::h2::H2Server;
use martlet_sim::{Sim, SimConfig, for_each_seed};

use crate::book::Book;
use crate::common::{calm, distant, drop_inside, hold, millis, seconds, settle, start};
use crate::world::{
    A, B, CANCEL, Feed, client, client_with, expect_idle, expect_pool, farewells, limited, resets, rest,
    site, site_with,
};

#[test]
fn s289_01_an_idle_connection_takes_leave_at_once_for_another_origin() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    sim.block_on(book.get(A)).expect("no dead-lock").expect("an answer");
    expect_idle(&sim, &client, 1);
    assert!(farewells(&a.h2(0)).is_empty());
    sim.block_on(book.get(B)).expect("no dead-lock").expect("an answer");
    settle(&sim);
    expect_idle(&sim, &client, 1);
    assert_eq!(sim.now(), millis(0));
    // NO_ERROR.
    assert_eq!(farewells(&a.h2(0)), [0]);
    assert!(farewells(&b.h2(0)).is_empty());
    book.check(&[&a, &b]);
}

#[test]
fn s289_01_the_way_to_the_evicted_origin_costs_no_time() {
    let sim = distant(millis(50));
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    sim.block_on(book.get(A)).expect("no dead-lock").expect("an answer");
    let took = sim.now();
    sim.block_on(book.get(B)).expect("no dead-lock").expect("an answer");
    assert_eq!(sim.now(), took * 2);
    sim.advance(seconds(1)).expect("not endless");
    expect_idle(&sim, &client, 1);
    assert_eq!(farewells(&a.h2(0)), [0]);
    book.check(&[&a, &b]);
}

/// Not even GOAWAY gets through: the buffers are full of an upload that was given up.
#[test]
fn s289_01_a_peer_that_reads_nothing_is_left_all_the_same() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    sim.block_on(book.get(A)).expect("no dead-lock").expect("an answer");
    a.h2(0).stop_reading();
    let upload = start(&sim, book.post("http://a.test/upload", vec![0; 900_000]));
    sim.advance(seconds(6)).expect("not endless");
    let failed = upload.result().expect("it is over").expect_err("nobody reads");
    assert_eq!(failed.kind, Kind::Timeout(Phase::Send));
    let before = sim.now();
    sim.block_on(book.get(B)).expect("no dead-lock").expect("an answer");
    assert_eq!(sim.now(), before);
    // A second is all that is spent on leaving.
    sim.advance(seconds(1)).expect("not endless");
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b]);
}

#[test]
fn s289_02_a_response_that_is_held_lets_others_time_out_and_stays_readable() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/held");
    let failed = sim.block_on(book.get(B)).expect("no dead-lock").expect_err("no slot is free");
    assert_eq!(failed.kind, Kind::Timeout(Phase::Pool));
    assert_eq!(sim.now(), seconds(5));
    expect_pool(&sim, &client, [1, 0, 1, 0, 0]);
    assert_eq!(rest(&sim, held).expect("it is whole"), b"/held");
    expect_idle(&sim, &client, 1);
    assert_eq!(b.accepted(), 0);
    book.check(&[&a, &b]);
}

#[test]
fn s289_03_a_response_that_is_dropped_is_reset_and_leaves_its_place() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/stall");
    let other = start(&sim, book.get(B));
    sim.advance(millis(1_500)).expect("not endless");
    assert!(!other.is_over());
    drop_inside(&sim, held);
    settle(&sim);
    assert!(other.result().expect("it needs no timer").is_ok());
    assert_eq!(sim.now(), millis(1_500));
    assert_eq!(resets(&a.h2(0)), [(1, CANCEL)]);
    assert_eq!(farewells(&a.h2(0)), [0]);
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b]);
}

#[test]
fn s289_04_a_slot_that_becomes_free_is_used_in_the_same_turn() {
    for_each_seed(0..60, |seed| {
        let mut config = SimConfig::calm();
        config.shuffle_tasks = true;
        config.spurious_pending = 30;
        config.segment = 1..=40;
        let sim = Sim::with_config(seed, config);
        let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
        let client = limited(&sim, 1);
        let book = Book::new(&client);
        let held = hold(&sim, &client, "http://a.test/held");
        let waiting = start(&sim, book.get(B));
        sim.advance(millis(500)).expect("not endless");
        assert!(!waiting.is_over());
        let read = start(&sim, async move { held.bytes().await.is_ok() });
        settle(&sim);
        assert_eq!(read.result(), Some(true));
        assert!(waiting.result().is_some_and(|told| told.is_ok()), "{client:?}\n{}", sim.trace());
        assert_eq!(sim.now(), millis(500));
        expect_idle(&sim, &client, 1);
        book.check(&[&a, &b]);
    });
}

#[test]
fn s289_05_the_wait_for_a_stream_is_a_wait_for_the_pool() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(1));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/held");
    let failed = sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect_err("no stream");
    assert_eq!((failed.kind, sim.now()), (Kind::Timeout(Phase::Pool), seconds(5)));
    let waiting = start(&sim, book.get("http://a.test/r2"));
    sim.advance(seconds(1)).expect("not endless");
    expect_pool(&sim, &client, [1, 0, 1, 0, 1]);
    rest(&sim, held).expect("it is whole");
    settle(&sim);
    assert!(waiting.result().is_some_and(|told| told.is_ok()));
    assert_eq!((a.accepted(), a.h2(0).peak_streams()), (1, 1));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_06_a_connection_without_a_stream_gets_a_sibling_that_expires() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(1));
    let client = limited(&sim, 2);
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/held");
    sim.block_on(book.get("http://a.test/second")).expect("no dead-lock").expect("an answer");
    assert_eq!(sim.now(), millis(0));
    expect_pool(&sim, &client, [2, 1, 1, 0, 0]);
    // Both are full: whoever comes now waits.
    let other = hold(&sim, &client, "http://a.test/other");
    let third = start(&sim, book.get("http://a.test/third"));
    settle(&sim);
    expect_pool(&sim, &client, [2, 0, 2, 0, 1]);
    rest(&sim, other).expect("it is whole");
    settle(&sim);
    assert!(third.result().is_some_and(|told| told.is_ok()));
    rest(&sim, held).expect("it is whole");
    expect_idle(&sim, &client, 2);
    for n in 0..6 {
        sim.block_on(book.get(&format!("http://a.test/more/{n}"))).expect("no dead-lock").expect("an answer");
        sim.advance(seconds(1)).expect("not endless");
    }
    expect_idle(&sim, &client, 1);
    assert_eq!(a.accepted(), 2);
    book.check(&[&a]);
}

#[test]
fn s289_06_a_sibling_can_be_forbidden() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(1));
    let client = client_with(&sim, |builder| builder.max_connections(2).second_http2_connection(false));
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/held");
    let second = start(&sim, book.get("http://a.test/second"));
    sim.advance(seconds(4)).expect("not endless");
    expect_pool(&sim, &client, [1, 0, 1, 0, 1]);
    rest(&sim, held).expect("it is whole");
    settle(&sim);
    assert!(second.result().is_some_and(|told| told.is_ok()));
    assert_eq!(a.accepted(), 1);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// The window of the connection goes back with what was dropped: a hundred times of it fit through.
#[test]
fn s289_03_what_a_dropped_response_held_of_the_window_comes_back() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, |request: martlet_sim::SimRequest| {
        let response = martlet_sim::SimResponse::ok(vec![0; 60_000]);
        if request.target == "/end" { response } else { response.chunked().stall() }
    });
    let mut config = crate::world::config();
    config.connection_window = 65_535;
    let client = client_with(&sim, |builder| builder.http2(config));
    let book = Book::new(&client);
    for n in 0..100 {
        let held = hold(&sim, &client, &format!("http://a.test/r{n}"));
        settle(&sim);
        drop_inside(&sim, held);
        sim.advance(millis(10)).expect("not endless");
    }
    sim.block_on(book.get("http://a.test/end")).expect("no dead-lock").expect("an answer");
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// With many at once none is lost and none too many.
#[test]
fn s289_06_as_many_connections_as_the_limits_of_streams_ask_for() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(10));
    let client = client(&sim);
    let book = Book::new(&client);
    // Now it is known how many it takes.
    sim.block_on(book.get("http://a.test/0/first")).expect("no dead-lock").expect("an answer");
    let all: Vec<_> = (0..40).map(|n| start(&sim, book.get(&format!("http://a.test/1000/{n}")))).collect();
    sim.run().expect("no dead-lock");
    assert!(all.iter().all(|told| told.result().is_some_and(|told| told.is_ok())));
    let peaks: Vec<usize> = (0..a.accepted()).map(|nth| a.h2(nth).peak_streams()).collect();
    assert!(peaks.iter().all(|peak| *peak >= 1), "{peaks:?}");
    expect_idle(&sim, &client, 0);
    book.check(&[&a]);
}

/// What is uploaded holds its stream as well.
#[test]
fn s289_02_an_upload_that_is_under_way_is_not_idle() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let feed = Feed::default();
    let upload = start(&sim, book.post("http://a.test/upload", martlet::Body::reader(feed.source())));
    settle(&sim);
    let other = start(&sim, book.get(B));
    sim.advance(seconds(2)).expect("not endless");
    expect_pool(&sim, &client, [1, 0, 1, 0, 1]);
    feed.push(b"content");
    feed.end();
    settle(&sim);
    assert!(upload.result().is_some_and(|told| told.is_ok()));
    assert!(other.result().is_some_and(|told| told.is_ok()));
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b]);
}
