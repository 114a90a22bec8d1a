//! Leaving HTTP/1.1: 101 (RFC 9110 §7.8) and CONNECT (§9.3.6). No octet of the next protocol is lost.

mod common;

use bytes::Bytes;
use http::{Method, StatusCode};
use martlet_core::h1::{
    ClientConn, Disposition, RequestContent, ResponseContent, ServerConn, ServerItem, WaitingOn,
};
use martlet_core::{CloseReason, Delivery, Limits, Misuse, PeerError};

use common::{Machine, Seen, asked, complete, data, feed, fields, get, request};

const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
const ESTABLISHED: &[u8] =
    b"HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";

fn upgrading() -> ClientConn {
    request(Method::GET).with("upgrade", "websocket, h2c").out()
}

fn connecting() -> ClientConn {
    request(Method::CONNECT).out()
}

fn assert_switched(conn: &ClientConn) {
    let mut conn = conn.clone();
    assert_eq!(conn.disposition(), Disposition::Switched);
    assert_eq!(conn.waiting_on(), WaitingOn::Nothing);
    assert_eq!(conn.start_next_exchange(), Err(Misuse::Finished));
    assert_eq!(conn.send_data(Bytes::from_static(b"x")), Err(Misuse::OutOfTurn));
    assert!(request(Method::GET).send(&mut conn).is_err());
    assert!(conn.transmit().is_empty());
}

#[test]
fn s096_13_octets_behind_a_101_are_left_to_the_caller() {
    for next in [&b""[..], b"\x81\x05hello", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", &[b'x'; 300]]
    {
        let outcome = feed(&upgrading(), &[SWITCHING, next].concat(), None);
        assert_eq!(outcome.seen, [Seen::Response(101)]);
        assert_eq!(outcome.rest, next);
        assert_eq!(outcome.conn.delivery(), Delivery::Answered);
        assert_switched(&outcome.conn);
    }
}

#[test]
fn s096_13_octets_behind_a_2xx_to_connect_are_left_to_the_caller_whatever_its_fields_say() {
    for status in ["200", "204", "299"] {
        let head = String::from_utf8(ESTABLISHED.to_vec()).unwrap().replace("200", status);
        for next in [&b""[..], b"\x16\x03\x01", b"5\r\nhello\r\n0\r\n\r\n"] {
            let outcome = feed(&connecting(), &[head.as_bytes(), next].concat(), None);
            assert_eq!(outcome.seen, [Seen::Response(status.parse().unwrap())]);
            assert_eq!(outcome.rest, next);
            assert_switched(&outcome.conn);
        }
    }
}

#[test]
fn connect_that_is_refused_is_an_ordinary_response() {
    let outcome = feed(&connecting(), b"HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno", None);
    assert_eq!(outcome.seen, complete(vec![Seen::Response(407), data(b"no")]));
    assert_eq!(outcome.conn.disposition(), Disposition::Reusable);
}

#[test]
fn a_refused_upgrade_is_an_ordinary_response() {
    let outcome = feed(&upgrading(), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None);
    assert_eq!(outcome.seen, complete(vec![Seen::Response(200), data(b"ok")]));
    assert_eq!(outcome.conn.disposition(), Disposition::Reusable);
}

#[test]
fn interim_responses_may_come_before_the_switch() {
    let input = [b"HTTP/1.1 103 Early Hints\r\n\r\n", SWITCHING, b"next"].concat();
    let outcome = feed(&upgrading(), &input, None);
    assert_eq!(outcome.seen, [Seen::Interim(103), Seen::Response(101)]);
    assert_eq!(outcome.rest, b"next");
    assert_switched(&outcome.conn);
}

#[test]
fn a_101_that_nobody_asked_for_is_an_error() {
    let offers_other = request(Method::GET).with("upgrade", "h2c").out();
    for conn in [get(), connecting(), offers_other] {
        let outcome = feed(&conn, SWITCHING, None);
        assert_eq!(outcome.seen, [Seen::Error(PeerError::UnexpectedUpgrade.into())]);
        assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::PeerError));
    }
}

#[test]
fn a_101_while_uploading_takes_effect_when_the_request_is_out() {
    let post = request(Method::POST).with("upgrade", "websocket").content(RequestContent::Chunked);
    let outcome = feed(&post.out(), &[SWITCHING, b"next"].concat(), None);
    assert_eq!(outcome.seen, [Seen::Response(101)]);
    assert_eq!(outcome.rest, b"next");
    let mut conn = outcome.conn;
    assert_eq!(conn.disposition(), Disposition::InProgress);
    assert_eq!(conn.waiting_on(), WaitingOn::Application);
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    assert_eq!(conn.taken(), b"3\r\nabc\r\n");
    conn.send_last_data(Bytes::new()).unwrap();
    assert_eq!(conn.disposition(), Disposition::InProgress);
    assert_eq!(conn.taken(), b"0\r\n\r\n");
    assert_switched(&conn);
}

#[test]
fn a_101_releases_content_that_waited_for_100() {
    let post = request(Method::POST).with("upgrade", "websocket").with("expect", "100-continue");
    let mut conn = post.content(RequestContent::Sized(3)).out();
    conn.send_last_data(Bytes::from_static(b"abc")).unwrap();
    let mut conn = feed(&conn, SWITCHING, None).conn;
    assert_eq!(conn.taken(), b"abc");
    assert_switched(&conn);
}

#[test]
fn a_switch_whose_request_breaks_off_does_not_take_place() {
    let post = request(Method::POST).with("upgrade", "websocket").content(RequestContent::Chunked);
    let switched = feed(&post.out(), SWITCHING, None).conn;
    let mut abandoned = switched.clone();
    abandoned.abandon_content();
    assert_eq!(abandoned.disposition(), Disposition::Close(CloseReason::ContentAbandoned));
    let mut failed = switched;
    failed.handle_write_error();
    assert_eq!(failed.disposition(), Disposition::Close(CloseReason::WriteFailed));
}

#[test]
fn a_server_hands_the_connection_over_with_what_it_has_not_consumed() {
    let upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    let connect = b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";
    for (head, status, answer) in [
        (
            &upgrade[..],
            StatusCode::SWITCHING_PROTOCOLS,
            &b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"[..],
        ),
        (connect, StatusCode::OK, b"HTTP/1.1 200 OK\r\nupgrade: x\r\n\r\n"),
    ] {
        let outcome = feed(&ServerConn::new(Limits::default()), &[head, b"next"].concat(), None);
        assert_eq!(outcome.rest, b"next");
        let mut conn = outcome.conn;
        conn.send_response(status, None, &fields(&[("upgrade", "x")]), ResponseContent::None).unwrap();
        assert_eq!(conn.disposition(), Disposition::InProgress);
        assert_eq!(conn.taken(), answer);
        assert_eq!(conn.disposition(), Disposition::Switched);
        assert_eq!(feed(&conn, b"next", None).rest, b"next");
        assert_eq!(conn.start_next_exchange(), Err(Misuse::Finished));
    }
}

#[test]
fn a_server_cannot_switch_unasked_or_with_content() {
    let mut conn = asked(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let status = StatusCode::SWITCHING_PROTOCOLS;
    let refused = conn.send_response(status, None, &fields(&[]), ResponseContent::None);
    assert_eq!(refused, Err(Misuse::InvalidStatus));
    let mut conn = asked(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    for (lines, content) in [
        (&[][..], ResponseContent::Sized(3)),
        (&[], ResponseContent::Chunked),
        (&[("content-length", "0")], ResponseContent::None),
        (&[("transfer-encoding", "chunked")], ResponseContent::None),
    ] {
        let refused = conn.send_response(StatusCode::OK, None, &fields(lines), content);
        assert_eq!(refused, Err(Misuse::ContentNotAllowed));
        assert!(conn.transmit().is_empty());
    }
}

#[test]
fn a_switch_takes_both_an_offer_and_the_connection_option_for_it() {
    for (lines, switches) in [
        ("Upgrade: x\r\nConnection: upgrade\r\n", true),
        ("Upgrade: x\r\n", false),
        ("Connection: upgrade\r\n", false),
    ] {
        let mut conn = asked(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
        let status = StatusCode::SWITCHING_PROTOCOLS;
        let sent = conn.send_response(status, None, &fields(&[]), ResponseContent::None);
        assert_eq!(sent, if switches { Ok(()) } else { Err(Misuse::InvalidStatus) }, "{lines}");
    }
    let mut old = asked(b"GET / HTTP/1.0\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    let sent = old.send_response(StatusCode::SWITCHING_PROTOCOLS, None, &fields(&[]), ResponseContent::None);
    assert_eq!(sent, Err(Misuse::InvalidStatus), "HTTP/1.0 has no Upgrade");
}

#[test]
fn behind_a_switch_the_end_of_the_stream_is_the_other_protocols_business() {
    let mut conn = asked(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    conn.send_response(StatusCode::OK, None, &fields(&[]), ResponseContent::None).unwrap();
    conn.taken();
    conn.handle_eof();
    assert_eq!(conn.recv(b"").map(|received| received.item), Ok(ServerItem::Paused));
    assert_eq!(conn.disposition(), Disposition::Switched);
}
