//! Interim responses, and content that waits for one of them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_lite::stream::{self, StreamExt as _};
use martlet::http::HeaderMap;
use martlet::{Body, Closed, Delivery, Ending, Kind, RequestBuilder};

use crate::client;
use crate::common::mock::Mock;
use crate::common::poll::{run, stall};
use crate::common::wire::{Peer, Read, Wire, Wires, drip, octets, wire};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEAD: &str = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";

fn expecting(wire: Wire) -> RequestBuilder {
    client(wire).post("http://a/").header("expect", "100-continue").body("hello")
}

#[test]
fn interim_responses_are_passed_over() {
    let early = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 199 X\r\n\r\n{OK}"
    );
    for reads in [vec![octets(&early)], drip(&early)] {
        let (wire, peer) = wire(reads, []);
        let response = run(client(wire).get("http://a/").send()).unwrap();
        assert_eq!((response.status().as_u16(), response.headers().get("link")), (200, None));
        assert_eq!(run(response.text()).unwrap(), "ok");
        peer.assert_closed();
    }
}

#[test]
fn expected_content_goes_out_after_the_100_and_not_before() {
    let go = "HTTP/1.1 100 Continue\r\n\r\n";
    for reads in [vec![octets(go)], drip(go)] {
        let (wire, peer) = wire([], []);
        let mut send = pin!(expecting(wire).send());
        assert!(stall(send.as_mut()).is_pending());
        assert_eq!(peer.written(), HEAD);
        for read in reads {
            assert_eq!(peer.written(), HEAD);
            peer.say(read);
            assert!(stall(send.as_mut()).is_pending());
        }
        assert_eq!(peer.written(), format!("{HEAD}hello"));
        peer.say(octets(OK));
        let Poll::Ready(Ok(response)) = stall(send.as_mut()) else {
            panic!("no response");
        };
        assert_eq!(run(response.text()).unwrap(), "ok");
    }
}

#[test]
fn other_interim_responses_are_no_permission() {
    let (wire, peer) = wire([octets("HTTP/1.1 103 Early Hints\r\n\r\n")], []);
    let mut send = pin!(expecting(wire).send());
    assert!(stall(send.as_mut()).is_pending());
    assert_eq!(peer.written(), HEAD);
}

#[test]
fn a_final_response_instead_of_100_is_the_answer_and_the_content_is_never_sent() {
    for response in
        ["HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"]
    {
        for reads in [vec![octets(response)], drip(response)] {
            let (wire, peer) = wire(reads, []);
            let response = run(expecting(wire).send()).unwrap();
            assert_eq!(run(response.text()).unwrap(), "no");
            assert_eq!(peer.written(), HEAD);
            peer.assert_closed();
        }
    }
}

#[test]
fn without_100_the_content_goes_out_when_the_time_is_over() {
    let (wire, peer) = wire([Read::Seen("hello"), octets(OK)], []);
    let runtime = Mock::default();
    let builder = martlet::Client::builder().runtime(runtime.clone()).connector(Wires::new([wire]));
    let client = builder.default_headers(HeaderMap::new()).build().unwrap();
    let request = client.post("http://a/").header("expect", "100-continue").body("hello");
    let response = runtime.block_on(request.send()).unwrap();
    assert_eq!(runtime.elapsed(), Duration::from_secs(1));
    assert_eq!(response.status(), 200);
    assert_eq!(peer.written(), format!("{HEAD}hello"));
}

#[test]
fn a_100_after_that_is_passed_over() {
    let late = [Read::Seen("hello"), octets("HTTP/1.1 100 Continue\r\n\r\n"), octets(OK)];
    let (wire, peer) = wire(late, []);
    let runtime = Mock::default();
    let builder = martlet::Client::builder().runtime(runtime.clone()).connector(Wires::new([wire]));
    let client = builder.default_headers(HeaderMap::new()).build().unwrap();
    let request = client.post("http://a/").header("expect", "100-continue").body("hello");
    let response = runtime.block_on(request.send()).unwrap();
    assert_eq!(runtime.block_on(response.text()).unwrap(), "ok");
    assert_eq!(peer.written(), format!("{HEAD}hello"));
}

#[track_caller]
fn assert_fails(reads: Vec<Read>, closed: Closed, delivery: Delivery) -> Peer {
    let (wire, peer) = wire(reads, []);
    let e = run(expecting(wire).send()).unwrap_err();
    assert_eq!((e.kind(), e.delivery()), (Kind::Closed(closed), delivery));
    peer.assert_closed();
    peer
}

#[test]
fn a_server_that_goes_away_instead_of_100_never_sees_the_content() {
    let before = Closed::BeforeResponse { interim: false, by: Ending::Fin };
    assert_eq!(assert_fails(vec![Read::Fin], before, Delivery::Unknown).written(), HEAD);
    let after = Closed::BeforeResponse { interim: true, by: Ending::Fin };
    let early = octets("HTTP/1.1 103 Early Hints\r\n\r\n");
    assert_eq!(assert_fails(vec![early, Read::Fin], after, Delivery::Answered).written(), HEAD);
}

#[test]
fn the_source_of_the_content_is_not_asked_before_the_100() {
    let (asked, count) = (Arc::new(AtomicUsize::new(0)), Ordering::SeqCst);
    let counter = asked.clone();
    let body = Body::stream(stream::iter(["hello"]).map(move |piece| {
        counter.fetch_add(1, count);
        std::io::Result::Ok(piece)
    }));
    let (wire, peer) = wire([], []);
    let client = client(wire);
    let mut send = pin!(client.post("http://a/").header("expect", "100-continue").body(body).send());
    assert!(stall(send.as_mut()).is_pending());
    assert_eq!(asked.load(count), 0);
    peer.say(octets("HTTP/1.1 100 Continue\r\n\r\n"));
    assert!(stall(send.as_mut()).is_pending());
    assert_eq!(asked.load(count), 1);
    assert!(peer.written().ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
}
