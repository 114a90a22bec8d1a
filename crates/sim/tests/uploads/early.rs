//! Answers that come while the request is on its way.

use std::sync::atomic::Ordering;

use martlet::{Body, Closed, Delivery, Ending, Kind};
use martlet_sim::{Script, Sim, SimConfig, for_each_seed};

use crate::common::feed::Feed;
use crate::common::leave::{listen, said, trusting, url};
use crate::common::{Held, calm, expect_pool, seconds, settle, start};
use crate::world::{OK, PIECE, TOO_LARGE, expect_next_on_another, large, send};

/// Serves whoever comes next.
fn next() -> Script {
    Script::new().expect_head().send(OK).read_to_end()
}

#[test]
fn s096_20_an_early_refusal_is_delivered_and_ends_the_upload() {
    let ends = [
        // It goes on reading until the client has seen the answer, as RFC 9112 §9.6 asks for.
        |script: Script| script.half_close().read_to_end(),
        // It leaves what came unread, and the system resets the connection behind the answer.
        |script: Script| script.pause(seconds(1)).fin(),
    ];
    for is_tls in [false, true] {
        for end in ends {
            let sim = calm();
            let server = listen(&sim, is_tls, [end(Script::new().expect_head().send(TOO_LARGE)), next()]);
            let client = trusting(&sim, |builder| builder);
            let (body, made) = large();
            let sent = sim.block_on(send(client.post(url(is_tls)).body(body).send())).expect("no dead-lock");
            let (status, content) = sent.expect("no word of the write that failed");
            assert_eq!((status, content.as_slice()), (413, &b"too large"[..]));
            assert!(made.load(Ordering::Relaxed) * PIECE < 2_000_000, "{made:?}");
            expect_next_on_another(&sim, &client, is_tls);
            assert_eq!(server.accepted(), 2);
        }
    }
}

#[test]
fn s096_20_the_upload_stops_with_the_word_of_the_head_and_does_not_wait_for_content() {
    for is_tls in [false, true] {
        let sim = calm();
        let (head, content) = TOO_LARGE.split_at(TOO_LARGE.len() - 9);
        let script = Script::new().expect_head().send(head).pause(seconds(2)).send(content).half_close();
        let server = listen(&sim, is_tls, [script.read_to_end(), next()]);
        let client = trusting(&sim, |builder| builder);
        let feed = Feed::default();
        let posted = send(client.post(url(is_tls)).body(Body::reader(feed.source())).send());
        let refused = start(&sim, posted);
        sim.advance(seconds(1)).expect("not endless");
        assert!(feed.is_dropped() && !refused.is_over());
        sim.advance(seconds(1)).expect("not endless");
        let (status, content) = refused.result().expect("it is over").expect("an answer");
        assert_eq!((status, content.as_slice()), (413, &b"too large"[..]));
        expect_next_on_another(&sim, &client, is_tls);
        assert_eq!(server.log()[0].content, b"");
    }
}

/// The reset may destroy the answer before it is read.
#[test]
fn s096_21_an_answer_that_the_reset_destroys_is_closed_before_response() {
    let mut outcomes = [0, 0];
    for_each_seed(0..200, |seed| {
        let mut config = SimConfig::calm();
        config.reset_discards = 100;
        config.shuffle_tasks = true;
        let sim = Sim::with_config(seed, config);
        let is_tls = seed % 2 == 1;
        let server = listen(&sim, is_tls, [Script::new().expect_head().send(TOO_LARGE).reset(), next()]);
        let client = trusting(&sim, |builder| builder);
        let (body, _) = large();
        let sent = sim.block_on(send(client.post(url(is_tls)).body(body).send())).expect("no dead-lock");
        match sent {
            Ok((status, _)) => {
                assert_eq!(status, 413);
                outcomes[0] += 1;
            }
            Err(e) => {
                let closed = Closed::BeforeResponse { interim: false, by: Ending::Reset };
                assert_eq!((e.kind(), e.delivery()), (Kind::Closed(closed), Delivery::Unknown));
                assert_eq!((e.attempts(), e.conn_reused()), (1, false));
                assert!(matches!(
                    said(&e),
                    Some(std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
                ));
                outcomes[1] += 1;
            }
        }
        expect_next_on_another(&sim, &client, is_tls);
        assert_eq!(server.accepted(), 2);
    });
    assert!(outcomes.iter().all(|count| *count > 20), "{outcomes:?}");
}

/// The connection is to be kept, but nobody takes the rest of the request.
#[test]
fn s096_22_a_complete_answer_frees_the_place_of_an_upload_that_is_stuck() {
    for is_source_stuck in [true, false] {
        let sim = calm();
        let server = listen(&sim, false, [Script::new().expect_head().send(OK).stall(), next()]);
        let client = trusting(&sim, |builder| builder.max_connections(1));
        let feed = Feed::default();
        let (body, _) = large();
        let body = if is_source_stuck { Body::reader(feed.source()) } else { body };
        let posted = client.post(url(false)).body(body).send();
        let (status, _) = sim.block_on(send(posted)).expect("no dead-lock").expect("an answer");
        assert_eq!(status, 200);
        assert_eq!(feed.is_dropped(), is_source_stuck);
        expect_next_on_another(&sim, &client, false);
        assert_eq!((server.accepted(), sim.now()), (2, seconds(0)));
    }
}

#[test]
fn s096_23_content_goes_both_ways_and_the_connection_stays() {
    for is_tls in [false, true] {
        let sim = calm();
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let script = Script::new().expect_head().send(head);
        // Each piece is answered before the next one comes.
        let script =
            script.expect("3\r\none\r\n").send("3\r\none\r\n").expect("3\r\ntwo\r\n").send("3\r\ntwo\r\n");
        let script = script.expect("0\r\n\r\n").send("0\r\n\r\n").expect_head().send(OK).read_to_end();
        let server = listen(&sim, is_tls, [script]);
        let client = trusting(&sim, |builder| builder);
        let feed = Feed::default();
        let content = sim.block_on(async {
            let posted = client.post(url(is_tls)).body(Body::reader(feed.source()));
            let mut response = posted.send().await.expect("the head comes first");
            let mut content = Vec::new();
            for piece in ["one", "two"] {
                feed.push(piece.as_bytes());
                let came = response.chunk().await.expect("it is sound").expect("it is no end");
                assert_eq!(came, piece);
                content.extend_from_slice(&came);
            }
            feed.end();
            assert!(response.chunk().await.expect("an end").is_none());
            content
        });
        assert_eq!(content.expect("no dead-lock"), b"onetwo");
        settle(&sim);
        expect_pool(&sim, &client, [1, 0, 0, 0]);
        sim.block_on(send(client.get(url(is_tls)).send())).expect("no dead-lock").expect("an answer");
        assert_eq!(server.accepted(), 1);
        let log = server.log();
        assert!(log.iter().all(|seen| seen.complete && seen.connection == 1));
        assert_eq!(log[0].content, b"onetwo");
        assert_eq!(server.complaints(), Vec::<String>::new());
    }
}

/// What of it is here is read; what is not may wait for the rest of the request, which never comes.
#[test]
fn s096_24_an_answer_that_was_delivered_outlives_the_source_of_the_request() {
    for is_here in [true, false] {
        let sim = calm();
        let answer = "HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 9\r\n\r\n";
        let script = Script::new().expect_head().send(answer);
        let script = if is_here { script } else { script.pause(seconds(1)) };
        let server = listen(&sim, false, [script.send("not to us").read_to_end(), next()]);
        let client = trusting(&sim, |builder| builder);
        let (failing, fails) = crate::source::failing("some");
        let posted = client.post(url(false)).body(failing).send();
        let response = sim.block_on(posted).expect("no dead-lock").expect("the head");
        assert_eq!(response.status().as_u16(), 422);
        fails.fail();
        settle(&sim);
        let content = sim.block_on(response.bytes()).expect("no dead-lock").map_err(|e| e.kind());
        assert_eq!(content, if is_here { Ok("not to us".into()) } else { Err(Kind::Body) });
        expect_next_on_another(&sim, &client, false);
        assert!(!server.log()[0].complete);
    }
}

/// Nobody looks until the answer and the reset are both there; then the write comes first.
#[test]
fn s096_25_an_answer_wins_over_the_write_that_fails_beside_it() {
    for is_tls in [false, true] {
        let sim = calm();
        let server = listen(&sim, is_tls, [Script::new().expect_head().send(OK).reset(), next()]);
        let client = trusting(&sim, |builder| builder);
        let feed = Feed::default();
        let mut posting = Held::new(send(client.post(url(is_tls)).body(Body::reader(feed.source())).send()));
        while feed.polls() == 0 {
            assert!(posting.poll(&sim).is_none());
            settle(&sim);
        }
        // The answer and the reset come now, and nobody looks.
        sim.advance(seconds(1)).expect("not endless");
        feed.push(b"a piece that nobody takes");
        let (status, content) = posting.finish(&sim).expect("the answer");
        assert_eq!((status, content.as_slice()), (200, &b"ok"[..]));
        assert!(!server.log()[0].complete);
        expect_next_on_another(&sim, &client, is_tls);
    }
}
