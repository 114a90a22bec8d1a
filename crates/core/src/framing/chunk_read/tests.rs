use proptest::prelude::*;

use super::*;

/// The data of a chunked body, the octets consumed and the end, fed in pieces of `piece` octets.
fn read(body: &[u8], piece: usize, limits: &Limits) -> Result<(Vec<u8>, usize, bool), PeerError> {
    let mut reader = ChunkReader::new();
    let mut data = Vec::new();
    let mut consumed = 0;
    for input in body.chunks(piece) {
        let mut at = 0;
        loop {
            let (n, step) = reader.recv(&input[at..], limits)?;
            consumed += n;
            match step {
                ChunkStep::Data(range) => data.extend_from_slice(&input[at..][range]),
                ChunkStep::Last => return Ok((data, consumed, true)),
                ChunkStep::NeedInput => break,
            }
            at += n;
        }
    }
    Ok((data, consumed, false))
}

#[track_caller]
fn assert_reads(body: &str, expected: Result<(&str, usize, bool), PeerError>) {
    for piece in [1, 2, 3, 7, body.len().max(1)] {
        let got = read(body.as_bytes(), piece, &Limits::default());
        let expected = expected.map(|(data, n, end)| (data.as_bytes().to_vec(), n, end));
        assert_eq!(got, expected, "{body:?} in pieces of {piece}");
    }
}

#[test]
fn chunks_are_read_in_any_split() {
    assert_reads("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", Ok(("hello world", 24, true)));
    assert_reads("00000000000000000005\r\nhello\r\n0\r\n", Ok(("hello", 32, true)));
    assert_reads("aA\r\n", Ok(("", 4, false)));
    assert_reads("5 \t;a=\"b\" ; c\r\nhello\r\n000 \r\nA: b", Ok(("hello", 28, true)));
}

#[test]
fn sizes_above_64_bits_are_refused_and_those_below_are_not() {
    assert_reads("ffffffffffffffff\r\nab", Ok(("ab", 20, false)));
    assert_reads("10000000000000000\r\n", Err(PeerError::ChunkSizeOverflow));
    assert_reads("100000005\r\nhello\r\n", Ok(("hello\r\n", 18, false)));
}

#[test]
fn anything_but_hexadecimal_digits_and_crlf_is_refused() {
    for bad in ["", "-5", "+5", "0x5", " 5", ";a", "5,", "5_", "5 x", "5\x0b", "G", "5\r", "\n"] {
        let body = format!("{bad}\r\nhello");
        assert_reads(&body, Err(PeerError::ChunkSize));
    }
    assert_reads("5\nhello\r\n", Err(PeerError::ChunkSize));
    assert_reads("5;a\nhello\r\n", Err(PeerError::ChunkExtension));
    assert_reads("5;a\0\r\nhello\r\n", Err(PeerError::ChunkExtension));
    for bad in ["hello!\r\n", "hello\n", "hello\rX", "hello\r\r\n", "hello0\r\n"] {
        assert_reads(&format!("5\r\n{bad}"), Err(PeerError::ChunkEnd));
    }
}

#[test]
fn extensions_are_bounded_over_the_whole_message() {
    let limits = Limits { max_chunk_extensions: 8, ..Limits::default() };
    assert!(read(b"1;abc\r\nx\r\n1;abc\r\nx\r\n0\r\n", 3, &limits).is_ok());
    assert_eq!(
        read(b"1;abc\r\nx\r\n1;abcd\r\nx\r\n0\r\n", 3, &limits),
        Err(PeerError::ChunkExtensionsTooLarge { limit: 8 })
    );
    assert!(read(&b"0".repeat(24), 1, &limits).is_ok());
    assert!(read(&b"0".repeat(25), 1, &limits).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn chunks_of_any_data_come_out_as_they_went_in_whatever_else_their_lines_hold(
        chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..300), "0{0,20}", "([ \t]?;[a-z=\"]{0,5})?"), 0..5),
        upper: bool,
        piece in 1..400_usize,
    ) {
        let mut body = Vec::new();
        for (data, zeros, extension) in &chunks {
            let size = if upper { format!("{:X}", data.len()) } else { format!("{:x}", data.len()) };
            body.extend([zeros.as_bytes(), size.as_bytes(), extension.as_bytes(), b"\r\n", data, b"\r\n"].concat());
        }
        body.extend(b"0\r\n");
        let data: Vec<u8> = chunks.into_iter().flat_map(|(data, ..)| data).collect();
        let expected = Ok((data, body.len(), true));
        prop_assert_eq!(read(&body, piece, &Limits::default()), expected);
    }

    #[test]
    fn any_octets_are_taken_or_refused_as_they_are_octet_by_octet(
        body in "([0-3a]{1,4}(\r\n|\r|\n| ;x\r\n)[x\r\n]{0,4}(\r\n)?){1,4}",
        piece in 2..30_usize,
    ) {
        let octet_by_octet = read(body.as_bytes(), 1, &Limits::default());
        prop_assert_eq!(read(body.as_bytes(), piece, &Limits::default()), octet_by_octet.clone());
        prop_assert_eq!(read(body.as_bytes(), body.len(), &Limits::default()), octet_by_octet);
    }
}
