//! The other side goes away: every row of the truncation table, in order and by a reset, behind every octet.

mod common;

use http::{Method, Version};
use martlet_core::h1::{ClientConn, Disposition, WaitingOn};
use martlet_core::{CloseReason, Closed, Delivery, Ending, Error, PeerError};

use common::{Machine, Outcome, Seen, complete, data, feed, get, request};

const ENDINGS: [Ending; 2] = [Ending::Fin, Ending::Reset];

fn closed(by: Ending) -> Disposition {
    Disposition::Close(match by {
        Ending::Fin => CloseReason::PeerClosed,
        Ending::Reset => CloseReason::Reset,
    })
}

/// The connection is finished: nothing is awaited, nothing can be begun.
fn assert_finished(outcome: &Outcome<ClientConn>, by: Ending) {
    let mut conn = outcome.conn.clone();
    assert_eq!(conn.disposition(), closed(by));
    assert_eq!(conn.waiting_on(), WaitingOn::Nothing);
    assert!(conn.start_next_exchange().is_err());
    assert!(request(Method::GET).send(&mut conn).is_err());
    assert!(conn.transmit().is_empty());
}

/// What an input cut behind each of its octets comes to, its head being `head` octets long and `content` decoding
/// what is shown of the body.
fn cut_everywhere(
    conn: &ClientConn,
    input: &[u8],
    mut judge: impl FnMut(usize, Ending, Outcome<ClientConn>),
) {
    for by in ENDINGS {
        for at in 0..=input.len() {
            judge(at, by, feed(conn, &input[..at], Some(by)));
        }
    }
}

#[test]
fn s096_01_an_end_before_any_octet_is_closed_before_response() {
    for by in ENDINGS {
        let outcome = feed(&get(), b"", Some(by));
        assert_eq!(outcome.seen, [Seen::Error(Closed::BeforeResponse { interim: false, by }.into())]);
        assert_eq!(outcome.conn.delivery(), Delivery::Unknown);
        assert_finished(&outcome, by);
    }
}

#[test]
fn s096_01_an_end_before_the_head_was_taken_leaves_the_request_not_sent() {
    for by in ENDINGS {
        let begun = request(Method::GET).begun();
        let len = begun.clone().taken().len();
        for taken in 0..=len {
            let mut conn = begun.clone();
            conn.take(taken);
            let outcome = feed(&conn, b"", Some(by));
            assert_eq!(outcome.seen, [Seen::Error(Closed::BeforeResponse { interim: false, by }.into())]);
            let expected = if taken == len { Delivery::Unknown } else { Delivery::NotSent };
            assert_eq!(outcome.conn.delivery(), expected, "{taken} of {len} octets taken");
        }
    }
}

#[test]
fn s096_02_a_reused_connection_ends_like_a_fresh_one() {
    let mut conn = feed(&get(), b"HTTP/1.1 204 No Content\r\n\r\n", None).conn;
    conn.start_next_exchange().unwrap();
    request(Method::GET).send(&mut conn).unwrap();
    assert_eq!(conn.delivery(), Delivery::NotSent);
    conn.taken();
    for by in ENDINGS {
        let outcome = feed(&conn, b"", Some(by));
        assert_eq!(outcome.seen, [Seen::Error(Closed::BeforeResponse { interim: false, by }.into())]);
        assert_eq!(outcome.conn.delivery(), Delivery::Unknown);
        assert_finished(&outcome, by);
    }
}

#[test]
fn s096_02_a_connection_that_ends_while_it_rests_says_closed_and_is_not_reusable() {
    let mut rested = feed(&get(), b"HTTP/1.1 204 No Content\r\n\r\n", None).conn;
    rested.start_next_exchange().unwrap();
    for conn in [rested, ClientConn::new(martlet_core::Limits::default())] {
        for by in ENDINGS {
            let outcome = feed(&conn, b"", Some(by));
            assert_eq!(outcome.seen, [Seen::Closed]);
            assert_eq!(outcome.conn.delivery(), Delivery::NotSent);
            assert_finished(&outcome, by);
        }
    }
}

#[test]
fn s096_03_an_end_inside_the_head_is_told_with_the_octets_that_came() {
    let head = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\n";
    cut_everywhere(&get(), &head[..head.len() - 1], |at, by, outcome| {
        if at > 0 {
            assert_eq!(outcome.seen, [Seen::Error(Closed::InHead { received: at as u64, by }.into())]);
            assert_eq!(outcome.conn.delivery(), Delivery::Answered);
            assert_finished(&outcome, by);
        }
    });
}

#[test]
fn s096_04_an_end_behind_interim_responses_says_that_there_were_some() {
    for (input, seen) in [
        (&b"HTTP/1.1 100 Continue\r\n\r\n"[..], Seen::Continue),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Seen::Interim(103)),
    ] {
        cut_everywhere(&get(), input, |at, by, outcome| {
            if at == input.len() {
                let error = Closed::BeforeResponse { interim: true, by };
                assert_eq!(outcome.seen, [seen.clone(), Seen::Error(error.into())]);
            } else if at > 0 {
                assert_eq!(outcome.seen, [Seen::Error(Closed::InHead { received: at as u64, by }.into())]);
            }
            if at > 0 {
                assert_eq!(outcome.conn.delivery(), Delivery::Answered);
            }
            assert_finished(&outcome, by);
        });
    }
}

#[test]
fn s096_05_06_short_content_is_delivered_and_then_the_error_counts_it() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    for n in 0..10_usize {
        for by in ENDINGS {
            let outcome = feed(&get(), &[head, &b"0123456789"[..n]].concat(), Some(by));
            let error = Closed::InContent { expected: Some(10), received: n as u64, by };
            let mut expected = vec![Seen::Response(200)];
            if n > 0 {
                expected.push(data(&b"0123456789"[..n]));
            }
            expected.push(Seen::Error(error.into()));
            assert_eq!(outcome.seen, expected);
            assert_finished(&outcome, by);
        }
    }
}

#[test]
fn s096_07_complete_content_and_an_end_at_once_is_a_success() {
    for by in ENDINGS {
        let outcome = feed(&get(), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", Some(by));
        // Whoever looks behind the end of the response finds that the connection is closed.
        assert_eq!(outcome.seen, [Seen::Response(200), data(b"0123456789"), Seen::End, Seen::Closed]);
        assert_finished(&outcome, by);
    }
}

#[test]
fn s096_08_an_end_anywhere_inside_chunked_content_is_an_error() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = b"4;a=b\r\nabcd\r\n00a\r\n0123456789\r\n0\r\nT: v\r\n\r\n";
    // How much content lies in front of each octet of the body.
    let content_before = |at: usize| at.saturating_sub(7).min(4) + at.saturating_sub(18).min(10);
    for by in ENDINGS {
        for at in 0..body.len() {
            let outcome = feed(&get(), &[head, &body[..at]].concat(), Some(by));
            let received = content_before(at);
            assert_eq!(outcome.content(), b"abcd0123456789"[..received], "cut at {at}");
            let error = Closed::InContent { expected: None, received: received as u64, by };
            assert_eq!(outcome.seen.last(), Some(&Seen::Error(error.into())), "cut at {at}");
            assert!(!outcome.seen.contains(&Seen::End));
            assert_finished(&outcome, by);
        }
    }
}

#[test]
fn s096_09_complete_chunked_content_and_an_end_is_a_success_with_trailers() {
    let input = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\nT: v\r\n\r\n";
    for by in ENDINGS {
        let outcome = feed(&get(), input, Some(by));
        let trailers = Seen::Trailers(vec![("T".into(), "v".into())]);
        assert_eq!(outcome.seen, [Seen::Response(200), data(b"abcd"), trailers, Seen::End, Seen::Closed]);
        assert_finished(&outcome, by);
    }
}

#[test]
fn s096_10_close_delimited_content_ends_in_order_with_a_fin_and_is_an_error_with_a_reset() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n";
    for n in 0..=7_usize {
        let input = [head, &b"content"[..n]].concat();
        let outcome = feed(&get(), &input, Some(Ending::Fin));
        assert_eq!(outcome.content(), b"content"[..n]);
        assert!(outcome.seen.ends_with(&[Seen::End, Seen::Closed]));
        assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::CloseDelimited));

        let outcome = feed(&get(), &input, Some(Ending::Reset));
        assert_eq!(outcome.content(), b"content"[..n]);
        let error = Closed::InContent { expected: None, received: n as u64, by: Ending::Reset };
        assert_eq!(outcome.error(), Some(&error.into()));
    }
}

#[test]
fn s096_10_a_reset_behind_a_fin_counts_as_a_reset() {
    let mut conn = feed(&get(), b"HTTP/1.1 200 OK\r\n\r\nabc", None).conn;
    conn.handle_reset();
    conn.handle_eof();
    let error = Closed::InContent { expected: None, received: 3, by: Ending::Reset };
    assert_eq!(conn.recv(b""), Err(error.into()));
}

#[test]
fn s096_11_a_length_without_content_is_no_truncation() {
    let not_modified: &[u8] = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n";
    for (method, input) in [
        (Method::HEAD, &b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"[..]),
        (Method::HEAD, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (Method::GET, b"HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n"),
        (Method::GET, not_modified),
    ] {
        for by in ENDINGS {
            let outcome = feed(&request(method.clone()).out(), input, Some(by));
            assert!(outcome.seen.ends_with(&[Seen::End, Seen::Closed]), "{:?}", outcome.seen);
            assert_eq!(outcome.content(), b"");
            assert_finished(&outcome, by);
        }
    }
}

#[test]
fn s096_12_short_content_of_http10_is_an_error() {
    for conn in [get(), request(Method::GET).version(Version::HTTP_10).out()] {
        cut_everywhere(&conn, b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nab", |at, by, outcome| {
            let received = at.saturating_sub(38) as u64;
            if at >= 38 {
                let error = Closed::InContent { expected: Some(3), received, by };
                assert_eq!(outcome.error(), Some(&error.into()));
            }
            assert!(!outcome.seen.contains(&Seen::End));
        });
    }
}

#[test]
fn s096_13_the_end_of_a_switched_connection_belongs_to_the_other_protocol() {
    let upgrade = request(Method::GET).with("upgrade", "websocket").out();
    let connect = request(Method::CONNECT).out();
    for (conn, head, status) in [
        (
            upgrade,
            &b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"[..],
            101,
        ),
        (connect, b"HTTP/1.1 200 Connection established\r\n\r\n", 200),
    ] {
        cut_everywhere(&conn, head, |at, by, outcome| {
            if at < head.len() {
                assert!(matches!(outcome.error(), Some(Error::Closed(_))), "cut at {at} by {by}");
                return;
            }
            assert_eq!(outcome.seen, [Seen::Response(status)]);
            assert_eq!(outcome.conn.disposition(), Disposition::Switched);
        });
        for by in ENDINGS {
            let outcome = feed(&conn, &[head, b"tunnelled"].concat(), Some(by));
            assert_eq!(outcome.rest, b"tunnelled");
            assert_eq!(outcome.conn.disposition(), Disposition::Switched);
        }
    }
}

#[test]
fn s096_14_garbage_instead_of_a_head_is_an_error_at_its_first_octet() {
    for garbage in [&b"\x15\x03\x01\x00\x02\x02\x46"[..], b"<html>", b"SSH-2.0-x\r\n", b"220 smtp\r\n", b"\0"]
    {
        for end in [None, Some(Ending::Fin), Some(Ending::Reset)] {
            let outcome = feed(&get(), garbage, end);
            assert_eq!(outcome.seen, [Seen::Error(PeerError::NotHttp.into())]);
            assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::PeerError));
            assert_eq!(outcome.conn.delivery(), Delivery::Answered);
        }
    }
}

#[test]
fn s096_15_chunk_data_must_be_followed_by_cr_lf_whatever_else_is_there() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for pair in ["XX", "\n\n", "\r\r", "\n\r", "0\r", "\rX", "  "] {
        let input = [&head[..], b"3\r\nabc", pair.as_bytes(), b"0\r\n\r\n"].concat();
        for end in [None, Some(Ending::Fin), Some(Ending::Reset)] {
            let outcome = feed(&get(), &input, end);
            let error = Seen::Error(PeerError::ChunkEnd.into());
            assert_eq!(outcome.seen, [Seen::Response(200), data(b"abc"), error], "{pair:?}");
            assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::PeerError));
        }
    }
}

#[test]
fn s096_15_lines_of_a_head_may_end_in_a_bare_line_feed_but_chunk_lines_may_not() {
    let outcome = feed(&get(), b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", None);
    assert_eq!(outcome.seen, complete(vec![Seen::Response(200), data(b"ok")]));
    let outcome = feed(&get(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc", None);
    assert_eq!(outcome.error(), Some(&PeerError::ChunkSize.into()));
    let outcome = feed(&get(), b"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n", None);
    assert!(matches!(outcome.error(), Some(Error::Peer(_))));
}
