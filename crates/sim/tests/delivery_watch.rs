//! What a `DeliveryWatch` tells of requests that nobody waits for.

mod common;

use std::io;

use futures_lite::future::or;
use futures_lite::stream;
use martlet::http::Method;
use martlet::{Body, Delivery, DeliveryWatch, Kind};
use martlet_sim::{Fault, Point, Sim, SimConfig, SimRequest, SimResponse};

use common::{Held, calm, client, client_with, distant, echo, expect_pool, fetch_now, millis, settle};

const A: &str = "http://a.test/";

/// Dropped at every point of its life, it tells what the server's log confirms.
#[test]
fn a_request_that_is_dropped_at_any_time_is_told_of_as_the_server_saw_it() {
    let mut told = [0; 4];
    for (by_http2, is_reused) in [(false, false), (false, true), (true, false), (true, true)] {
        for after in 0..150 {
            let sim = distant(millis(10));
            let service = |request: SimRequest| SimResponse::ok(request.target).after(millis(30));
            let server = if by_http2 {
                sim.listen_h2("a.test", 80, service)
            } else {
                sim.listen("a.test", 80, service)
            };
            let client = client_with(&sim, |builder| match by_http2 {
                true => builder.protocols(martlet::Protocols::Http2),
                false => builder,
            });
            if is_reused {
                fetch_now(&sim, &client, A);
            }
            let before = server.log().len();
            let watch = DeliveryWatch::new();
            let (request, deadline) =
                (client.post(A).body("content").watch(&watch).send(), sim.sleep(millis(after)));
            let ended = sim.block_on(or(async { Some(request.await) }, async {
                deadline.await;
                None
            }));
            let is_over = ended.expect("no dead-lock").is_some();
            let seen = watch.delivery();
            sim.advance(millis(1_000)).expect("not endless");
            assert_eq!(watch.delivery(), seen, "it is final");
            told[seen as usize] += 1;
            let log = server.log();
            let came = log[before..].iter().any(|request| request.head_complete);
            match seen {
                Delivery::NotSent | Delivery::Refused => assert!(!came, "{after} {by_http2} {is_reused}"),
                Delivery::Answered => assert!(is_over && came),
                _ => {}
            }
            if came {
                assert!(seen >= Delivery::Unknown);
                assert_eq!(watch.attempts(), 1);
            }
        }
    }
    assert!([0, 2, 3].iter().all(|rank| told[*rank] > 20), "{told:?}");
}

/// The transport takes the head octet by octet.
#[test]
fn a_head_of_which_one_octet_is_missing_was_not_sent() {
    let mut config = SimConfig::calm();
    config.buffer = 16..=16;
    let sim = Sim::with_config(0, config);
    let server = echo(&sim);
    for stalled_at in 0..60 {
        server.fail_next(Fault::Stall(Point::Request(stalled_at)));
        let client = client(&sim);
        let watch = DeliveryWatch::new();
        let mut request = Held::new(client.post(A).body("content").watch(&watch).send());
        while client.stats().leased == 0 {
            assert!(request.poll(&sim).is_none());
            settle(&sim);
        }
        for _ in 0..50 {
            assert!(request.poll(&sim).is_none());
            settle(&sim);
        }
        assert_eq!(watch.delivery(), Delivery::Unknown, "it may go on");
        request.cancel(&sim);
        // All heads are longer than 60 octets and the buffer.
        assert_eq!(watch.delivery(), Delivery::NotSent, "{stalled_at}");
        expect_pool(&sim, &client, [0, 0, 0, 0]);
    }
    assert!(server.log().iter().all(|request| !request.head_complete));
}

#[test]
fn over_several_attempts_it_tells_the_most_that_was_seen_and_counts_them() {
    let sim = calm();
    let server = echo(&sim);
    let client = client(&sim);
    fetch_now(&sim, &client, A);
    // The connection ends when the next request is there; the replay's, too.
    server.fail_always(Some(Fault::Fin(Point::Response(0))));
    sim.lose_connections();
    let watch = DeliveryWatch::new();
    let e = sim.block_on(client.get(A).watch(&watch).send()).expect("no dead-lock").expect_err("it ends");
    assert_eq!((watch.delivery(), watch.attempts()), (e.delivery(), e.attempts()));
    assert_eq!(e.delivery(), Delivery::Unknown);
}

#[test]
fn a_request_that_never_had_a_connection_was_not_sent() {
    let sim = calm();
    echo(&sim).fail_always(Some(Fault::Refuse));
    let client = client(&sim);
    let watch = DeliveryWatch::new();
    let e = sim.block_on(client.get(A).watch(&watch).send()).expect("no dead-lock").expect_err("refused");
    assert_eq!(e.kind(), Kind::Connect);
    assert_eq!((watch.delivery(), watch.attempts()), (Delivery::NotSent, 0));
}

#[test]
fn a_source_that_fails_is_told_like_any_other_end() {
    let sim = calm();
    let server = echo(&sim);
    let client = client(&sim);
    let watch = DeliveryWatch::new();
    let pieces = stream::iter([Ok("half"), Err(io::Error::other("no more"))]);
    let request = client.request(Method::PUT, A).body(Body::stream(pieces)).watch(&watch);
    let e = sim.block_on(request.send()).expect("no dead-lock").expect_err("it has no end");
    assert_eq!(e.kind(), Kind::Body);
    assert_eq!(watch.delivery(), e.delivery());
    settle(&sim);
    assert!(server.log().iter().all(|request| !request.complete));
}

#[test]
fn of_several_watches_each_one_is_told() {
    let sim = calm();
    echo(&sim);
    let client = client(&sim);
    let (first, second) = (DeliveryWatch::new(), DeliveryWatch::new());
    let request = client.post(A).body("content").watch(&first).watch(&second);
    sim.block_on(request.send()).expect("no dead-lock").expect("an answer");
    for watch in [first, second] {
        assert_eq!((watch.delivery(), watch.attempts()), (Delivery::Answered, 1));
    }
}
