//! Responses that come before the request is out, and writes that fail.

use std::collections::VecDeque;
use std::error::Error as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_lite::{Stream, stream};
use martlet::{Body, Closed, Delivery, Ending, Error, Kind};

use crate::common::poll::{run, stall};
use crate::common::wire::{Peer, Read, Write, octets, wire};
use crate::{cause, client};

/// Content that the test hands over piece by piece.
#[derive(Clone, Default)]
struct Faucet(Arc<Mutex<Poured>>);

#[derive(Default)]
struct Poured {
    pieces: VecDeque<Option<io::Result<&'static str>>>,
    asking: Option<Waker>,
}

impl Faucet {
    /// `None` ends it.
    fn pour(&self, piece: Option<io::Result<&'static str>>) {
        let mut state = self.0.lock().unwrap();
        state.pieces.push_back(piece);
        state.asking.take().into_iter().for_each(Waker::wake);
    }
}

impl Stream for Faucet {
    type Item = io::Result<&'static str>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock().unwrap();
        match state.pieces.pop_front() {
            Some(piece) => Poll::Ready(piece),
            None => {
                state.asking = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

const REFUSAL: &str = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig";

#[test]
fn a_refusal_that_closes_ends_the_upload() {
    let content = stream::repeat_with(|| Ok::<_, io::Error>(vec![b'x'; 1 << 16]));
    let writes: Vec<_> = std::iter::repeat_n([Write::Take(1000), Write::Pending], 20).flatten().collect();
    let (wire, peer) = wire([Read::Written(2500), octets(REFUSAL)], writes);
    let response = run(client(wire).post("http://a/").body(Body::stream(content)).send()).unwrap();
    assert_eq!(response.status(), 413);
    let written = peer.written_len();
    assert_eq!(run(response.text()).unwrap(), "big");
    assert_eq!(peer.written_len(), written, "it was uploaded on to a server that had said close");
    peer.assert_closed();
}

#[test]
fn a_refusal_is_had_while_nothing_can_be_written() {
    for head in [REFUSAL, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"] {
        let (wire, peer) = wire([Read::Written(100), octets(head)], [Write::Take(100), Write::Stall]);
        let response = run(client(wire).post("http://a/").body(vec![0; 1 << 20]).send()).unwrap();
        assert_eq!(response.status(), 413);
        // The content was complete before the upload: it does not wait for that.
        assert_eq!(run(response.text()).unwrap(), "big");
        peer.assert_closed();
    }
}

#[test]
fn an_echo_runs_in_both_directions_at_once() {
    let (wire, peer) =
        wire([Read::Seen("\r\n\r\n"), octets("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")], []);
    let faucet = Faucet::default();
    let client = client(wire);
    let mut response = run(client.post("http://a/").body(Body::stream(faucet.clone())).send()).unwrap();
    for n in 0..5 {
        {
            let mut chunk = pin!(response.chunk());
            assert!(stall(chunk.as_mut()).is_pending());
            faucet.pour(Some(Ok("ping")));
            assert!(stall(chunk.as_mut()).is_pending());
            assert_eq!(peer.written().matches("4\r\nping\r\n").count(), n + 1);
            peer.say(octets("4\r\npong\r\n"));
            assert!(matches!(stall(chunk.as_mut()), Poll::Ready(Ok(Some(piece))) if piece == "pong"));
        }
    }
    faucet.pour(None);
    peer.say(octets("0\r\n\r\n"));
    assert_eq!(run(response.chunk()).unwrap(), None);
    assert!(peer.written().ends_with("0\r\n\r\n"), "{}", peer.written());
    peer.assert_kept_as_long_as(client);
}

#[test]
fn a_read_goes_on_uploading_too() {
    use futures_lite::AsyncReadExt;
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    let (wire, peer) = wire([Read::Seen("\r\n\r\n"), octets(head)], []);
    let faucet = Faucet::default();
    let client = client(wire);
    let mut response = run(client.post("http://a/").body(Body::stream(faucet.clone())).send()).unwrap();
    let mut buffer = [0; 10];
    let mut read = pin!(response.read(&mut buffer));
    assert!(stall(read.as_mut()).is_pending());
    faucet.pour(Some(Ok("ping")));
    assert!(stall(read.as_mut()).is_pending());
    assert!(peer.written().ends_with("4\r\nping\r\n"));
    faucet.pour(None);
    assert!(stall(read.as_mut()).is_pending());
    assert!(peer.written().ends_with("0\r\n\r\n"));
    peer.say(octets("abc"));
    assert!(matches!(stall(read.as_mut()), Poll::Ready(Ok(3))));
}

#[test]
fn a_source_that_fails_does_not_take_the_response_away() {
    let (wire, peer) = wire([octets("HTTP/1.1 400 No\r\nContent-Length: 4\r\n\r\nno")], []);
    let faucet = Faucet::default();
    let client = client(wire);
    let response = run(client.post("http://a/").body(Body::stream(faucet.clone())).send()).unwrap();
    faucet.pour(Some(Err(io::Error::other("gone"))));
    peer.say(octets("!!"));
    assert_eq!(run(response.text()).unwrap(), "no!!");
    assert!(!peer.written().ends_with("0\r\n\r\n"));
    peer.assert_closed();
}

#[test]
fn a_source_that_fails_beside_a_response_that_waits_for_it_ends_both() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n";
    let failing = || stream::iter([Ok("x"), Err(io::Error::other("disk died"))]);
    let short = || stream::iter([Ok::<_, io::Error>("abc")]);
    for (body, expected) in [
        (Body::stream(failing()), "disk died"),
        (Body::sized_stream(10, short()), "3 octets of content where 10 were declared"),
    ] {
        // The source fails after the head is read, and the server then waits for what will not come.
        let (wire, peer) = wire([Read::Seen("\r\n\r\n"), octets(head)], [Write::Take(10), Write::Pending]);
        let mut request = pin!(no_timeouts(client(wire).post("http://a/").body(body)).send());
        let mut response = match stall(request.as_mut()) {
            Poll::Ready(Ok(response)) => response,
            Poll::Ready(Err(e)) => {
                // Or before.
                assert_eq!(e.kind(), Kind::Body);
                continue;
            }
            Poll::Pending => panic!("nobody goes on"),
        };
        assert_eq!(run(response.chunk()).unwrap().unwrap(), "hi");
        let e = run(response.chunk()).unwrap_err();
        assert_eq!(e.kind(), Kind::Body);
        assert!(e.source().unwrap().to_string().contains(expected), "{e:?}");
        peer.assert_closed();
    }
}

#[test]
fn a_source_that_fails_later_is_told_where_only_waiting_is_left() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n";
    let (wire, peer) = wire([Read::Seen("\r\n\r\n"), octets(head)], []);
    let faucet = Faucet::default();
    let request = no_timeouts(client(wire).post("http://a/").body(Body::stream(faucet.clone())));
    let mut response = run(request.send()).unwrap();
    assert_eq!(run(response.chunk()).unwrap().unwrap(), "hi");
    {
        let mut chunk = pin!(response.chunk());
        assert!(stall(chunk.as_mut()).is_pending());
        faucet.pour(Some(Err(io::Error::other("disk died"))));
        let Poll::Ready(Err(e)) = stall(chunk.as_mut()) else { panic!("both sides wait for each other") };
        assert_eq!((e.kind(), e.source().unwrap().to_string().as_str()), (Kind::Body, "disk died"));
    }
    assert!(!peer.written().ends_with("0\r\n\r\n"));
    peer.assert_closed();
}

#[test]
fn a_write_error_before_the_head_is_out_needs_no_answer() {
    let writes = [Write::Take(10), Write::Fail(io::ErrorKind::BrokenPipe)];
    let (wire, peer) = wire([], writes);
    let e = run(no_timeouts(client(wire).get("http://a/")).send()).unwrap_err();
    assert_eq!(e.kind(), Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Reset }));
    assert_eq!(e.delivery(), Delivery::NotSent);
    assert_eq!(cause::<io::Error>(&e).unwrap().kind(), io::ErrorKind::BrokenPipe);
    peer.assert_closed();
}

fn no_timeouts(request: martlet::RequestBuilder) -> martlet::RequestBuilder {
    request.timeouts(martlet::Timeouts::none())
}

fn post(reads: Vec<Read>, writes: Vec<Write>) -> (Result<martlet::Response, Error>, Peer) {
    let (wire, peer) = wire(reads, writes);
    (run(client(wire).post("http://a/").body(vec![b'x'; 1000]).send()), peer)
}

#[test]
fn a_response_wins_over_a_write_error() {
    for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset] {
        for head_out in [10, 80, 500] {
            let writes = vec![Write::Take(head_out), Write::Fail(kind)];
            let (response, peer) = post(vec![octets(REFUSAL), Read::Fail(kind)], writes);
            assert_eq!(run(response.unwrap().text()).unwrap(), "big");
            peer.assert_closed();
        }
    }
}

#[test]
fn a_write_error_is_the_cause_where_there_is_no_response() {
    let writes = || vec![Write::Take(500), Write::Fail(io::ErrorKind::BrokenPipe)];
    let (response, peer) = post(vec![Read::Fin], writes());
    let e = response.unwrap_err();
    assert_eq!(e.kind(), Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Reset }));
    assert_eq!(cause::<io::Error>(&e).unwrap().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(e.delivery(), Delivery::Unknown);
    peer.assert_closed();
    let (response, _) = post(vec![Read::Fail(io::ErrorKind::ConnectionReset)], writes());
    let e = response.unwrap_err();
    assert_eq!(e.kind(), Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Reset }));
}

/// A socket tells of a reset once: here to the write. What is read then looks like an end in order.
#[test]
fn content_that_ends_with_the_connection_is_cut_short_where_a_write_has_failed() {
    let open_ended = "HTTP/1.1 200 OK\r\n\r\nPAID: half of";
    for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset] {
        let writes = vec![Write::Take(500), Write::Fail(kind)];
        let (response, peer) = post(vec![octets(open_ended), Read::Fin], writes);
        let e = run(response.unwrap().text()).unwrap_err();
        let received = "PAID: half of".len() as u64;
        let by = Ending::Reset;
        assert_eq!(e.kind(), Kind::Closed(Closed::InContent { expected: None, received, by }));
        assert_eq!(cause::<io::Error>(&e).unwrap().kind(), kind);
        peer.assert_closed();
    }
}

#[test]
fn nothing_is_delivered_before_the_last_octet_of_the_head_was_taken() {
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n".len();
    for taken in 0..head + 5 {
        let mut writes = vec![Write::Take(taken), Write::Fail(io::ErrorKind::BrokenPipe)];
        writes.retain(|write| !matches!(write, Write::Take(0)));
        let (response, peer) = post(vec![Read::Fin], writes);
        let e = response.unwrap_err();
        let expected = if taken < head { Delivery::NotSent } else { Delivery::Unknown };
        assert_eq!((e.delivery(), taken), (expected, taken));
        assert_eq!(peer.written_len(), taken);
        peer.assert_closed();
    }
}

#[test]
fn a_transport_that_takes_nothing_is_an_error_and_not_a_loop() {
    let (response, _) = post(vec![Read::Fin], vec![Write::Take(0)]);
    assert_eq!(cause::<io::Error>(&response.unwrap_err()).unwrap().kind(), io::ErrorKind::WriteZero);
}

#[test]
fn a_flush_that_fails_is_a_write_error() {
    let (wire, peer) = wire([Read::Fin], []);
    peer.script_flushes([Write::Fail(io::ErrorKind::BrokenPipe)]);
    let e = run(client(wire).get("http://a/").send()).unwrap_err();
    assert_eq!(e.kind(), Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Reset }));
    assert_eq!(cause::<io::Error>(&e).unwrap().kind(), io::ErrorKind::BrokenPipe);
    let (wire, peer) = crate::common::wire::answering("HTTP/1.1 204 X\r\n\r\n");
    peer.script_flushes([Write::Fail(io::ErrorKind::BrokenPipe)]);
    assert_eq!(run(client(wire).get("http://a/").send()).unwrap().status(), 204);
}

#[test]
fn a_server_that_half_closes_while_we_upload_has_gone() {
    let (response, peer) = post(vec![Read::Written(100), Read::Fin], vec![Write::Take(100), Write::Stall]);
    let e = response.unwrap_err();
    assert_eq!(e.kind(), Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Fin }));
    peer.assert_closed();
}

#[test]
fn a_server_that_half_closes_behind_a_whole_response_has_answered() {
    let reads = vec![Read::Written(100), octets("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Read::Fin];
    let (response, peer) = post(reads, vec![Write::Take(100), Write::Stall]);
    assert_eq!(run(response.unwrap().text()).unwrap(), "ok");
    peer.assert_closed();
}
