//! What goes before and behind content, and messages that have none.

use std::io::{self, Read, Write};
use std::time::Duration;

use martlet::http::{HeaderMap, HeaderValue, Method, StatusCode};
use martlet::{Body, Delivery, Error, Kind, Limits, PeerError, Phase, Timeouts};
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{Service, SimRequest, SimResponse};

use crate::common::flavor::everywhere;
use crate::served::{Served, plain, target};
use crate::{builder, client, get, soon, text, until};

/// The rule that the server broke.
fn rule(e: &Error) -> PeerError {
    let source = std::error::Error::source(e).unwrap_or_else(|| panic!("{e:?}"));
    *source.downcast_ref::<PeerError>().unwrap_or_else(|| panic!("{}", text(e)))
}

#[test]
fn responses_without_content_are_complete_with_their_heads() {
    everywhere(|_| async {
        let server =
            Served::start(H2Server::new(), None, |request: SimRequest| match request.target.as_str() {
                "/204" => SimResponse::new(204),
                "/304" => SimResponse::new(304),
                "/empty" => SimResponse::new(200),
                _ => SimResponse::ok("content"),
            });
        let client = client();
        for (method, path, length) in [
            (Method::HEAD, "/", Some(7)),
            (Method::GET, "/204", None),
            (Method::GET, "/304", None),
            (Method::GET, "/empty", Some(0)),
        ] {
            let mut response = client.request(method, server.url(path)).send().await.unwrap();
            assert_eq!(response.content_length(), length, "{path}");
            // The stream is free although nobody has read anything.
            assert_eq!(client.stats().streams, 0, "{path}");
            assert!(response.chunk().await.unwrap().is_none());
            assert!(response.trailers().is_none());
        }
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn fields_come_and_go_as_they_are() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, |request: SimRequest| {
            let sent: Vec<_> = request.headers.get_all("x-many").iter().map(HeaderValue::as_bytes).collect();
            assert_eq!(sent, [&b"one"[..], b"\xfctwo", b""]);
            for name in ["connection", "host", "transfer-encoding", "keep-alive", "x-private", "upgrade"] {
                assert!(!request.headers.contains_key(name), "{name}");
            }
            assert_eq!(request.headers["te"], "trailers");
            assert_eq!(request.headers["cookie"], "a=b");
            assert!(request.authority.is_some());
            SimResponse::ok("").header("x-back", "1").header("x-back", "2")
        });
        let request = client().get(server.url("/a?b=c#d"));
        let request = request.header("X-Many", "one").header("x-many", &b"\xfctwo"[..]).header("x-many", "");
        let request = request.header("connection", "x-private, te").header("x-private", "1");
        let request = request.header("te", "trailers").header("keep-alive", "1").header("cookie", "a=b");
        let response = request.send().await.unwrap();
        let back: Vec<_> = response.headers().get_all("x-back").iter().collect();
        assert_eq!(back, ["1", "2"]);
        let back: Vec<_> = response.fields().get_all("X-Back").collect();
        assert_eq!(back, [b"1", b"2"]);
        assert_eq!(server.link(0).requests()[0].target, "/a?b=c");
    });
}

#[test]
fn interim_responses_are_passed_over_up_to_a_limit() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, |request: SimRequest| {
            let count: usize = request.target[1..].parse().unwrap();
            let status = |nth| if nth % 2 == 0 { 103 } else { 102 };
            (0..count).fold(SimResponse::ok("final"), |response, nth| response.interim(status(nth)))
        });
        let client = client();
        assert_eq!(get(&client, &server.url("/32")).await.unwrap(), "final");
        for (client, count) in [(client, 33), (builder().build().unwrap(), 200)] {
            let e = soon("an error", get(&client, &server.url(&format!("/{count}")))).await.unwrap_err();
            assert_eq!((e.kind(), e.delivery(), e.attempts()), (Kind::Protocol, Delivery::Answered, 1));
            assert_eq!(rule(&e), PeerError::TooManyInterim { limit: 32 });
            // The others on the connection are none the worse.
            assert_eq!(get(&client, &server.url("/1")).await.unwrap(), "final");
        }
    });
}

/// Refuses before the content has come, or leaves it to 100 (Continue).
struct Refusing;

impl Service for Refusing {
    fn respond(&mut self, request: SimRequest) -> SimResponse {
        SimResponse::ok(request.content)
    }

    fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
        (head.target == "/refused").then(|| SimResponse::new(403))
    }
}

#[test]
fn content_that_waits_for_100_goes_out_with_it_and_never_with_a_refusal() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, Refusing);
        let client = client();
        let mut timeouts = Timeouts::none();
        timeouts.continue_ = None;
        let post = |path| {
            let request = client.post(server.url(path)).header("expect", "100-continue");
            request.timeouts(timeouts.clone()).body("content").send()
        };
        let response = soon("the response", post("/taken")).await.unwrap();
        assert_eq!(response.text().await.unwrap(), "content");
        let response = soon("the response", post("/refused")).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        drop(response);
        until("the second one is over", || server.link(0).active_streams() == 0).await;
        let data: Vec<_> =
            server.link(0).frames_of(FrameKind::Data).iter().map(|f| (f.stream, f.len)).collect();
        assert!(data.iter().all(|(stream, len)| *stream == 1 || *len == 0), "{data:?}");
    });
}

#[test]
fn content_waits_for_100_no_longer_than_it_is_told_to() {
    /// Says nothing before the content is here.
    fn mute(request: SimRequest) -> SimResponse {
        SimResponse::ok(request.content)
    }
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, mute);
        let client = client();
        let mut timeouts = Timeouts::none();
        timeouts.continue_ = Some(Duration::from_millis(50));
        let request = client.post(server.url("/")).header("expect", "100-continue");
        let response = soon("it", request.timeouts(timeouts).body("content").send()).await.unwrap();
        assert_eq!(response.text().await.unwrap(), "content");
    });
}

#[test]
fn a_field_section_above_the_limit_is_refused_and_one_below_is_not() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, |request: SimRequest| {
            let octets: usize = request.target[1..].parse().unwrap();
            SimResponse::ok("hello").header("x-long", &"x".repeat(octets))
        });
        // Content-Length, :status and the 32 octets that each field counts on top have to fit, too.
        let client = client();
        assert_eq!(get(&client, &server.url("/130000")).await.unwrap(), "hello");
        for octets in [140_000, 1_000_000] {
            let e = soon("an error", get(&client, &server.url(&format!("/{octets}")))).await.unwrap_err();
            assert_eq!(e.kind(), Kind::Protocol, "{}", text(&e));
            assert_eq!(e.attempts(), 1);
            // Whatever becomes of the connection.
            assert_eq!(soon("the next", get(&client, &server.url("/1"))).await.unwrap(), "hello");
        }
        let mut limits = Limits::new();
        limits.max_head_size = 1000;
        let client = builder().limits(limits).build().unwrap();
        assert_eq!(get(&client, &server.url("/500")).await.unwrap(), "hello");
        let e = soon("an error", get(&client, &server.url("/5000"))).await.unwrap_err();
        assert_eq!(e.kind(), Kind::Protocol, "{}", text(&e));
    });
}

#[test]
fn too_many_fields_are_refused() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, |request: SimRequest| {
            let count: usize = request.target[1..].parse().unwrap();
            (0..count)
                .fold(SimResponse::ok("hello"), |response, nth| response.header(&format!("x-{nth}"), "1"))
        });
        let client = client();
        // And Content-Length.
        assert_eq!(get(&client, &server.url("/255")).await.unwrap(), "hello");
        let e = get(&client, &server.url("/256")).await.unwrap_err();
        assert_eq!((e.kind(), rule(&e)), (Kind::Protocol, PeerError::TooManyFields { limit: 256 }));
        assert_eq!(get(&client, &server.url("/1")).await.unwrap(), "hello");
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn trailers_come_with_the_end_and_no_sooner_and_too_much_of_them_is_refused() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, |request: SimRequest| {
            let (count, octets) = request.target[1..].split_once('/').unwrap();
            let (count, octets): (usize, usize) = (count.parse().unwrap(), octets.parse().unwrap());
            let value = "x".repeat(octets);
            (0..count).fold(SimResponse::ok("hello").chunked(), |response, nth| {
                response.trailer(&format!("x-{nth}"), &value)
            })
        });
        let client = client();
        let mut response = client.get(server.url("/2/3")).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "hello");
        assert!(response.trailers().is_none());
        assert!(response.chunk().await.unwrap().is_none());
        let trailers = response.trailers().unwrap();
        assert_eq!((trailers.get_all("x-0").count(), trailers.get_all("x-1").count()), (1, 1));
        for (path, broken) in [
            ("/129/1", PeerError::TooManyTrailers { limit: 128 }),
            ("/1/17000", PeerError::TrailersTooLarge { limit: 16_384 }),
        ] {
            let mut response = client.get(server.url(path)).send().await.unwrap();
            assert_eq!(response.chunk().await.unwrap().unwrap(), "hello");
            let e = response.chunk().await.unwrap_err();
            assert_eq!((e.kind(), rule(&e)), (Kind::Protocol, broken));
        }
        assert_eq!(get(&client, &server.url("/0/0")).await.unwrap(), "hello");
    });
}

#[test]
fn trailers_go_out_in_chunked_coding_over_http_11() {
    everywhere(|_| async {
        let (heard, hears) = smol::channel::bounded(1);
        let server = crate::raw::Raw::start(move |_, mut tcp| {
            let (mut all, mut octet) = (Vec::new(), [0]);
            while !all.ends_with(b"x-sum: 1\r\n\r\n") && tcp.read(&mut octet)? == 1 {
                all.push(octet[0]);
            }
            heard.send_blocking(String::from_utf8(all).unwrap()).unwrap();
            tcp.write_all(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Back: 2\r\n\r\n",
            )
        });
        let body = Body::from("content").with_trailers(async {
            let mut fields = HeaderMap::new();
            fields.insert("x-sum", "1".parse().unwrap());
            io::Result::Ok(fields)
        });
        let client = martlet::Client::new();
        let mut response = soon("it", client.post(server.url("/")).body(body).send()).await.unwrap();
        while response.chunk().await.unwrap().is_some() {}
        assert_eq!(response.trailers().unwrap().get_all("x-back").collect::<Vec<_>>(), [b"2"]);
        let said = hears.recv().await.unwrap();
        assert!(
            said.contains("\r\ntransfer-encoding: chunked\r\n")
                || said.contains("Transfer-Encoding: chunked")
        );
        assert!(!said.to_lowercase().contains("content-length"), "{said}");
        assert!(said.ends_with("\r\n\r\n7\r\ncontent\r\n0\r\nx-sum: 1\r\n\r\n"), "{said}");
    });
}

#[test]
fn trailers_that_must_not_be_sent_fail_over_http_11_too() {
    everywhere(|_| async {
        let server = crate::raw::Raw::start(|_, tcp| crate::raw::http1(&tcp));
        let body = Body::from("content").with_trailers(async {
            io::Result::Ok([("host".parse().unwrap(), "a".parse().unwrap())].into_iter().collect())
        });
        let e = martlet::Client::new().post(server.url("/")).body(body).send().await;
        match e {
            Err(e) => assert_eq!(e.kind(), Kind::Body, "{}", text(&e)),
            // The server's answer may be faster.
            Ok(response) => drop(response),
        }
    });
}

#[test]
fn times_run_out_phase_by_phase() {
    everywhere(|_| async {
        let server =
            Served::start(H2Server::new(), None, |request: SimRequest| match request.target.as_str() {
                "/silent" => SimResponse::silent(),
                "/stalls" => SimResponse::ok("half").chunked().stall(),
                _ => target(request),
            });
        let short = Some(Duration::from_millis(100));
        let client = client();
        // So that the connection does not fall under suspicion.
        assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
        let (mut read, mut head, mut total) = (Timeouts::none(), Timeouts::none(), Timeouts::none());
        (read.read, head.head, total.total) = (short, short, short);
        for timeouts in [&read, &head, &total] {
            let request = client.get(server.url("/silent")).timeouts(timeouts.clone());
            let e = soon("an error", request.send()).await.unwrap_err();
            assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(Phase::ReceiveHead), Delivery::Unknown));
            assert!(e.elapsed() >= short && e.attempts() == 1, "{e:?}");
        }
        for timeouts in [&read, &total] {
            let request = client.get(server.url("/stalls")).timeouts(timeouts.clone());
            let mut response = soon("the head", request.send()).await.unwrap();
            assert_eq!(response.chunk().await.unwrap().unwrap(), "half");
            let e = soon("an error", response.chunk()).await.unwrap_err();
            assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(Phase::ReceiveContent), Delivery::Answered));
        }
        assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
        until("nothing is left", || client.stats().streams == 0).await;
    });
}

#[test]
fn a_peer_that_reads_nothing_is_given_up_by_the_write_timeout() {
    everywhere(|_| async {
        // The peer's window is full, or its socket is.
        for window in [1 << 16, 0x7fff_ffff] {
            let settings = H2Server::new().window(window).connection_window(window);
            let server = Served::start(settings, None, target);
            let client = client();
            assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
            server.link(0).stop_reading();
            let mut timeouts = Timeouts::none();
            timeouts.write = Some(Duration::from_millis(200));
            let request = client.post(server.url("/")).timeouts(timeouts).body(vec![0; 64 << 20]);
            let e = soon("an error", request.send()).await.unwrap_err();
            assert_eq!(e.kind(), Kind::Timeout(Phase::Send), "{window}: {e:?}");
            assert!(e.delivery() <= Delivery::Unknown);
            // Nobody has to wait for it any more.
            soon("the others", get(&client, &plain().url("/a"))).await.unwrap();
        }
    });
}
