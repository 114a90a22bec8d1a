//! Content that is held back until the server asks for it.

use martlet::{Body, Closed, Delivery, DeliveryWatch, Kind, RequestBuilder};
use martlet_sim::{Fault, Script, Sim};

use crate::common::feed::Feed;
use crate::common::leave::{Leave, listen, trusting, url};
use crate::common::{calm, expect_pool, millis, seconds, settle, start};
use crate::world::{OK, expect_next_on_another, send};

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno";
const FAILED: &str = "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n";

/// POST of content that is expected.
fn expecting(request: RequestBuilder, body: impl Into<Body>) -> RequestBuilder {
    request.header("expect", "100-continue").body(body)
}

fn next() -> Script {
    Script::new().expect_head().send(OK).read_to_end()
}

#[test]
fn s096_31_a_the_content_goes_out_when_100_comes() {
    for is_tls in [false, true] {
        let sim = calm();
        let script = Script::new().expect_head().pause(millis(400)).send(CONTINUE);
        let server = listen(&sim, is_tls, [script.expect("content").send(OK).read_to_end()]);
        let client = trusting(&sim, |builder| builder);
        let feed = Feed::default();
        feed.push(b"content");
        let body = Body::sized_reader(7, feed.source());
        let asked = start(&sim, send(expecting(client.post(url(is_tls)), body).send()));
        sim.advance(millis(399)).expect("not endless");
        assert_eq!(feed.polls(), 0);
        assert_eq!(server.log()[0].content, b"");
        feed.end();
        sim.advance(millis(1)).expect("not endless");
        assert_eq!(asked.result().expect("it is over").expect("an answer").0, 200);
        expect_pool(&sim, &client, [1, 0, 0, 0]);
        assert_eq!(server.complaints(), Vec::<String>::new());
    }
}

/// The server is owed content that it does not want: nothing else can be said on this connection.
#[test]
fn s096_31_b_behind_a_refusal_the_content_is_never_sent_and_the_connection_is_closed() {
    for is_tls in [false, true] {
        let sim = calm();
        let server = listen(&sim, is_tls, [Script::new().expect_head().send(REFUSED).read_to_end(), next()]);
        let client = trusting(&sim, |builder| builder);
        let feed = Feed::default();
        feed.push(b"content");
        let body = Body::reader(feed.source());
        let sent =
            sim.block_on(send(expecting(client.post(url(is_tls)), body).send())).expect("no dead-lock");
        let (status, content) = sent.expect("an answer");
        assert_eq!((status, content.as_slice()), (403, &b"no"[..]));
        assert_eq!((feed.polls(), feed.is_dropped()), (0, true));
        expect_next_on_another(&sim, &client, is_tls);
        assert!(server.log()[0].content.is_empty() && !server.log()[0].complete);
    }
}

#[test]
fn s096_31_c_without_an_answer_the_content_is_sent_after_a_second() {
    let sim = calm();
    let script = Script::new().expect_head().expect("content").send(OK).read_to_end();
    let server = listen(&sim, false, [script]);
    let client = trusting(&sim, |builder| builder);
    let asked = start(&sim, send(expecting(client.post(url(false)), "content").send()));
    sim.advance(millis(999)).expect("not endless");
    assert_eq!(server.log()[0].content, b"");
    sim.advance(millis(1)).expect("not endless");
    assert_eq!(asked.result().expect("it is over").expect("an answer").0, 200);
    assert!(server.log()[0].complete);
}

#[test]
fn s096_31_d_what_fails_an_expectation_is_sent_again_without_it_once() {
    // What the second attempt is answered by, and what the user sees of it.
    for (second, status) in [(OK, 200), (FAILED, 417)] {
        let sim = calm();
        let script = Script::new().expect_head().expect("content").send(second).read_to_end();
        let server = listen(&sim, false, [Script::new().expect_head().send(FAILED).read_to_end(), script]);
        let client = trusting(&sim, |builder| builder);
        let feed = Feed::default();
        feed.push(b"content");
        feed.end();
        let body = Body::sized_reader(7, feed.source());
        let request = expecting(client.post(url(false)), body);
        let response = sim.block_on(request.send()).expect("no dead-lock").expect("an answer");
        assert_eq!((response.status().as_u16(), response.attempts()), (status, 2));
        drop(response);
        settle(&sim);
        let log = server.log();
        let expects: Vec<_> = log.iter().map(|seen| seen.headers.contains_key("expect")).collect();
        assert_eq!(expects, [true, false]);
        assert_eq!((log[0].content.as_slice(), log[1].content.as_slice()), (&b""[..], &b"content"[..]));
        assert_eq!((server.accepted(), server.complaints()), (2, Vec::new()));
    }
}

/// What is on its way is not sent twice, whether the connection was used before or not.
#[test]
fn s096_31_d_an_expectation_that_fails_behind_the_content_is_the_answer() {
    for reused in [false, true] {
        let sim = calm();
        let script = if reused { Script::new().expect_head().send(OK) } else { Script::new() };
        let late = script.expect_head().expect("content").send(FAILED).expect_head().send(OK);
        let server = listen(&sim, false, [late.read_to_end()]);
        let client = trusting(&sim, |builder| builder);
        if reused {
            sim.block_on(send(client.get(url(false)).send())).expect("no dead-lock").expect("an answer");
        }
        let request = expecting(client.put(url(false)), "content");
        let response = sim.block_on(request.send()).expect("no dead-lock").expect("an answer");
        assert_eq!((response.status().as_u16(), response.attempts()), (417, 1));
        assert_eq!(server.log().len(), 1 + usize::from(reused));
    }
}

/// The server has seen the head, and has answered it: that stays true when the request without it is lost.
#[test]
fn s096_31_d_what_becomes_of_the_second_request_does_not_unmake_the_first() {
    let sim = calm();
    let server = listen(&sim, false, [Script::new().expect_head().pause(millis(10)).send(FAILED).fin()]);
    let client = trusting(&sim, |builder| builder);
    let watch = DeliveryWatch::new();
    let request = expecting(client.post(url(false)), "content").watch(&watch).replay(false);
    let asked = start(&sim, send(request.send()));
    settle(&sim);
    server.fail_always(Some(Fault::Refuse));
    sim.advance(seconds(1)).expect("not endless");
    let e = asked.result().expect("it is over").expect_err("nobody is there any more");
    assert_eq!(
        (e.kind(), e.delivery(), watch.delivery()),
        (Kind::Connect, Delivery::Answered, Delivery::Answered)
    );
    assert_eq!(e.attempts(), 2);
}

#[test]
fn s096_31_e_100_that_comes_too_late_is_ignored() {
    let sim = calm();
    let script = Script::new().expect_head().expect("content").send(CONTINUE).pause(seconds(1)).send(OK);
    let server = listen(&sim, false, [script.expect_head().send(OK).read_to_end()]);
    let client = trusting(&sim, |builder| builder);
    for _ in 0..2 {
        let request = if server.accepted() == 0 {
            expecting(client.post(url(false)), "content")
        } else {
            client.get(url(false))
        };
        let (status, content) = sim.block_on(send(request.send())).expect("no dead-lock").expect("an answer");
        assert_eq!((status, content.as_slice()), (200, &b"ok"[..]));
    }
    // The connection is as good as any other.
    assert_eq!((server.accepted(), sim.now()), (1, seconds(2)));
    assert_eq!(server.log()[0].content, b"content");
}

/// The whole head is out: what a server can make of it is unknown, and the rules of replays say what follows.
#[test]
fn s096_31_f_an_end_while_waiting_is_sent_again_where_that_does_no_harm() {
    for leave in Leave::ALL {
        for reused in [false, true] {
            for key in [false, true] {
                let sim: Sim = calm();
                let first = Script::new();
                let first = if reused { first.expect_head().send(OK) } else { first };
                let first = leave.end(first.expect_head().pause(millis(10)));
                let again = Script::new().expect_head().send(CONTINUE).expect("content").send(OK);
                let server = leave.listen(&sim, [first, if reused && key { again } else { next() }]);
                let client = trusting(&sim, |builder| builder);
                if reused {
                    sim.block_on(send(client.get(leave.url()).send()))
                        .expect("no dead-lock")
                        .expect("an answer");
                }
                let feed = Feed::default();
                feed.push(b"content");
                feed.end();
                let request = expecting(client.post(leave.url()), Body::sized_reader(7, feed.source()));
                let request = if key { request.header("idempotency-key", "7f3") } else { request };
                let sent = sim.block_on(request.send()).expect("no dead-lock");
                let place = format!("{leave:?} {reused} {key}");
                if reused && key {
                    // Nothing of the stream was asked for: it is as good as new.
                    assert_eq!(sent.expect("an answer").attempts(), 2, "{place}");
                    assert_eq!(server.log().pop().map(|seen| seen.content), Some(b"content".to_vec()));
                    continue;
                }
                let e = sent.expect_err("nobody is there");
                let closed = Closed::BeforeResponse { interim: false, by: leave.by() };
                assert_eq!((e.kind(), e.delivery()), (Kind::Closed(closed), Delivery::Unknown), "{place}");
                assert_eq!((e.attempts(), e.conn_reused(), feed.polls()), (1, reused, 0), "{place}");
                expect_next_on_another(&sim, &client, leave.is_tls());
            }
        }
    }
}
