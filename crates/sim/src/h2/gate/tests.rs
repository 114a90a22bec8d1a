use super::*;
use crate::h2::frame::{END_HEADERS, END_STREAM};
use crate::h2::splitter::PREFACE;

/// `GET http /`.
const SECTION: &[u8] = b"\x82\x84\x86";

/// A gate whose machine has sent its SETTINGS.
fn opened(settings: &H2Server) -> Gate {
    let mut gate = Gate::new();
    gate.begin(settings);
    gate.send(&encode(FrameKind::Settings, 0, 0, &[]));
    gate
}

fn request(stream: u32) -> Bytes {
    encode(FrameKind::Headers, END_HEADERS | END_STREAM, stream, SECTION)
}

fn head(stream: u32, flags: u8) -> Bytes {
    encode(FrameKind::Headers, flags, stream, b"\x88")
}

/// The frames that wait for the wire.
fn sent(gate: &mut Gate) -> Vec<(FrameKind, u32, Vec<u8>)> {
    frames(&gate.to_wire.split(), Splitter::of_server())
}

fn frames(octets: &[u8], mut splitter: Splitter) -> Vec<(FrameKind, u32, Vec<u8>)> {
    splitter.push(octets);
    let mut frames = Vec::new();
    while let Some(Unit::Frame(head, octets)) = splitter.next() {
        frames.push((head.kind, head.stream, octets[HEAD..].to_vec()));
    }
    assert!(splitter.take_rest().is_empty(), "half a frame");
    frames
}

fn kinds(frames: &[(FrameKind, u32, Vec<u8>)]) -> Vec<FrameKind> {
    frames.iter().map(|(kind, _, _)| *kind).collect()
}

#[test]
fn octets_of_the_client_go_through_whole_and_byte_by_byte_alike() {
    let all = [PREFACE, &request(1), &encode(FrameKind::Data, 0, 1, b"content")].concat();
    let mut whole = opened(&H2Server::new());
    whole.recv(&all);
    let mut bytes = opened(&H2Server::new());
    for octet in all.chunks(1) {
        bytes.recv(octet);
    }
    assert_eq!(&whole.to_machine[..], all);
    assert_eq!(whole.to_machine, bytes.to_machine);
}

#[test]
fn half_a_frame_goes_through_at_the_end_only() {
    let mut gate = opened(&H2Server::new());
    gate.recv(PREFACE);
    gate.recv(&request(1)[..7]);
    assert_eq!(&gate.to_machine[..], PREFACE);
    gate.recv_end();
    assert_eq!(&gate.to_machine[PREFACE.len()..], &request(1)[..7]);
}

#[test]
fn what_is_no_http_2_goes_through() {
    let mut gate = opened(&H2Server::new());
    gate.recv(b"GET / HTTP/1.1\r\n");
    assert_eq!(&gate.to_machine[..], b"GET / HTTP/1.1\r\n");
}

#[test]
fn the_machine_never_uses_the_dynamic_table() {
    let mut gate = opened(&H2Server::new());
    gate.recv(PREFACE);
    gate.recv(&encode(FrameKind::Settings, 0, 0, &settings(&[(4, 100)])));
    let passed = frames(&gate.to_machine[PREFACE.len()..], Splitter::of_server());
    assert_eq!(passed, [(FrameKind::Settings, 0, settings(&[(4, 100), (1, 0)]))]);
}

#[test]
fn acknowledgements_of_what_was_put_in_are_kept_from_the_machine() {
    let mut gate = Gate::new();
    gate.send_settings(&[(3, 7)]);
    gate.send_ping(*b"12345678");
    gate.begin(&H2Server::new());
    gate.send(&encode(FrameKind::Settings, 0, 0, &[]));
    assert_eq!(kinds(&sent(&mut gate)), [FrameKind::Settings, FrameKind::Settings, FrameKind::Ping]);
    gate.recv(PREFACE);
    gate.to_machine.clear();
    // The first is the machine's own.
    let ack = encode(FrameKind::Settings, ACK, 0, &[]);
    gate.recv(&ack);
    assert_eq!(gate.to_machine.split(), ack);
    gate.recv(&ack);
    gate.recv(&encode(FrameKind::Ping, ACK, 0, b"12345678"));
    assert!(gate.to_machine.is_empty());
    // These answer nothing.
    let pong = encode(FrameKind::Ping, ACK, 0, b"12345678");
    gate.recv(&[&ack[..], &pong].concat());
    assert_eq!(gate.to_machine, [&ack[..], &pong].concat());
}

#[test]
fn the_limit_is_in_the_first_settings_and_streams_above_it_are_refused() {
    let mut gate = opened(&H2Server::new().max_streams(1));
    assert_eq!(sent(&mut gate), [(FrameKind::Settings, 0, settings(&[(3, 1)]))]);
    gate.recv(PREFACE);
    gate.recv(&[request(1), request(3)].concat());
    assert_eq!(sent(&mut gate), [(FrameKind::RstStream, 3, REFUSED_STREAM.to_be_bytes().to_vec())]);
    assert_eq!(gate.ledger.take_died(), [3]);
    // It had acknowledged nothing.
    assert!(gate.complaints.is_empty());
    gate.recv(&encode(FrameKind::Settings, ACK, 0, &[]));
    gate.recv(&request(5));
    assert_eq!(gate.complaints.len(), 1, "{:?}", gate.complaints);
    // There is room again.
    gate.send(&head(1, END_HEADERS | END_STREAM));
    gate.recv(&request(7));
    assert!(gate.ledger.is_open(7));
}

#[test]
fn a_limit_that_is_not_enforced_is_a_complaint_only() {
    let mut gate = opened(&H2Server::new().max_streams(0).enforce_max_streams(false));
    gate.recv(PREFACE);
    gate.recv(&encode(FrameKind::Settings, ACK, 0, &[]));
    gate.recv(&request(1));
    assert!(gate.ledger.is_open(1));
    assert_eq!(gate.complaints.len(), 1);
}

#[test]
fn nothing_is_put_into_a_field_section() {
    let mut gate = opened(&H2Server::new());
    sent(&mut gate);
    gate.recv(&[PREFACE, &request(1)].concat());
    gate.send(&head(1, 0));
    gate.inject(encode(FrameKind::Ping, 0, 0, &[0; 8]));
    assert_eq!(kinds(&sent(&mut gate)), [FrameKind::Headers]);
    gate.send(&encode(FrameKind::Continuation, END_HEADERS, 1, b"\x88"));
    assert_eq!(kinds(&sent(&mut gate)), [FrameKind::Continuation, FrameKind::Ping]);
}

#[test]
fn nothing_is_said_about_a_stream_that_was_reset_and_its_window_is_given_back() {
    let mut gate = opened(&H2Server::new());
    sent(&mut gate);
    gate.recv(&[PREFACE, &request(1)].concat());
    gate.to_machine.clear();
    gate.reset_stream(1, 2);
    gate.send(&[head(1, END_HEADERS), encode(FrameKind::Data, 0, 1, b"12345"), reset(1, 8)].concat());
    assert_eq!(kinds(&sent(&mut gate)), [FrameKind::RstStream]);
    assert!(gate.take_refunded());
    assert_eq!(gate.to_machine, encode(FrameKind::WindowUpdate, 0, 0, &5_u32.to_be_bytes()));
}

#[test]
fn a_cut_comes_behind_the_octets_that_were_said_or_the_end() {
    for (octets, expected) in [(Some(5), 2), (Some(0), 1), (None, 3)] {
        let mut gate = opened(&H2Server::new());
        sent(&mut gate);
        gate.recv(&[PREFACE, &request(1)].concat());
        gate.cut(1, Cut { heads: 2, octets, code: 0 });
        gate.send(&head(1, END_HEADERS));
        assert_eq!(kinds(&sent(&mut gate)), [FrameKind::Headers], "an interim response");
        let data = |flags, octets: &[u8]| encode(FrameKind::Data, flags, 1, octets);
        gate.send(&[head(1, END_HEADERS), data(0, b"12345"), data(END_STREAM, b"6")].concat());
        let sent = sent(&mut gate);
        assert_eq!(sent.len(), expected + 1);
        assert_eq!(sent[expected], (FrameKind::RstStream, 1, vec![0; 4]));
    }
}

#[test]
fn goaway_is_raised_to_what_was_processed_unless_it_is_to_lie() {
    let mut gate = opened(&H2Server::new());
    gate.recv(&[PREFACE, &request(1), &request(3), &request(5)].concat());
    assert!(gate.ledger.claim(3));
    sent(&mut gate);
    assert_eq!(gate.go_away(1, 0), 3);
    assert_eq!((gate.complaints.len(), gate.ledger.take_died()), (1, vec![5]));
    assert_eq!(gate.go_away_lying(1, 0), 1);
    let last = |octets: u8| (FrameKind::GoAway, 0, vec![0, 0, 0, octets, 0, 0, 0, 0]);
    assert_eq!(sent(&mut gate), [last(3), last(1)]);
}

#[test]
fn goaway_of_the_machine_names_what_was_processed() {
    let mut gate = opened(&H2Server::new());
    gate.recv(&[PREFACE, &request(1), &request(3)].concat());
    assert!(gate.ledger.claim(1));
    sent(&mut gate);
    gate.send(&goaway(3, 1));
    assert_eq!(sent(&mut gate), [(FrameKind::GoAway, 0, vec![0, 0, 0, 1, 0, 0, 0, 1])]);
}

#[test]
fn a_gate_that_is_mute_or_swallows_says_nothing() {
    let mut gate = opened(&H2Server::new().answer_pings(false));
    sent(&mut gate);
    gate.send(&encode(FrameKind::Ping, ACK, 0, &[0; 8]));
    assert!(sent(&mut gate).is_empty());
    gate.send_ping([1; 8]);
    assert_eq!(kinds(&sent(&mut gate)), [FrameKind::Ping]);
    gate.mute();
    gate.send_ping([2; 8]);
    gate.send(&encode(FrameKind::WindowUpdate, 0, 0, &[0, 0, 0, 1]));
    assert!(sent(&mut gate).is_empty());
}

#[test]
fn a_reset_by_the_machine_itself_is_a_complaint_about_the_client() {
    let mut gate = opened(&H2Server::new());
    gate.recv(&[PREFACE, &request(1)].concat());
    gate.send(&reset(1, 1));
    assert_eq!(gate.complaints.len(), 1);
    assert_eq!(gate.ledger.active(), 0);
}
