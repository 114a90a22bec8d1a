//! Responses that come before the request has gone out.

use martlet::{Body, Kind};
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{Listener, Service, Sim, SimRequest, SimResponse};

use crate::book::Book;
use crate::common::{calm, distant, millis, seconds, settle, start};
use crate::world::{Feed, client, expect_idle, expect_pool, resets, rest};

/// Answers before the content has come, by what it is asked for.
struct Early;

impl Service for Early {
    fn respond(&mut self, request: SimRequest) -> SimResponse {
        SimResponse::ok(request.content)
    }

    fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
        let response = match head.target.as_str() {
            "/enough" => SimResponse::ok("enough").reset_after(6, 0x0),
            "/empty" => SimResponse::new(204).reset_after(0, 0x0),
            "/unsized" => SimResponse::ok("enough").chunked().reset_after(6, 0x0),
            "/too-large" => SimResponse::new(413).piece("too large"),
            "/slow" => SimResponse::ok("one").pause(seconds(2)).piece("two"),
            "/refused" => SimResponse::reset(0x7),
            "/denied" => SimResponse::reset(0x2),
            _ => return None,
        };
        Some(response)
    }
}

fn early(sim: &Sim) -> Listener {
    sim.listen_h2("a.test", 80, Early)
}

#[test]
fn s096_32_no_error_behind_a_whole_response_is_a_success_and_ends_the_upload() {
    for (path, content) in [("enough", &b"enough"[..]), ("unsized", b"enough"), ("empty", b"")] {
        let sim = calm();
        let a = early(&sim);
        let client = client(&sim);
        let book = Book::new(&client);
        let feed = Feed::default();
        feed.push(&[b'x'; 1_000]);
        let upload = start(&sim, book.post(&format!("http://a.test/{path}"), Body::reader(feed.source())));
        settle(&sim);
        let answer = upload.result().expect("it needs no more").expect(path);
        assert_eq!((answer.content.as_slice(), answer.attempts), (content, 1), "{path}");
        assert!(feed.is_dropped(), "{path}");
        let polls = feed.polls();
        feed.push(b"more");
        settle(&sim);
        assert_eq!(feed.polls(), polls);
        sim.block_on(book.post("http://a.test/next", "content")).expect("no dead-lock").expect("an answer");
        assert_eq!(a.accepted(), 1);
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

/// However it is cut, and whatever of it arrives together.
#[test]
fn s096_32_a_large_upload_is_given_up_for_the_response() {
    for latency in [0, 1, 40] {
        let sim = distant(millis(latency));
        let a = early(&sim);
        let client = client(&sim);
        let book = Book::new(&client);
        let upload = book.post("http://a.test/enough", vec![0; 50_000_000]);
        let answer = sim.block_on(upload).expect("no dead-lock").expect("an answer");
        assert_eq!(answer.content, b"enough");
        sim.advance(seconds(1)).expect("not endless");
        assert!(a.log()[0].content.len() < 5_000_000, "{}", a.log()[0].content.len());
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

/// The server says nothing about the rest of the request: the client is the one to end it.
#[test]
fn an_early_response_that_was_read_gives_up_an_upload_that_is_stuck() {
    let sim = calm();
    let a = early(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    let feed = Feed::default();
    let upload = start(&sim, book.post("http://a.test/too-large", Body::reader(feed.source())));
    settle(&sim);
    let answer = upload.result().expect("it needs no more").expect("an answer");
    assert_eq!((answer.status, answer.content.as_slice()), (413, &b"too large"[..]));
    assert!(feed.is_dropped());
    settle(&sim);
    assert_eq!(resets(&a.h2(0)).len(), 1, "{}", sim.trace());
    assert_eq!(a.h2(0).active_streams(), 0);
    assert_eq!((a.complaints(), sim.now()), (vec![], millis(0)));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn an_early_head_lets_both_sides_go_on() {
    let sim = calm();
    let a = early(&sim);
    let client = client(&sim);
    let feed = Feed::default();
    feed.push(b"begin");
    let sent = client.post("http://a.test/slow").body(Body::reader(feed.source())).send();
    let mut response = sim.block_on(sent).expect("no dead-lock").expect("a head");
    expect_pool(&sim, &client, [1, 0, 1, 0, 0]);
    let first = sim.block_on(response.chunk()).expect("no dead-lock").expect("content");
    assert_eq!(first.as_deref(), Some(&b"one"[..]));
    feed.push(b" and end");
    feed.end();
    let left = rest(&sim, response).expect("it is whole");
    assert_eq!((left.as_slice(), sim.now()), (&b"two"[..], seconds(2)));
    settle(&sim);
    let log = a.log();
    assert_eq!((log[0].content.as_slice(), log[0].complete), (&b"begin and end"[..], true));
    assert!(resets(&a.h2(0)).is_empty());
    expect_idle(&sim, &client, 1);
    assert_eq!(a.complaints(), Vec::<String>::new());
}

#[test]
fn an_upload_whose_source_fails_ends_alone() {
    struct Broken;
    impl futures_io::AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut [u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            std::task::Poll::Ready(Err(std::io::Error::other("no more")))
        }
    }
    let sim = calm();
    let a = early(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    let told = sim.block_on(book.post("http://a.test/later", Body::reader(Broken))).expect("no dead-lock");
    let failed = told.expect_err("the content failed");
    assert_eq!(failed.kind, Kind::Body);
    settle(&sim);
    assert_eq!(resets(&a.h2(0)).len(), 1);
    assert!(a.log().iter().all(|seen| !seen.complete && !seen.processed));
    sim.block_on(book.post("http://a.test/next", "content")).expect("no dead-lock").expect("an answer");
    assert_eq!(a.accepted(), 1);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// Refused while the content is on its way: what can be sent again is, the rest is an error.
#[test]
fn an_upload_that_is_refused_on_its_way() {
    let sim = calm();
    let a = early(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    let feed = Feed::default();
    feed.push(b"begin");
    let streamed = start(&sim, book.post("http://a.test/refused", Body::reader(feed.source())));
    settle(&sim);
    let failed = streamed.result().expect("it is over").expect_err("refused");
    assert_eq!((failed.kind, failed.attempts), (Kind::Reset(martlet::ErrorCode::REFUSED_STREAM), 1));
    assert_eq!(failed.delivery, martlet::Delivery::Refused);
    assert!(feed.is_dropped());
    let told = sim.block_on(book.post("http://a.test/denied", vec![0; 200_000])).expect("no dead-lock");
    let failed = told.expect_err("denied");
    assert_eq!((failed.kind, failed.attempts), (Kind::Reset(martlet::ErrorCode::INTERNAL_ERROR), 1));
    assert_eq!(failed.delivery, martlet::Delivery::Unknown);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// A window of the server's that never opens again: the upload times out, the connection lives.
#[test]
fn an_upload_that_the_server_does_not_take_times_out_alone() {
    let sim = calm();
    let settings = H2Server::new().window(10_000).swallow(FrameKind::WindowUpdate);
    let a = sim.listen_h2_with("a.test", 80, settings, Early);
    let client = client(&sim);
    let book = Book::new(&client);
    // Before the server has said how small its window is, it is taken to be larger.
    sim.block_on(book.get("http://a.test/first")).expect("no dead-lock").expect("an answer");
    let told = sim.block_on(book.post("http://a.test/stuck", vec![0; 40_000])).expect("no dead-lock");
    let failed = told.expect_err("no window");
    assert_eq!(failed.kind, Kind::Timeout(martlet::Phase::Send));
    assert_eq!((failed.delivery, sim.now()), (martlet::Delivery::Unknown, seconds(5)));
    settle(&sim);
    assert_eq!(resets(&a.h2(0)).len(), 1);
    assert_eq!(a.log()[1].content.len(), 10_000);
    expect_pool(&sim, &client, [1, 1, 0, 0, 0]);
    book.check(&[&a]);
}
