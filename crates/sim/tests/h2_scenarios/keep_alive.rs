//! PINGs that the client sends by itself, where it was told to.

use std::time::Duration;

use http::Method;
use martlet::{Client, Delivery, Kind, Phase};
use martlet_sim::Sim;
use martlet_sim::h2::{FrameKind, H2Server};

use crate::book::Book;
use crate::common::{calm, millis, seconds, settle, start};
use crate::world::{client_with, config, expect_idle, expect_pool, patient, pings, site, site_with};

/// Asks after two seconds of silence, and waits three for the answer.
fn asking(sim: &Sim) -> Client {
    let mut config = config();
    config.keep_alive_interval = Some(seconds(2));
    config.keep_alive_timeout = seconds(3);
    client_with(sim, |builder| builder.http2(config).keepalive_expiry(None))
}

#[test]
fn without_an_interval_nobody_is_asked() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = client_with(&sim, |builder| builder.keepalive_expiry(None));
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    sim.advance(seconds(3_600)).expect("not endless");
    assert!(pings(&a.h2(0)).is_empty());
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn an_idle_peer_that_answers_is_asked_at_every_interval() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = asking(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    sim.advance(millis(9_999)).expect("not endless");
    let expected: Vec<Duration> = (1..5).map(|n| seconds(2 * n)).collect();
    assert_eq!(pings(&a.h2(0)), expected);
    expect_idle(&sim, &client, 1);
    let answer = sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect("an answer");
    assert!(answer.is_reused);
    // What comes is a sign of life: silence counts from it.
    sim.advance(millis(1_999)).expect("not endless");
    assert_eq!(pings(&a.h2(0)).len(), 4);
    sim.advance(millis(1)).expect("not endless");
    assert_eq!(pings(&a.h2(0)).len(), 5);
    book.check(&[&a]);
}

#[test]
fn an_idle_peer_that_does_not_answer_is_left() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().answer_pings(false));
    let client = asking(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    sim.advance(millis(4_999)).expect("not endless");
    assert_eq!(pings(&a.h2(0)), [seconds(2)]);
    expect_idle(&sim, &client, 1);
    sim.advance(millis(1)).expect("not endless");
    expect_idle(&sim, &client, 0);
    let answer = sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect("an answer");
    assert!(!answer.is_reused);
    book.check(&[&a]);
}

#[test]
fn a_request_goes_on_as_long_as_the_peer_answers() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = asking(&sim);
    let book = Book::new(&client);
    let slow = book.send(Method::GET, "http://a.test/60000", |builder| builder.timeouts(patient()));
    let answer = sim.block_on(slow).expect("no dead-lock").expect("an answer");
    assert_eq!((answer.attempts, sim.now()), (1, seconds(60)));
    assert_eq!(pings(&a.h2(0)).len(), 29, "the answer comes at the time of the 30th");
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn a_request_fails_when_the_peer_does_not_answer() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().answer_pings(false));
    let client = asking(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    let began = sim.now();
    let slow =
        start(&sim, book.send(Method::GET, "http://a.test/60000", |builder| builder.timeouts(patient())));
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 1, 0, 0]);
    sim.advance(seconds(5)).expect("not endless");
    let failed = slow.result().expect("it is over").expect_err("silence");
    // Sent it was; a timeout is never sent again, GET or not.
    assert_eq!((failed.kind, failed.delivery), (Kind::Timeout(Phase::KeepAlive), Delivery::Unknown));
    assert_eq!((failed.attempts, sim.now()), (1, began + seconds(5)));
    expect_idle(&sim, &client, 0);
    book.check(&[&a]);
}

/// The answer is behind content that takes its time: as long as something comes, somebody is there.
#[test]
fn content_is_a_sign_of_life_although_the_answer_is_missing() {
    let sim = calm();
    let a = sim.listen_h2_with(
        "a.test",
        80,
        H2Server::new().answer_pings(false),
        |_: martlet_sim::SimRequest| {
            (0..10)
                .fold(martlet_sim::SimResponse::ok("x"), |response, _| response.pause(seconds(1)).piece("x"))
        },
    );
    let client = asking(&sim);
    let book = Book::new(&client);
    let answer = sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    assert_eq!((answer.content.len(), sim.now()), (11, seconds(10)));
    assert!(a.h2(0).frames_of(FrameKind::Ping).is_empty());
    book.check(&[&a]);
}
