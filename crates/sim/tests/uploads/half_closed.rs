//! Ends of one side only.

use std::sync::atomic::Ordering;

use martlet::{Closed, Delivery, Ending, Kind};
use martlet_sim::Script;

use crate::common::leave::{listen, trusting, url};
use crate::common::{calm, seconds, start};
use crate::world::{OK, PIECE, expect_next_on_another, large, send};

#[test]
fn s096_26_an_end_behind_a_complete_answer_stops_the_upload_and_is_a_success() {
    for is_tls in [false, true] {
        let sim = calm();
        let script = Script::new().expect_head().send(OK).half_close().read_to_end();
        let server = listen(&sim, is_tls, [script, Script::new().expect_head().send(OK).read_to_end()]);
        let client = trusting(&sim, |builder| builder);
        let (body, made) = large();
        let sent = sim.block_on(send(client.post(url(is_tls)).body(body).send())).expect("no dead-lock");
        assert_eq!(sent.expect("a success").0, 200);
        assert!(made.load(Ordering::Relaxed) * PIECE < 2_000_000, "{made:?}");
        expect_next_on_another(&sim, &client, is_tls);
        assert!(!server.log()[0].complete);
    }
}

#[test]
fn s096_27_an_end_without_an_answer_is_closed_before_response() {
    for is_tls in [false, true] {
        let sim = calm();
        let script = Script::new().expect_head().half_close().read_to_end();
        let server = listen(&sim, is_tls, [script, Script::new().expect_head().send(OK).read_to_end()]);
        let client = trusting(&sim, |builder| builder);
        let (body, made) = large();
        let sent = sim.block_on(send(client.post(url(is_tls)).body(body).send())).expect("no dead-lock");
        let e = sent.expect_err("nobody will answer");
        let closed = Closed::BeforeResponse { interim: false, by: Ending::Fin };
        assert_eq!((e.kind(), e.delivery()), (Kind::Closed(closed), Delivery::Unknown));
        assert_eq!((e.attempts(), e.conn_reused()), (1, false));
        assert!(made.load(Ordering::Relaxed) * PIECE < 2_000_000, "{made:?}");
        expect_next_on_another(&sim, &client, is_tls);
        assert!(server.log()[0].head_complete && !server.log()[0].complete);
    }
}

/// Many servers take the client's FIN for a request that nobody waits for any more.
#[test]
fn s096_28_the_sending_side_stays_open_until_the_answer_is_whole() {
    for is_tls in [false, true] {
        for is_post in [false, true] {
            let sim = calm();
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
            let script = Script::new().expect_head().read(if is_post { 7 } else { 0 }).pause(seconds(2));
            let script = script.send(head).pause(seconds(2)).send("late").read_to_end();
            listen(&sim, is_tls, [script]);
            let client = trusting(&sim, |builder| builder);
            let request =
                if is_post { client.post(url(is_tls)).body("content") } else { client.get(url(is_tls)) };
            let asked = start(&sim, send(request.send()));
            sim.advance(seconds(4) - std::time::Duration::from_nanos(1)).expect("not endless");
            assert!(!asked.is_over());
            let trace = sim.trace();
            assert!(!trace.contains("c1 > fin") && !trace.contains("c1 > close_notify"), "{trace}");
            sim.advance(seconds(1)).expect("not endless");
            let (status, content) = asked.result().expect("it is over").expect("an answer");
            assert_eq!((status, content.as_slice()), (200, &b"late"[..]));
            drop(client);
            assert!(sim.trace().contains("c1 > fin"));
        }
    }
}
