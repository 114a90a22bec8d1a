//! The octets to transmit, as a transport takes them: several slices at once, or one octet after the other.

mod common;

use std::io::IoSlice;

use bytes::{Buf, Bytes};
use http::Method;
use martlet_core::Delivery;
use martlet_core::h1::{ClientConn, Disposition, RequestContent, WaitingOn};

use common::{Machine, feed, fields, request};

fn slices(conn: &mut ClientConn, most: usize) -> Vec<Vec<u8>> {
    let out = conn.transmit();
    let mut slices = vec![IoSlice::new(b""); most];
    let n = out.chunks_vectored(&mut slices);
    slices[..n].iter().map(|slice| slice.to_vec()).collect()
}

/// Head, content and all framing, not yet taken.
fn full() -> ClientConn {
    let mut conn = request(Method::POST).content(RequestContent::Chunked).begun();
    conn.send_data(Bytes::from_static(b"hello world, hello")).unwrap();
    conn.send_trailers(&fields(&[("x-sum", "1")])).unwrap();
    conn
}

#[test]
fn head_size_content_and_line_end_go_out_in_one_vectored_write() {
    let mut conn = request(Method::POST).content(RequestContent::Chunked).begun();
    let head = conn.clone().taken();
    conn.send_data(Bytes::from_static(b"hello world, hello")).unwrap();
    assert_eq!(slices(&mut conn, 8), [&head[..], b"12\r\n", b"hello world, hello", b"\r\n"]);
    let mut last = request(Method::POST).content(RequestContent::Sized(5)).begun();
    last.send_last_data(Bytes::from_static(b"hello")).unwrap();
    assert_eq!(slices(&mut last, 8).len(), 2);
}

#[test]
fn content_is_not_copied() {
    let content = Bytes::from(vec![b'x'; 1000]);
    let mut conn = request(Method::POST).content(RequestContent::Chunked).out();
    conn.send_data(content.clone()).unwrap();
    let out = conn.transmit();
    let mut slices = [IoSlice::new(b""); 3];
    assert_eq!(out.chunks_vectored(&mut slices), 3);
    assert_eq!(slices[1].as_ptr(), content.as_ptr());
}

#[test]
fn content_is_let_go_of_when_it_is_out() {
    let content = Bytes::from(vec![b'x'; 1000]);
    let mut conn = request(Method::POST).content(RequestContent::Chunked).out();
    conn.send_data(content.clone()).unwrap();
    assert!(!content.is_unique());
    conn.transmit().advance(5 + 1000);
    assert!(content.is_unique(), "the line end is still to go, the content is not");
}

#[test]
fn fewer_slices_than_there_are_get_the_first_ones() {
    for most in 0..=6 {
        let all = slices(&mut full(), 8);
        let some = slices(&mut full(), most);
        assert_eq!(some, all[..most.min(all.len())]);
    }
}

#[test]
fn octets_are_the_same_however_many_are_taken_at_a_time() {
    let whole = full().taken();
    assert!(whole.ends_with(b"\r\n\r\n12\r\nhello world, hello\r\n0\r\nx-sum: 1\r\n\r\n"));
    for step in 1..whole.len() {
        let mut conn = full();
        let mut taken = Vec::new();
        while conn.transmit().has_remaining() {
            assert_eq!(conn.transmit().remaining(), whole.len() - taken.len());
            assert_eq!(slices(&mut conn, 8).concat(), whole[taken.len()..]);
            let n = step.min(conn.transmit().remaining());
            taken.extend_from_slice(&conn.clone().taken()[..n]);
            // Over the borders of the slices, as writev does.
            conn.transmit().advance(n);
        }
        assert_eq!(taken, whole, "in steps of {step}");
        assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
    }
}

#[test]
fn the_request_is_complete_with_its_last_octet_and_not_before() {
    let whole = full().taken().len();
    for n in 0..=whole {
        let mut conn = full();
        conn.transmit().advance(n);
        let conn = feed(&conn, b"HTTP/1.1 204 No Content\r\n\r\n", None).conn;
        let expected = if n == whole { Disposition::Reusable } else { Disposition::InProgress };
        assert_eq!(conn.disposition(), expected, "{n} of {whole}");
    }
}

#[test]
fn the_request_may_have_been_seen_from_the_last_octet_of_its_head() {
    let head = request(Method::POST).content(RequestContent::Chunked).begun().taken().len();
    for n in 0..head + 10 {
        let mut conn = full();
        conn.transmit().advance(n);
        let expected = if n < head { Delivery::NotSent } else { Delivery::Unknown };
        assert_eq!(conn.delivery(), expected, "{n} octets taken");
    }
}

#[test]
fn advancing_beyond_the_end_counts_as_all_of_it() {
    let mut conn = full();
    conn.transmit().advance(usize::MAX);
    assert!(conn.transmit().is_empty());
    conn.transmit().advance(usize::MAX);
    conn.transmit().advance(0);
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToSend);
    assert_eq!(conn.delivery(), Delivery::Unknown);
}

#[test]
fn advancing_beyond_the_end_does_not_take_content_that_is_held_back() {
    let post = request(Method::POST).with("expect", "100-continue").content(RequestContent::Sized(3));
    let mut conn = post.begun();
    conn.send_last_data(Bytes::from_static(b"abc")).unwrap();
    conn.transmit().advance(usize::MAX);
    assert_eq!(conn.waiting_on(), WaitingOn::PeerToContinue);
    conn.stop_awaiting_continue();
    assert_eq!(conn.taken(), b"abc");
}

#[test]
fn looking_takes_nothing() {
    let mut conn = full();
    for _ in 0..3 {
        assert!(conn.transmit().chunk().starts_with(b"POST / HTTP/1.1\r\n"));
        assert_eq!(conn.delivery(), Delivery::NotSent);
    }
}

#[test]
fn machines_can_be_moved_between_threads_and_shared() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<ClientConn>();
    check::<martlet_core::h1::ServerConn>();
    check::<martlet_core::Error>();
}
