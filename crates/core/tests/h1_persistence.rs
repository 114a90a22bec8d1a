//! Whether a connection outlives the exchange (RFC 9112 §9.3, §9.6).

mod common;

use http::{Method, Version};
use martlet_core::h1::{ClientConn, Disposition, Item, RequestContent, ServerConn, WaitingOn};
use martlet_core::{CloseReason, Delivery, Error, Limits, Misuse, PeerError};

use common::{Machine, Seen, complete, data, feed, get, post, request};

fn after(conn: &ClientConn, head: &str) -> Disposition {
    let outcome = feed(conn, format!("{head}\r\nContent-Length: 2\r\n\r\nok").as_bytes(), None);
    assert_eq!(outcome.content(), b"ok");
    assert!(outcome.seen.contains(&Seen::End));
    outcome.conn.disposition()
}

#[test]
fn http11_persists_unless_either_side_says_close() {
    assert_eq!(after(&get(), "HTTP/1.1 200 OK"), Disposition::Reusable);
    for option in ["close", "Close", "keep-alive, close", "x,close ,y", ", close"] {
        let closed = after(&get(), &format!("HTTP/1.1 200 OK\r\nConnection: {option}"));
        assert_eq!(closed, Disposition::Close(CloseReason::PeerSaidClose), "{option}");
    }
    for option in ["closed", "\"close\"", "keep-alive", "not close"] {
        let kept = after(&get(), &format!("HTTP/1.1 200 OK\r\nConnection: {option}"));
        assert_eq!(kept, Disposition::Reusable, "{option}");
    }
    let we_close = request(Method::GET).with("connection", "close").out();
    assert_eq!(after(&we_close, "HTTP/1.1 200 OK"), Disposition::Close(CloseReason::WeSaidClose));
}

#[test]
fn http10_persists_only_where_it_says_keep_alive() {
    let closed = Disposition::Close(CloseReason::Http10);
    assert_eq!(after(&get(), "HTTP/1.0 200 OK"), closed);
    assert_eq!(after(&get(), "HTTP/1.0 200 OK\r\nConnection: Keep-Alive"), Disposition::Reusable);
    let both = after(&get(), "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nConnection: close");
    assert_eq!(both, Disposition::Close(CloseReason::PeerSaidClose));
    let old = request(Method::GET).version(Version::HTTP_10);
    assert_eq!(after(&old.out(), "HTTP/1.1 200 OK"), closed);
    assert_eq!(after(&old.with("connection", "keep-alive").out(), "HTTP/1.1 200 OK"), Disposition::Reusable);
}

#[test]
fn the_first_reason_to_close_is_the_one_that_is_kept() {
    let conn = request(Method::GET).with("connection", "close").out();
    let mut conn = feed(&conn, b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nok", None).conn;
    assert_eq!(conn.close_reason(), Some(CloseReason::WeSaidClose));
    conn.handle_eof();
    assert_eq!(conn.close_reason(), Some(CloseReason::WeSaidClose));
    assert!(!CloseReason::WeSaidClose.explanation().is_empty());
}

#[test]
fn s096_07_octets_behind_the_response_are_left_alone_and_spoil_the_connection() {
    let input =
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let outcome = feed(&get(), input, None);
    assert_eq!(outcome.seen, complete(vec![Seen::Response(200), data(b"ok")]));
    assert_eq!(outcome.rest, input[40..]);
    assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::SurplusData));
    assert_eq!(outcome.conn.clone().start_next_exchange(), Err(Misuse::Finished));
}

#[test]
fn octets_between_exchanges_are_an_error_and_belong_to_no_request() {
    let mut rested = feed(&get(), b"HTTP/1.1 204 No Content\r\n\r\n", None).conn;
    rested.start_next_exchange().unwrap();
    for conn in [ClientConn::new(Limits::default()), rested] {
        let outcome = feed(&conn, b"HTTP/1.1 408 Request Timeout\r\n\r\n", None);
        assert_eq!(outcome.seen, [Seen::Error(PeerError::UnexpectedData.into())]);
        assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::PeerError));
        assert_eq!(outcome.conn.delivery(), Delivery::NotSent);
        let mut conn = outcome.conn;
        assert_eq!(request(Method::GET).send(&mut conn), Err(Misuse::Finished));
        assert!(conn.transmit().is_empty());
    }
}

#[test]
fn many_exchanges_follow_each_other_and_none_sees_the_one_before() {
    let mut conn = ClientConn::new(Limits::default());
    for turn in 0..50_u64 {
        assert_eq!(conn.disposition(), Disposition::Reusable);
        assert_eq!(conn.waiting_on(), WaitingOn::Application);
        assert_eq!(conn.delivery(), Delivery::NotSent);
        let method = if turn % 3 == 0 { Method::HEAD } else { Method::POST };
        let content = if turn % 3 == 0 { RequestContent::None } else { RequestContent::Sized(turn) };
        request(method.clone()).content(content).send(&mut conn).unwrap();
        conn.taken();
        conn.send_last_data(vec![b'x'; if turn % 3 == 0 { 0 } else { turn as usize }].into()).unwrap();
        conn.taken();
        assert_eq!(conn.delivery(), Delivery::Unknown);
        let body = if method == Method::HEAD { String::new() } else { "y".repeat(turn as usize) };
        let input = format!("HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {turn}\r\n\r\n{body}");
        let outcome = feed(&conn, input.as_bytes(), None);
        assert_eq!(outcome.content(), body.as_bytes());
        conn = outcome.conn;
        conn.start_next_exchange().unwrap();
    }
}

#[test]
fn reusable_needs_a_message_boundary_on_both_sides() {
    let mut conn = post(RequestContent::Sized(1));
    conn = feed(&conn, b"HTTP/1.1 204 No Content\r\n\r\n", None).conn;
    assert_eq!(conn.disposition(), Disposition::InProgress, "the request is not out");
    assert_eq!(conn.start_next_exchange(), Err(Misuse::OutOfTurn));
    assert_eq!(request(Method::GET).send(&mut conn), Err(Misuse::OutOfTurn));
    conn.send_last_data(b"x"[..].into()).unwrap();
    assert_eq!(conn.disposition(), Disposition::InProgress);
    conn.taken();
    assert_eq!(conn.disposition(), Disposition::Reusable);
}

#[test]
fn a_write_error_while_resting_ends_the_connection() {
    let mut conn = ClientConn::new(Limits::default());
    conn.handle_write_error();
    assert_eq!(conn.disposition(), Disposition::Close(CloseReason::WriteFailed));
    assert_eq!(request(Method::GET).send(&mut conn), Err(Misuse::Finished));
}

#[test]
fn a_server_says_close_where_the_connection_ends_and_keep_alive_where_http10_asked_for_it() {
    for (input, answer, disposition) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", Disposition::Reusable),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "connection: close\r\n",
            Disposition::Close(CloseReason::PeerSaidClose),
        ),
        ("GET / HTTP/1.0\r\n\r\n", "connection: close\r\n", Disposition::Close(CloseReason::Http10)),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "connection: keep-alive\r\n",
            Disposition::Reusable,
        ),
    ] {
        let mut conn = feed(&ServerConn::new(Limits::default()), input.as_bytes(), None).conn;
        let none = martlet_core::h1::ResponseContent::None;
        conn.send_response(http::StatusCode::OK, None, &common::fields(&[]), none).unwrap();
        let expected = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{answer}\r\n");
        assert_eq!(String::from_utf8(conn.taken()).unwrap(), expected);
        assert_eq!(conn.disposition(), disposition);
    }
}

#[test]
fn pipelined_requests_are_read_one_exchange_at_a_time() {
    let one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let two = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let outcome = feed(&ServerConn::new(Limits::default()), format!("{one}{two}").as_bytes(), None);
    assert_eq!(outcome.seen, complete(vec![Seen::Request("GET /1".into())]));
    assert_eq!(outcome.rest, two.as_bytes());
    let mut conn = outcome.conn;
    let none = martlet_core::h1::ResponseContent::None;
    conn.send_response(http::StatusCode::OK, None, &common::fields(&[]), none).unwrap();
    conn.taken();
    conn.start_next_exchange().unwrap();
    assert_eq!(feed(&conn, two.as_bytes(), None).seen, complete(vec![Seen::Request("GET /2".into())]));
}

#[test]
fn errors_of_the_three_kinds_are_never_confused() {
    assert!(matches!(Error::from(PeerError::NotHttp), Error::Peer(_)));
    assert!(matches!(Error::from(Misuse::OutOfTurn), Error::Misuse(_)));
    let closed = martlet_core::Closed::BeforeResponse { interim: false, by: martlet_core::Ending::Fin };
    assert!(matches!(Error::from(closed), Error::Closed(_)));
}

#[test]
fn an_option_is_found_among_others_whatever_its_place() {
    for options in ["Keep-Alive", "x, keep-alive", "keep-alive, x", "x\r\nConnection: keep-alive"] {
        let kept = after(&get(), &format!("HTTP/1.0 200 OK\r\nConnection: {options}"));
        assert_eq!(kept, Disposition::Reusable, "{options}");
    }
    let twice = after(&get(), "HTTP/1.0 200 OK\r\nConnection: x, keep-alive\r\nConnection: y, not-alive!");
    assert_eq!(twice, Disposition::Reusable, "what one line says no other line takes back");
}

#[test]
fn a_transfer_coding_in_http10_spoils_the_connection_also_where_there_is_nothing_to_frame() {
    let input = |status| {
        format!("HTTP/1.0 {status} x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n")
            .into_bytes()
    };
    for (conn, status) in [(request(Method::HEAD).out(), 200), (get(), 204), (get(), 304)] {
        let outcome = feed(&conn, &input(status), None);
        assert_eq!(outcome.seen, complete(vec![Seen::Response(status)]));
        assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::AmbiguousFraming));
    }
}

#[test]
fn between_two_exchanges_the_machine_listens_for_the_end_of_the_stream() {
    let mut conn = feed(&get(), b"HTTP/1.1 204 No Content\r\n\r\n", None).conn;
    assert_eq!(conn.recv(b"").map(|received| received.item), Ok(Item::Paused), "the exchange is over");
    conn.start_next_exchange().unwrap();
    assert_eq!(conn.recv(b"").map(|received| received.item), Ok(Item::NeedInput));
    conn.handle_eof();
    assert_eq!(conn.recv(b"").map(|received| received.item), Ok(Item::Closed));
    assert_eq!(conn.disposition(), Disposition::Close(CloseReason::PeerClosed));
}

#[test]
fn every_reason_to_close_is_one_clause_of_its_own() {
    let reasons = [
        CloseReason::PeerSaidClose,
        CloseReason::WeSaidClose,
        CloseReason::Http10,
        CloseReason::CloseDelimited,
        CloseReason::AmbiguousFraming,
        CloseReason::SurplusData,
        CloseReason::PeerClosed,
        CloseReason::Reset,
        CloseReason::WriteFailed,
        CloseReason::ContentAbandoned,
        CloseReason::PeerError,
    ];
    common::assert_clauses(&reasons.map(|reason| reason.to_string()));
    for reason in reasons {
        assert_eq!(reason.explanation(), reason.to_string());
    }
}
