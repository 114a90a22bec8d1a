use bytes::Bytes;

use super::*;
use crate::h2::frame::{END_HEADERS, END_STREAM, encode};

/// `POST http /` and a field that goes into the dynamic table, `x: y`.
const FIRST: &[u8] = b"\x83\x84\x86\x40\x01x\x01y";
/// The same out of the table.
const SECOND: &[u8] = b"\x83\x84\x86\xbe";

fn feed(pieces: &[&[u8]]) -> (Tap, Vec<LoggedRequest>, Vec<String>) {
    let (mut tap, mut log, mut notes) = (Tap::default(), Vec::new(), Vec::new());
    for piece in pieces {
        notes.extend(tap.feed(&mut log, 1, Duration::ZERO, piece));
    }
    (tap, log, notes)
}

fn conversation() -> Vec<Bytes> {
    vec![
        Bytes::from_static(PREFACE),
        encode(FrameKind::Settings, 0, 0, &[]),
        encode(FrameKind::Headers, 0, 1, &FIRST[..5]),
        encode(FrameKind::Continuation, END_HEADERS, 1, &FIRST[5..]),
        encode(FrameKind::Headers, END_HEADERS | END_STREAM, 3, SECOND),
        encode(FrameKind::Data, 0x8, 1, b"\x02abc\0\0"),
        // Trailers.
        encode(FrameKind::Headers, END_HEADERS | END_STREAM, 1, b"\xbe"),
        encode(FrameKind::Headers, END_HEADERS, 5, SECOND),
        encode(FrameKind::RstStream, 0, 5, &[0, 0, 0, 8]),
    ]
}

#[test]
fn requests_are_taken_down_whole_and_byte_by_byte() {
    let all = conversation().concat();
    let bytes: Vec<&[u8]> = all.chunks(1).collect();
    let (_, _, notes) = feed(&[&all]);
    for (tap, log, seen) in [feed(&[&all]), feed(&bytes)] {
        assert_eq!(seen, notes);
        let streams: Vec<_> = log.iter().map(|seen| seen.stream).collect();
        assert_eq!(streams, [Some(1), Some(3), Some(5)]);
        for seen in &log {
            assert!(seen.head_complete && !seen.processed);
            assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/"));
            assert_eq!(seen.headers["x"], "y");
        }
        assert_eq!(log.iter().map(|seen| seen.complete).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(log.iter().map(|seen| seen.reset).collect::<Vec<_>>(), [None, None, Some(8)]);
        assert_eq!(log[0].content, b"abc");
        let of_first: Vec<Bytes> = [2, 3, 5, 6].map(|n| conversation()[n].clone()).to_vec();
        assert_eq!(log[0].octets, of_first.concat());
        assert_eq!(tap.frames().len(), 8);
        assert_eq!(tap.frames()[7].code(), Some(8));
    }
}

#[test]
fn every_prefix_is_taken_down_to_its_last_octet() {
    let all = conversation().concat();
    for at in 0..all.len() {
        let (_, log, _) = feed(&[&all[..at]]);
        let (_, again, _) = feed(&[&all[..at / 2], &all[at / 2..at]]);
        let octets = |log: &[LoggedRequest]| log.iter().map(|seen| seen.octets.clone()).collect::<Vec<_>>();
        assert_eq!(octets(&log), octets(&again), "{at}");
    }
}

#[test]
fn what_is_no_http_2_is_noted_and_taken_for_nothing() {
    let (tap, log, notes) = feed(&[b"GET / HTTP/1.1\r\n\r\n"]);
    assert!(log.is_empty() && tap.frames().is_empty());
    assert_eq!(notes.len(), 1);
}

#[test]
fn the_request_that_is_processed_is_marked() {
    let (tap, mut log, _) = feed(&[&conversation().concat()]);
    tap.mark_processed(&mut log, 3);
    tap.mark_processed(&mut log, 9);
    assert_eq!(log.iter().map(|seen| seen.processed).collect::<Vec<_>>(), [false, true, false]);
}
