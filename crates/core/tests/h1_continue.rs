//! Expect: 100-continue (RFC 9110 §10.1.1).

mod common;

use bytes::Bytes;
use http::{Method, StatusCode, Version};
use martlet_core::h1::{ClientConn, Disposition, RequestContent, ResponseContent, ServerConn, WaitingOn};
use martlet_core::{CloseReason, Closed, Delivery, Ending, Limits, Misuse};

use common::{Machine, Seen, complete, data, feed, fields, request};

/// A machine that has sent a head with the expectation, and holds a piece of content back.
fn expecting() -> ClientConn {
    let post = request(Method::POST).with("expect", "100-continue").content(RequestContent::Sized(3));
    let mut conn = post.begun();
    conn.send_last_data(Bytes::from_static(b"abc")).unwrap();
    let head = conn.taken();
    assert!(head.ends_with(b"\r\n\r\n"), "content went out without being asked for");
    assert!(conn.transmit().is_empty());
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToContinue);
    conn
}

#[test]
fn s096_31_a_the_content_goes_out_when_100_comes() {
    let outcome = feed(&expecting(), b"HTTP/1.1 100 Continue\r\n\r\n", None);
    assert_eq!(outcome.seen, [Seen::Continue]);
    let mut conn = outcome.conn;
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToRead);
    assert_eq!(conn.taken(), b"abc");
    let conn = feed(&conn, b"HTTP/1.1 204 No Content\r\n\r\n", None).conn;
    assert_eq!(conn.disposition(), Disposition::Reusable);
}

#[test]
fn s096_31_a_other_interim_responses_release_nothing() {
    let mut conn = feed(&expecting(), b"HTTP/1.1 103 Early Hints\r\n\r\n", None).conn;
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToContinue);
    assert!(conn.transmit().is_empty());
}

#[test]
fn s096_31_b_content_is_never_sent_behind_a_final_response() {
    for (options, reason) in
        [("", CloseReason::ContentAbandoned), ("Connection: close\r\n", CloseReason::PeerSaidClose)]
    {
        let input = format!("HTTP/1.1 403 Forbidden\r\n{options}Content-Length: 2\r\n\r\nno");
        let mut outcome = feed(&expecting(), input.as_bytes(), None);
        assert_eq!(outcome.seen, complete(vec![Seen::Response(403), data(b"no")]));
        assert!(outcome.conn.transmit().is_empty());
        outcome.conn.stop_awaiting_continue();
        assert!(outcome.conn.transmit().is_empty());
        // Its length was announced and it did not come, so the next request would be read as it.
        assert_eq!(outcome.conn.disposition(), Disposition::Close(reason));
    }
}

#[test]
fn s096_31_b_a_final_response_behind_100_is_an_ordinary_early_response() {
    let mut conn =
        feed(&expecting(), b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", None).conn;
    assert_eq!(conn.disposition(), Disposition::InProgress);
    assert_eq!(conn.taken(), b"abc");
    assert_eq!(conn.disposition(), Disposition::Reusable);
}

#[test]
fn s096_31_c_the_content_goes_out_when_the_wait_is_over() {
    let mut conn = expecting();
    conn.stop_awaiting_continue();
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToRead);
    assert_eq!(conn.taken(), b"abc");
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
}

#[test]
fn s096_31_d_417_closes_like_any_final_response() {
    let outcome = feed(&expecting(), b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", None);
    assert_eq!(outcome.seen, complete(vec![Seen::Response(417)]));
    assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::ContentAbandoned));
    assert_eq!(outcome.conn.delivery(), Delivery::Answered);
}

#[test]
fn s096_31_e_100_that_comes_after_the_wait_changes_nothing() {
    let mut conn = expecting();
    conn.stop_awaiting_continue();
    conn.taken();
    let input = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    let mut outcome = feed(&conn, input, None);
    assert_eq!(outcome.seen, complete(vec![Seen::Continue, Seen::Continue, Seen::Response(204)]));
    assert!(outcome.conn.transmit().is_empty());
    assert_eq!(outcome.conn.disposition(), Disposition::Reusable);
}

#[test]
fn s096_31_f_an_end_while_100_is_awaited_is_closed_before_response() {
    for by in [Ending::Fin, Ending::Reset] {
        let mut outcome = feed(&expecting(), b"", Some(by));
        assert_eq!(outcome.seen, [Seen::Error(Closed::BeforeResponse { interim: false, by }.into())]);
        assert_eq!(outcome.conn.delivery(), Delivery::Unknown);
        assert!(outcome.conn.transmit().is_empty());
        outcome.conn.stop_awaiting_continue();
        assert!(outcome.conn.transmit().is_empty());
    }
}

#[test]
fn an_expectation_without_content_is_refused() {
    let get = request(Method::GET).with("expect", "100-continue");
    assert_eq!(get.written(), Err(Misuse::ExpectWithoutContent));
    let empty = request(Method::POST).with("expect", "100-continue").content(RequestContent::Sized(0));
    assert_eq!(empty.written(), Err(Misuse::ExpectWithoutContent));
}

#[test]
fn nothing_is_held_back_from_a_server_of_http10() {
    let post = request(Method::POST).with("expect", "100-continue").content(RequestContent::Sized(3));
    let mut conn = post.version(Version::HTTP_10).out();
    conn.send_last_data(Bytes::from_static(b"abc")).unwrap();
    assert_eq!(conn.taken(), b"abc");
}

#[test]
fn the_expectation_is_compared_without_case_and_found_in_a_list() {
    let post = request(Method::POST).with("expect", "x=y, 100-Continue").content(RequestContent::Chunked);
    let mut conn = post.out();
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    assert!(conn.transmit().is_empty());
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToContinue);
}

#[test]
fn a_server_is_told_of_the_expectation_until_it_answers_or_content_comes() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let conn = feed(&ServerConn::new(Limits::default()), head, None).conn;
    assert!(conn.expects_continue());
    assert_eq!(conn.waiting_on(), WaitingOn::Application, "the client waits, so it is the server's move");

    let mut answered = conn.clone();
    answered.send_interim(StatusCode::CONTINUE, &fields(&[])).unwrap();
    assert!(!answered.expects_continue());
    assert_eq!(answered.taken(), b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(answered.waiting_on(), WaitingOn::PeerToSend);

    assert!(!feed(&conn, b"a", None).conn.expects_continue());

    let mut refused = conn;
    refused.send_response(StatusCode::FORBIDDEN, None, &fields(&[]), ResponseContent::None).unwrap();
    assert!(!refused.expects_continue());
}

#[test]
fn a_server_ignores_the_expectation_of_http10_and_of_requests_without_content() {
    for head in [
        &b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    ] {
        assert!(!feed(&ServerConn::new(Limits::default()), head, None).conn.expects_continue());
    }
}

#[test]
fn another_expectation_holds_nothing_back_and_is_not_told_of() {
    let post = request(Method::POST).with("expect", "100-continued, x").content(RequestContent::Sized(3));
    let mut conn = post.out();
    assert!(!conn.is_awaiting_continue());
    conn.send_last_data(Bytes::from_static(b"abc")).unwrap();
    assert_eq!(conn.taken(), b"abc");
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 3\r\n\r\n";
    assert!(!feed(&ServerConn::new(Limits::default()), head, None).conn.expects_continue());
}

#[test]
fn the_machine_says_whether_it_awaits_100() {
    let mut conn = expecting();
    assert!(conn.is_awaiting_continue());
    assert!(!feed(&conn, b"HTTP/1.1 100 Continue\r\n\r\n", None).conn.is_awaiting_continue());
    assert!(!feed(&conn, b"HTTP/1.1 403 Forbidden\r\n\r\n", None).conn.is_awaiting_continue());
    assert!(!feed(&conn, b"", Some(Ending::Fin)).conn.is_awaiting_continue());
    conn.stop_awaiting_continue();
    assert!(!conn.is_awaiting_continue());
}
