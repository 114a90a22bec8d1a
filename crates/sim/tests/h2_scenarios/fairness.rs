//! Who is next: waiters of several origins, and a connection that is never idle.

use martlet::{Delivery, Kind, Phase};
use martlet_sim::h2::H2Server;
use martlet_sim::{Fault, Sim};

use crate::book::Book;
use crate::common::{Held, calm, dials, distant, drop_inside, hold, millis, seconds, settle, start};
use crate::world::{A, B, C, expect_idle, expect_pool, limited, rest, site, site_with};

/// Requests of 100 ms each that overlap, for so many milliseconds.
fn keep_busy(sim: &Sim, book: &Book, host: &str, span: u64) {
    for n in 0..span / 50 {
        let request = book.get(&format!("http://{host}/100/{n}"));
        let sleep = sim.sleep(millis(n * 50));
        sim.spawn(async move {
            sleep.await;
            request.await.expect("an answer");
        });
    }
}

#[test]
fn s289_09_a_connection_that_is_never_idle_is_drained_for_another_origin() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    keep_busy(&sim, &book, "a.test", 2_000);
    sim.advance(millis(510)).expect("not endless");
    expect_pool(&sim, &client, [1, 0, 2, 0, 0]);
    let other = start(&sim, book.get(B));
    // The last of those that run began at 500 ms.
    sim.advance(millis(89)).expect("not endless");
    assert!(!other.is_over());
    sim.advance(millis(1)).expect("not endless");
    assert!(other.result().is_some_and(|told| told.is_ok()));
    sim.run().expect("no dead-lock");
    // There and back, for one.
    assert_eq!((a.accepted(), b.accepted()), (2, 1));
    expect_idle(&sim, &client, 0);
    book.check(&[&a, &b]);
}

#[test]
fn s289_09_one_endless_stream_does_not_stop_the_client() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let endless = hold(&sim, &client, "http://a.test/stall");
    let other = start(&sim, book.get(B));
    settle(&sim);
    let same = start(&sim, book.get(A));
    sim.advance(millis(999)).expect("not endless");
    assert!(!same.is_over(), "it takes no new streams");
    sim.advance(millis(1)).expect("not endless");
    assert!(same.result().is_some_and(|told| told.is_ok()), "the mark was lifted");
    sim.advance(seconds(4)).expect("not endless");
    let failed = other.result().expect("it is over").expect_err("no slot is free");
    assert_eq!(failed.kind, Kind::Timeout(Phase::Pool));
    // Who has gone blocks nobody.
    let after = sim.now();
    sim.block_on(book.get("http://a.test/after")).expect("no dead-lock").expect("an answer");
    assert_eq!(sim.now(), after);
    drop_inside(&sim, endless);
    settle(&sim);
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b]);
}

#[test]
fn s289_09_the_mark_goes_with_the_waiter() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let endless = hold(&sim, &client, "http://a.test/stall");
    let mut other = Held::new(book.get(B));
    assert!(other.poll(&sim).is_none());
    let same = start(&sim, book.get(A));
    settle(&sim);
    assert!(!same.is_over());
    other.cancel(&sim);
    settle(&sim);
    assert!(same.result().is_some_and(|told| told.is_ok()));
    assert_eq!(sim.now(), millis(0));
    drop_inside(&sim, endless);
    settle(&sim);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_09_the_mark_moves_on_to_a_connection_that_can_be_drained() {
    let sim = calm();
    let (a, b, c) = (site(&sim, "a.test"), site(&sim, "b.test"), site(&sim, "c.test"));
    let client = limited(&sim, 2);
    let book = Book::new(&client);
    let endless = hold(&sim, &client, "http://a.test/stall");
    keep_busy(&sim, &book, "c.test", 3_000);
    sim.advance(millis(510)).expect("not endless");
    // A has the fewest streams: it is marked first.
    expect_pool(&sim, &client, [2, 0, 3, 0, 0]);
    let other = start(&sim, book.get(B));
    sim.advance(millis(1_000)).expect("not endless");
    assert!(!other.is_over());
    sim.advance(millis(100)).expect("not endless");
    assert!(other.result().is_some_and(|told| told.is_ok()));
    sim.advance(seconds(3)).expect("not endless");
    drop_inside(&sim, endless);
    sim.run().expect("no dead-lock");
    expect_idle(&sim, &client, 0);
    book.check(&[&a, &b, &c]);
}

#[test]
fn s289_10_waiters_are_served_in_their_order() {
    let sim = calm();
    let (a, b, c) = (site(&sim, "a.test"), site(&sim, "b.test"), site(&sim, "c.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/held");
    // Each takes a second, so that the order shows.
    let urls = ["http://b.test/1000/1", "http://c.test/1000/2", "http://a.test/1000/3"];
    let waiting = urls.map(|url| {
        let waiting = start(&sim, book.get(url));
        settle(&sim);
        waiting
    });
    expect_pool(&sim, &client, [1, 0, 1, 0, 3]);
    rest(&sim, held).expect("it is whole");
    for turn in 0..3 {
        sim.advance(seconds(1)).expect("not endless");
        let over: Vec<bool> = waiting.iter().map(|waiting| waiting.is_over()).collect();
        assert_eq!(over, [true, turn >= 1, turn >= 2], "{}", sim.trace());
    }
    assert!(waiting.iter().all(|told| told.result().is_some_and(|told| told.is_ok())));
    assert_eq!(sim.now(), seconds(3));
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b, &c]);
}

#[test]
fn s289_11_a_waiter_that_goes_leaves_its_turn_to_the_next() {
    let sim = calm();
    let (a, b, c) = (site(&sim, "a.test"), site(&sim, "b.test"), site(&sim, "c.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/held");
    let mut first = Held::new(book.get(B));
    assert!(first.poll(&sim).is_none());
    let second = start(&sim, book.get(C));
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 1, 0, 2]);
    first.cancel(&sim);
    expect_pool(&sim, &client, [1, 0, 1, 0, 1]);
    drop_inside(&sim, held);
    settle(&sim);
    assert!(second.result().is_some_and(|told| told.is_ok()));
    expect_idle(&sim, &client, 1);
    assert_eq!((b.accepted(), sim.now()), (0, millis(0)));
    book.check(&[&a, &b, &c]);
}

#[test]
fn s289_12_a_stream_that_was_given_out_keeps_its_connection_while_nobody_polls() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(1));
    let b = site(&sim, "b.test");
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/held");
    let mut reserved = Held::new(book.get(A));
    assert!(reserved.poll(&sim).is_none());
    rest(&sim, held).expect("it is whole");
    expect_pool(&sim, &client, [1, 0, 1, 0, 0]);
    let other = start(&sim, book.get(B));
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 1, 0, 1]);
    assert!(reserved.finish(&sim).is_ok());
    settle(&sim);
    assert!(other.result().is_some_and(|told| told.is_ok()));
    assert_eq!((dials(&sim), sim.now()), (2, millis(0)));
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b]);
}

/// The connection itself, where the one that was given it is not polled and it would be idle otherwise.
#[test]
fn s289_12_a_first_stream_that_nobody_polls_keeps_its_connection() {
    let sim = calm();
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let mut reserved = Held::new(book.get(A));
    assert!(reserved.poll(&sim).is_none());
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 1, 0, 0]);
    let other = start(&sim, book.get(B));
    settle(&sim);
    assert!(!other.is_over());
    reserved.cancel(&sim);
    settle(&sim);
    assert!(other.result().is_some_and(|told| told.is_ok()));
    assert!(a.log().is_empty());
    assert!(a.h2(0).frames_of(martlet_sim::h2::FrameKind::RstStream).is_empty());
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b]);
}

#[test]
fn s289_13_of_two_waiters_exactly_one_gets_a_stream_that_becomes_free() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(1));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let held = hold(&sim, &client, "http://a.test/held");
    let first = start(&sim, book.get("http://a.test/1000/1"));
    settle(&sim);
    let second = start(&sim, book.get("http://a.test/1000/2"));
    settle(&sim);
    rest(&sim, held).expect("it is whole");
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 1, 0, 1]);
    sim.advance(seconds(1)).expect("not endless");
    assert!(first.is_over() && !second.is_over());
    sim.advance(seconds(1)).expect("not endless");
    assert!(second.is_over());
    assert_eq!((dials(&sim), a.h2(0).peak_streams()), (1, 1));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_14_a_dial_that_fails_fails_who_shares_it_and_leaves_its_slot() {
    let sim = distant(millis(100));
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    a.fail_next(Fault::Refuse);
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let same: Vec<_> = (0..3).map(|n| start(&sim, book.get(&format!("http://a.test/r{n}")))).collect();
    settle(&sim);
    let other = start(&sim, book.get(B));
    settle(&sim);
    expect_pool(&sim, &client, [0, 0, 0, 1, 4]);
    sim.advance(millis(200)).expect("not endless");
    for told in &same {
        let failed = told.result().expect("it is over").expect_err("refused");
        assert_eq!((failed.kind, failed.delivery), (Kind::Connect, Delivery::NotSent));
    }
    expect_pool(&sim, &client, [0, 0, 0, 1, 1]);
    // There and back twice: to connect, and to ask.
    sim.advance(millis(400)).expect("not endless");
    assert!(other.result().is_some_and(|told| told.is_ok()));
    // The origin is not given up for ever.
    sim.block_on(book.get("http://a.test/again")).expect("no dead-lock").expect("an answer");
    sim.advance(seconds(1)).expect("not endless");
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b]);
}

#[test]
fn s289_15_a_pending_dial_outlives_the_request_that_began_it() {
    for at in [0, 50, 150] {
        let sim = distant(millis(100));
        let a = site(&sim, "a.test");
        let client = limited(&sim, 10);
        let book = Book::new(&client);
        let mut first = Held::new(book.get(A));
        assert!(first.poll(&sim).is_none());
        let others: Vec<_> = (0..4).map(|n| start(&sim, book.get(&format!("http://a.test/r{n}")))).collect();
        settle(&sim);
        expect_pool(&sim, &client, [0, 0, 0, 1, 5]);
        sim.advance(millis(at)).expect("not endless");
        first.cancel(&sim);
        expect_pool(&sim, &client, [0, 0, 0, 1, 4]);
        sim.advance(millis(400 - at)).expect("not endless");
        assert!(others.iter().all(|told| told.result().is_some_and(|told| told.is_ok())), "at {at}");
        assert_eq!((dials(&sim), a.log().len()), (1, 4));
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

#[test]
fn s289_15_a_pending_dial_that_nobody_wants_any_more_is_given_up() {
    let sim = distant(millis(100));
    let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let mut first = Held::new(book.get(A));
    assert!(first.poll(&sim).is_none());
    sim.advance(millis(50)).expect("not endless");
    first.cancel(&sim);
    let other = start(&sim, book.get(B));
    sim.advance(millis(550)).expect("not endless");
    assert!(other.result().is_some_and(|told| told.is_ok()), "{}", sim.trace());
    assert!(a.log().is_empty());
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b]);
}
