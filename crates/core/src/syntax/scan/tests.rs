use proptest::prelude::*;

use super::*;

/// The end of a head, found the slow way.
fn end_of_head(input: &[u8]) -> Option<usize> {
    let start = input.iter().position(|b| !b"\r\n".contains(b))?;
    (start..input.len()).find_map(|i| match &input[i..] {
        [b'\n', b'\n', ..] => Some(i + 2),
        [b'\n', b'\r', b'\n', ..] => Some(i + 3),
        _ => None,
    })
}

#[test]
fn the_end_is_found_at_the_same_place_however_the_head_arrives() {
    for head in [
        "HTTP/1.1 200 OK\r\nA: b\r\n\r\nrest\r\n\r\n",
        "\r\n\r\n\nHTTP/1.1 200 OK\nA: b\n\nrest",
        "HTTP/1.1 200 OK\r\nA: b\n\r\nrest",
        "HTTP/1.1 200 OK\r\nA: b\r\n \r\n\r\n",
        "X\r\r\n\r\r\n\r\n",
        "\r\n\r\n",
    ] {
        let head = head.as_bytes();
        let expected = end_of_head(head);
        let mut whole = Scan::default();
        assert_eq!(whole.head(head, 1000), expected.map_or(Found::Partial, Found::End));
        let mut bytewise = Scan::default();
        let found = (0..=head.len()).find_map(|n| match bytewise.head(&head[..n], 1000) {
            Found::End(end) => Some(end),
            _ => None,
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn a_section_that_reaches_the_limit_without_its_end_is_too_large() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(Scan::default().head(head, head.len()), Found::End(head.len()));
    assert_eq!(Scan::default().head(head, head.len() - 1), Found::TooLarge);
    let mut scan = Scan::default();
    assert_eq!(scan.head(&head[..5], 6), Found::Partial);
    assert_eq!(scan.head(&head[..6], 6), Found::TooLarge);
}

#[test]
fn a_trailer_section_may_end_at_once() {
    assert_eq!(Scan::default().trailers(b"\r\nHTTP", 100), Found::End(2));
    assert_eq!(Scan::default().trailers(b"\n", 100), Found::End(1));
    assert_eq!(Scan::default().trailers(b"\r", 100), Found::Partial);
    assert_eq!(Scan::default().trailers(b"A: b\r\n\r\n", 100), Found::End(8));
}

/// What a look at `input` must find, found the slow way.
fn found(input: &[u8], limit: usize, end: Option<usize>) -> Found {
    match end {
        Some(end) if end <= limit => Found::End(end),
        _ if input.len() >= limit => Found::TooLarge,
        _ => Found::Partial,
    }
}

/// The end of a trailer section, found the slow way.
fn end_of_trailers(input: &[u8]) -> Option<usize> {
    match input {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        [b'\r', ..] => {
            (1..input.len()).find_map(|i| end_of_head(&[b"x", &input[i..]].concat()).map(|n| n + i - 1))
        }
        _ => end_of_head(input),
    }
}

proptest! {
    #[test]
    fn any_section_cut_anywhere_ends_where_it_ends_when_it_is_whole(
        section in "[\r\n]{0,2}([ab]{0,2}\r?\n){0,3}[\r\nab]{0,6}",
        cuts in proptest::collection::vec(0..20_usize, 0..4),
        limit in prop_oneof![0..20_usize, Just(1000)],
    ) {
        let section = section.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(section.len())).collect();
        cuts.push(section.len());
        cuts.sort_unstable();
        let (mut head, mut trailers) = (Scan::default(), Scan::default());
        for cut in &cuts {
            let input = &section[..*cut];
            let expected = found(input, limit, end_of_head(input));
            prop_assert_eq!(head.head(input, limit), expected, "the head {:?}", input.escape_ascii());
            if expected != Found::Partial {
                break;
            }
        }
        for cut in cuts {
            let input = &section[..cut];
            let expected = found(input, limit.max(2), end_of_trailers(input));
            prop_assert_eq!(trailers.trailers(input, limit), expected, "trailers {:?}", input.escape_ascii());
            if expected != Found::Partial {
                break;
            }
        }
    }
}
