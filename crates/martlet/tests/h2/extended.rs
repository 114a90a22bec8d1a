//! Extended CONNECT (RFC 8441).

use std::io;
use std::time::Duration;

use futures_lite::StreamExt;
use martlet::bytes::Bytes;
use martlet::http::{Method, StatusCode, Version};
use martlet::{Body, Client, Delivery, Error, Kind, Protocols, RequestBuilder};
use martlet_sim::h2::H2Server;
use martlet_sim::{Service, SimRequest, SimResponse};

use crate::common::flavor::everywhere;
use crate::served::{Served, plain, target};
use crate::streamer::{End, Streamer};
use crate::{builder, client, get, soon, text, until};

/// Answers before the content has come to its end, if there ever is one.
struct Tunnels;

impl Service for Tunnels {
    fn respond(&mut self, request: SimRequest) -> SimResponse {
        target(request)
    }

    fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
        let protocol = head.protocol.as_ref()?;
        Some(match protocol.as_str() {
            "websocket" => SimResponse::ok(format!("{} {}", head.method, head.target)),
            _ => SimResponse::new(501),
        })
    }
}

fn connect(client: &Client, url: &str, protocol: &str) -> RequestBuilder {
    client.request(Method::CONNECT, url).connect_protocol(protocol)
}

fn mistake(e: &Error, part: &str) {
    assert_eq!((e.kind(), e.delivery()), (Kind::Builder, Delivery::NotSent), "{}", text(e));
    assert!(text(e).contains(part), "`{part}` is not in: {}", text(e));
}

#[test]
fn what_is_said_is_echoed_until_one_side_ends() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        let (sender, receiver) = smol::channel::bounded::<Bytes>(1);
        let body = Body::stream(receiver.map(io::Result::Ok));
        let request = connect(&client, &server.url("/chat?room=1"), "websocket").body(body);
        let mut response = soon("the head", request.send()).await.unwrap();
        assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
        for nth in 0..20u8 {
            let said = Bytes::from(vec![nth; 100]);
            sender.send(said.clone()).await.unwrap();
            let mut heard = Vec::new();
            while heard.len() < said.len() {
                heard.extend_from_slice(&soon("the echo", response.chunk()).await.unwrap().unwrap());
            }
            assert_eq!(heard, said);
            // Others go on beside it.
            if nth == 10 {
                let response = client.post(server.url("/count")).body("").send().await.unwrap();
                assert_eq!(response.text().await.unwrap(), "0");
            }
        }
        drop(sender);
        assert!(soon("the end", response.chunk()).await.unwrap().is_none());
        assert_eq!(server.ends("/chat"), [End::Whole { octets: 2000, trailers: None }]);
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn a_tunnel_that_is_dropped_is_reset() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        let (sender, receiver) = smol::channel::bounded::<Bytes>(1);
        let body = Body::stream(receiver.map(io::Result::Ok));
        let request = connect(&client, &server.url("/chat"), "websocket").body(body);
        drop(soon("the head", request.send()).await.unwrap());
        until("the server knows", || !server.ends("/chat").is_empty()).await;
        assert_eq!((server.ends("/chat"), sender.is_closed()), (vec![End::Reset(8)], true));
    });
}

#[test]
fn the_server_sees_the_protocol_and_may_refuse_it() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new().extended_connect(true), None, Tunnels);
        let client = client();
        let response = connect(&client, &server.url("/a?b"), "websocket").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "CONNECT /a?b");
        let response = connect(&client, &server.url("/a"), "something-else").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
    });
}

#[test]
fn it_waits_for_the_settings_that_allow_it() {
    everywhere(|_| async {
        let settings = H2Server::new().extended_connect(true).settings_after(Duration::from_millis(100));
        let server = Served::start(settings, None, Tunnels);
        let request = connect(&client(), &server.url("/a"), "websocket");
        let response = soon("the head", request.send()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    });
}

#[test]
fn a_server_that_does_not_allow_it_is_not_asked() {
    everywhere(|_| async {
        let (server, client) = (plain(), client());
        let e = soon("an error", connect(&client, &server.url("/a"), "websocket").send()).await.unwrap_err();
        mistake(&e, "extended CONNECT");
        assert_eq!(server.requests(), 0);
        assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
        assert_eq!(client.stats().streams, 0);
    });
}

#[test]
fn http_11_has_none() {
    everywhere(|_| async {
        let server = plain();
        let client = builder().protocols(Protocols::Http1).build().unwrap();
        let e = soon("an error", connect(&client, &server.url("/a"), "websocket").send()).await.unwrap_err();
        mistake(&e, "HTTP/2");
        let e = client.get(server.url("/a")).connect_protocol("websocket").send().await.unwrap_err();
        mistake(&e, "CONNECT");
        let e = client.request(Method::CONNECT, server.url("/a")).send().await.unwrap_err();
        mistake(&e, "CONNECT");
    });
}
