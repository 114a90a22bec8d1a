use super::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
    let mut octets = (payload as u32).to_be_bytes()[1..].to_vec();
    octets.extend([kind, flags]);
    octets.extend(stream.to_be_bytes());
    octets.resize(HEADER + payload, b'x');
    octets
}

/// A preface, SETTINGS, three requests of which the second has a CONTINUATION and the third no payload, and DATA between.
fn conversation() -> (Vec<u8>, Vec<(usize, u32)>) {
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let mut whole = Vec::new();
    octets.extend(frame(0x4, 0, 0, 18));
    octets.extend(frame(HEADERS, END_HEADERS | 1, 1, 40));
    whole.push((octets.len(), 1));
    octets.extend(frame(HEADERS, 0, 3, 100));
    octets.extend(frame(CONTINUATION, END_HEADERS, 3, 7));
    whole.push((octets.len(), 3));
    octets.extend(frame(0x0, 1, 1, 1000));
    octets.extend(frame(0x4, 1, 0, 0));
    octets.extend(frame(HEADERS, END_HEADERS, 5, 0));
    whole.push((octets.len(), 5));
    octets.extend(frame(0x3, 0, 5, 4));
    (octets, whole)
}

#[test]
fn a_request_is_taken_with_the_last_octet_of_its_header_block_and_not_before() {
    let (octets, whole) = conversation();
    let mut outgoing = Outgoing::new();
    for (at, octet) in octets.iter().enumerate() {
        let expected = whole.iter().find(|(end, _)| *end == at + 1).map(|(_, stream)| *stream);
        assert_eq!(outgoing.take(&[*octet]), expected, "octet {at}");
    }
    assert_eq!(outgoing.resets(), 1);
}

#[test]
fn it_does_not_matter_how_the_octets_are_cut() {
    let (octets, whole) = conversation();
    for first in 0..=octets.len() {
        for second in [first, (first + 9).min(octets.len()), octets.len()] {
            let mut outgoing = Outgoing::new();
            let mut last = None;
            for (from, to) in [(0, first), (first, second), (second, octets.len())] {
                last = outgoing.take(&octets[from..to]).or(last);
                let expected = whole.iter().rev().find(|(end, _)| *end <= to).map(|(_, stream)| *stream);
                assert_eq!(last, expected, "cut at {first} and {second}");
            }
        }
    }
}

#[test]
fn settings_are_acknowledged_by_their_flag_and_not_by_our_own() {
    let mut outgoing = Outgoing::new();
    let _ = outgoing.take(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let _ = outgoing.take(&frame(SETTINGS, 0, 0, 18));
    assert!(!outgoing.has_acknowledged());
    let _ = outgoing.take(&frame(SETTINGS, ACK, 0, 0));
    assert!(outgoing.has_acknowledged());
}

#[test]
fn trailers_of_an_earlier_stream_do_not_hide_the_head_of_a_later_one() {
    let mut outgoing = Outgoing::new();
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    octets.extend(frame(HEADERS, END_HEADERS, 3, 20));
    octets.extend(frame(HEADERS, END_HEADERS | 1, 1, 20));
    assert_eq!(outgoing.take(&octets), Some(3));
}

#[test]
fn the_first_frame_is_whole_with_its_last_octet() {
    for payload in [0, 1, 18, 300] {
        let octets = frame(0x4, 0, 0, payload);
        for piece in [1, 2, 3, 7, octets.len()] {
            let (mut first, mut come) = (FirstFrame::default(), 0);
            for part in octets.chunks(piece) {
                come += part.len();
                assert_eq!(first.take(part), come == octets.len(), "{payload} octets by {piece}");
            }
        }
        // What follows it does not matter.
        let more = [octets, frame(0x6, 0, 0, 8)].concat();
        assert!(FirstFrame::default().take(&more));
    }
}

#[test]
fn an_answer_by_http_1_is_known_by_its_first_octets() {
    let mut first = FirstFrame::default();
    let _ = first.take(b"HTTP/");
    assert!(!first.is_http1());
    let _ = first.take(b"1.1 400 Bad Request\r\n");
    assert!(first.is_http1());
    let mut first = FirstFrame::default();
    let _ = first.take(&frame(0x4, 0, 0, 18));
    assert!(!first.is_http1());
}

#[test]
fn the_window_of_the_connection_is_what_was_granted_less_what_has_come() {
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    for (stream, increment) in [(0, 70_000_u32), (1, 5), (0, 0x8000_0003)] {
        octets.extend([0, 0, 4, WINDOW_UPDATE, 0]);
        octets.extend(u32::to_be_bytes(stream));
        octets.extend(increment.to_be_bytes());
    }
    for piece in [1, 2, 3, 5, octets.len()] {
        let mut outgoing = Outgoing::new();
        octets.chunks(piece).for_each(|part| _ = outgoing.take(part));
        assert_eq!(outgoing.granted(), 70_003, "by {piece}");
    }
    let come =
        [frame(SETTINGS, 0, 0, 6), frame(DATA, 0, 1, 100), frame(HEADERS, 4, 3, 50), frame(DATA, 1, 3, 7)];
    let come = come.concat();
    for piece in [1, 2, 3, 5, come.len()] {
        let mut incoming = Incoming::default();
        come.chunks(piece).for_each(|part| incoming.take(part));
        assert_eq!(incoming.used(), 107, "by {piece}");
    }
}
