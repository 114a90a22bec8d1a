//! What comes in.

use std::io;

use futures_lite::AsyncReadExt;
use martlet::http::{Method, StatusCode, Version};
use martlet::{Closed, Delivery, Ending, Error, Kind, Limits, PeerError, Response};

use crate::common::poll::run;
use crate::common::wire::{Call, Read, answering, drip, octets, wire};
use crate::{cause, client};

const SIZED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                       5\r\nhello\r\n1;ext=1\r\n \r\n005\r\nworld\r\n0\r\nX-Sum: 7\r\nX-Two: b\r\n\r\n";
const DELIMITED: &str = "HTTP/1.1 200 OK\r\n\r\nhello world";
const ALL: [&str; 3] = [SIZED, CHUNKED, DELIMITED];

fn get(reads: Vec<Read>) -> (Result<Response, Error>, crate::common::wire::Peer) {
    let (wire, peer) = wire(reads, []);
    (run(client(wire).get("http://a/").send()), peer)
}

/// The message whole, octet by octet, and in pieces of every size, each followed by the end of the stream.
fn cuts(message: &str) -> Vec<Vec<Read>> {
    let mut cuts = vec![vec![octets(message), Read::Fin]];
    cuts.push(drip(message).into_iter().chain([Read::Fin]).collect());
    for size in 2..message.len() {
        cuts.push(message.as_bytes().chunks(size).map(octets).chain([Read::Fin]).collect());
    }
    cuts
}

#[test]
fn however_it_is_cut_the_content_is_the_same() {
    for message in ALL {
        for reads in cuts(message) {
            let (response, peer) = get(reads);
            let response = response.unwrap();
            assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_11));
            assert_eq!(response.reason(), b"OK");
            assert_eq!(run(response.bytes()).unwrap(), "hello world");
            peer.assert_closed();
        }
    }
}

#[test]
fn text_replaces_what_is_not_utf_8() {
    let (response, _) = get(vec![octets(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\xffbc")]);
    assert_eq!(run(response.unwrap().text()).unwrap(), "a\u{fffd}bc");
}

#[test]
fn pieces_are_never_empty_and_none_comes_after_the_end_again_and_again() {
    for message in ALL {
        for reads in cuts(message) {
            let (response, peer) = get(reads);
            let mut response = response.unwrap();
            let mut all = Vec::new();
            while let Some(piece) = run(response.chunk()).unwrap() {
                assert!(!piece.is_empty());
                all.extend_from_slice(&piece);
            }
            assert_eq!(all, b"hello world");
            for _ in 0..3 {
                assert_eq!(run(response.chunk()).unwrap(), None);
                assert_eq!(run(response.read(&mut [0; 8])).unwrap(), 0);
            }
            // The connection did not wait for the response to be dropped.
            peer.assert_closed();
        }
    }
}

#[test]
fn it_is_a_reader_for_buffers_of_every_size() {
    for message in ALL {
        for reads in cuts(message) {
            for size in [1, 2, 3, 7, 64, 1 << 17] {
                let mut response = get(reads.clone()).0.unwrap();
                let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
                loop {
                    match run(response.read(&mut buffer)).unwrap() {
                        0 => break,
                        n => all.extend_from_slice(&buffer[..n]),
                    }
                }
                assert_eq!(all, b"hello world");
            }
        }
    }
}

#[test]
fn reading_and_taking_pieces_may_be_mixed() {
    for message in ALL {
        for reads in cuts(message) {
            for first in 0..2 {
                let mut response = get(reads.clone()).0.unwrap();
                let (mut all, mut turn) = (Vec::new(), first);
                loop {
                    turn += 1;
                    if turn % 2 == 0 {
                        let mut buffer = [0; 2];
                        match run(response.read(&mut buffer)).unwrap() {
                            0 => break,
                            n => all.extend_from_slice(&buffer[..n]),
                        }
                    } else {
                        match run(response.chunk()).unwrap() {
                            None => break,
                            Some(piece) => all.extend_from_slice(&piece),
                        }
                    }
                }
                assert_eq!(all, b"hello world");
            }
        }
    }
}

#[test]
fn an_empty_buffer_reads_nothing_and_loses_nothing() {
    let mut response = get(vec![octets(SIZED)]).0.unwrap();
    assert_eq!(run(response.read(&mut [])).unwrap(), 0);
    assert_eq!(run(response.bytes()).unwrap(), "hello world");
}

#[test]
fn long_content_goes_straight_into_the_callers_buffer() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    let (response, peer) = get(vec![octets(head), octets(vec![b'x'; 1_000_000])]);
    let mut response = response.unwrap();
    let mut buffer = vec![0; 1_000_000];
    run(response.read_exact(&mut buffer)).unwrap();
    assert!(buffer.iter().all(|&b| b == b'x'));
    assert_eq!(peer.count(Call::Read(1_000_000)), 1);
    assert_eq!(run(response.read(&mut buffer)).unwrap(), 0);
    peer.assert_closed();
}

#[test]
fn long_content_is_read_in_large_pieces() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    let (response, peer) = get(vec![octets(head), octets(vec![b'x'; 1_000_000])]);
    assert_eq!(run(response.unwrap().bytes()).unwrap().len(), 1_000_000);
    assert_eq!(peer.largest_buffer(), 65536);
}

#[test]
fn a_declared_length_sets_no_memory_aside() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nabc", u64::MAX);
    let (response, _) = get(vec![octets(head), Read::Fin]);
    let response = response.unwrap();
    assert_eq!(response.content_length(), Some(u64::MAX));
    let e = run(response.bytes()).unwrap_err();
    let closed = Closed::InContent { expected: Some(u64::MAX), received: 3, by: Ending::Fin };
    assert_eq!(e.kind(), Kind::Closed(closed));
}

#[test]
fn trailers_are_there_after_the_end_and_not_before() {
    for reads in cuts(CHUNKED) {
        let mut response = get(reads).0.unwrap();
        while run(response.chunk()).unwrap().is_some() {
            assert!(response.trailers().is_none());
        }
        let trailers = response.trailers().unwrap();
        assert_eq!((trailers.get("x-sum"), trailers.get("X-Two")), (Some(&b"7"[..]), Some(&b"b"[..])));
    }
    let mut response = get(vec![octets(SIZED)]).0.unwrap();
    while run(response.chunk()).unwrap().is_some() {}
    assert!(response.trailers().is_none());
}

#[test]
fn what_has_no_content_ends_at_once_whatever_its_fields_say() {
    let framings = ["", "Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"];
    for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304), (Method::HEAD, 404)]
    {
        for framing in framings {
            // The stream stays open: whoever waited for content or its end would hang.
            let (wire, peer) = answering(format!("HTTP/1.1 {status} X\r\n{framing}\r\n"));
            let response = run(client(wire).request(method.clone(), "http://a/").send()).unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(run(response.bytes()).unwrap(), "");
            peer.assert_closed();
        }
    }
}

#[test]
fn content_length_is_what_the_server_declared_and_nothing_lenient() {
    let length = |method: Method, field: &str| {
        let (wire, _peer) = answering(format!("HTTP/1.1 200 OK\r\n{field}\r\n"));
        run(client(wire).request(method, "http://a/").send()).unwrap().content_length()
    };
    assert_eq!(length(Method::GET, "Content-Length: 7\r\n"), Some(7));
    assert_eq!(length(Method::GET, "Content-Length: 7, 7\r\n"), Some(7));
    assert_eq!(length(Method::HEAD, "Content-Length: 7\r\n"), Some(7));
    assert_eq!(length(Method::GET, ""), None);
    for none in ["+7", "-7", "7 7", "7,8", "0x7", "99999999999999999999", ""] {
        assert_eq!(length(Method::HEAD, &format!("Content-Length: {none}\r\n")), None, "{none}");
    }
    assert_eq!(length(Method::HEAD, "Content-Length: 7\r\nContent-Length: 8\r\n"), None);
}

#[test]
fn octets_behind_the_message_are_no_part_of_it() {
    for message in [SIZED, CHUNKED] {
        let (response, peer) = get(vec![octets(format!("{message}HTTP/1.1 200 OK\r\n\r\nevil"))]);
        assert_eq!(run(response.unwrap().bytes()).unwrap(), "hello world");
        peer.assert_closed();
    }
    let (response, peer) = get(vec![octets("HTTP/1.1 204 No Content\r\n\r\nevil")]);
    assert_eq!(run(response.unwrap().bytes()).unwrap(), "");
    peer.assert_closed();
}

#[test]
fn fields_keep_order_case_and_repetition() {
    let (response, _) =
        get(vec![octets("HTTP/1.1 200 \r\nB: 1\r\na:  2 \r\nb: 3\r\nContent-Length: 0\r\n\r\n")]);
    let response = response.unwrap();
    assert_eq!(response.reason(), b"");
    let lines: Vec<_> = response.fields().iter().take(3).collect();
    assert_eq!(lines, [(&b"B"[..], &b"1"[..]), (b"a", b"2"), (b"b", b"3")]);
    let values: Vec<_> = response.headers().get_all("b").iter().collect();
    assert_eq!(values, ["1", "3"]);
}

fn protocol(reads: Vec<Read>) -> (PeerError, Delivery) {
    let (response, peer) = get(reads);
    let e = response.unwrap_err();
    assert_eq!(e.kind(), Kind::Protocol, "{e:?}");
    peer.assert_closed();
    let peer_error: &PeerError = cause(&e).unwrap();
    (*peer_error, e.delivery())
}

#[test]
fn a_server_that_does_not_speak_http_is_a_protocol_error() {
    let greetings = [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "220 mail ESMTP\r\n",
        "<html>\n",
        "\x15\x03\x01\x00\x02\x02\x46",
        "ICY 200 OK\r\n",
    ];
    for greeting in greetings {
        for reads in [vec![octets(greeting)], drip(greeting)] {
            assert_eq!(protocol(reads).1, Delivery::Answered, "{greeting}");
        }
        let _ = protocol(vec![octets(greeting), Read::Fin]);
    }
    let _ = protocol(vec![octets("HTTP/2.0 200 OK\r\n\r\n")]);
    let _ = protocol(vec![octets("HTTP/1.1 20 OK\r\n\r\n")]);
    let _ = protocol(vec![octets("HTTP/1.1 200 OK\r\nA b: c\r\n\r\n")]);
    let _ = protocol(vec![octets("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")]);
    let _ = protocol(vec![octets("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n")]);
}

fn limited(limits: Limits, reads: Vec<Read>) -> Error {
    let (wire, peer) = wire(reads, []);
    let client = martlet::Client::builder()
        .runtime(crate::common::mock::Mock::default())
        .connector(crate::common::wire::Wires::new([wire]))
        .limits(limits)
        .build()
        .unwrap();
    let e = run(client.get("http://a/").send()).unwrap_err();
    peer.assert_closed();
    assert_eq!(e.kind(), Kind::Protocol);
    e
}

#[test]
fn a_head_beyond_the_limits_is_a_protocol_error() {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(200_000));
    let e = limited(Limits::default(), vec![octets(&endless)]);
    assert!(matches!(cause(&e), Some(PeerError::HeadTooLarge { limit: 131_072 })));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(257));
    let e = limited(Limits::default(), vec![octets(&many)]);
    assert!(matches!(cause(&e), Some(PeerError::TooManyFields { limit: 256 })));
    let mut small = Limits::default();
    small.max_head_size = 20;
    for reads in [vec![octets(SIZED)], drip(SIZED)] {
        let e = limited(small.clone(), reads);
        assert!(matches!(cause(&e), Some(PeerError::HeadTooLarge { limit: 20 })));
    }
}

#[test]
fn interim_responses_without_end_are_a_protocol_error() {
    let e = limited(Limits::default(), vec![octets("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40))]);
    assert!(matches!(cause(&e), Some(PeerError::TooManyInterim { limit: 32 })));
}

#[test]
fn broken_chunks_are_a_protocol_error_after_the_content_that_was_sound() {
    for reads in [
        vec![octets("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n")],
        drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n"),
        vec![octets("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabXX")],
    ] {
        let (response, peer) = get(reads);
        let mut response = response.unwrap();
        let mut all = Vec::new();
        let e = loop {
            match run(response.chunk()) {
                Ok(Some(piece)) => all.extend_from_slice(&piece),
                Ok(None) => panic!("it was taken for complete"),
                Err(e) => break e,
            }
        };
        assert_eq!((e.kind(), e.delivery(), &all[..]), (Kind::Protocol, Delivery::Answered, &b"ab"[..]));
        assert_eq!(e.url().unwrap(), "http://a/");
        peer.assert_closed();
        // Whoever asks again is not told that it was the end.
        for _ in 0..2 {
            let again = run(response.chunk()).unwrap_err();
            assert_eq!((again.kind(), again.delivery()), (Kind::Protocol, Delivery::Answered));
        }
        let again = run(AsyncReadExt::read(&mut response, &mut [0; 9])).unwrap_err();
        assert_eq!(again.get_ref().unwrap().downcast_ref::<Error>().unwrap().kind(), Kind::Protocol);
        assert_eq!(run(response.bytes()).unwrap_err().kind(), Kind::Protocol);
    }
}

#[test]
fn an_error_through_the_reader_is_the_clients_own_inside() {
    let (response, _) = get(vec![octets("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), Read::Fin]);
    let mut response = response.unwrap();
    let e = run(async {
        let mut all = Vec::new();
        let e = response.read_to_end(&mut all).await.unwrap_err();
        assert_eq!(all, b"ab");
        e
    });
    assert_eq!(e.kind(), io::ErrorKind::UnexpectedEof);
    let inner = e.get_ref().unwrap().downcast_ref::<Error>().unwrap();
    let closed = Closed::InContent { expected: Some(9), received: 2, by: Ending::Fin };
    assert_eq!(inner.kind(), Kind::Closed(closed));
}

#[test]
fn an_upgrade_that_was_not_asked_for_is_a_protocol_error() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc";
    assert_eq!(protocol(vec![octets(switch)]).0, PeerError::UnexpectedUpgrade);
}

#[test]
fn a_transport_that_claims_to_have_read_more_than_there_is_room_panics_nothing() {
    use std::pin::Pin;
    use std::task::{Context, Poll};
    struct Liar(usize);
    impl martlet::Transport for Liar {}
    impl futures_lite::AsyncRead for Liar {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            self.0 += 1;
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n";
            if self.0 == 1 {
                buf[..head.len()].copy_from_slice(head);
                return Poll::Ready(Ok(head.len()));
            }
            Poll::Ready(Ok(usize::MAX))
        }
    }
    impl futures_lite::AsyncWrite for Liar {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(usize::MAX))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let connect = |_| async { Ok(Box::new(Liar(0)) as Box<dyn martlet::Transport>) };
    let client = martlet::Client::builder()
        .runtime(crate::common::mock::Mock::default())
        .connector(connect)
        .build()
        .unwrap();
    let mut response = run(client.get("http://a/").send()).unwrap();
    let _ = run(response.read(&mut [0; 100]));
    assert_eq!(run(response.bytes()).unwrap().len(), 39_900);
}

#[test]
fn an_upgrade_that_was_asked_for_is_a_response_without_content() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc";
    let (wire, peer) = answering(switch);
    let response = run(client(wire).get("http://a/").header("upgrade", "x").send()).unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(run(response.bytes()).unwrap(), "");
    peer.assert_closed();
}

#[test]
fn a_transport_may_itself_make_requests_while_it_is_read() {
    use std::pin::Pin;
    use std::task::{Context, Poll};
    /// Answers with the content of a response that it asks for only now.
    struct Nested(Option<crate::common::wire::Wire>);
    impl martlet::Transport for Nested {}
    impl futures_lite::AsyncRead for Nested {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let Some(inner) = self.0.take() else {
                return Poll::Ready(Ok(0));
            };
            buf[..9].copy_from_slice(b"HTTP/1.1 ");
            let content =
                run(async { client(inner).get("http://inner/").send().await?.bytes().await }).unwrap();
            buf[9..][..content.len()].copy_from_slice(&content);
            Poll::Ready(Ok(9 + content.len()))
        }
    }
    impl futures_lite::AsyncWrite for Nested {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let (inner, _peer) = wire([octets("HTTP/1.1 200 OK\r\n\r\n200 OK\r\n\r\nouter"), Read::Fin], []);
    let inner = std::sync::Mutex::new(Some(inner));
    let connect = move |_| {
        let nested = Nested(inner.lock().unwrap().take());
        async { Ok(Box::new(nested) as Box<dyn martlet::Transport>) }
    };
    let builder = martlet::Client::builder().runtime(crate::common::mock::Mock::default());
    let outer = builder.connector(connect).build().unwrap();
    let text = run(async { outer.get("http://outer/").send().await?.text().await }).unwrap();
    assert_eq!(text, "outer");
}
