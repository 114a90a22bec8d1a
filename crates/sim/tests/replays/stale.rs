//! A connection that ends while it is taken out of the pool and written to: rows S327-03 to S327-10. The last, that the next
//! request works, is at the end of each.

use std::sync::atomic::Ordering;

use martlet::{Closed, Delivery, Ending, Kind, Protocols};
use martlet_sim::{Fault, Point, Script, Sim, SimConfig, for_each_seed};

use crate::common::leave::{Leave, trusting, url};
use crate::common::{calm, distant, expect_pool, millis, settle, start};
use crate::world::{
    CONTENT, OK, content_of, counted, expect_sound, fickle, good, marked, seen_on, send, told,
};

fn lost(by: Ending) -> Kind {
    Kind::Closed(Closed::BeforeResponse { interim: false, by })
}

/// The end is on its way when the connection is looked at, and comes while the answer is awaited.
#[test]
fn s327_03_09_an_end_that_crosses_the_request_costs_one_replay_on_a_new_connection() {
    for leave in Leave::ALL {
        for connections in [1, 2, 8] {
            let sim = distant(millis(10));
            let doomed = leave.end(Script::new().expect_head().pause(millis(10)).send(OK).pause(millis(300)));
            let scripts = (0..connections).map(|_| doomed.clone()).chain([good()]);
            let server = leave.listen(&sim, scripts.collect::<Vec<_>>());
            // No dial is shared then: all connections begin together.
            let client = trusting(&sim, |builder| builder.protocols(Protocols::Http1));
            let held: Vec<_> =
                (0..connections).map(|_| start(&sim, client.get(leave.url()).send())).collect();
            sim.advance(millis(120)).expect("not endless");
            for response in held {
                let response = response.result().expect("it is over").expect("an answer");
                sim.block_on(response.bytes()).expect("no dead-lock").expect("it is whole");
            }
            expect_pool(&sim, &client, [connections, 0, 0, 0]);
            // All of them end at the same time. The news is under way when the request goes out.
            let ended = || {
                let ends = ["< fin", "< reset"];
                sim.trace().lines().filter(|line| ends.iter().any(|end| line.ends_with(end))).count()
            };
            assert_eq!(ended(), 0);
            while ended() == 0 {
                sim.advance(millis(1)).expect("not endless");
            }
            assert_eq!(ended(), connections);
            assert_eq!(told(&sim, marked(&client, "GET", leave.url())), (Ok(200), 2), "{leave:?}");
            // Not another old one, which would be as dead.
            assert_eq!(server.accepted(), connections + 1, "{leave:?}");
            assert_eq!(seen_on(&server), [connections as u64 + 1]);
            sim.advance(millis(50)).expect("not endless");
            // The new connection is the next that is taken; nobody has looked at the others yet.
            assert_eq!(told(&sim, client.get(leave.url())), (Ok(200), 1));
            settle(&sim);
            let stats = client.stats();
            assert_eq!((stats.idle, stats.leased, stats.dialing), (connections, 0, 0), "{client:?}");
            assert_eq!(server.accepted(), connections + 1);
        }
    }
}

/// The look at the connection may come too early by so little that the write meets the reset.
#[test]
fn s327_04_what_the_socket_took_nothing_of_is_sent_again_by_any_method() {
    let mut replayed = 0;
    for_each_seed(0..100, |seed| {
        let mut config = SimConfig::calm();
        config.spurious_pending = 50;
        let sim = Sim::with_config(seed, config);
        let leave = if seed % 2 == 0 { Leave::Reset } else { Leave::TlsReset };
        let server = leave.listen(&sim, [leave.end(Script::new().expect_head().send(OK)), good()]);
        let client = trusting(&sim, |builder| builder);
        assert_eq!(told(&sim, client.get(leave.url())), (Ok(200), 1));
        settle(&sim);
        let (status, attempts) = send(&sim, marked(&client, "POST", leave.url())).expect("an answer");
        assert_eq!((status, seen_on(&server)), (200, vec![2]));
        replayed += usize::from(attempts == 2);
        assert!(attempts <= 2);
    });
    assert!(replayed > 10, "{replayed}");
}

#[test]
fn s327_05_a_post_of_which_the_socket_took_the_head_is_seen_once_and_told() {
    for leave in Leave::ALL {
        // It has taken all of it, or the head alone.
        for content in [CONTENT.len(), 0] {
            let sim = calm();
            let script = fickle(leave, content);
            let server = leave.listen(&sim, [script, good()]);
            let client = trusting(&sim, |builder| builder);
            assert_eq!(told(&sim, client.get(leave.url())), (Ok(200), 1));
            let e = send(&sim, marked(&client, "POST", leave.url())).expect_err("nobody answers");
            // What it leaves unread makes it a reset.
            let by = if content == 0 { Ending::Reset } else { leave.by() };
            assert_eq!((e.kind(), e.delivery()), (lost(by), Delivery::Unknown), "{leave:?}");
            assert_eq!((e.attempts(), e.conn_reused()), (1, true));
            assert_eq!(e.peer_addr().map(|at| at.port()), Some(if leave.is_tls() { 443 } else { 80 }));
            assert_eq!((seen_on(&server), server.accepted()), (vec![1], 1));
            expect_sound(&sim, &client, leave.is_tls());
        }
    }
}

#[test]
fn s327_06_with_a_key_it_is_sent_again_once() {
    for leave in Leave::ALL {
        for key in ["Idempotency-Key", "X-Idempotency-Key"] {
            for method in ["POST", "PATCH"] {
                let sim = calm();
                let server = leave.listen(&sim, [fickle(leave, content_of(method)), good()]);
                let client = trusting(&sim, |builder| builder);
                assert_eq!(told(&sim, client.get(leave.url())), (Ok(200), 1));
                let request = marked(&client, method, leave.url()).header(key, "\"8e03978e\"");
                assert_eq!(told(&sim, request), (Ok(200), 2), "{leave:?} {key}");
                assert_eq!(seen_on(&server), [1, 2]);
                let keys: Vec<_> =
                    server.log().iter().filter_map(|seen| seen.headers.get(key).cloned()).collect();
                assert_eq!(keys, ["\"8e03978e\"", "\"8e03978e\""]);
                expect_sound(&sim, &client, leave.is_tls());
            }
        }
    }
}

#[test]
fn s327_07_a_stream_that_was_asked_for_is_not_asked_again() {
    for leave in Leave::ALL {
        for method in ["POST", "PUT"] {
            let sim = calm();
            // Two chunks of two octets, and the last one.
            let server = leave.listen(&sim, [fickle(leave, 2 * 7 + 5), good()]);
            let client = trusting(&sim, |builder| builder);
            assert_eq!(told(&sim, client.get(leave.url())), (Ok(200), 1));
            let (body, polls) = counted();
            let request = marked(&client, method, leave.url()).body(body).header("idempotency-key", "k");
            let e = send(&sim, request).expect_err("the content is gone");
            assert_eq!((e.kind(), e.delivery(), e.attempts()), (lost(leave.by()), Delivery::Unknown, 1));
            assert_eq!((polls.load(Ordering::Relaxed), seen_on(&server)), (2, vec![1]), "{leave:?} {method}");
            expect_sound(&sim, &client, leave.is_tls());
        }
    }
}

#[test]
fn s327_08_a_replay_that_is_lost_as_well_is_the_last() {
    for leave in Leave::ALL {
        let sim = calm();
        let dies = leave.end(Script::new().expect_head());
        let server = leave.listen(&sim, [fickle(leave, 0), dies, good()]);
        let client = trusting(&sim, |builder| builder);
        assert_eq!(told(&sim, client.get(leave.url())), (Ok(200), 1));
        let e = send(&sim, marked(&client, "GET", leave.url())).expect_err("both are lost");
        assert_eq!((e.kind(), e.delivery()), (lost(leave.by()), Delivery::Unknown));
        // The second connection was a new one: the server itself is at fault.
        assert_eq!((e.attempts(), e.conn_reused()), (2, false));
        assert!(e.peer_addr().is_some());
        assert_eq!((seen_on(&server), server.accepted()), (vec![1, 2], 2), "{leave:?}");
        expect_sound(&sim, &client, leave.is_tls());
    }
}

/// It closes each connection as soon as it has accepted it.
#[test]
fn s327_08_a_server_that_closes_every_connection_is_asked_once() {
    for fault in [Fault::Fin, Fault::Reset, Fault::HalfClose] {
        let sim = calm();
        let server = Leave::Fin.listen(&sim, [good()]);
        server.fail_always(Some(fault(Point::Response(0))));
        let client = trusting(&sim, |builder| builder);
        let e = send(&sim, marked(&client, "GET", url(false))).expect_err("it closes");
        assert!(matches!(e.kind(), Kind::Closed(Closed::BeforeResponse { .. })));
        assert_eq!((e.attempts(), e.conn_reused(), server.accepted()), (1, false, 1));
        server.fail_always(None);
        expect_sound(&sim, &client, false);
    }
}

/// If there is nobody any more, what became of the first attempt says more than that.
#[test]
fn s327_08_a_replay_that_finds_nobody_tells_of_the_attempt_before_it() {
    let sim = calm();
    let server = Leave::Fin.listen(&sim, [fickle(Leave::Fin, 0), good()]);
    let client = trusting(&sim, |builder| builder);
    assert_eq!(told(&sim, client.get(url(false))), (Ok(200), 1));
    server.set_listening(false);
    let e = send(&sim, marked(&client, "GET", url(false))).expect_err("nobody is there");
    assert_eq!((e.kind(), e.delivery(), e.attempts()), (lost(Ending::Fin), Delivery::Unknown, 2));
    assert!(e.conn_reused());
    server.set_listening(true);
    expect_sound(&sim, &client, false);
}
