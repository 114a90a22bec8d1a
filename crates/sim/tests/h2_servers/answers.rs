//! What a service answers, and how it goes out.

use bytes::Bytes;
use h2::ext::Protocol;
use http::{HeaderMap, Method, Version};
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{Service, Sim, SimRequest, SimResponse, for_each_seed};

use crate::client::{calm, connect, read, request, reset_code, seconds, settle, upload};

#[test]
fn a_service_sees_the_request_and_its_answer_arrives() {
    for_each_seed(0..50, |seed| {
        let sim = Sim::new(seed);
        let server = sim.listen_h2("a.test", 80, |request: SimRequest| {
            assert_eq!((request.version, request.stream, request.nth), (Version::HTTP_2, Some(1), 0));
            assert_eq!(request.authority.as_deref(), Some("a.test"));
            assert_eq!(request.trailers["x-sum"], "5");
            let method = request.method.clone();
            SimResponse::new(201).header("x-method", &method).piece(request.content).trailer("x-end", "yes")
        });
        let whole = sim
            .block_on(async {
                let mut client = connect(&sim).await;
                let (response, mut body) = client.post("/p?q");
                let mut content = Bytes::from(vec![7; 200_000]);
                while !content.is_empty() {
                    body.send_data(content.split_to(50_000), false).expect("open");
                }
                let mut trailers = HeaderMap::new();
                trailers.insert("x-sum", "5".parse().expect("a value"));
                body.send_trailers(trailers).expect("open");
                read(response.await.expect("an answer")).await.expect("content")
            })
            .expect("no dead-lock");
        assert_eq!((whole.status, &whole.headers["x-method"]), (201, &"POST".parse().expect("a value")));
        assert_eq!(whole.headers["content-length"], "200000");
        assert_eq!(whole.content, vec![7; 200_000]);
        assert_eq!(whole.trailers.expect("trailers")["x-end"], "yes");
        let log = server.log();
        assert_eq!(log.len(), 1);
        assert_eq!((log[0].target.as_str(), log[0].content.len(), log[0].stream), ("/p?q", 200_000, Some(1)));
        assert_eq!((log[0].method.as_str(), log[0].authority.as_deref()), ("POST", Some("a.test")));
        assert!(log[0].complete && log[0].processed);
        assert!(server.complaints().is_empty(), "{:?}", server.complaints());
    });
}

#[test]
fn streams_are_answered_beside_each_other() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, |request: SimRequest| {
        let delay = request.target[1..].parse().expect("seconds");
        SimResponse::ok(request.target).after(seconds(delay))
    });
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let slow = client.get("/5");
        let fast = client.get("/1");
        assert_eq!(read(fast.await.expect("an answer")).await.expect("content").content, b"/1");
        assert_eq!(sim.now(), seconds(1));
        assert_eq!(read(slow.await.expect("an answer")).await.expect("content").content, b"/5");
        assert_eq!(sim.now(), seconds(5));
    })
    .expect("no dead-lock");
    assert_eq!(server.h2(0).peak_streams(), 2);
    assert_eq!(server.h2(0).active_streams(), 0);
    assert_eq!(server.h2(0).requests().len(), 2);
}

#[test]
fn pauses_interims_and_heads_without_content_are_as_in_http_1() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, |request: SimRequest| match request.target.as_str() {
        "/204" => SimResponse::new(204),
        "/304" => SimResponse::new(304),
        "/empty" => SimResponse::new(200),
        _ => SimResponse::ok("one").interim(103).pause(seconds(1)).piece("two").chunked().after(seconds(2)),
    });
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let whole = client.fetch("/").await.expect("an answer");
        assert_eq!((whole.content.as_slice(), sim.now()), (&b"onetwo"[..], seconds(3)));
        assert!(!whole.headers.contains_key("content-length"));
        for (target, len) in [("/204", None), ("/304", None), ("/empty", Some("0"))] {
            let whole = client.fetch(target).await.expect("an answer");
            assert_eq!(whole.content, b"");
            assert_eq!(whole.headers.get("content-length").and_then(|len| len.to_str().ok()), len);
        }
        let head = client.send.send_request(request(Method::HEAD, "/"), true).expect("it goes out").0;
        assert_eq!(read(head.await.expect("an answer")).await.expect("an end").content, b"");
    })
    .expect("no dead-lock");
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[test]
fn interim_responses_come_before_the_response() {
    let sim = calm();
    sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::ok("x").interim(103).interim(102));
    let statuses = sim
        .block_on(async {
            let mut client = connect(&sim).await;
            let mut response = client.get("/");
            let mut statuses = Vec::new();
            let next = std::future::poll_fn(|cx| response.poll_informational(cx));
            statuses.push(next.await.expect("one").expect("sound").status().as_u16());
            let next = std::future::poll_fn(|cx| response.poll_informational(cx));
            statuses.push(next.await.expect("another").expect("sound").status().as_u16());
            statuses.push(response.await.expect("an answer").status().as_u16());
            statuses
        })
        .expect("no dead-lock");
    assert_eq!(statuses, [103, 102, 200]);
}

#[test]
fn a_client_that_expects_100_is_told_to_continue() {
    let sim = calm();
    sim.listen_h2("a.test", 80, |request: SimRequest| SimResponse::ok(request.content));
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let mut head = request(Method::POST, "/");
        head.headers_mut().insert("expect", "100-continue".parse().expect("a value"));
        let (mut response, mut body) = client.send.send_request(head, false).expect("it goes out");
        let next = std::future::poll_fn(|cx| response.poll_informational(cx));
        assert_eq!(next.await.expect("one").expect("sound").status().as_u16(), 100);
        upload(&mut body, "content".into()).await.expect("open");
        assert_eq!(read(response.await.expect("an answer")).await.expect("content").content, b"content");
    })
    .expect("no dead-lock");
}

/// Answers by the head.
struct Early(SimResponse);

impl Service for Early {
    fn respond(&mut self, _: SimRequest) -> SimResponse {
        SimResponse::new(500)
    }

    fn respond_early(&mut self, _: &SimRequest) -> Option<SimResponse> {
        Some(self.0.clone())
    }
}

#[test]
fn an_early_answer_may_ask_for_no_more_of_the_request() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, Early(SimResponse::ok("enough").reset_after(6, 0)));
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let (response, mut body) = client.post("/");
        body.send_data("some".into(), false).expect("open");
        assert_eq!(read(response.await.expect("an answer")).await.expect("content").content, b"enough");
        let reset = std::future::poll_fn(|cx| body.poll_reset(cx)).await.expect("a reset");
        assert_eq!(reset, h2::Reason::NO_ERROR);
    })
    .expect("no dead-lock");
    let log = server.log();
    assert!(log[0].processed && !log[0].complete);
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[test]
fn an_early_answer_without_a_reset_reads_on() {
    let sim = Sim::new(3);
    let server = sim.listen_h2("a.test", 80, Early(SimResponse::new(413)));
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let (response, mut body) = client.post("/");
        assert_eq!(response.await.expect("an answer").status().as_u16(), 413);
        // More than the windows: they are given back.
        upload(&mut body, vec![0; 3_000_000].into()).await.expect("open");
    })
    .expect("no dead-lock");
    sim.run().expect("nobody waits");
    assert_eq!(server.log()[0].content.len(), 3_000_000);
    assert!(server.log()[0].complete);
}

#[test]
fn refused_and_silent_requests_are_not_processed_and_resets_are() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, |request: SimRequest| match request.target.as_str() {
        "/refuse" => SimResponse::refuse(),
        "/http1" => SimResponse::reset(0xd),
        "/reset" => SimResponse::reset(0x2).after(seconds(1)),
        _ => SimResponse::silent(),
    });
    sim.block_on(async {
        let mut client = connect(&sim).await;
        assert_eq!(reset_code(client.fetch("/refuse").await), 0x7);
        assert_eq!(reset_code(client.fetch("/http1").await), 0xd);
        assert_eq!(reset_code(client.fetch("/reset").await), 0x2);
        assert_eq!(sim.now(), seconds(1));
        let silent = client.get("/silent");
        sim.sleep(seconds(1)).await;
        drop(silent);
    })
    .expect("no dead-lock");
    settle(&sim);
    let processed: Vec<_> = server.log().iter().map(|seen| (seen.complete, seen.processed)).collect();
    assert_eq!(processed, [(true, false), (true, false), (true, true), (true, false)]);
    // The client has cancelled the last by dropping it.
    assert_eq!(server.log()[3].reset, Some(0x8));
    assert_eq!(server.h2(0).frames_of(FrameKind::RstStream).len(), 1);
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[test]
fn content_is_cut_off_at_the_octet_by_a_reset() {
    for_each_seed(0..30, |seed| {
        let sim = Sim::new(seed);
        let server = sim.listen_h2("a.test", 80, |request: SimRequest| {
            let at = request.target[1..].parse().expect("octets");
            SimResponse::ok("0123456789")
                .interim(103)
                .pause(seconds(1))
                .piece(vec![b'x'; 90_000])
                .reset_after(at, 0x2)
        });
        sim.block_on(async {
            let mut client = connect(&sim).await;
            for at in [0, 5, 10, 11, 80_000] {
                client.ready().await;
                let response = client.get(&format!("/{at}")).await.expect("a head");
                assert_eq!(response.headers()["content-length"], "90010");
                let mut body = response.into_body();
                let mut got = 0;
                let end = loop {
                    match body.data().await.expect("no end") {
                        Ok(octets) => {
                            got += octets.len();
                            body.flow_control().release_capacity(octets.len()).expect("open");
                        }
                        Err(e) => break e,
                    }
                };
                // The client's machine may drop what it had when the reset came.
                assert!(got <= at, "{got} of {at}");
                assert_eq!(end.reason(), Some(h2::Reason::INTERNAL_ERROR));
            }
        })
        .expect("no dead-lock");
        assert_eq!(server.h2(0).active_streams(), 0);
        assert!(server.complaints().is_empty(), "{:?}", server.complaints());
    });
}

#[test]
fn a_response_that_closes_sends_goaway_behind_which_it_is_answered() {
    let sim = calm();
    let server = sim.listen_h2_with("a.test", 80, H2Server::new().fin_after_goaway(true), |_: SimRequest| {
        SimResponse::ok("last").close()
    });
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let whole = client.fetch("/").await.expect("an answer");
        assert_eq!(whole.content, b"last");
        assert!(!whole.headers.contains_key("connection"));
        sim.sleep(seconds(1)).await;
        assert!(client.has_ended());
    })
    .expect("no dead-lock");
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
    assert_eq!(sim.open_connections(), 0);
}

#[test]
fn what_a_service_cannot_mean_is_a_complaint_and_an_internal_error() {
    for response in [
        SimResponse::new(99),
        SimResponse::new(204).piece("content"),
        SimResponse::ok("x").interim(200),
        SimResponse::ok("x").header("transfer-encoding", "chunked"),
    ] {
        let sim = calm();
        let server = sim.listen_h2("a.test", 80, move |_: SimRequest| response.clone());
        let result = sim.block_on(async { connect(&sim).await.fetch("/").await }).expect("no dead-lock");
        assert_eq!(reset_code(result), 0x2);
        assert_eq!(server.complaints().len(), 1, "{:?}", server.complaints());
    }
}

#[test]
fn extended_connect_has_its_protocol() {
    let sim = calm();
    let settings = H2Server::new().extended_connect(true);
    let server = sim.listen_h2_with("a.test", 80, settings, Early(SimResponse::ok("")));
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let _ = client.fetch("/").await;
        let mut head = request(Method::CONNECT, "/chat");
        head.extensions_mut().insert(Protocol::from_static("websocket"));
        let (response, _body) = client.send.send_request(head, false).expect("the server allows it");
        assert_eq!(response.await.expect("an answer").status().as_u16(), 200);
    })
    .expect("no dead-lock");
    assert_eq!(server.log()[1].target, "/chat");
}

#[test]
fn a_response_of_many_windows_arrives_in_every_world() {
    for_each_seed(0..20, |seed| {
        let sim = Sim::new(seed);
        sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::ok(vec![9; 400_000]).piece("end"));
        sim.block_on(async {
            let mut client = connect(&sim).await;
            let mut readers = Vec::new();
            for _ in 0..3 {
                let response = client.get("/");
                readers.push(sim.spawn(async move { read(response.await?).await }));
            }
            for reader in readers {
                let whole = reader.await.expect("it ends").expect("an answer");
                assert_eq!(whole.content.len(), 400_003);
            }
        })
        .expect("no dead-lock");
    });
}

#[test]
fn a_wrong_content_length_goes_out_as_it_was_given() {
    let sim = calm();
    let server =
        sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::ok("x").header("content-length", "5"));
    let result = sim.block_on(async { connect(&sim).await.fetch("/").await }).expect("no dead-lock");
    let e = result.expect_err("it is malformed");
    assert_eq!((e.is_library(), e.reason()), (true, Some(h2::Reason::PROTOCOL_ERROR)));
    assert!(server.complaints().is_empty());
}

#[test]
fn a_client_of_http_1_meets_an_end() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::new(200));
    let client = martlet::Client::builder().runtime(sim.runtime()).build().expect("the settings are sound");
    let result = sim.block_on(client.get("http://a.test/").send()).expect("no dead-lock");
    assert!(result.is_err());
    assert!(server.log().is_empty() && server.complaints().is_empty());
}

#[test]
fn a_service_of_http_1_cannot_reset_but_may_be_silent() {
    let sim = calm();
    let client = martlet::Client::builder().runtime(sim.runtime()).build().expect("the settings are sound");
    for (response, complaints) in [(SimResponse::refuse(), 1), (SimResponse::silent(), 0)] {
        let server = sim.listen("a.test", 80, move |_: SimRequest| response.clone());
        let result = sim.block_on(client.get("http://a.test/").send()).expect("no dead-lock");
        assert!(result.is_err());
        assert!(server.log().iter().all(|seen| seen.complete && !seen.processed));
        assert_eq!(server.complaints().len(), complaints, "{:?}", server.complaints());
    }
}
