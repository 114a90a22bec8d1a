//! Futures that are dropped at every poll: an exchange that has not ended takes its connection with it, and nothing else
//! happens.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_lite::{AsyncReadExt, stream};
use martlet::http::HeaderMap;
use martlet::{Body, Client};

use crate::common::mock::Mock;
use crate::common::poll::{run, stall, times};
use crate::common::wire::{Call, Peer, Read, Wires, Write, drip, octets, wire};
use crate::{client, common};

const CHUNKED: &str = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                       5\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n";

/// A request with content whose writes, flushes and reads all pause at every octet.
fn slow() -> (Client, Mock, Peer) {
    let writes: Vec<_> = (0..200).flat_map(|_| [Write::Pending, Write::Take(1)]).collect();
    let (wire, peer) = wire(drip(CHUNKED), writes);
    peer.script_flushes([Write::Pending, Write::Pending]);
    let runtime = Mock::default();
    let builder = Client::builder().runtime(runtime.clone()).connector(Wires::new([wire]));
    (builder.default_headers(HeaderMap::new()).build().unwrap(), runtime, peer)
}

fn content() -> Body {
    Body::stream(stream::iter(["ab", "c", "d"].map(io::Result::Ok)))
}

#[test]
fn a_request_is_dropped_at_every_poll() {
    for polls in 0.. {
        let (client, runtime, peer) = slow();
        let done = {
            let mut send = pin!(client.post("http://a/").body(content()).send());
            times(send.as_mut(), polls).map(drop).is_ready()
        };
        if polls > 0 {
            peer.assert_closed();
        } else {
            // Nothing was begun: the transport is still with the connector.
            assert_eq!(peer.calls(), []);
        }
        let calls = peer.calls();
        drop(client);
        if polls > 0 {
            assert_eq!(peer.calls(), calls, "something went on after the drop");
        }
        assert_eq!(runtime.spawned(), 0);
        if done {
            assert!(polls > 50, "it was not slow");
            return;
        }
    }
}

#[test]
fn a_response_is_dropped_at_every_poll_of_its_content() {
    for polls in 0.. {
        let (client, runtime, peer) = slow();
        let mut response = run(client.post("http://a/").body(content()).send()).unwrap();
        assert!(peer.is_open());
        let mut ended = false;
        for _ in 0..polls {
            let mut chunk = pin!(response.chunk());
            ended |= matches!(times(chunk.as_mut(), 1), Poll::Ready(Ok(None)));
        }
        drop(response);
        if ended {
            // The next request could have it, and a task looks after it until then.
            assert_eq!(runtime.spawned(), 1);
            peer.assert_kept_as_long_as(client);
            assert!(polls > 10, "it was not slow");
            return;
        }
        peer.assert_closed();
        assert_eq!(runtime.spawned(), 0);
    }
}

#[test]
fn a_chunk_that_is_dropped_and_asked_for_again_loses_nothing() {
    let (client, _, peer) = slow();
    let mut response = run(client.post("http://a/").body(content()).send()).unwrap();
    let mut all = Vec::new();
    loop {
        // Each future is polled once and dropped.
        let mut chunk = pin!(response.chunk());
        match times(chunk.as_mut(), 1) {
            Poll::Pending => {}
            Poll::Ready(Ok(Some(piece))) => all.extend_from_slice(&piece),
            Poll::Ready(Ok(None)) => break,
            Poll::Ready(Err(e)) => panic!("{e}"),
        }
    }
    assert_eq!(all, b"hello world");
    assert_eq!(response.trailers().unwrap().get("x"), Some(&b"y"[..]));
    peer.assert_kept_as_long_as(client);
}

#[test]
fn a_read_that_is_dropped_and_asked_for_again_loses_nothing() {
    for size in [1, 3, 100] {
        let (client, _, _peer) = slow();
        let mut response = run(client.post("http://a/").body(content()).send()).unwrap();
        let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
        loop {
            let n = {
                let mut read = pin!(response.read(&mut buffer));
                times(read.as_mut(), 1)
            };
            match n {
                Poll::Pending => {}
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(n)) => all.extend_from_slice(&buffer[..n]),
                Poll::Ready(Err(e)) => panic!("{e}"),
            }
        }
        assert_eq!(all, b"hello world");
    }
}

#[test]
fn the_content_is_dropped_with_the_request() {
    let alive = Arc::new(AtomicUsize::new(0));
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let body = || {
        alive.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(alive.clone());
        Body::stream(stream::poll_fn(move |_| {
            let _ = &counted;
            Poll::<Option<io::Result<&str>>>::Pending
        }))
    };
    let (wire, peer) = wire([], []);
    let client = client(wire);
    drop(client.post("http://a/").body(body()));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    {
        let mut send = pin!(client.post("http://a/").body(body()).send());
        assert!(stall(send.as_mut()).is_pending());
        assert_eq!(alive.load(Ordering::SeqCst), 1);
    }
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    peer.assert_closed();
}

#[test]
fn a_close_that_hangs_holds_nobody_up() {
    let (wire, peer) = wire([octets("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read::Fin], []);
    peer.hang_on_close();
    let response = run(client(wire).get("http://a/").send()).unwrap();
    assert_eq!(run(response.text()).unwrap(), "ok");
    peer.assert_closed();
    let (wire, peer) = common::wire::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    peer.hang_on_close();
    drop(run(client(wire).get("http://a/").send()).unwrap());
    peer.assert_closed();
}

#[test]
fn a_request_that_is_not_polled_does_nothing() {
    let (wire, peer) = wire([], []);
    let wires = Wires::new([wire]);
    let client = Client::builder().runtime(Mock::default()).connector(wires.clone()).build().unwrap();
    drop(client.get("http://a/").send());
    drop(client.get("http://a/").into_future());
    assert_eq!((wires.targets(), peer.calls()), (vec![], vec![]));
}

#[test]
fn a_response_outlives_its_client() {
    let (wire, peer) = wire([octets("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")], []);
    let client = client(wire);
    let response = run(client.get("http://a/").send()).unwrap();
    drop(client);
    assert!(peer.is_open());
    peer.say(octets("ok"));
    assert_eq!(run(response.text()).unwrap(), "ok");
}

#[test]
fn a_dial_is_given_up_with_its_request() {
    let address = "192.0.2.1:80".parse().unwrap();
    let runtime = Mock::default().name("a", Ok(vec![address])).fate(address, common::mock::Fate::Hangs);
    let client = Client::builder().runtime(runtime.clone()).build().unwrap();
    {
        let mut send = pin!(client.get("http://a/").send());
        assert!(stall(send.as_mut()).is_pending());
        assert_eq!((runtime.attempts().len(), runtime.given_up()), (1, 0));
    }
    assert_eq!((runtime.given_up(), runtime.spawned()), (1, 0));
}

#[test]
fn the_order_of_the_end_is_close_then_drop() {
    let (wire, peer) = wire([], []);
    {
        let client = client(wire);
        let mut send = pin!(client.get("http://a/").send());
        assert!(stall(send.as_mut()).is_pending());
    }
    assert_eq!(peer.calls().iter().rev().take(2).collect::<Vec<_>>(), [&Call::Drop, &Call::Close]);
}
