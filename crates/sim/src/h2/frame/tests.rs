use super::*;

#[test]
fn a_head_is_read_as_it_was_written() {
    let octets = encode(FrameKind::Ping, ACK, 0, b"12345678");
    assert_eq!(&octets[..], b"\x00\x00\x08\x06\x01\x00\x00\x00\x0012345678");
    let head = Head::parse(&octets).expect("nine octets");
    assert_eq!(head, Head { len: 8, kind: FrameKind::Ping, flags: ACK, stream: 0 });
    assert_eq!(Head::parse(&octets[..8]), None);
}

#[test]
fn every_type_has_its_octet() {
    for octet in 0..=255 {
        assert_eq!(FrameKind::from_octet(octet).octet(), octet);
    }
    assert_eq!(FrameKind::from_octet(3), FrameKind::RstStream);
    assert_eq!(FrameKind::from_octet(10), FrameKind::Other(10));
}

#[test]
fn padding_is_no_content() {
    let head = Head { len: 6, kind: FrameKind::Data, flags: PADDED, stream: 1 };
    assert_eq!(head.content(b"\x02abc\0\0"), b"abc");
    assert_eq!(head.content(b"\x09abc"), b"");
    assert_eq!(head.content(b""), b"");
    assert_eq!(Head { flags: 0, ..head }.content(b"\x02abc"), b"\x02abc");
}
