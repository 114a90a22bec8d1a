//! GOAWAY, resets and the ends of connections.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, OnceLock};

use http::Method;
use martlet_sim::h2::{FrameKind, H2Link, H2Server};
use martlet_sim::{Listener, Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use crate::client::{
    calm, connect, connect_with, dial, millis, read, request, reset_code, seconds, settings, settle, upload,
};

fn slow(request: SimRequest) -> SimResponse {
    SimResponse::ok(request.target).after(seconds(2))
}

fn processed(server: &Listener) -> Vec<(u32, bool)> {
    server.log().iter().map(|seen| (seen.stream.unwrap_or_default(), seen.processed)).collect()
}

#[test]
fn streams_above_goaway_are_never_processed_and_those_below_are_answered() {
    for_each_seed(0..30, |seed| {
        let sim = Sim::new(seed);
        let server = sim.listen_h2("a.test", 80, slow);
        let link = server.h2(0);
        sim.block_on(async {
            let mut client = connect(&sim).await;
            let first = client.get("/1");
            let second = client.get("/3");
            // The end of these is yet to come.
            let (third, mut third_body) = client.post("/5");
            let (fourth, _fourth_body) = client.post("/7");
            sim.sleep(seconds(1)).await;
            assert_eq!(link.goaway(5, 0), 5);
            let late = client.get("/9");
            upload(&mut third_body, "content".into()).await.expect("it is not above");
            assert_eq!(read(first.await.expect("an answer")).await.expect("content").content, b"/1");
            assert_eq!(read(second.await.expect("an answer")).await.expect("content").content, b"/3");
            assert_eq!(read(third.await.expect("an answer")).await.expect("content").content, b"/5");
            for lost in [fourth.await, late.await] {
                let e = lost.expect_err("it is above");
                assert!(e.is_go_away() && e.is_remote(), "{e}");
            }
        })
        .expect("no dead-lock");
        assert_eq!(processed(&server)[..3], [(1, true), (3, true), (5, true)], "seed {seed}");
        assert!(processed(&server)[3..].iter().all(|(_, processed)| !processed));
        assert!(server.complaints().is_empty(), "{:?}", server.complaints());
    });
}

#[test]
fn a_goaway_below_what_was_processed_is_raised_and_a_complaint() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, slow);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let response = client.get("/");
        sim.sleep(seconds(1)).await;
        assert_eq!(server.h2(0).goaway(0, 0), 1);
        response.await.expect("it is processed");
    })
    .expect("no dead-lock");
    assert_eq!(server.complaints().len(), 1, "{:?}", server.complaints());
}

#[test]
fn g_07_a_server_may_be_made_to_lie() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::ok("x").stall());
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let response = client.get("/").await.expect("a head");
        assert_eq!(server.h2(0).goaway_lying(0, 0), 0);
        let e = read(response).await.expect_err("it is above");
        assert!(e.is_go_away(), "{e}");
    })
    .expect("no dead-lock");
    // The log does not lie.
    assert!(server.log()[0].processed);
    assert!(server.complaints().is_empty());
}

#[test]
fn g_03_the_last_stream_falls_and_what_came_meanwhile_is_dropped() {
    let sim = calm();
    let server = sim.listen_h2_with("a.test", 80, H2Server::new().fin_after_goaway(true), slow);
    let link = server.h2(0);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let first = client.get("/");
        let (second, _body) = client.post("/");
        sim.sleep(seconds(1)).await;
        assert_eq!(link.goaway(0x7fff_ffff, 0), 0x7fff_ffff);
        sim.sleep(seconds(3)).await;
        assert!(!client.has_ended(), "streams may come still");
        assert_eq!(link.goaway(1, 0), 1);
        assert_eq!(link.goaway(9, 0), 1, "it never rises");
        assert!(second.await.expect_err("it is above").is_go_away());
        first.await.expect("an answer");
        sim.sleep(seconds(1)).await;
        assert!(client.has_ended());
    })
    .expect("no dead-lock");
    assert_eq!(processed(&server), [(1, true), (3, false)]);
    assert_eq!(sim.open_connections(), 0);
}

#[test]
fn g_06_every_connection_may_begin_with_goaway() {
    let sim = calm();
    let server = sim.listen_h2_with("a.test", 80, H2Server::new().goaway_after(0, 0), slow);
    for _ in 0..3 {
        let result = sim.block_on(async { connect(&sim).await.fetch("/").await }).expect("no dead-lock");
        assert!(result.expect_err("nothing is answered").is_go_away());
    }
    settle(&sim);
    assert_eq!(server.accepted(), 3);
    assert!(server.log().iter().all(|seen| !seen.processed));
}

#[test]
fn goaway_after_some_requests_takes_no_more() {
    let sim = calm();
    let settings = H2Server::new().goaway_after(2, 0).fin_after_goaway(true);
    let server = sim.listen_h2_with("a.test", 80, settings, slow);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let responses: Vec<_> = (0..4).map(|_| client.get("/")).collect();
        let mut answered = Vec::new();
        for response in responses {
            answered.push(match response.await {
                Ok(response) => read(response).await.is_ok(),
                Err(_) => false,
            });
        }
        assert_eq!(answered, [true, true, false, false]);
        sim.sleep(seconds(1)).await;
        assert!(client.has_ended());
    })
    .expect("no dead-lock");
    assert_eq!(processed(&server), [(1, true), (3, true), (5, false), (7, false)]);
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[test]
fn a_goaway_from_inside_of_the_service_spares_its_own_request() {
    let sim = calm();
    let place: Arc<OnceLock<H2Link>> = Arc::default();
    let inside = Arc::clone(&place);
    let server = sim.listen_h2("a.test", 80, move |_: SimRequest| {
        assert_eq!(inside.get().expect("it is there").goaway(1, 0), 1);
        SimResponse::ok("last")
    });
    assert!(place.set(server.h2(0)).is_ok());
    let whole = sim.block_on(async { connect(&sim).await.fetch("/").await }).expect("no dead-lock");
    assert_eq!(whole.expect("an answer").content, b"last");
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[test]
fn a_stream_that_is_reset_before_its_end_is_never_processed() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, slow);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let (response, mut body) = client.post("/");
        sim.sleep(seconds(1)).await;
        server.h2(0).reset_stream(1, 0xb);
        // What is under way then is ignored.
        body.send_data("content".into(), true).expect("it does not know yet");
        assert_eq!(reset_code(response.await), 0xb);
        assert_eq!(client.fetch("/").await.expect("the connection is sound").content, b"/");
    })
    .expect("no dead-lock");
    assert_eq!(processed(&server), [(1, false), (3, true)]);
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

/// Answers are written into a wire that takes them slowly, and are reset when some of their frames have left the machine.
#[test]
fn frames_that_are_kept_back_cost_no_window() {
    let mut config = SimConfig::calm();
    config.buffer = 2_000..=2_000;
    config.latency = millis(10)..=millis(10);
    let sim = Sim::with_config(0, config);
    let server = sim.listen_h2("a.test", 80, |request: SimRequest| match request.target.as_str() {
        "/big" => SimResponse::ok(vec![0; 60_000]),
        "/huge" => SimResponse::ok(vec![0; 300_000]),
        target => SimResponse::ok("small").header("x-target", target),
    });
    let link = server.h2(0);
    sim.block_on(async {
        // What is released is told in halves of the window.
        let mut client = connect_with(&sim, settings().initial_connection_window_size(1 << 20)).await;
        for round in 0..60 {
            let mut responses = vec![client.get("/big"), client.get("/big")];
            responses.extend((0..5).map(|n| client.get(&format!("/{round}/{n}"))));
            sim.sleep(millis(50)).await;
            for response in &responses {
                link.reset_stream(response.stream_id().as_u32(), 0x8);
            }
            for response in responses {
                // Of some the head has come before.
                if let Ok(response) = response.await {
                    assert_eq!(reset_code(read(response).await), 0x8);
                }
            }
            let target = format!("/{round}/4");
            let whole = client.fetch(&target).await.expect("an answer");
            assert_eq!(whole.headers["x-target"], target);
        }
        // There is window for all that these may have without being read.
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(client.get("/huge").await.expect("an answer"));
        }
        sim.sleep(seconds(60)).await;
        let trace = sim.trace();
        for response in held {
            let stream = format!(" sends Data on stream {},", response.body().stream_id().as_u32());
            let sent = trace.lines().filter(|line| line.contains(&stream));
            let octets =
                sent.filter_map(|line| line.rsplit(", ").next()?.split(' ').next()?.parse::<u32>().ok());
            assert_eq!(octets.sum::<u32>(), 65_535, "{stream}");
        }
    })
    .expect("no dead-lock");
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[test]
fn what_the_client_cancels_is_seen_in_its_frames() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::ok("x").stall());
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let response = client.get("/").await.expect("a head");
        sim.sleep(seconds(1)).await;
        drop(response);
        sim.sleep(seconds(1)).await;
        assert_eq!(server.h2(0).active_streams(), 0);
        client.ready().await;
        let (response, _body) =
            client.send.send_request(request(Method::GET, "/"), true).expect("it goes out");
        response.await.expect("a head");
    })
    .expect("no dead-lock");
    settle(&sim);
    let link = server.h2(0);
    let resets: Vec<_> =
        link.frames_of(FrameKind::RstStream).into_iter().map(|f| (f.stream, f.code())).collect();
    assert_eq!(resets[0], (1, Some(0x8)));
    assert_eq!(link.frames_of(FrameKind::RstStream)[0].at, seconds(1));
    // The client says good-bye.
    let goaways = link.frames_of(FrameKind::GoAway);
    assert_eq!(goaways.iter().map(|frame| frame.code()).collect::<Vec<_>>(), [Some(0)]);
    assert_eq!(goaways[0].last_stream(), Some(0));
    assert_eq!(sim.open_connections(), 0);
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[test]
fn fin_ends_the_connection_and_the_requests_on_it() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, slow);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let first = client.get("/");
        let (second, _body) = client.post("/");
        sim.sleep(seconds(1)).await;
        server.h2(0).fin();
        assert!(first.await.is_err());
        assert!(second.await.is_err());
        sim.sleep(seconds(5)).await;
        assert!(client.has_ended());
    })
    .expect("no dead-lock");
    assert_eq!(processed(&server), [(1, true), (3, false)]);
    assert_eq!(sim.open_connections(), 0);
    sim.run().expect("nobody waits");
    assert!(sim.trace().ends_with("gone\n"), "{}", sim.trace());
}

#[test]
fn rst_breaks_the_connection() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, slow);
    let result = sim
        .block_on(async {
            let mut client = connect(&sim).await;
            let response = client.get("/");
            sim.sleep(seconds(1)).await;
            server.h2(0).rst();
            response.await.map(|_| ())
        })
        .expect("no dead-lock");
    let e = result.expect_err("it is broken");
    assert!(e.is_io(), "{e}");
    assert!(sim.trace().contains("c1 < arrived reset"));
}

#[test]
fn any_octets_may_be_sent() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, slow);
    let result = sim
        .block_on(async {
            let mut client = connect(&sim).await;
            let response = client.get("/");
            sim.sleep(seconds(1)).await;
            // DATA on stream 0.
            server.h2(0).raw(&b"\0\0\x01\0\0\0\0\0\0x"[..]);
            response.await.map(|_| ())
        })
        .expect("no dead-lock");
    let e = result.expect_err("a connection error");
    assert!(e.is_go_away() && e.is_library(), "{e}");
    settle(&sim);
    assert_eq!(server.h2(0).frames_of(FrameKind::GoAway)[0].code(), Some(1));
}

#[test]
fn a_client_that_breaks_the_protocol_is_a_complaint() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, slow);
    sim.block_on(async {
        let tcp = Arc::new(Mutex::new(dial(&sim).await.expect("a connection")));
        let octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\0x";
        let mut sent = 0;
        poll_fn(|cx| {
            let mut tcp = tcp.lock().expect("sound");
            futures_io::AsyncWrite::poll_write(std::pin::Pin::new(&mut *tcp), cx, &octets[sent..])
                .map_ok(|n| sent += n)
        })
        .await
        .expect("it goes out");
        sim.sleep(seconds(1)).await;
    })
    .expect("no dead-lock");
    assert_eq!(server.complaints().len(), 1, "{:?}", server.complaints());
}

#[test]
fn a_storm_of_cancelled_requests_ends_nothing() {
    let sim = Sim::new(5);
    let server = sim.listen_h2("a.test", 80, |request: SimRequest| match request.target.as_str() {
        "/silent" => SimResponse::silent(),
        _ => SimResponse::ok(vec![0; 5_000]),
    });
    sim.block_on(async {
        let mut client = connect(&sim).await;
        for n in 0..600 {
            let response = client.get(if n % 2 == 0 { "/silent" } else { "/" });
            client.pings.ping(h2::Ping::opaque()).await.expect("an answer");
            drop(response);
        }
        assert_eq!(client.fetch("/").await.expect("an answer").content.len(), 5_000);
    })
    .expect("no dead-lock");
    let link = server.h2(0);
    assert!(link.frames_of(FrameKind::RstStream).len() >= 300);
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
    assert!(!sim.trace().contains("sends GoAway"));
}

#[test]
fn a_client_that_leaves_streams_behind_leaves_no_connection() {
    for_each_seed(0..30, |seed| {
        let sim = Sim::new(seed);
        let server = sim.listen_h2("a.test", 80, |request: SimRequest| match request.nth {
            0 => SimResponse::silent(),
            1 => SimResponse::ok("x").stall(),
            2 => SimResponse::ok(vec![0; 90_000]).reset_after(70_000, 2),
            _ => SimResponse::ok("x").after(seconds(100)),
        });
        sim.block_on(async {
            let mut client = connect(&sim).await;
            let responses: Vec<_> = (0..4).map(|_| client.get("/")).collect();
            let _posted = client.post("/");
            sim.sleep(seconds(1)).await;
            server.h2(0).reset_stream(7, 2);
            drop(responses);
        })
        .expect("no dead-lock");
        sim.run().expect("nobody waits");
        assert_eq!(sim.open_connections(), 0, "seed {seed}");
        assert!(sim.trace().trim_end().ends_with("gone"), "{}", sim.trace());
        assert!(server.complaints().is_empty(), "{:?}", server.complaints());
    });
}
