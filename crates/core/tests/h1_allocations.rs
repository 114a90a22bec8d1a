//! What a connection holds between exchanges: a small buffer for the next head, and never a large one.

mod common;

use allocation_counter::{AllocationInfo, measure};
use http::Method;
use martlet_core::Limits;
use martlet_core::h1::ClientConn;

use common::{Machine, Request, request};

/// What is allocated from the first octet of a further exchange to its last, and what stays.
fn second_exchange(head: &Request) -> [AllocationInfo; 2] {
    let mut conn = ClientConn::new(Limits::default());
    [(); 2].map(|()| {
        measure(|| {
            head.send(&mut conn).unwrap();
            // `taken` allocates by itself, but nothing that stays.
            conn.taken();
            let _ = conn.recv(b"HTTP/1.1 204 x\r\n\r\n").unwrap();
            let _ = conn.recv(b"").unwrap();
            conn.start_next_exchange().unwrap();
        })
    })
}

/// A request for whose head `octets` of memory are taken.
fn of_size(octets: usize) -> Request {
    let host: &'static [u8] = Vec::leak(vec![b'a'; octets - 128]);
    Request { host, ..request(Method::GET) }
}

#[test]
fn the_buffer_of_a_small_head_is_kept_for_the_next_one() {
    for octets in [200, 512] {
        let [first, second] = second_exchange(&of_size(octets));
        assert_eq!(first.bytes_current, octets as i64, "it is held");
        assert_eq!(second.bytes_current, 0, "it is the same one");
        assert_eq!(second.count_total, first.count_total - 1, "nothing is allocated for it");
    }
}

#[test]
fn the_buffer_of_a_large_head_is_let_go_of() {
    for octets in [513, 600, 5_000] {
        for exchange in second_exchange(&of_size(octets)) {
            assert_eq!(exchange.bytes_current, 0, "of {octets}");
        }
    }
}
