//! Reading responses: heads, interim ones, and content under every framing.

mod common;

use http::{Method, Version};
use martlet_core::h1::{Disposition, Item, RequestContent, ResponseHead, WaitingOn};
use martlet_core::{CloseReason, Delivery, Error, PeerError};

use common::{Machine, Seen, complete, data, feed, get, post, request};

/// Feeds a response to GET that must be refused.
fn refused(input: &[u8]) -> PeerError {
    let outcome = feed(&get(), input, None);
    assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::PeerError));
    assert_eq!(outcome.conn.waiting_on(), WaitingOn::Nothing);
    assert_eq!(outcome.conn.delivery(), Delivery::Answered);
    match outcome.error() {
        Some(Error::Peer(e)) => *e,
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(input)),
    }
}

/// Feeds a response to GET that must be taken whole.
fn taken(input: &[u8]) -> Vec<Seen> {
    let outcome = feed(&get(), input, None);
    assert_eq!(outcome.rest, b"");
    assert_eq!(outcome.error(), None);
    outcome.seen
}

#[test]
fn content_of_a_declared_length_ends_after_so_many_octets() {
    let outcome = feed(&get(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", None);
    assert_eq!(outcome.seen, complete(vec![Seen::Response(200), data(b"hello")]));
    assert_eq!(outcome.conn.disposition(), Disposition::Reusable);
    assert_eq!(outcome.conn.waiting_on(), WaitingOn::Application);
    assert_eq!(outcome.conn.delivery(), Delivery::Answered);
}

#[test]
fn empty_content_ends_at_once() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let outcome = feed(&get(), head.as_bytes(), None);
        assert_eq!(outcome.seen.len(), 2, "{:?}", outcome.seen);
        assert_eq!(outcome.seen[1], Seen::End);
        assert_eq!(outcome.conn.disposition(), Disposition::Reusable);
    }
}

#[test]
fn a_response_to_head_has_no_content_whatever_it_announces() {
    for framing in ["Content-Length: 99", "Transfer-Encoding: chunked", "A: b"] {
        let input = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
        let outcome = feed(&request(Method::HEAD).out(), input.as_bytes(), None);
        assert_eq!(outcome.seen, complete(vec![Seen::Response(200)]));
        assert_eq!(outcome.conn.disposition(), Disposition::Reusable);
    }
}

#[test]
fn chunks_of_any_size_and_with_extensions_are_joined() {
    let input = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        1\r\na\r\n0002;x=\"y;z\"\r\nbc\r\n3 ; q\r\ndef\r\n1A\t\r\nabcdefghijklmnopqrstuvwxyz\r\n000;last\r\n\r\n";
    let expected = complete(vec![Seen::Response(200), data(b"abcdefabcdefghijklmnopqrstuvwxyz")]);
    assert_eq!(taken(input), expected);
}

#[test]
fn a_size_that_is_not_hexadecimal_digits_is_an_error() {
    for size in ["", "g", "+1", "-1", "0x1", " 1", "1_0", "1 0", "\u{660}"] {
        let input = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\na\r\n");
        assert_eq!(refused(input.as_bytes()), PeerError::ChunkSize, "{size:?}");
    }
    for extension in [";\n", ";a\0", "; \x7f", ";a\rb"] {
        let input = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1{extension}\r\na\r\n");
        assert!(
            matches!(refused(input.as_bytes()), PeerError::ChunkExtension | PeerError::ChunkSize),
            "{extension:?}"
        );
    }
}

#[test]
fn the_largest_size_is_read_and_one_above_it_is_an_error() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let outcome = feed(&get(), format!("{head}ffffffffffffffff\r\nabc").as_bytes(), None);
    assert_eq!(outcome.seen, [Seen::Response(200), data(b"abc")]);
    assert_eq!(outcome.conn.recv_passthrough(), Some(u64::MAX - 3));
    assert_eq!(refused(format!("{head}10000000000000000\r\nabc").as_bytes()), PeerError::ChunkSizeOverflow);
    let outcome = feed(&get(), b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nabc", None);
    assert_eq!(outcome.seen, [Seen::Response(200), data(b"abc")]);
    let above = b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nabc";
    assert_eq!(refused(above), PeerError::ContentLength);
}

#[test]
fn trailers_are_given_in_order_and_decide_nothing() {
    let input = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nabc\r\n0\r\nX-B: 2\r\nContent-Length: 7\r\nConnection: close\r\nX-A:1 \r\n\r\n";
    let outcome = feed(&get(), input, None);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let trailers =
        [pair("X-B", "2"), pair("Content-Length", "7"), pair("Connection", "close"), pair("X-A", "1")];
    assert_eq!(
        outcome.seen,
        complete(vec![Seen::Response(200), data(b"abc"), Seen::Trailers(trailers.into())])
    );
    assert_eq!(outcome.conn.disposition(), Disposition::Reusable);
}

#[test]
fn interim_responses_come_before_the_final_one_and_have_no_content() {
    let input = b"HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 199 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let expected = [Seen::Interim(102), Seen::Continue, Seen::Interim(199), Seen::Response(200), data(b"ok")];
    assert_eq!(taken(input), complete(expected.into()));
}

#[test]
fn equal_lengths_are_one_length_and_differing_ones_are_an_error() {
    let with = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nab").into_bytes();
    let expected = complete(vec![Seen::Response(200), data(b"ab")]);
    assert_eq!(taken(&with("Content-Length: 2\r\nContent-Length: 2")), expected);
    assert_eq!(taken(&with("Content-Length: 2, 02")), expected);
    assert_eq!(refused(&with("Content-Length: 2\r\nContent-Length: 3")), PeerError::ContentLengthConflict);
    assert_eq!(refused(&with("Content-Length: 2, 3")), PeerError::ContentLengthConflict);
    for value in ["+2", "-2", "2.0", "0x2", "2 2", "", ",", "two", "2;"] {
        assert_eq!(
            refused(&with(&format!("Content-Length: {value}"))),
            PeerError::ContentLength,
            "{value:?}"
        );
    }
}

#[test]
fn chunked_beside_a_length_is_read_as_chunked_and_spoils_the_connection() {
    let input =
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    let outcome = feed(&get(), input, None);
    assert_eq!(outcome.seen, complete(vec![Seen::Response(200), data(b"ab")]));
    assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::AmbiguousFraming));
}

#[test]
fn codings_that_cannot_be_framed_are_errors_and_others_end_with_the_connection() {
    let with = |coding: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n").into_bytes();
    assert_eq!(refused(&with("chunked, chunked")), PeerError::TransferEncoding);
    let old = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(old), PeerError::TransferEncodingInHttp10);
    for coding in ["gzip", "chunked, gzip", "chunkedx", "identity"] {
        let outcome = feed(&get(), &with(coding), None);
        assert_eq!(outcome.seen, [Seen::Response(200)]);
        assert_eq!(outcome.conn.close_reason(), Some(CloseReason::CloseDelimited), "{coding}");
    }
    assert_eq!(feed(&get(), &with("gzip, Chunked"), None).conn.close_reason(), None);
}

#[test]
fn what_is_not_a_status_line_is_refused() {
    for (line, error) in [
        ("HTTP/2.0 200 OK", PeerError::Version),
        ("HTTP/1.2 200 OK", PeerError::Version),
        ("HTTP/1.10 200 OK", PeerError::Version),
        ("http/1.1 200 OK", PeerError::NotHttp),
        ("ICY 200 OK", PeerError::NotHttp),
        ("HTTP/1.1 099 Low", PeerError::Status),
        ("HTTP/1.1 20 OK", PeerError::Status),
        ("HTTP/1.1 2000 OK", PeerError::Status),
        ("HTTP/1.1 2x0 OK", PeerError::Status),
        ("HTTP/1.1  200 OK", PeerError::Status),
        ("HTTP/1.1 200 \x01", PeerError::Reason),
    ] {
        assert_eq!(refused(format!("{line}\r\nContent-Length: 0\r\n\r\n").as_bytes()), error, "{line:?}");
    }
}

#[test]
fn what_is_not_a_field_line_is_refused() {
    for (line, error) in [
        ("A : b", PeerError::FieldName),
        (": b", PeerError::FieldName),
        ("A b", PeerError::FieldName),
        ("\u{e9}: b", PeerError::FieldName),
        ("A(: b", PeerError::FieldName),
        ("A: \0", PeerError::FieldValue),
        ("A: b\x7f", PeerError::FieldValue),
    ] {
        let input = format!("HTTP/1.1 200 OK\r\n{line}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(refused(input.as_bytes()), error, "{line:?}");
    }
}

#[test]
fn a_status_above_599_is_passed_on() {
    assert_eq!(taken(b"HTTP/1.1 999 ?\r\nContent-Length: 0\r\n\r\n"), complete(vec![Seen::Response(999)]));
}

#[test]
fn every_peer_error_names_the_section_that_makes_it_one() {
    for error in [PeerError::NotHttp, PeerError::ChunkEnd, PeerError::UnexpectedData, PeerError::FieldValue] {
        assert!(error.section().starts_with("RFC 91") && error.section().contains(" §"));
        assert!(!error.is_limit());
    }
}

#[test]
fn drain_is_given_while_only_content_is_left() {
    let mut conn = get();
    assert_eq!(conn.disposition(), Disposition::InProgress);
    conn = feed(&conn, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", None).conn;
    assert_eq!(conn.disposition(), Disposition::Drain { at_most: Some(3) });
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
    assert!(conn.start_next_exchange().is_err());
    let owing =
        feed(&post(RequestContent::Sized(1)), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", None).conn;
    assert_eq!(owing.disposition(), Disposition::InProgress, "content is still owed");
    let closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhe";
    assert_eq!(feed(&get(), closing, None).conn.disposition(), Disposition::InProgress);
}

#[test]
fn an_empty_input_asks_what_is_left_to_say() {
    let mut conn = get();
    assert_eq!(conn.recv(b"").unwrap().item, Item::NeedInput);
    assert_eq!(conn.delivery(), Delivery::Unknown);
    let received = conn.recv(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert!(matches!(received.item, Item::Response(_)));
    assert_eq!(conn.recv(b"").unwrap().item, Item::End);
    assert_eq!(conn.recv(b"").unwrap().item, Item::Paused);
}

#[test]
fn the_head_says_version_and_fields_as_they_came() {
    let input = b"HTTP/1.0 200 Fine by me\r\nB: 1\r\na:2\r\n\r\n";
    let mut conn = get();
    let Item::Response(spans) = conn.recv(input).unwrap().item else { panic!("a response was due") };
    assert_eq!((spans.status(), spans.version(), spans.head_len()), (200, Version::HTTP_10, input.len()));
    assert_eq!(spans.reason(input), b"Fine by me");
    assert_eq!((spans.fields().len(), spans.fields().is_empty()), (2, false));
    assert_eq!(spans.fields().get(input, "A"), Some(&b"2"[..]));
    let head = ResponseHead::copy_from(input, spans);
    assert_eq!(head.to_http().headers()["b"], "1");
    assert_eq!(head.to_http().version(), Version::HTTP_10);
    assert_eq!(conn.taken(), b"");
}
