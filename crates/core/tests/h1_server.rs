//! The server's end: reading requests and answering them.

mod common;

use bytes::Bytes;
use http::StatusCode;
use martlet_core::h1::{Disposition, ReceivedRequest, ResponseContent, ServerConn, ServerItem, WaitingOn};
use martlet_core::{CloseReason, Closed, Ending, Error, Limits, Misuse, PeerError};

use common::{Machine, Outcome, Seen, asked, complete, data, feed, fields};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn read(input: &str) -> Outcome<ServerConn> {
    feed(&ServerConn::new(Limits::default()), input.as_bytes(), None)
}

fn refused(input: &str) -> PeerError {
    let outcome = read(input);
    assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::PeerError));
    match outcome.error() {
        Some(Error::Peer(e)) => *e,
        other => panic!("{other:?} for {input:?}"),
    }
}

#[test]
fn a_request_is_read_with_its_content() {
    for (input, content) in [
        ("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", &b"hello"[..]),
        (
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            b"hello",
        ),
        ("\r\n\r\nPOST /x HTTP/1.1\r\nHost: a\r\n\r\n", b""),
    ] {
        let outcome = read(input);
        assert_eq!(outcome.seen.first(), Some(&Seen::Request("POST /x".into())));
        assert_eq!(outcome.seen.last(), Some(&Seen::End));
        assert_eq!(outcome.content(), content);
        assert_eq!(outcome.conn.waiting_on(), WaitingOn::Application);
    }
}

#[test]
fn framing_that_could_smuggle_a_request_is_refused() {
    let with = |lines: &str| refused(&format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n"));
    assert_eq!(with("Content-Length: 5\r\nTransfer-Encoding: chunked"), PeerError::AmbiguousFraming);
    assert_eq!(with("Transfer-Encoding: gzip"), PeerError::TransferEncoding);
    assert_eq!(with("Transfer-Encoding: chunked, gzip"), PeerError::TransferEncoding);
    assert_eq!(with("Transfer-Encoding: xchunked"), PeerError::TransferEncoding);
    assert_eq!(with("Transfer-Encoding: a=\"b, chunked"), PeerError::TransferEncoding);
    assert_eq!(with("Content-Length: 5\r\nContent-Length: 6"), PeerError::ContentLengthConflict);
    assert_eq!(with("Content-Length: +5"), PeerError::ContentLength);
    assert_eq!(with("Content-Length : 5"), PeerError::FieldName);
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(old), PeerError::TransferEncodingInHttp10);
    assert_eq!(with("A: b\r\n c"), PeerError::FieldName, "a fold in a request");
}

#[test]
fn trailer_sections_of_requests_have_neither_lone_line_feeds_nor_folds() {
    let with = |section: &str| {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        read(&format!("{head}0\r\n{section}")).error().cloned()
    };
    for section in ["\n", "A: b\n\r\n", "A: b\r\n\n", "A: b\n\n", "\nGET / HTTP/1.1\r\n\r\n"] {
        assert_eq!(with(section), Some(PeerError::LineEnd.into()), "{section:?}");
    }
    for section in ["A: b\r\n c\r\n\r\n", "A: b\r\n\tc\r\n\r\n", " A: b\r\n\r\n"] {
        assert_eq!(with(section), Some(PeerError::FieldName.into()), "{section:?}");
    }
    assert_eq!(with("A: b\r\nC: d\r\n\r\n"), None);
}

#[test]
fn host_must_be_there_once_and_valid() {
    assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), PeerError::Host);
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), PeerError::Host);
    assert_eq!(refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), PeerError::Host);
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), PeerError::Host);
    assert_eq!(read("GET / HTTP/1.0\r\n\r\n").error(), None);
    assert_eq!(read("GET / HTTP/1.1\r\nHost:\r\n\r\n").error(), None);
}

#[test]
fn what_is_not_a_request_line_is_refused() {
    for (line, error) in [
        ("GET  / HTTP/1.1", PeerError::Target),
        ("GET x HTTP/1.1", PeerError::Target),
        ("GET * HTTP/1.1", PeerError::Target),
        ("CONNECT / HTTP/1.1", PeerError::Target),
        ("GET / HTTP/2.0", PeerError::Version),
        ("G(T / HTTP/1.1", PeerError::Method),
        ("GET / HTTP/1.1 x", PeerError::LineEnd),
        ("(GET / HTTP/1.1", PeerError::NotHttp),
    ] {
        assert_eq!(refused(&format!("{line}\r\nHost: a\r\n\r\n")), error, "{line}");
    }
}

#[test]
fn an_end_between_requests_is_closed_and_inside_one_an_error() {
    let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    for by in [Ending::Fin, Ending::Reset] {
        for at in 0..request.len() {
            let outcome = feed(&ServerConn::new(Limits::default()), &request[..at], Some(by));
            let head = request.len() - 3;
            let expected = match at {
                0 => Seen::Closed,
                _ if at < head => Seen::Error(Closed::InHead { received: at as u64, by }.into()),
                _ => {
                    let received = (at - head) as u64;
                    Seen::Error(Closed::InContent { expected: Some(3), received, by }.into())
                }
            };
            assert_eq!(outcome.seen.last(), Some(&expected), "cut at {at}");
        }
    }
}

#[test]
fn a_request_that_came_whole_can_be_answered_behind_a_half_close() {
    let mut conn = feed(&ServerConn::new(Limits::default()), GET, Some(Ending::Fin)).conn;
    conn.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::Sized(2)).unwrap();
    conn.send_last_data(Bytes::from_static(b"ok")).unwrap();
    let answer = String::from_utf8(conn.taken()).unwrap();
    assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    assert_eq!(conn.disposition(), Disposition::Close(CloseReason::PeerClosed));
}

#[test]
fn content_of_a_response_is_framed_as_announced() {
    let begun = |content| {
        let mut conn = asked(GET);
        conn.send_response(StatusCode::OK, Some(b"Fine"), &fields(&[("a", "b")]), content).unwrap();
        conn
    };
    let mut conn = begun(ResponseContent::Chunked);
    assert_eq!(conn.taken(), b"HTTP/1.1 200 Fine\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_eq!(conn.waiting_on(), WaitingOn::Application);
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.send_trailers(&fields(&[("x-sum", "1")])).unwrap();
    assert_eq!(conn.taken(), b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n");
    assert_eq!(conn.disposition(), Disposition::Reusable);

    let mut conn = begun(ResponseContent::Sized(3));
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.taken();
    assert_eq!(conn.disposition(), Disposition::InProgress);
    conn.send_last_data(Bytes::new()).unwrap();
    assert!(conn.transmit().is_empty());
    assert_eq!(conn.disposition(), Disposition::Reusable);
}

#[test]
fn content_of_unknown_length_ends_with_the_connection_for_http10() {
    let mut conn = asked(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    conn.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::Chunked).unwrap();
    assert_eq!(conn.taken(), b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    assert_eq!(conn.taken(), b"abc");
    assert_eq!(conn.disposition(), Disposition::InProgress);
    conn.send_last_data(Bytes::new()).unwrap();
    assert_eq!(conn.disposition(), Disposition::Close(CloseReason::CloseDelimited));
}

#[test]
fn a_response_to_head_announces_content_and_sends_none() {
    let head = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut conn = asked(head);
    conn.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::Sized(9)).unwrap();
    assert_eq!(conn.send_data(Bytes::from_static(b"x")), Err(Misuse::OutOfTurn));
    conn.send_last_data(Bytes::new()).unwrap();
    assert_eq!(conn.taken(), b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
    assert_eq!(conn.disposition(), Disposition::Reusable);
}

#[test]
fn interim_responses_go_before_the_final_one_and_never_to_http10() {
    let mut conn = asked(GET);
    conn.send_interim(StatusCode::from_u16(103).unwrap(), &fields(&[("link", "</a>")])).unwrap();
    assert_eq!(conn.taken(), b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    assert_eq!(conn.disposition(), Disposition::InProgress);
    for status in [StatusCode::OK, StatusCode::SWITCHING_PROTOCOLS] {
        assert_eq!(conn.send_interim(status, &fields(&[])), Err(Misuse::InvalidStatus));
    }
    let mut old = asked(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(old.send_interim(StatusCode::CONTINUE, &fields(&[])), Err(Misuse::UnsupportedVersion));
}

#[test]
fn what_must_not_be_sent_is_refused_and_leaves_no_octet() {
    let mut conn = asked(GET);
    let none = fields(&[]);
    let mut refused = |status: u16, reason: Option<&[u8]>, lines: &[(&'static str, &str)], content| {
        let result =
            conn.send_response(StatusCode::from_u16(status).unwrap(), reason, &fields(lines), content);
        assert!(conn.transmit().is_empty());
        assert_eq!(conn.disposition(), Disposition::InProgress);
        result.unwrap_err()
    };
    assert_eq!(refused(100, None, &[], ResponseContent::None), Misuse::InvalidStatus);
    assert_eq!(refused(204, None, &[], ResponseContent::Sized(1)), Misuse::ContentNotAllowed);
    assert_eq!(refused(304, None, &[], ResponseContent::Chunked), Misuse::ContentNotAllowed);
    assert_eq!(refused(200, Some(b"a\r\nb: c"), &[], ResponseContent::None), Misuse::InvalidReason);
    let two = [("content-length", "2")];
    assert_eq!(refused(200, None, &two, ResponseContent::Sized(3)), Misuse::ConflictingFraming);
    conn.send_response(StatusCode::OK, None, &none, ResponseContent::None).unwrap();
    assert_eq!(
        conn.send_response(StatusCode::OK, None, &none, ResponseContent::None),
        Err(Misuse::OutOfTurn)
    );
}

#[test]
fn an_early_response_passes_the_content_that_still_comes() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    let mut conn = read(head).conn;
    conn.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::Sized(2)).unwrap();
    conn.send_last_data(Bytes::from_static(b"ok")).unwrap();
    conn.taken();
    assert_eq!(conn.disposition(), Disposition::InProgress);
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
    let outcome = feed(&conn, b"abc", None);
    assert_eq!(outcome.seen, complete(vec![data(b"abc")]));
    assert_eq!(outcome.conn.disposition(), Disposition::Reusable);
}

#[test]
fn a_request_head_converts_to_http_types() {
    let input = b"PUT http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\nX: 1\r\nx: 2\r\n\r\n";
    let mut conn = ServerConn::new(Limits::default());
    let ServerItem::Request(spans) = conn.recv(input).unwrap().item else { panic!("a request was due") };
    assert_eq!(spans.version(), http::Version::HTTP_11);
    assert_eq!(spans.fields().len(), 3);
    let head = ReceivedRequest::copy_from(input, spans);
    assert_eq!((head.method(), head.target()), (&b"PUT"[..], &b"http://a.test/x?y"[..]));
    let request = head.to_http().unwrap();
    assert_eq!(request.uri().path_and_query().unwrap(), "/x?y");
    assert_eq!(request.headers().get_all("x").iter().count(), 2);
    assert_eq!(head.to_header_map().len(), 3);
}

#[test]
fn a_reset_breaks_the_response_off() {
    let mut conn = asked(GET);
    conn.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::Chunked).unwrap();
    conn.take(4);
    conn.handle_reset();
    assert!(conn.transmit().is_empty());
    assert_eq!(conn.send_data(Bytes::from_static(b"x")), Err(Misuse::Finished));
    assert_eq!(conn.disposition(), Disposition::Close(CloseReason::Reset));
    let mut conn = asked(GET);
    conn.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::Chunked).unwrap();
    conn.handle_write_error();
    assert!(conn.transmit().is_empty());
    assert_eq!(conn.disposition(), Disposition::Close(CloseReason::WriteFailed));
}

#[test]
fn an_end_while_a_request_is_answered_is_closed() {
    let mut conn = asked(GET);
    assert_eq!(conn.recv(b"").map(|received| received.item), Ok(ServerItem::Paused));
    conn.handle_eof();
    assert_eq!(conn.recv(b"GET").map(|received| received.item), Ok(ServerItem::Paused), "octets come first");
    assert_eq!(conn.recv(b"").map(|received| received.item), Ok(ServerItem::Closed));
}

#[test]
fn how_a_stream_ended_inside_a_request_is_why_the_connection_closes() {
    for (by, why) in [(Ending::Fin, CloseReason::PeerClosed), (Ending::Reset, CloseReason::Reset)] {
        let outcome = feed(&ServerConn::new(Limits::default()), &GET[..9], Some(by));
        assert_eq!(outcome.conn.disposition(), Disposition::Close(why));
        assert_eq!(outcome.conn.waiting_on(), WaitingOn::Nothing);
    }
}

#[test]
fn whose_move_it_is_between_requests() {
    let mut conn = ServerConn::new(Limits::default());
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
    conn = feed(&conn, GET, None).conn;
    conn.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::None).unwrap();
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToRead);
    conn.taken();
    assert_eq!(conn.waiting_on(), WaitingOn::Application, "the next exchange is for it to begin");
    conn.start_next_exchange().unwrap();
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
    conn.handle_eof();
    assert_eq!(conn.waiting_on(), WaitingOn::Nothing);
}

#[test]
fn why_the_connection_will_close_is_known_as_soon_as_either_side_has_said_so() {
    assert_eq!(asked(GET).close_reason(), None);
    let they = asked(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(they.close_reason(), Some(CloseReason::PeerSaidClose));
    let mut we = asked(GET);
    let close = fields(&[("connection", "close")]);
    we.send_response(StatusCode::OK, None, &close, ResponseContent::None).unwrap();
    assert_eq!(we.close_reason(), Some(CloseReason::WeSaidClose));
}

#[test]
fn a_response_says_how_the_connection_goes_on_once_and_only_where_it_must() {
    let answered = |input: &[u8], lines: &[(&'static str, &str)]| {
        let mut conn = asked(input);
        conn.send_response(StatusCode::OK, None, &fields(lines), ResponseContent::None).unwrap();
        String::from_utf8(conn.taken()).unwrap()
    };
    let old = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    assert!(answered(old, &[]).contains("\r\nconnection: keep-alive\r\n"));
    let closing = answered(old, &[("connection", "close")]);
    assert_eq!(closing.matches("connection:").count(), 1, "{closing}");
    let keeping = answered(old, &[("connection", "keep-alive")]);
    assert_eq!(keeping.matches("connection:").count(), 1, "{keeping}");
    let new = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    assert!(!answered(new, &[]).contains("connection"), "persistence is the default of HTTP/1.1");
}

#[test]
fn a_length_among_the_fields_is_the_one_that_a_response_to_head_announces() {
    let answered = |method: &str, lines: &[(&'static str, &str)]| {
        let mut conn = asked(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        conn.send_response(StatusCode::OK, None, &fields(lines), ResponseContent::None)?;
        Ok(String::from_utf8(conn.taken()).unwrap())
    };
    let nine = [("content-length", "9")];
    assert_eq!(answered("HEAD", &nine), Ok("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_owned()));
    assert_eq!(answered("HEAD", &[]), Ok("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()));
    assert_eq!(answered("GET", &nine), Err(Misuse::ConflictingFraming));
}

#[test]
fn behind_an_error_nothing_is_sent() {
    let mut broken = read("\0");
    assert!(broken.error().is_some());
    let mut inside = read("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").conn;
    inside.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::Chunked).unwrap();
    assert!(inside.recv(b"x").is_err());
    for conn in [&mut broken.conn, &mut inside] {
        let none = fields(&[]);
        assert_eq!(conn.send_interim(StatusCode::CONTINUE, &none), Err(Misuse::Finished));
        let response = conn.send_response(StatusCode::OK, None, &none, ResponseContent::None);
        assert_eq!(response, Err(Misuse::Finished));
        assert_eq!(conn.send_data(Bytes::from_static(b"x")), Err(Misuse::Finished));
        assert_eq!(conn.send_trailers(&none), Err(Misuse::Finished));
        assert_eq!(conn.start_next_exchange(), Err(Misuse::Finished));
    }
}

#[test]
fn behind_the_last_piece_content_is_out_of_turn_and_not_early() {
    let mut conn = asked(GET);
    conn.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::Chunked).unwrap();
    conn.send_data(Bytes::from_static(b"a")).unwrap();
    assert_eq!(conn.send_data(Bytes::from_static(b"b")), Err(Misuse::Backpressure));
    conn.taken();
    conn.send_last_data(Bytes::from_static(b"b")).unwrap();
    assert_eq!(conn.send_data(Bytes::from_static(b"c")), Err(Misuse::OutOfTurn));
}

#[test]
fn each_form_of_target_is_received_with_its_methods_only() {
    for (line, accepted) in [
        ("OPTIONS *", true),
        ("GET *", false),
        ("OPTIONS /x", true),
        ("GET /x?y", true),
        ("GET http://a/x", true),
        ("GET http:///x", false),
        ("CONNECT a:1", true),
        ("GET a:1", false),
        ("CONNECT a", false),
    ] {
        let outcome = read(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let expected = (!accepted).then(|| PeerError::Target.into());
        assert_eq!(outcome.error(), expected.as_ref(), "{line}");
    }
}
