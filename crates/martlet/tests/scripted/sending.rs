//! What goes out.

use std::io;

use futures_lite::io::{AsyncReadExt as _, Cursor};
use futures_lite::stream::{self, StreamExt as _};
use martlet::http::{HeaderMap, Method, Version};
use martlet::{Body, Delivery, Kind};

use crate::common::poll::run;
use crate::common::wire::{Call, Read, Write, answering, octets, wire};
use crate::{cause, client};

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// What a request with this content puts on the wire, and the sizes of its writes.
fn sent(method: Method, body: Body) -> (String, Vec<usize>) {
    let (wire, peer) = answering(NO_CONTENT);
    let response = run(client(wire).request(method, "http://a/x").body(body).send()).unwrap();
    drop(response);
    peer.assert_closed();
    (peer.written(), peer.writes())
}

fn pieces<const N: usize>(
    pieces: [&'static str; N],
) -> impl stream::Stream<Item = io::Result<&'static str>> + Send {
    stream::iter(pieces.map(Ok))
}

#[test]
fn a_request_without_content_is_one_write() {
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        let (written, writes) = sent(method.clone(), Body::empty());
        assert_eq!(written, format!("{method} /x HTTP/1.1\r\nhost: a\r\n\r\n"));
        assert_eq!(writes, [written.len()]);
    }
}

#[test]
fn post_put_and_patch_without_content_say_so() {
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let (written, _) = sent(method.clone(), Body::empty());
        assert_eq!(written, format!("{method} /x HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"));
    }
}

#[test]
fn head_and_content_at_hand_are_one_write() {
    let (written, writes) = sent(Method::POST, "hello".into());
    assert_eq!(written, "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello");
    assert_eq!(writes, [written.len()]);
    let large = vec![b'x'; 1 << 20];
    let (written, writes) = sent(Method::PUT, large.into());
    assert_eq!(writes, [written.len()]);
}

#[test]
fn the_first_piece_of_a_stream_goes_with_the_head() {
    let (written, writes) = sent(Method::POST, Body::stream(pieces(["ab", "c"])));
    let head = "POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(written, format!("{head}2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"));
    assert_eq!(writes, [head.len() + 7, 6, 5]);
}

#[test]
fn empty_pieces_of_a_stream_are_passed_over() {
    let (written, _) = sent(Method::POST, Body::stream(pieces(["", "", "ab", "", "c", ""])));
    assert!(written.ends_with("\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), "{written}");
    let (written, _) = sent(Method::POST, Body::stream(pieces(["", ""])));
    assert!(written.ends_with("\r\n\r\n0\r\n\r\n"), "{written}");
}

#[test]
fn a_sized_stream_has_a_content_length() {
    let (written, _) = sent(Method::POST, Body::sized_stream(3, pieces(["", "ab", "", "c"])));
    assert_eq!(written, "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
    let (written, _) = sent(Method::POST, Body::sized_stream(0, pieces([])));
    assert_eq!(written, "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn a_reader_is_read_to_its_end() {
    let (written, _) = sent(Method::POST, Body::reader(Cursor::new("hello")));
    assert!(written.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "{written}");
    let (written, _) = sent(Method::POST, Body::sized_reader(5, Cursor::new("hello")));
    assert!(written.ends_with("content-length: 5\r\n\r\nhello"), "{written}");
    let long = vec![b'y'; 200_000];
    let (written, _) = sent(Method::POST, Body::sized_reader(200_000, Cursor::new(long)));
    assert_eq!(written.bytes().filter(|&b| b == b'y').count(), 200_000);
}

#[test]
fn whatever_the_transport_takes_at_a_time_the_octets_are_the_same() {
    let whole = sent(Method::POST, Body::stream(pieces(["hello", ", ", "world"]))).0;
    for most in 1..20 {
        let writes: Vec<_> = (0..400).flat_map(|_| [Write::Take(most), Write::Pending]).collect();
        let (wire, peer) = wire([Read::Written(whole.len()), octets(NO_CONTENT)], writes);
        let body = Body::stream(pieces(["hello", ", ", "world"]));
        run(client(wire).post("http://a/x").body(body).send()).unwrap();
        assert_eq!(peer.written(), whole);
    }
}

#[test]
fn a_stream_that_is_not_ready_is_waited_for() {
    let mut asked = 0;
    let slow = stream::poll_fn(move |cx| {
        asked += 1;
        match asked {
            3 => std::task::Poll::Ready(Some(io::Result::Ok("abc"))),
            6.. => std::task::Poll::Ready(None),
            _ => {
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            }
        }
    });
    let (wire, peer) = wire([Read::Seen("0\r\n\r\n"), octets(NO_CONTENT)], []);
    run(client(wire).post("http://a/x").body(Body::stream(slow)).send()).unwrap();
    assert!(peer.written().ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
    // The head did not wait for it.
    assert_eq!(peer.writes().len(), 3);
}

#[test]
fn a_stream_is_not_asked_before_the_transport_has_taken_the_last_piece() {
    let (asked, counter) =
        (std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)), std::sync::atomic::Ordering::SeqCst);
    let counts = asked.clone();
    let body = Body::stream(stream::repeat("piece").map(move |piece| {
        counts.fetch_add(1, counter);
        io::Result::Ok(piece)
    }));
    let (wire, peer) = wire([], [Write::Take(10), Write::Stall]);
    let client = client(wire);
    let mut send = std::pin::pin!(client.post("http://a/x").body(body).send());
    assert!(crate::common::poll::stall(send.as_mut()).is_pending());
    assert_eq!(asked.load(counter), 1);
    // The head and one piece, then half of the next.
    peer.resume_writes([Write::Take(1000), Write::Take(3), Write::Stall]);
    assert!(crate::common::poll::stall(send.as_mut()).is_pending());
    assert_eq!(asked.load(counter), 2);
}

#[test]
fn a_stream_that_fails_ends_the_request_without_ending_the_message() {
    let failing = || stream::iter([Ok("ab"), Err(io::Error::other("the disk is gone"))]);
    for body in [Body::stream(failing()), Body::sized_stream(5, failing())] {
        let (wire, peer) = wire([], []);
        let e = run(client(wire).post("http://a/x").body(body).send()).unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Body, Delivery::Unknown));
        assert!(cause::<io::Error>(&e).unwrap().to_string().contains("the disk is gone"));
        assert!(peer.written().contains("ab"));
        assert!(!peer.written().ends_with("0\r\n\r\n"));
        peer.assert_closed();
    }
}

#[test]
fn a_stream_that_fails_at_once_has_sent_nothing() {
    let (wire, peer) = wire([], []);
    let body = Body::stream(stream::once(Err::<&str, _>(io::Error::other("no"))));
    let e = run(client(wire).post("http://a/x").body(body).send()).unwrap_err();
    assert_eq!((e.kind(), e.delivery()), (Kind::Body, Delivery::NotSent));
    assert_eq!(peer.written(), "");
    peer.assert_closed();
}

#[test]
fn a_sized_stream_that_is_short_is_an_error_with_both_numbers() {
    let (wire, peer) = wire([], []);
    let body = Body::sized_stream(5, pieces(["ab", "c"]));
    let e = run(client(wire).post("http://a/x").body(body).send()).unwrap_err();
    assert_eq!(e.kind(), Kind::Body);
    let text = std::error::Error::source(&e).unwrap().to_string();
    assert!(text.contains('3') && text.contains('5'), "{text}");
    peer.assert_closed();
}

#[test]
fn a_sized_stream_that_is_long_is_an_error_and_not_one_octet_too_many_is_sent() {
    for surplus in [["abcde", "f"], ["abc", "def"], ["abcdef", ""]] {
        let (wire, peer) = wire([], []);
        let body = Body::sized_stream(5, pieces(surplus));
        let e = run(client(wire).post("http://a/x").body(body).send()).unwrap_err();
        assert_eq!(e.kind(), Kind::Body);
        let content = peer.written().rsplit_once("\r\n\r\n").map_or(0, |(_, content)| content.len());
        assert!(content <= 5, "{}", peer.written());
        peer.assert_closed();
    }
}

#[test]
fn a_stream_of_declared_length_zero_is_held_to_it() {
    let (written, _) = sent(Method::POST, Body::sized_stream(0, pieces(["", ""])));
    assert!(written.ends_with("content-length: 0\r\n\r\n"), "{written}");
    for body in [
        Body::sized_stream(0, pieces(["", "abc"])),
        Body::sized_reader(0, &b"abc"[..]),
        Body::sized_stream(0, stream::iter([Err::<&str, _>(io::Error::other("gone"))])),
    ] {
        let (wire, peer) = answering(NO_CONTENT);
        let e = run(client(wire).post("http://a/x").body(body).send()).unwrap_err();
        assert_eq!(e.kind(), Kind::Body);
        assert!(!peer.written().contains("abc"), "{}", peer.written());
        peer.assert_closed();
    }
}

#[test]
fn fields_go_out_in_order_and_take_the_place_of_defaults() {
    let (wire, peer) = answering(NO_CONTENT);
    let defaults = [("accept", "a/b"), ("x-one", "default")];
    let defaults: HeaderMap =
        defaults.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).into_iter().collect();
    let wires = crate::common::wire::Wires::new([wire]);
    let client = martlet::Client::builder()
        .runtime(crate::common::mock::Mock::default())
        .connector(wires)
        .default_headers(defaults)
        .build()
        .unwrap();
    run(client.get("http://a/").header("x-one", "1").header("x-two", "2").header("x-one", "3").send())
        .unwrap();
    let lines: Vec<_> = peer.written().lines().map(str::to_owned).collect();
    assert_eq!(lines, ["GET / HTTP/1.1", "host: a", "x-one: 1", "x-one: 3", "x-two: 2", "accept: a/b", ""]);
}

#[test]
fn headers_replace_what_was_there() {
    let (wire, peer) = answering(NO_CONTENT);
    let mut fields = HeaderMap::new();
    fields.append("x-one", "b".parse().unwrap());
    fields.append("x-one", "c".parse().unwrap());
    let request = client(wire).get("http://a/").header("x-one", "a").header("x-two", "t").headers(fields);
    run(request.send()).unwrap();
    assert!(peer.written().contains("x-one: b\r\nx-one: c\r\n"), "{}", peer.written());
    assert!(!peer.written().contains("x-one: a"));
    assert!(peer.written().contains("x-two: t"));
}

#[test]
fn credentials_of_the_url_are_not_sent() {
    let (wire, peer) = answering(NO_CONTENT);
    let response = run(client(wire).get("http://user:pass@a:81/?q").send()).unwrap();
    assert_eq!(peer.written(), "GET /?q HTTP/1.1\r\nhost: a:81\r\n\r\n");
    assert_eq!(response.url(), "http://a:81/?q");
}

#[test]
fn http_10_is_spoken_on_demand_and_never_in_chunks() {
    let (wire, peer) = answering("HTTP/1.0 200 OK\r\n\r\n");
    run(client(wire).get("http://a/").version(Version::HTTP_10).send()).unwrap();
    assert_eq!(peer.written(), "GET / HTTP/1.0\r\nhost: a\r\n\r\n");
    let (wire, peer) = answering(NO_CONTENT);
    let body = Body::stream(pieces(["a"]));
    let e = run(client(wire).post("http://a/").version(Version::HTTP_10).body(body).send()).unwrap_err();
    assert_eq!((e.kind(), peer.written_len()), (Kind::Builder, 0));
}

#[test]
fn a_request_is_flushed_before_it_is_waited_for() {
    let (early, peer) = answering(NO_CONTENT);
    peer.script_flushes([Write::Pending, Write::Pending]);
    run(client(early).get("http://a/").send()).unwrap();
    let (wire, peer) = wire([Read::Pending, octets(NO_CONTENT)], []);
    peer.script_flushes([Write::Pending]);
    run(client(wire).get("http://a/").send()).unwrap();
    assert_eq!(peer.count(Call::Flush), 1);
}

#[test]
fn a_built_request_is_what_was_put_together_and_is_sent_by_execute() {
    let (wire, peer) = answering(NO_CONTENT);
    let client = client(wire);
    let mut request = client.put("http://a/x").header("x", "y").body("z").build().unwrap();
    assert_eq!((request.method(), request.uri().unwrap()), (&Method::PUT, "http://a/x".parse().unwrap()));
    request.headers_mut().insert("x", "w".parse().unwrap());
    assert_eq!(peer.calls(), []);
    run(client.execute(request)).unwrap();
    assert_eq!(peer.written(), "PUT /x HTTP/1.1\r\nhost: a\r\nx: w\r\ncontent-length: 1\r\n\r\nz");
}

#[test]
fn a_source_that_panics_leaves_a_closed_connection() {
    let (wire, peer) = wire([], []);
    let body = Body::stream(stream::poll_fn(|_| -> std::task::Poll<Option<io::Result<&str>>> {
        panic!("expected by the test")
    }));
    let request = client(wire).post("http://a/").body(body);
    let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(request.send())));
    assert!(sent.is_err());
    peer.assert_closed();
}

#[test]
fn a_response_can_be_the_content_of_another_request() {
    let (from, _from) = answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let (to, peer) = answering(NO_CONTENT);
    let response = run(client(from).get("http://a/").send()).unwrap();
    run(client(to).post("http://b/").body(Body::sized_reader(5, response.take(5))).send()).unwrap();
    assert!(peer.written().ends_with("content-length: 5\r\n\r\nhello"));
}

#[test]
fn many_empty_pieces_are_passed_over_without_a_wake_up_from_elsewhere() {
    let empty = stream::repeat_with(|| io::Result::Ok("")).take(1000);
    let body = Body::stream(empty.chain(stream::once(io::Result::Ok("end"))));
    let (wire, peer) = wire([Read::Seen("0\r\n\r\n"), octets(NO_CONTENT)], []);
    run(client(wire).post("http://a/").body(body).send()).unwrap();
    assert!(peer.written().ends_with("\r\n\r\n3\r\nend\r\n0\r\n\r\n"));
}

#[test]
fn an_upload_that_is_taken_as_fast_as_it_comes_leaves_turns_to_others() {
    let body = Body::stream(stream::repeat_with(|| io::Result::Ok("piece")).take(1000));
    let (wire, peer) = wire([Read::Seen("\r\n0\r\n\r\n"), octets(NO_CONTENT)], []);
    let client = client(wire);
    let mut send = std::pin::pin!(client.post("http://a/").body(body).send());
    // One poll is not the whole upload, but whoever polls again is told to.
    assert!(crate::common::poll::times(send.as_mut(), 1).is_pending());
    assert!(peer.writes().len() < 100);
    assert!(crate::common::poll::stall(send.as_mut()).is_ready());
    assert_eq!(peer.written().matches("5\r\npiece\r\n").count(), 1000);
}
