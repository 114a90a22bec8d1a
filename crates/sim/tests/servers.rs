//! What servers do and take down.

mod common;

use std::time::Duration;

use martlet::Delivery;
use martlet::http::Version;
use martlet_sim::h2::FrameKind;
use martlet_sim::{Script, Service, Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use common::{calm, client, client_with, echo, get, raw, seconds};

#[test]
fn a_service_sees_method_target_fields_and_content() {
    let sim = Sim::new(1);
    let server = sim.listen("a.test", 8080, |request: SimRequest| {
        assert_eq!(request.headers["x-note"], "yes");
        SimResponse::new(201).header("x-method", &request.method).piece(request.content)
    });
    let client = client(&sim);
    let (status, method, content) = sim
        .block_on(async {
            let body = vec![7; 50_000];
            let response =
                client.put("http://a.test:8080/p?q").header("x-note", "yes").body(body).send().await?;
            let (status, method) = (response.status(), response.headers()["x-method"].clone());
            Ok::<_, martlet::Error>((status, method, response.bytes().await?))
        })
        .expect("no dead-lock")
        .expect("an answer");
    assert_eq!((status.as_u16(), method.to_str().ok()), (201, Some("PUT")));
    assert_eq!(content, vec![7; 50_000]);
    let log = server.log();
    assert_eq!((log[0].target.as_str(), log[0].content.len()), ("/p?q", 50_000));
    assert!(log[0].octets.len() > 50_000);
}

#[test]
fn chunked_content_pauses_interims_and_trailers_arrive() {
    let sim = Sim::new(2);
    let server = sim.listen("a.test", 80, |_: SimRequest| {
        SimResponse::ok("one")
            .interim(103)
            .pause(seconds(1))
            .piece("two")
            .chunked()
            .trailer("x-sum", "5")
            .after(seconds(2))
    });
    let client = client(&sim);
    let trailer = sim
        .block_on(async {
            let mut response = client.get("http://a.test/").send().await.expect("an answer");
            let mut content = Vec::new();
            while let Some(piece) = response.chunk().await.expect("content") {
                content.extend_from_slice(&piece);
            }
            assert_eq!(content, b"onetwo");
            response.trailers().and_then(|fields| fields.get("x-sum").map(<[u8]>::to_vec))
        })
        .expect("no dead-lock");
    assert_eq!(trailer.as_deref(), Some(&b"5"[..]));
    assert!(sim.now() >= seconds(3));
    assert!(server.complaints().is_empty());
}

#[test]
fn methods_and_statuses_without_content_are_framed_right() {
    let sim = Sim::new(3);
    let server = sim.listen("a.test", 80, |request: SimRequest| match request.target.as_str() {
        "/204" => SimResponse::new(204),
        "/304" => SimResponse::new(304),
        _ => SimResponse::ok("content"),
    });
    let client = client(&sim);
    sim.block_on(async {
        for url in ["http://a.test/204", "http://a.test/304"] {
            assert_eq!(get(&client, url).await.expect("an answer"), b"");
        }
        let response = client.head("http://a.test/").send().await.expect("an answer");
        assert_eq!(response.content_length(), Some(7));
        assert_eq!(response.bytes().await.expect("an end"), "");
    })
    .expect("no dead-lock");
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

/// Refuses uploads by their heads.
struct TooLarge;

impl Service for TooLarge {
    fn respond(&mut self, _: SimRequest) -> SimResponse {
        SimResponse::new(200)
    }

    fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
        (head.method == "POST").then(|| SimResponse::new(413).close())
    }
}

#[test]
fn an_early_answer_reaches_a_client_that_uploads() {
    for_each_seed(0..50, |seed| {
        let sim = Sim::new(seed);
        let server = sim.listen("a.test", 80, TooLarge);
        let client = client(&sim);
        let sent =
            sim.block_on(client.post("http://a.test/").body(vec![0; 300_000]).send()).expect("no dead-lock");
        assert_eq!(sent.expect("the answer").status().as_u16(), 413, "seed {seed}");
        assert!(server.log()[0].processed);
        assert!(server.complaints().is_empty());
    });
}

#[test]
fn a_client_that_expects_100_is_told_to_continue() {
    let sim = calm();
    let server = sim.listen("a.test", 80, |request: SimRequest| SimResponse::ok(request.content));
    let client = client(&sim);
    let request = client.post("http://a.test/").header("expect", "100-continue").body("content");
    let response = sim.block_on(request.send()).expect("no dead-lock").expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    // It did not wait for its timer.
    assert_eq!(sim.now(), seconds(0));
    assert_eq!(server.log()[0].content, b"content");
}

#[test]
fn what_a_service_cannot_mean_is_a_complaint() {
    for response in [
        SimResponse::new(99),
        SimResponse::ok("x").header("no name", "x"),
        SimResponse::new(204).piece("content"),
        SimResponse::ok("x").interim(200),
        SimResponse::ok("x").trailer("x-sum", "5"),
        SimResponse::ok("x").header("content-length", "5"),
    ] {
        let sim = calm();
        let server = sim.listen("a.test", 80, move |_: SimRequest| response.clone());
        let client = client(&sim);
        let _ = sim.block_on(get(&client, "http://a.test/")).expect("no dead-lock");
        assert_eq!(server.complaints().len(), 1, "{:?}", server.complaints());
    }
}

#[test]
fn a_script_whose_client_does_otherwise_complains() {
    let sim = calm();
    let server = raw(&sim, Script::new().expect("POST / "));
    let client = client(&sim);
    let e = sim.block_on(get(&client, "http://a.test/")).expect("no dead-lock").expect_err("it is reset");
    assert!(e.delivery() <= Delivery::Unknown);
    assert_eq!(server.complaints().len(), 1);
    assert!(
        server.complaints()[0].contains("expected \"POST / \", got \"GET / "),
        "{:?}",
        server.complaints()
    );
}

#[test]
fn scripts_are_played_in_their_order_and_the_last_again() {
    let sim = calm();
    let script = |content: &'static str| {
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{content}");
        Script::new().expect("GET /").expect_head().pause(seconds(1)).send(response)
    };
    sim.listen_script("a.test", 80, [script("1"), script("2")]);
    let client = client_with(&sim, |builder| builder.keepalive_expiry(Some(Duration::ZERO)));
    for expected in [b"1", b"2", b"2"] {
        let content = sim.block_on(get(&client, "http://a.test/")).expect("no dead-lock").expect("an answer");
        assert_eq!(content, expected);
    }
}

#[test]
fn the_log_has_requests_octet_by_octet_whatever_the_segments() {
    let octets = |segment| {
        let mut config = SimConfig::calm();
        config.segment = segment..=segment;
        let sim = Sim::with_config(0, config);
        let server = echo(&sim);
        let client = client(&sim);
        sim.block_on(client.post("http://a.test/").body("hello").send())
            .expect("no dead-lock")
            .expect("an answer");
        let log = server.log();
        assert_eq!(log.len(), 1);
        assert!(log[0].complete);
        assert_eq!(log[0].content, b"hello");
        log[0].octets.clone()
    };
    assert_eq!(octets(1), octets(65_536));
    assert_eq!(octets(1), octets(7));
}

#[test]
fn buffers_are_bounded() {
    let mut config = SimConfig::calm();
    config.buffer = 100..=100;
    let sim = Sim::with_config(0, config);
    let server = raw(&sim, Script::new().stall());
    let client = client(&sim);
    let sent =
        sim.block_on(client.post("http://a.test/").body(vec![0; 10_000]).send()).expect("no dead-lock");
    assert!(sent.expect_err("nobody reads").is_timeout());
    assert_eq!(server.log()[0].octets.len(), 100);
}

#[test]
fn no_connection_is_left_open() {
    let sim = Sim::new(4);
    echo(&sim);
    let client = client(&sim);
    for _ in 0..3 {
        let _ = sim.block_on(get(&client, "http://a.test/")).expect("no dead-lock");
    }
    drop(client);
    assert_eq!(sim.open_connections(), 0);
    sim.run().expect("servers end with their clients");
    assert!(sim.trace().ends_with("gone\n"), "{}", sim.trace());
}

#[test]
fn a_script_may_speak_http_2_and_what_the_client_sends_is_taken_down() {
    let sim = Sim::new(1);
    // SETTINGS; HEADERS of stream 1 with `:status: 200`; DATA, its end.
    let frames = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x02\0\x01\0\0\0\x01ok";
    let script = Script::new().expect_head().send(&frames[..]).read_to_end();
    let server = sim.listen_h2_script("a.test", 80, [script]);
    let client = client(&sim);
    let request = client.get("http://a.test/one").version(Version::HTTP_2);
    let text = async { request.send().await?.text().await };
    assert_eq!(sim.block_on(text).expect("no dead-lock").expect("an answer"), "ok");
    let log = server.log();
    assert_eq!((log[0].target.as_str(), log[0].stream, log[0].complete), ("/one", Some(1), true));
    assert!(!server.h2(0).frames_of(FrameKind::Settings).is_empty());
    assert_eq!(server.complaints(), [""; 0]);
}

#[test]
fn a_script_finds_the_end_of_a_head_wherever_it_is_cut() {
    for segment in 1..=5 {
        let mut config = SimConfig::calm();
        config.segment = segment..=segment;
        let sim = Sim::with_config(0, config);
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        // The content of the first is not read, and is in front of the second head.
        let script = Script::new().expect_head().send(answer).expect_head().send(answer);
        let server = sim.listen_script("a.test", 80, [script]);
        let client = client(&sim);
        for n in 0..2 {
            let sent = async { client.post("http://a.test/").body("a\r\n\rb").send().await?.text().await };
            assert_eq!(sim.block_on(sent).expect("no dead-lock").expect("an answer"), "ok", "{n}, {segment}");
        }
        assert_eq!(server.accepted(), 1);
        assert_eq!(server.complaints(), [""; 0]);
    }
}
