//! Content that is held back until the server asks for it.

use std::time::Duration;

use http::Method;
use martlet::{Body, BoxFuture, Delivery, ErrorCode, Kind};
use martlet_sim::h2::{FrameKind, H2Link, H2Server};
use martlet_sim::{Service, Sim, SimRequest, SimResponse};

use crate::book::{Book, Told};
use crate::common::{calm, distant, millis, seconds, settle, start};
use crate::world::{Feed, client, expect_idle, expect_pool, resets};

/// Refuses early what it is asked to, and asks for all other content.
struct Doorkeeper;

impl Service for Doorkeeper {
    fn respond(&mut self, request: SimRequest) -> SimResponse {
        SimResponse::ok(request.content)
    }

    fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
        match head.target.as_str() {
            "/403" => Some(SimResponse::new(403).piece("no")),
            "/417" => Some(SimResponse::new(417)),
            "/200" => Some(SimResponse::ok("yes")),
            "/refused" if head.nth == 0 => Some(SimResponse::refuse()),
            _ => None,
        }
    }
}

/// POST of `content` that is expected.
fn expecting(book: &Book, path: &str, body: impl Into<Body>) -> BoxFuture<'static, Told> {
    let url = format!("http://a.test{path}");
    book.send(Method::POST, &url, |builder| builder.header("expect", "100-continue").body(body))
}

fn content_at(link: &H2Link) -> Vec<Duration> {
    link.frames_of(FrameKind::Data).iter().filter(|frame| frame.len > 0).map(|frame| frame.at).collect()
}

#[test]
fn s096_31_a_the_content_goes_out_when_100_comes() {
    let sim = distant(millis(50));
    let a = sim.listen_h2("a.test", 80, Doorkeeper);
    let client = client(&sim);
    let book = Book::new(&client);
    let answer = sim.block_on(expecting(&book, "/a", "content")).expect("no dead-lock").expect("an answer");
    assert_eq!(answer.content, b"content");
    // Connected at 100 ms, the head there at 150, 100 here at 200.
    assert_eq!(content_at(&a.h2(0)), [millis(250)]);
    assert_eq!(sim.now(), millis(300));
    assert_eq!(a.log()[0].headers["expect"], "100-continue");
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s096_31_b_behind_a_refusal_the_content_is_never_sent() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, Doorkeeper);
    let client = client(&sim);
    let book = Book::new(&client);
    let feed = Feed::default();
    feed.push(b"content");
    let body = Body::reader(feed.source());
    let answer = sim.block_on(expecting(&book, "/403", body)).expect("no dead-lock").expect("an answer");
    assert_eq!((answer.status, answer.content.as_slice()), (403, &b"no"[..]));
    settle(&sim);
    assert_eq!((feed.polls(), feed.is_dropped()), (0, true));
    assert!(content_at(&a.h2(0)).is_empty());
    // The stream ends with a reset, the connection not at all.
    assert_eq!(resets(&a.h2(0)).len(), 1);
    sim.block_on(expecting(&book, "/next", "content")).expect("no dead-lock").expect("an answer");
    assert_eq!((a.accepted(), sim.now()), (1, millis(0)));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s096_31_c_without_an_answer_the_content_is_sent_after_a_second() {
    let sim = calm();
    // Whatever it says comes late.
    let settings = H2Server::new().settings_after(seconds(3));
    let a = sim.listen_h2_with("a.test", 80, settings, Doorkeeper);
    let client = client(&sim);
    let book = Book::new(&client);
    let feed = Feed::default();
    feed.push(b"content");
    feed.end();
    let waiting = start(&sim, expecting(&book, "/c", Body::reader(feed.source())));
    sim.advance(millis(999)).expect("not endless");
    assert_eq!(feed.polls(), 0);
    sim.advance(millis(1)).expect("not endless");
    assert_eq!(content_at(&a.h2(0)), [seconds(1)]);
    sim.advance(seconds(2)).expect("not endless");
    // (e): 100 came after it, and means nothing.
    let answer = waiting.result().expect("it is over").expect("an answer");
    assert_eq!((answer.content.as_slice(), answer.attempts), (&b"content"[..], 1));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s096_31_d_a_request_whose_expectation_fails_comes_again_without_it_once() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, Doorkeeper);
    let client = client(&sim);
    let book = Book::new(&client);
    let feed = Feed::default();
    feed.push(b"content");
    feed.end();
    let body = Body::reader(feed.source());
    let answer = sim.block_on(expecting(&book, "/417", body)).expect("no dead-lock").expect("an answer");
    // The server refuses the content itself, with or without an expectation.
    assert_eq!((answer.status, answer.attempts), (417, 2));
    settle(&sim);
    let came = a.h2(0).requests();
    let expects: Vec<_> = came.iter().map(|request| request.headers.contains_key("expect")).collect();
    assert_eq!(expects, [true, false]);
    assert_eq!(came[0].content, b"");
    // Two requests, which the book takes for one that came twice.
    expect_idle(&sim, &client, 1);
}

#[test]
fn s096_31_e_100_that_crosses_the_content_is_ignored() {
    let sim = distant(millis(600));
    let a = sim.listen_h2("a.test", 80, Doorkeeper);
    let client = client(&sim);
    let book = Book::new(&client);
    let answer = sim.block_on(expecting(&book, "/e", "content")).expect("no dead-lock").expect("an answer");
    assert_eq!(answer.content, b"content");
    // Connected at 1.2 s; a second of patience; under way for 0.6 s.
    assert_eq!(content_at(&a.h2(0)), [millis(2_800)]);
    assert_eq!(sim.now(), millis(3_400));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// Success without 100: the content is wanted all the same, or the stream would have been reset.
#[test]
fn s096_31_a_final_success_releases_the_content() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, Doorkeeper);
    let client = client(&sim);
    let book = Book::new(&client);
    let answer = sim.block_on(expecting(&book, "/200", "content")).expect("no dead-lock").expect("an answer");
    assert_eq!(answer.content, b"yes");
    settle(&sim);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// (f), for streams: refused while it waits, the content is whole still.
#[test]
fn s096_31_f_a_refusal_while_waiting_leaves_a_stream_to_be_sent_again() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, Doorkeeper);
    let client = client(&sim);
    let book = Book::new(&client);
    let feed = Feed::default();
    feed.push(b"content");
    feed.end();
    let body = Body::reader(feed.source());
    let answer = sim.block_on(expecting(&book, "/refused", body)).expect("no dead-lock").expect("an answer");
    assert_eq!((answer.content.as_slice(), answer.attempts), (&b"content"[..], 2));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// (f): the end of a connection that has answered before, and of one that has not.
#[test]
fn s096_31_f_an_end_while_waiting_is_an_error() {
    for is_proven in [true, false] {
        let sim = calm();
        let a = silent(&sim);
        let client = client(&sim);
        let book = Book::new(&client);
        if is_proven {
            sim.block_on(book.get("http://a.test/proof")).expect("no dead-lock").expect("an answer");
        }
        let waiting = start(&sim, expecting(&book, "/f", "content"));
        settle(&sim);
        expect_pool(&sim, &client, [1, 0, 1, 0, 0]);
        a.h2(0).swallow(FrameKind::Headers);
        a.h2(0).fin();
        settle(&sim);
        let failed = waiting.result().expect("it is over").expect_err("the end");
        assert!(matches!(failed.kind, Kind::Closed(_)), "{failed:?}");
        assert_eq!(failed.attempts, 1);
        expect_idle(&sim, &client, 0);
        book.check(&[&a]);
    }
}

/// Answers GET, and nothing that has content.
fn silent(sim: &Sim) -> martlet_sim::Listener {
    struct Silent;
    impl Service for Silent {
        fn respond(&mut self, _: SimRequest) -> SimResponse {
            SimResponse::ok("proof")
        }

        fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
            (head.method == "POST").then(|| SimResponse::ok("late").after(seconds(60)))
        }
    }
    sim.listen_h2("a.test", 80, Silent)
}

#[test]
fn s096_31_a_reset_while_waiting_is_told_as_it_is() {
    let sim = calm();
    let a = silent(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    let waiting = start(&sim, expecting(&book, "/reset", "content"));
    settle(&sim);
    a.h2(0).reset_stream(1, 0xb);
    settle(&sim);
    let failed = waiting.result().expect("it is over").expect_err("reset");
    assert_eq!(failed.kind, Kind::Reset(ErrorCode::ENHANCE_YOUR_CALM));
    assert_eq!((failed.delivery, failed.attempts), (Delivery::Unknown, 1));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}
