//! Content that is read past the machine, straight into the application's buffer.

mod common;

use http::Method;
use martlet_core::h1::{ClientConn, Disposition, Item};
use martlet_core::{Closed, Ending, Limits, Misuse};

use common::{Seen, feed, get, request};

fn behind(head: &[u8]) -> ClientConn {
    feed(&get(), head, None).conn
}

#[test]
fn all_of_a_declared_length_may_pass() {
    let mut conn = behind(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(conn.recv_passthrough(), Some(7));
    conn.handle_passthrough(3).unwrap();
    assert_eq!(conn.recv_passthrough(), Some(4));
    assert_eq!(conn.disposition(), Disposition::Drain { at_most: Some(4) });
    conn.handle_passthrough(4).unwrap();
    assert_eq!(conn.recv_passthrough(), None);
    assert_eq!(conn.recv(b"").unwrap().item, Item::End);
    assert_eq!(conn.disposition(), Disposition::Reusable);
}

#[test]
fn the_rest_of_a_chunk_may_pass_but_not_what_stands_between_chunks() {
    let mut conn = behind(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc");
    assert_eq!(conn.recv_passthrough(), Some(7));
    conn.handle_passthrough(7).unwrap();
    assert_eq!(conn.recv_passthrough(), None);
    let outcome = feed(&conn, b"\r\n3\r\nxyz\r\n0\r\n\r\n", None);
    assert_eq!(outcome.seen, [common::data(b"xyz"), Seen::End]);
}

#[test]
fn content_up_to_the_close_may_pass_without_bound() {
    let mut conn = behind(b"HTTP/1.1 200 OK\r\n\r\n");
    for n in [1, 1 << 40, u64::MAX] {
        assert_eq!(conn.recv_passthrough(), Some(u64::MAX));
        conn.handle_passthrough(n).unwrap();
    }
    conn.handle_eof();
    assert_eq!(conn.recv(b"").unwrap().item, Item::End);
}

#[test]
fn octets_that_passed_count_in_the_error_of_a_truncation() {
    for by in [Ending::Fin, Ending::Reset] {
        let mut conn = behind(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        conn.handle_passthrough(4).unwrap();
        let outcome = feed(&conn, b"", Some(by));
        let error = Closed::InContent { expected: Some(10), received: 7, by };
        assert_eq!(outcome.seen, [Seen::Error(error.into())]);
        assert_eq!(outcome.conn.recv_passthrough(), None);
    }
}

#[test]
fn nothing_may_pass_where_no_content_is_due() {
    let trailers = behind(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    let tunnel = feed(&request(Method::CONNECT).out(), b"HTTP/1.1 200 OK\r\n\r\n", None).conn;
    let head = feed(&request(Method::HEAD).out(), b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", None).conn;
    for mut conn in
        [ClientConn::new(Limits::default()), get(), trailers, tunnel, head, behind(b"HTTP/1.1 204 x\r\n\r\n")]
    {
        assert_eq!(conn.recv_passthrough(), None);
        assert_eq!(conn.handle_passthrough(1), Err(Misuse::PassthroughTooLong));
        conn.handle_passthrough(0).unwrap();
    }
}
