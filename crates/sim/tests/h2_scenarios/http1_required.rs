//! Servers that speak HTTP/2 and ask for HTTP/1.1.

use http::{Method, Version};
use martlet::{Body, Delivery, ErrorCode, Kind};
use martlet_sim::h2::H2Link;
use martlet_sim::{Listener, Sim, SimRequest, SimResponse};

use crate::book::{Book, Failed};
use crate::common::{distant, millis, seconds, start};
use crate::world::{A, Feed, answer, client, expect_idle};

const REQUIRED: Kind = Kind::Reset(ErrorCode::HTTP_1_1_REQUIRED);

/// A world in which there is time, between the refusal and the next connection, to put another server in the place.
fn far() -> Sim {
    distant(millis(50))
}

/// Runs until the request is refused, and puts a server of HTTP/1.1 there.
fn replace(sim: &Sim, refusing: &Listener, refuse: impl FnOnce(&H2Link)) -> Listener {
    // Connected at 100 ms, the request there at 150; the refusal is under way then.
    sim.advance(millis(175)).expect("not endless");
    assert_eq!(refusing.log().len(), 1);
    assert_eq!(refusing.complaints(), Vec::<String>::new());
    refuse(&refusing.h2(0));
    sim.listen("a.test", 80, answer)
}

#[test]
fn r_13_a_stream_that_asks_for_http1_gets_it_and_the_origin_is_remembered() {
    let sim = far();
    let refusing = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::reset(0xd));
    let client = client(&sim);
    let book = Book::new(&client);
    let first = start(&sim, book.post(A, "content"));
    let a = replace(&sim, &refusing, |_| {});
    sim.advance(seconds(1)).expect("not endless");
    let answer = first.result().expect("it is over").expect("an answer");
    assert_eq!((answer.attempts, answer.version), (2, Version::HTTP_11));
    assert_eq!(a.log()[0].content, b"content");
    let accepted = a.accepted();
    let answer = sim.block_on(book.get("http://a.test/next")).expect("no dead-lock").expect("an answer");
    assert_eq!((answer.attempts, answer.version), (1, Version::HTTP_11));
    assert!(answer.is_reused);
    assert_eq!(a.accepted(), accepted);
    book.check(&[&a]);
}

#[test]
fn r_13_a_goaway_that_asks_for_http1_gets_it() {
    let sim = far();
    let refusing = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::silent());
    let client = client(&sim);
    let book = Book::new(&client);
    let first = start(&sim, book.post(A, "content"));
    let a = replace(&sim, &refusing, |link| {
        link.goaway(0, 0xd);
    });
    sim.advance(seconds(2)).expect("not endless");
    let answer = first.result().expect("it is over").expect("an answer");
    assert_eq!((answer.attempts, answer.version), (2, Version::HTTP_11));
    assert_eq!(a.log()[0].content, b"content");
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn content_that_is_half_sent_is_not_sent_by_http1_either() {
    let sim = far();
    let refusing = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::silent());
    let client = client(&sim);
    let book = Book::new(&client);
    let feed = Feed::default();
    feed.push(b"half");
    let first = start(&sim, book.post(A, Body::reader(feed.source())));
    let a = replace(&sim, &refusing, |link| link.reset_stream(1, 0xd));
    sim.advance(seconds(1)).expect("not endless");
    let failed = first.result().expect("it is over").expect_err("refused");
    assert_eq!(failed, Failed { kind: REQUIRED, delivery: Delivery::Refused, attempts: 1 });
    assert!(a.log().is_empty());
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// Whoever asks for HTTP/2 by name gets that or an error.
#[test]
fn a_request_that_must_be_http2_is_nothing_else() {
    let sim = far();
    let a = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::reset(0xd));
    let client = client(&sim);
    let book = Book::new(&client);
    let asked = book.send(Method::GET, A, |builder| builder.version(Version::HTTP_2));
    let failed = sim.block_on(asked).expect("no dead-lock").expect_err("refused");
    assert_eq!(failed, Failed { kind: REQUIRED, delivery: Delivery::Refused, attempts: 1 });
    assert_eq!(a.accepted(), 1);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// It refuses HTTP/2, and does not understand HTTP/1.1: that is told, without a loop.
#[test]
fn a_server_that_refuses_both_is_asked_once_by_each() {
    let sim = far();
    let a = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::reset(0xd));
    let client = client(&sim);
    let failed = sim.block_on(client.get(A).send()).expect("no dead-lock").expect_err("nothing works");
    assert_eq!((failed.attempts(), a.accepted()), (2, 2));
    assert!(matches!(failed.kind(), Kind::Closed(_) | Kind::Protocol), "{failed:?}");
    sim.advance(seconds(2)).expect("not endless");
    expect_idle(&sim, &client, 1);
}
