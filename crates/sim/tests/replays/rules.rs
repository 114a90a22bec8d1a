//! The table of replays, row by row, as far as HTTP/1.1 is concerned; with replays switched off, too.

use martlet::{Body, Client, Closed, Delivery, Kind, Phase, Timeouts};
use martlet_sim::{Fault, Listener, Point, Script, Sim};

use crate::common::leave::{Leave, trusting, url};
use crate::common::{calm, expect_pool, seconds, settle};
use crate::world::{OK, content_of, counted, expect_sound, fickle, good, marked, seen_on, send, told};

const METHODS: [&str; 8] = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH"];

fn is_idempotent(method: &str) -> bool {
    !matches!(method, "POST" | "PATCH")
}

fn lost(leave: Leave) -> Kind {
    Kind::Closed(Closed::BeforeResponse { interim: false, by: leave.by() })
}

/// A world whose first connection was used, and what comes next on it.
fn used(leave: Leave, scripts: [Script; 2], replay: bool) -> (Sim, Listener, Client) {
    let sim = calm();
    let server = leave.listen(&sim, scripts);
    let client = trusting(&sim, |builder| builder.replay(replay));
    assert_eq!(told(&sim, client.get(leave.url())), (Ok(200), 1));
    (sim, server, client)
}

/// Answers the first by a head alone, as HEAD wants it, if that is what comes.
fn good_for(method: &str, comes: bool) -> Script {
    let to_first = if method == "HEAD" && comes { &OK[..OK.len() - 2] } else { OK };
    Script::new().expect_head().send(to_first).expect_head().send(OK).read_to_end()
}

#[test]
fn r_01_what_is_found_dead_before_a_write_is_no_attempt_whatever_the_method_and_the_switch() {
    for leave in Leave::ALL {
        for method in METHODS {
            for replay in [true, false] {
                let first = leave.end(Script::new().expect_head().send(OK));
                let (sim, server, client) = used(leave, [first, good_for(method, true)], replay);
                settle(&sim);
                let told = told(&sim, marked(&client, method, leave.url()));
                assert_eq!(told, (Ok(200), 1), "{leave:?} {method}");
                assert_eq!(seen_on(&server), [2]);
                expect_sound(&sim, &client, leave.is_tls());
            }
        }
    }
}

#[test]
fn r_01_a_stream_survives_that_as_well() {
    for leave in Leave::ALL {
        let first = leave.end(Script::new().expect_head().send(OK));
        let (sim, server, client) = used(leave, [first, good()], true);
        settle(&sim);
        let (body, _) = counted();
        assert_eq!(told(&sim, marked(&client, "POST", leave.url()).body(body)), (Ok(200), 1));
        assert_eq!(server.log().last().map(|seen| seen.connection), Some(2));
    }
}

/// The connection breaks behind ten octets of the head.
#[test]
fn r_02_less_than_the_head_is_sent_again_by_any_method() {
    for method in METHODS {
        for replay in [true, false] {
            let sim = calm();
            let server = Leave::Fin.listen(&sim, [good(), good_for(method, replay)]);
            let before =
                "GET / HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\nuser-agent: martlet/0.1.0\r\n\r\n".len();
            server.fail_next(Fault::Break(Point::Request(before as u64 + 10)));
            let client = trusting(&sim, |builder| builder.replay(replay));
            assert_eq!(told(&sim, client.get(url(false))), (Ok(200), 1));
            let told = told(&sim, marked(&client, method, url(false)));
            if replay {
                assert_eq!(told, (Ok(200), 2), "{method}");
                // Nothing whole came by the first.
                assert_eq!(seen_on(&server), [2]);
            } else {
                assert_eq!(told, (Err((lost(Leave::Reset), Delivery::NotSent)), 1), "{method}");
            }
            assert_eq!(server.log()[1].octets.len(), 10);
            settle(&sim);
            expect_sound(&sim, &client, false);
        }
    }
}

#[test]
fn r_03_04_a_whole_head_is_sent_again_only_where_that_does_no_harm() {
    for leave in Leave::ALL {
        for method in METHODS {
            for replay in [true, false] {
                let scripts = [fickle(leave, content_of(method)), good_for(method, replay)];
                let (sim, server, client) = used(leave, scripts, replay);
                let told = told(&sim, marked(&client, method, leave.url()));
                if replay && is_idempotent(method) {
                    assert_eq!(told, (Ok(200), 2), "{leave:?} {method}");
                    assert_eq!(seen_on(&server), [1, 2]);
                } else {
                    assert_eq!(told, (Err((lost(leave), Delivery::Unknown)), 1), "{leave:?} {method}");
                    assert_eq!(seen_on(&server), [1]);
                }
                expect_sound(&sim, &client, leave.is_tls());
            }
        }
    }
}

/// The switch of a request goes before that of its client.
#[test]
fn r_03_the_switch_is_that_of_the_request_where_it_has_one() {
    for (of_client, of_request) in [(true, false), (false, true)] {
        let (sim, server, client) = used(Leave::Fin, [fickle(Leave::Fin, 0), good()], of_client);
        let (told, attempts) = told(&sim, marked(&client, "GET", url(false)).replay(of_request));
        assert_eq!((told.is_ok(), attempts), (of_request, 1 + u32::from(of_request)));
        assert_eq!(server.accepted(), attempts as usize);
    }
}

#[test]
fn r_05_what_is_lost_on_a_new_connection_is_told() {
    for leave in Leave::ALL {
        for method in METHODS {
            let sim = calm();
            let dies = leave.end(Script::new().expect_head().read(content_of(method)));
            let server = leave.listen(&sim, [dies, good()]);
            let client = trusting(&sim, |builder| builder);
            let request = marked(&client, method, leave.url()).header("idempotency-key", "k");
            let e = send(&sim, request).expect_err("nobody answers");
            assert_eq!((e.kind(), e.delivery()), (lost(leave), Delivery::Unknown), "{leave:?} {method}");
            assert_eq!((e.attempts(), e.conn_reused(), server.accepted()), (1, false, 1));
            expect_sound(&sim, &client, leave.is_tls());
        }
    }
}

#[test]
fn r_06_behind_an_octet_of_an_answer_nothing_is_sent_again() {
    for leave in Leave::ALL {
        for answer in
            ["H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n"]
        {
            let first = Script::new().expect_head().send(OK).expect_head().send(answer);
            let (sim, server, client) = used(leave, [leave.end(first), good()], true);
            let e = send(&sim, marked(&client, "GET", leave.url())).expect_err("it is cut");
            let interim = answer.ends_with("\r\n\r\n");
            let received = answer.len() as u64;
            let closed = match interim {
                true => Closed::BeforeResponse { interim, by: leave.by() },
                false => Closed::InHead { received, by: leave.by() },
            };
            assert_eq!(
                (e.kind(), e.delivery()),
                (Kind::Closed(closed), Delivery::Answered),
                "{leave:?} {answer}"
            );
            assert_eq!((e.attempts(), e.conn_reused(), seen_on(&server)), (1, true, vec![1]));
            expect_sound(&sim, &client, leave.is_tls());
        }
    }
}

#[test]
fn r_07_content_that_was_used_up_is_not_sent_again_and_what_can_be_made_anew_is() {
    for leave in Leave::ALL {
        for (can_be_made, replay) in [(false, true), (true, true), (true, false)] {
            let (sim, server, client) = used(leave, [fickle(leave, 2 * 7 + 5), good()], replay);
            let body = if can_be_made { Body::replayable(|| counted().0) } else { counted().0 };
            let told = told(&sim, marked(&client, "PUT", leave.url()).body(body));
            if can_be_made && replay {
                assert_eq!(told, (Ok(200), 2), "{leave:?}");
            } else {
                assert_eq!(told, (Err((lost(leave), Delivery::Unknown)), 1), "{leave:?}");
                assert_eq!(server.accepted(), 1);
            }
        }
    }
}

#[test]
fn r_08_a_timeout_is_not_sent_again() {
    // Where it stalls, counted from the second request, and what expires.
    let head =
        "GET / HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\nuser-agent: martlet/0.1.0\r\n\r\n".len() as u64;
    let cases = [
        (Point::Request(head + 10), Phase::ReceiveHead, Delivery::Unknown),
        (Point::Response(OK.len() as u64), Phase::ReceiveHead, Delivery::Unknown),
        (Point::Response(OK.len() as u64 + 5), Phase::ReceiveHead, Delivery::Answered),
        (Point::Response(2 * OK.len() as u64 - 1), Phase::ReceiveContent, Delivery::Answered),
    ];
    for (point, phase, delivery) in cases {
        let sim = calm();
        let server = Leave::Fin.listen(&sim, [good()]);
        server.fail_next(Fault::Stall(point));
        let client = trusting(&sim, |builder| builder);
        assert_eq!(told(&sim, client.get(url(false))), (Ok(200), 1));
        let told = told(&sim, marked(&client, "GET", url(false)).header("idempotency-key", "k"));
        assert_eq!(told, (Err((Kind::Timeout(phase), delivery)), 1), "{point:?}");
        assert_eq!((server.accepted(), sim.now()), (1, seconds(5)), "{point:?}");
        expect_pool(&sim, &client, [0, 0, 0, 0]);
        expect_sound(&sim, &client, false);
    }
}

/// Also where the whole time of the request is over while it could be sent again.
#[test]
fn r_08_a_replay_keeps_to_the_time_of_the_request() {
    let sim = calm();
    let first = Script::new().expect_head().send(OK).expect_head().pause(seconds(2)).fin();
    let server = Leave::Fin.listen(&sim, [first, Script::new().read_to_end()]);
    let mut timeouts = Timeouts::default();
    timeouts.total = Some(seconds(3));
    let client = trusting(&sim, |builder| builder.timeouts(timeouts));
    assert_eq!(told(&sim, client.get(url(false))), (Ok(200), 1));
    let e = send(&sim, marked(&client, "GET", url(false))).expect_err("nobody answers");
    assert!(e.is_timeout(), "{e:?}");
    assert_eq!((e.delivery(), e.attempts()), (Delivery::Unknown, 2));
    assert_eq!((sim.now(), server.accepted()), (seconds(3), 2));
}

#[test]
fn r_14_without_a_connection_nothing_is_tried_again_unless_it_is_asked_for() {
    for (retries, expected) in [(0, 1), (2, 3)] {
        let sim = calm();
        let server = Leave::Fin.listen(&sim, [good()]);
        for _ in 0..2 {
            server.fail_next(Fault::Refuse);
        }
        let client = trusting(&sim, |builder| builder.connect_retries(retries));
        let told = told(&sim, marked(&client, "POST", url(false)));
        let failed = Err((Kind::Connect, Delivery::NotSent));
        assert_eq!(told, (if retries == 0 { failed } else { Ok(200) }, expected));
        assert_eq!(seen_on(&server).len(), usize::from(retries > 0));
    }
}

#[test]
fn r_14_a_handshake_that_is_cut_is_told_and_nothing_was_sent() {
    for fault in [Fault::Fin, Fault::Reset, Fault::HalfClose, Fault::Break] {
        for at in [0, 1, 100, 500] {
            let sim = calm();
            let server = Leave::TlsFin.listen(&sim, [good()]);
            server.fail_next(fault(Point::Response(at)));
            let client = trusting(&sim, |builder| builder);
            let e = send(&sim, marked(&client, "GET", url(true))).expect_err("it is cut");
            assert!(matches!(e.kind(), Kind::Tls(_)), "{e:?}");
            assert_eq!((e.delivery(), e.attempts(), server.accepted()), (Delivery::NotSent, 1, 1));
            assert_eq!(server.log().len(), 0);
            expect_sound(&sim, &client, true);
        }
    }
}

#[test]
fn r_15_408_is_an_answer_also_on_a_used_connection() {
    let answer = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for leave in Leave::ALL {
        let first = Script::new().expect_head().send(OK).expect_head().send(answer);
        let (sim, server, client) = used(leave, [leave.end(first), good()], true);
        assert_eq!(told(&sim, marked(&client, "GET", leave.url())), (Ok(408), 1), "{leave:?}");
        assert_eq!(seen_on(&server), [1]);
        expect_sound(&sim, &client, leave.is_tls());
    }
}
