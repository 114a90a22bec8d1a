//! What each fault is to the real client.

mod common;

use std::io;

use martlet::{Closed, Delivery, Ending, Kind, Phase};
use martlet_sim::{Fault, Point, Script, Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use common::{calm, client, echo, get, raw, run, seconds};

/// A response with a Content-Length, and where its content begins.
const SIZED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789";
const SIZED_HEAD: usize = SIZED.len() - 10;

/// The same in chunks.
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n";

/// A fault, but for its place.
type FaultAt = fn(Point) -> Fault;

/// The faults that end the stream of the response, and how.
const CUTS: [(Ending, FaultAt); 3] =
    [(Ending::Fin, Fault::Fin), (Ending::Reset, Fault::Reset), (Ending::Fin, Fault::HalfClose)];

fn before_response(by: Ending) -> Kind {
    Kind::Closed(Closed::BeforeResponse { interim: false, by })
}

#[test]
fn an_undisturbed_request_succeeds() {
    let sim = Sim::new(0);
    let server = echo(&sim);
    assert_eq!(run(&sim), Ok(b"/".to_vec()));
    let log = server.log();
    assert_eq!(log.len(), 1);
    assert!(log[0].complete && log[0].processed && log[0].error.is_none());
    assert_eq!((log[0].method.as_str(), log[0].target.as_str()), ("GET", "/"));
    assert!(log[0].octets.starts_with(b"GET / HTTP/1.1\r\nhost: a.test\r\n"));
    assert!(log[0].octets.ends_with(b"\r\n\r\n"));
}

#[test]
fn a_refused_connection_is_connect_and_not_sent() {
    let sim = Sim::new(1);
    let server = echo(&sim);
    server.fail_next(Fault::Refuse);
    assert_eq!(run(&sim), Err((Kind::Connect, Delivery::NotSent)));
    assert_eq!(server.accepted(), 0);
    // S327-19: the same client after the network is up again.
    assert!(run(&sim).is_ok());
}

#[test]
fn a_host_without_a_way_is_connect() {
    let sim = Sim::new(1);
    echo(&sim).fail_next(Fault::Unreachable);
    assert_eq!(run(&sim), Err((Kind::Connect, Delivery::NotSent)));
}

#[test]
fn a_port_on_which_nobody_listens_is_refused() {
    let sim = Sim::new(2);
    sim.host("a.test");
    assert_eq!(run(&sim), Err((Kind::Connect, Delivery::NotSent)));
    let server = echo(&sim);
    assert!(run(&sim).is_ok());
    server.set_listening(false);
    assert_eq!(run(&sim), Err((Kind::Connect, Delivery::NotSent)));
    server.set_listening(true);
    assert!(run(&sim).is_ok());
}

#[test]
fn a_connection_that_is_never_answered_times_out_in_connect() {
    let sim = calm();
    echo(&sim).fail_next(Fault::NeverAnswer);
    assert_eq!(run(&sim), Err((Kind::Timeout(Phase::Connect), Delivery::NotSent)));
    assert_eq!(sim.now(), seconds(5));
}

#[test]
fn an_address_that_is_silent_is_raced_by_the_next() {
    let sim = calm();
    echo(&sim);
    let host = sim.host("a.test");
    let silent = host.add_ipv6();
    assert_eq!(host.addresses()[0], silent);
    host.fail_address(silent, Some(Fault::NeverAnswer));
    assert_eq!(run(&sim), Ok(b"/".to_vec()));
    // RFC 8305 §5: the next attempt after 250 ms.
    assert_eq!(sim.now().as_millis(), 250);
}

#[test]
fn failing_silent_slow_and_unknown_names() {
    let sim = calm();
    echo(&sim);
    let host = sim.host("A.test");
    host.resolve_fails(io::ErrorKind::Other);
    assert_eq!(run(&sim), Err((Kind::Resolve, Delivery::NotSent)));
    host.resolve_normally();
    host.resolve_slowly(seconds(4));
    assert_eq!(run(&sim), Ok(b"/".to_vec()));
    assert_eq!(sim.now(), seconds(4));
    host.resolve_slowly(seconds(6));
    assert_eq!(run(&sim), Err((Kind::Timeout(Phase::Resolve), Delivery::NotSent)));
    assert_eq!(sim.now(), seconds(9));
    host.resolve_never();
    assert_eq!(run(&sim), Err((Kind::Timeout(Phase::Resolve), Delivery::NotSent)));

    let client = client(&sim);
    let e =
        sim.block_on(get(&client, "http://unknown.test/")).expect("no dead-lock").expect_err("no such host");
    assert_eq!(e.kind(), Kind::Resolve);
}

#[test]
fn a_server_that_stalls_before_the_response_times_out_in_receive_head() {
    let sim = calm();
    let server = echo(&sim);
    server.fail_next(Fault::Stall(Point::Response(0)));
    assert_eq!(run(&sim), Err((Kind::Timeout(Phase::ReceiveHead), Delivery::Unknown)));
    assert_eq!(sim.now(), seconds(5));
    assert!(server.log()[0].processed);
}

#[test]
fn octets_of_a_response_that_stalls_make_it_answered() {
    let sim = calm();
    echo(&sim).fail_next(Fault::Stall(Point::Response(7)));
    assert_eq!(run(&sim), Err((Kind::Timeout(Phase::ReceiveHead), Delivery::Answered)));
}

#[test]
fn a_pause_that_is_shorter_than_the_timeout_is_only_a_pause() {
    let sim = calm();
    echo(&sim).fail_next(Fault::Pause(Point::Response(7), seconds(4)));
    assert_eq!(run(&sim), Ok(b"/".to_vec()));
    assert_eq!(sim.now(), seconds(4));
}

#[test]
fn a_server_that_does_not_read_times_out_in_send() {
    let sim = calm();
    let server = echo(&sim);
    server.fail_next(Fault::Stall(Point::Request(100)));
    let client = client(&sim);
    let sent =
        sim.block_on(client.post("http://a.test/").body(vec![0; 1_000_000]).send()).expect("no dead-lock");
    let e = sent.expect_err("the buffer is full");
    assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(Phase::Send), Delivery::Unknown));
    assert_eq!(server.log()[0].octets.len(), 100);
    assert!(!server.log()[0].complete);
}

#[test]
fn a_lost_connection_times_out_and_the_server_hears_nothing() {
    let sim = calm();
    let server = sim.listen("a.test", 80, |_: SimRequest| SimResponse::ok("late").after(seconds(3)));
    let client = client(&sim);
    let runtime = sim.runtime();
    let request = sim.spawn(async move { get(&client, "http://a.test/").await.map_err(|e| e.kind()) });
    sim.advance(seconds(1)).expect("not endless");
    sim.suspend(seconds(3600));
    sim.lose_connections();
    assert_eq!(sim.block_on(request).expect("no dead-lock"), Some(Err(Kind::Timeout(Phase::ReceiveHead))));
    assert_eq!(runtime.elapsed(), seconds(5));
    assert!(server.log()[0].processed);
}

#[test]
fn a_fin_or_reset_before_the_head_is_whole_leaves_no_complete_request() {
    for by in [Fault::Fin as FaultAt, Fault::Reset] {
        for at in [0, 1, 20] {
            let sim = calm();
            let server = echo(&sim);
            let fault = by(Point::Request(at));
            server.fail_next(fault.clone());
            let (kind, delivery) = run(&sim).expect_err("the server is gone");
            assert!(
                matches!(kind, Kind::Closed(Closed::BeforeResponse { interim: false, .. })),
                "{fault:?}: {kind:?}"
            );
            let log = server.log();
            assert_eq!(log.len(), usize::from(at > 0), "{fault:?}");
            assert!(log.iter().all(|seen| seen.octets.len() == at as usize && !seen.head_complete));
            // The transport may have taken the whole of it all the same.
            assert!(delivery <= Delivery::Unknown);
        }
    }
}

/// A response with Content-Length, cut at every octet by a FIN, a reset or a half-close.
#[test]
fn a_response_is_cut_at_every_octet() {
    for (by, fault) in CUTS {
        for at in 0..SIZED.len() {
            let sim = calm();
            let server = raw(&sim, Script::new().expect_head().send(SIZED));
            server.fail_next(fault(Point::Response(at as u64)));
            let received = at as u64;
            let expected = match at {
                0 => (before_response(by), Delivery::Unknown),
                _ if at < SIZED_HEAD => (Kind::Closed(Closed::InHead { received, by }), Delivery::Answered),
                _ => {
                    let received = received - SIZED_HEAD as u64;
                    let closed = Closed::InContent { expected: Some(10), received, by };
                    (Kind::Closed(closed), Delivery::Answered)
                }
            };
            assert_eq!(run(&sim), Err(expected), "{by:?} at {at}");
        }
    }
}

#[test]
fn an_end_right_behind_a_complete_response_is_none_of_its_business() {
    for fault in [Fault::Fin as FaultAt, Fault::Reset, Fault::HalfClose] {
        for response in [SIZED, CHUNKED] {
            let sim = calm();
            raw(&sim, Script::new().expect_head().send(response))
                .fail_next(fault(Point::Response(response.len() as u64)));
            assert_eq!(run(&sim), Ok(b"0123456789".to_vec()));
        }
    }
}

#[test]
fn content_that_came_before_a_cut_is_delivered_first() {
    for_each_seed(0..50, |seed| {
        let mut config = SimConfig::default();
        config.reset_discards = 0;
        let sim = Sim::with_config(seed, config);
        let fault = if seed % 2 == 0 { Fault::Fin } else { Fault::Reset };
        raw(&sim, Script::new().expect_head().send(SIZED))
            .fail_next(fault(Point::Response(SIZED_HEAD as u64 + 4)));
        let client = client(&sim);
        let (came, e) = sim
            .block_on(async {
                let mut response = client.get("http://a.test/").send().await.expect("the head is whole");
                let mut came = Vec::new();
                loop {
                    match response.chunk().await {
                        Ok(Some(piece)) => came.extend_from_slice(&piece),
                        Ok(None) => panic!("a cut is no end"),
                        Err(e) => return (came, e),
                    }
                }
            })
            .expect("no dead-lock");
        assert_eq!(came, b"0123", "seed {seed}");
        assert!(
            matches!(e.kind(), Kind::Closed(Closed::InContent { received: 4, .. })),
            "seed {seed}: {e:?}"
        );
    });
}

#[test]
fn a_reset_may_destroy_what_had_arrived() {
    let mut outcomes = [0, 0];
    for seed in 0..100 {
        let mut config = SimConfig::calm();
        config.reset_discards = 50;
        config.shuffle_tasks = true;
        let sim = Sim::with_config(seed, config);
        raw(&sim, Script::new().expect_head().send(SIZED))
            .fail_next(Fault::Reset(Point::Response(SIZED.len() as u64)));
        match run(&sim) {
            Ok(content) => {
                assert_eq!(content, b"0123456789");
                outcomes[0] += 1;
            }
            Err((kind, _)) => {
                assert!(matches!(kind, Kind::Closed(_)), "{kind:?}");
                outcomes[1] += 1;
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 20), "{outcomes:?}");
}

#[test]
fn a_server_that_leaves_octets_unread_resets() {
    let sim = calm();
    raw(&sim, Script::new().read(5).fin());
    assert_eq!(run(&sim), Err((before_response(Ending::Reset), Delivery::Unknown)));
}

#[test]
fn a_slow_response_times_out_in_its_content() {
    let sim = calm();
    sim.listen("a.test", 80, |_: SimRequest| {
        SimResponse::ok("some").pause(seconds(4)).piece("more").chunked().stall()
    });
    assert_eq!(run(&sim), Err((Kind::Timeout(Phase::ReceiveContent), Delivery::Answered)));
    assert_eq!(sim.now(), seconds(9));
}

#[test]
fn seeds_draw_faults_of_every_kind() {
    let mut config = SimConfig::calm();
    config.fault_percent = 100;
    let drawn: String = (0..200)
        .map(|seed| {
            let sim = Sim::with_config(seed, config.clone());
            echo(&sim);
            let client = client(&sim);
            let _ = sim
                .block_on(client.post("http://a.test/").body(vec![0; 2_000]).send())
                .expect("no dead-lock");
            sim.trace()
        })
        .collect();
    for what in [
        "refused",
        "unreachable",
        "fault Fin",
        "fault Reset",
        "fault HalfClose",
        "fault Stall",
        "fault Pause",
    ] {
        assert!(drawn.contains(what), "{what} was never drawn");
    }
}
