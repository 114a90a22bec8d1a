//! Sending content while the other side may say or do anything.

mod common;

use bytes::{Buf, Bytes};
use http::Method;
use martlet_core::h1::{ClientConn, Disposition, Item, RequestContent, WaitingOn};
use martlet_core::{CloseReason, Closed, Delivery, Ending, Limits, Misuse};

use common::{Machine, Seen, complete, data, feed, fields, post, request};

const TOO_LARGE: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno";

fn chunked() -> ClientConn {
    post(RequestContent::Chunked)
}

#[test]
fn content_of_a_declared_length_goes_out_as_it_is() {
    let mut conn = post(RequestContent::Sized(6));
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToRead);
    assert_eq!(conn.taken(), b"abc");
    assert_eq!(conn.waiting_on(), WaitingOn::Application);
    conn.send_last_data(Bytes::from_static(b"def")).unwrap();
    assert_eq!(conn.taken(), b"def");
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
}

#[test]
fn content_of_unknown_length_goes_out_as_one_chunk_a_piece() {
    let mut conn = chunked();
    conn.send_data(Bytes::from(vec![b'x'; 26])).unwrap();
    assert_eq!(conn.taken(), [b"1a\r\n", &[b'x'; 26][..], b"\r\n"].concat());
    conn.send_last_data(Bytes::from_static(b"end")).unwrap();
    assert_eq!(conn.taken(), b"3\r\nend\r\n0\r\n\r\n");
}

#[test]
fn an_empty_piece_is_nothing_and_an_empty_last_piece_ends_chunked_content() {
    let mut conn = chunked();
    conn.send_data(Bytes::new()).unwrap();
    assert!(conn.transmit().is_empty(), "an empty chunk would end the content");
    conn.send_last_data(Bytes::new()).unwrap();
    assert_eq!(conn.taken(), b"0\r\n\r\n");
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
}

#[test]
fn an_empty_last_piece_may_follow_a_piece_that_is_still_in_flight() {
    let mut conn = chunked();
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.send_last_data(Bytes::new()).unwrap();
    assert_eq!(conn.taken(), b"3\r\nabc\r\n0\r\n\r\n");
}

#[test]
fn an_empty_last_piece_ends_content_of_a_declared_length_although_it_puts_nothing_on_the_wire() {
    let mut conn = post(RequestContent::Sized(3));
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    assert_eq!(conn.taken(), b"abc");
    conn.send_last_data(Bytes::new()).unwrap();
    assert!(conn.transmit().is_empty());
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
    let outcome = feed(&conn, b"HTTP/1.1 204 No Content\r\n\r\n", None);
    assert_eq!(outcome.seen, complete(vec![Seen::Response(204)]));
    assert_eq!(outcome.conn.disposition(), Disposition::Reusable);
}

#[test]
fn a_request_without_content_takes_an_empty_last_piece_and_nothing_else() {
    let mut conn = request(Method::GET).begun();
    conn.send_last_data(Bytes::new()).unwrap();
    assert_eq!(conn.send_last_data(Bytes::from_static(b"x")), Err(Misuse::OutOfTurn));
    assert_eq!(conn.send_data(Bytes::from_static(b"x")), Err(Misuse::OutOfTurn));
    assert_eq!(conn.send_trailers(&fields(&[])), Err(Misuse::TrailersNotAllowed));
    conn.taken();
    conn.send_last_data(Bytes::new()).unwrap();
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
}

#[test]
fn one_piece_is_in_flight_at_a_time() {
    for content in [RequestContent::Chunked, RequestContent::Sized(9)] {
        let mut conn = post(content);
        conn.send_data(Bytes::from_static(b"abc")).unwrap();
        while conn.transmit().remaining() > 0 {
            assert_eq!(conn.send_data(Bytes::from_static(b"def")), Err(Misuse::Backpressure));
            conn.transmit().advance(1);
        }
        conn.send_data(Bytes::from_static(b"def")).unwrap();
        assert_eq!(conn.send_last_data(Bytes::from_static(b"ghi")), Err(Misuse::Backpressure));
        conn.taken();
        conn.send_last_data(Bytes::from_static(b"ghi")).unwrap();
        assert!(conn.taken().starts_with(if content == RequestContent::Chunked { b"3\r\n" } else { b"ghi" }));
    }
}

#[test]
fn trailers_go_behind_the_last_chunk() {
    let mut conn = chunked();
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.send_trailers(&fields(&[("x-sum", "1"), ("x-sum", "2")])).unwrap();
    assert_eq!(conn.taken(), b"3\r\nabc\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\n");
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
}

#[test]
fn trailers_need_chunks_and_must_not_touch_what_the_head_decided() {
    let mut conn = post(RequestContent::Sized(3));
    assert_eq!(conn.send_trailers(&fields(&[("x-sum", "1")])), Err(Misuse::TrailersNotAllowed));
    let mut conn = chunked();
    for name in
        ["content-length", "transfer-encoding", "host", "trailer", "authorization", "set-cookie", "te"]
    {
        assert_eq!(conn.send_trailers(&fields(&[(name, "1")])), Err(Misuse::TrailersNotAllowed), "{name}");
        assert!(conn.transmit().is_empty());
    }
    conn.send_last_data(Bytes::new()).unwrap();
    assert_eq!(conn.taken(), b"0\r\n\r\n");
}

#[test]
fn s096_20_an_early_final_response_with_close_is_read_whole_while_content_is_owed() {
    let mut conn = chunked();
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.take(4);
    let input = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
    for by in [None, Some(Ending::Fin), Some(Ending::Reset)] {
        let mut outcome = feed(&conn, input, by);
        assert_eq!(outcome.seen[..3], [Seen::Response(413), data(b"no"), Seen::End]);
        outcome.conn.abandon_content();
        assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::PeerSaidClose));
        assert!(outcome.conn.transmit().is_empty(), "nothing more of the content goes out");
        assert_eq!(outcome.conn.waiting_on(), WaitingOn::Nothing);
    }
}

#[test]
fn s096_21_a_reset_that_kills_the_response_is_closed_before_response() {
    let mut conn = chunked();
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.take(1);
    conn.handle_write_error();
    let outcome = feed(&conn, b"", Some(Ending::Reset));
    let error = Closed::BeforeResponse { interim: false, by: Ending::Reset };
    assert_eq!(outcome.seen, [Seen::Error(error.into())]);
    assert_eq!(outcome.conn.delivery(), Delivery::Unknown);
}

#[test]
fn s096_22_a_complete_response_frees_the_driver_of_the_upload_at_once() {
    let mut conn = chunked();
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    let mut conn = feed(&conn, TOO_LARGE, None).conn;
    assert_eq!(conn.disposition(), Disposition::InProgress);
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToRead);
    conn.abandon_content();
    assert_eq!(conn.disposition(), Disposition::Close(CloseReason::ContentAbandoned));
    assert!(conn.transmit().is_empty());
    assert_eq!(conn.send_data(Bytes::from_static(b"x")), Err(Misuse::Finished));
    assert_eq!(conn.send_last_data(Bytes::new()), Err(Misuse::Finished));
}

#[test]
fn s096_23_content_and_response_pass_each_other_and_the_connection_stays() {
    let mut conn = chunked();
    conn = feed(&conn, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None).conn;
    for piece in [&b"one"[..], b"two", b"three"] {
        conn.send_data(Bytes::copy_from_slice(piece)).unwrap();
        let echo = conn.taken();
        let outcome = feed(&conn, &echo, None);
        assert_eq!(outcome.seen, [data(piece)]);
        conn = outcome.conn;
        assert_eq!(conn.disposition(), Disposition::InProgress);
        assert_eq!(conn.waiting_on(), WaitingOn::Application);
    }
    let mut response_first = feed(&conn, b"0\r\n\r\n", None).conn;
    assert_eq!(response_first.disposition(), Disposition::InProgress);
    response_first.send_last_data(Bytes::new()).unwrap();
    assert_eq!(response_first.disposition(), Disposition::InProgress, "the last chunk is not out");
    assert_eq!(response_first.taken(), b"0\r\n\r\n");
    assert_eq!(response_first.disposition(), Disposition::Reusable);

    conn.send_last_data(Bytes::new()).unwrap();
    conn.taken();
    assert_eq!(conn.disposition(), Disposition::Drain { at_most: None });
    assert_eq!(feed(&conn, b"0\r\n\r\n", None).conn.disposition(), Disposition::Reusable);
}

#[test]
fn s096_24_30_abandoned_chunked_content_is_never_ended() {
    for taken in 0..=8 {
        let mut conn = chunked();
        conn.send_data(Bytes::from_static(b"abc")).unwrap();
        assert_eq!(conn.take(taken), b"3\r\nabc\r\n"[..taken]);
        conn.abandon_content();
        assert!(conn.transmit().is_empty(), "a last chunk would make the content look whole");
        assert_eq!(conn.send_last_data(Bytes::new()), Err(Misuse::Finished));
        assert!(conn.transmit().is_empty());
        // The response may still come.
        let outcome = feed(&conn, TOO_LARGE, None);
        assert_eq!(outcome.seen, complete(vec![Seen::Response(413), data(b"no")]));
        assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::ContentAbandoned));
    }
}

#[test]
fn abandoned_content_leaves_the_rest_of_the_head_to_be_sent() {
    let mut conn = request(Method::POST).content(RequestContent::Chunked).begun();
    let head = conn.clone().taken();
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.take(5);
    conn.abandon_content();
    assert_eq!(conn.taken(), head[5..]);
}

#[test]
fn abandoning_does_nothing_where_there_is_no_content() {
    let mut conn = request(Method::GET).begun();
    conn.abandon_content();
    assert!(conn.taken().starts_with(b"GET / HTTP/1.1\r\n"));
    conn.abandon_content();
    let conn = feed(&conn, b"HTTP/1.1 204 No Content\r\n\r\n", None).conn;
    assert_eq!(conn.disposition(), Disposition::Reusable);
}

#[test]
fn s096_25_a_response_wins_over_a_write_error() {
    for taken in 0..=8 {
        for by in [None, Some(Ending::Fin), Some(Ending::Reset)] {
            let mut conn = chunked();
            conn.send_data(Bytes::from_static(b"abc")).unwrap();
            conn.take(taken);
            conn.handle_write_error();
            assert!(conn.transmit().is_empty());
            assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
            let outcome = feed(&conn, TOO_LARGE, by);
            assert_eq!(outcome.seen[..3], [Seen::Response(413), data(b"no"), Seen::End]);
            assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::WriteFailed));
            assert_eq!(outcome.conn.delivery(), Delivery::Answered);
        }
    }
}

#[test]
fn s096_25_a_write_error_inside_the_head_leaves_the_request_not_sent() {
    let begun = request(Method::POST).content(RequestContent::Chunked).begun();
    let len = begun.clone().taken().len();
    for taken in 0..=len {
        let mut conn = begun.clone();
        conn.take(taken);
        conn.handle_write_error();
        let expected = if taken == len { Delivery::Unknown } else { Delivery::NotSent };
        assert_eq!(conn.delivery(), expected, "{taken} of {len} octets taken");
        assert!(conn.transmit().is_empty());
        assert_eq!(conn.disposition(), Disposition::InProgress, "a response may still come");
    }
}

#[test]
fn s096_26_a_half_close_behind_a_complete_response_ends_the_exchange_as_a_success() {
    let mut conn = chunked();
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    let mut outcome = feed(&conn, TOO_LARGE, Some(Ending::Fin));
    assert_eq!(outcome.seen, [Seen::Response(413), data(b"no"), Seen::End, Seen::Closed]);
    outcome.conn.abandon_content();
    assert_eq!(outcome.conn.disposition(), Disposition::Close(CloseReason::PeerClosed));
}

#[test]
fn s096_27_a_half_close_without_a_response_is_closed_before_response() {
    let mut conn = chunked();
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.handle_eof();
    // Whoever wants to may go on uploading to a peer that is only half gone, as long as nothing was read.
    assert_eq!(conn.taken(), b"3\r\nabc\r\n");
    let error = Closed::BeforeResponse { interim: false, by: Ending::Fin };
    assert_eq!(conn.recv(b""), Err(error.into()));
    assert_eq!(conn.delivery(), Delivery::Unknown);
    assert_eq!(conn.send_data(Bytes::from_static(b"abc")), Err(Misuse::Finished));
    assert!(conn.transmit().is_empty());
}

#[test]
fn s096_29_more_content_than_declared_never_reaches_the_wire() {
    let mut conn = post(RequestContent::Sized(4));
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.taken();
    let error = Err(Misuse::ContentTooLong { declared: 4 });
    assert_eq!(conn.send_data(Bytes::from_static(b"de")), error);
    assert_eq!(conn.send_last_data(Bytes::from_static(b"de")), error);
    assert!(conn.transmit().is_empty());
    // The exact remainder is still fine.
    conn.send_last_data(Bytes::from_static(b"d")).unwrap();
    assert_eq!(conn.taken(), b"d");
}

#[test]
fn s096_29_less_content_than_declared_is_no_end() {
    let mut conn = post(RequestContent::Sized(4));
    conn.send_data(Bytes::from_static(b"abc")).unwrap();
    conn.taken();
    assert_eq!(conn.send_last_data(Bytes::new()), Err(Misuse::ContentTooShort { declared: 4, sent: 3 }));
    assert_eq!(conn.waiting_on(), WaitingOn::Application);
    conn.abandon_content();
    let conn = feed(&conn, TOO_LARGE, None).conn;
    assert_eq!(conn.disposition(), Disposition::Close(CloseReason::ContentAbandoned));
}

#[test]
fn a_length_among_the_fields_binds_content_of_unknown_length() {
    let mut conn = request(Method::POST).with("content-length", "3").content(RequestContent::Chunked).out();
    assert_eq!(conn.send_data(Bytes::from_static(b"abcd")), Err(Misuse::ContentTooLong { declared: 3 }));
    conn.send_last_data(Bytes::from_static(b"abc")).unwrap();
    assert_eq!(conn.taken(), b"abc");
}

#[test]
fn a_length_of_zero_among_the_fields_is_ended_by_an_empty_last_piece() {
    let mut conn = request(Method::POST).with("content-length", "0").content(RequestContent::Chunked).out();
    conn.send_last_data(Bytes::new()).unwrap();
    let conn = feed(&conn, b"HTTP/1.1 204 No Content\r\n\r\n", None).conn;
    assert_eq!(conn.disposition(), Disposition::Reusable);
}

#[test]
fn octets_before_the_head_is_out_are_an_answer_all_the_same() {
    let mut conn = request(Method::GET).begun();
    conn.take(3);
    assert_eq!(conn.recv(b"H").unwrap().item, Item::NeedInput);
    assert_eq!(conn.delivery(), Delivery::Answered);
}

#[test]
fn the_machine_says_whether_it_takes_content_now_and_whether_the_request_is_out() {
    let piece = || Bytes::from_static(b"ab");
    assert!(!ClientConn::new(Limits::default()).wants_data());
    let mut conn = request(Method::POST).content(RequestContent::Sized(4)).begun();
    assert_eq!(
        (conn.wants_data(), conn.is_request_sent()),
        (true, false),
        "content may go out with the head"
    );
    conn.send_data(piece()).unwrap();
    assert_eq!((conn.wants_data(), conn.is_request_sent()), (false, false), "one piece at a time");
    conn.taken();
    assert_eq!((conn.wants_data(), conn.is_request_sent()), (true, false));
    conn.send_last_data(piece()).unwrap();
    assert_eq!((conn.wants_data(), conn.is_request_sent()), (false, false));
    conn.taken();
    assert_eq!((conn.wants_data(), conn.is_request_sent()), (false, true));
}

#[test]
fn what_breaks_an_upload_off_leaves_no_content_wanted() {
    let breaks: [fn(&mut ClientConn); 4] =
        [ClientConn::abandon_content, ClientConn::handle_reset, ClientConn::handle_write_error, |conn| {
            assert!(conn.recv(b"\0").is_err())
        }];
    for break_off in breaks {
        let mut conn = post(RequestContent::Chunked);
        assert!(conn.wants_data());
        break_off(&mut conn);
        assert_eq!((conn.wants_data(), conn.is_request_sent()), (false, false));
        assert_eq!(conn.send_data(Bytes::from_static(b"x")), Err(Misuse::Finished));
    }
}
