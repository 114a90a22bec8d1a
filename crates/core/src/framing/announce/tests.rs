use http::{HeaderValue, Version};
use proptest::prelude::*;

use super::*;
use crate::framing::decide::{Framing, FramingFields};

fn fields() -> impl Strategy<Value = HeaderMap> {
    let line = prop::sample::select(vec![
        (header::CONTENT_LENGTH, "0"),
        (header::CONTENT_LENGTH, "5"),
        (header::CONTENT_LENGTH, "5, 5"),
        (header::CONTENT_LENGTH, "x"),
        (header::TRANSFER_ENCODING, "chunked"),
        (header::TRANSFER_ENCODING, "gzip"),
        (header::TRANSFER_ENCODING, "chunked, gzip"),
    ]);
    prop::collection::vec(line, 0..3).prop_map(|lines| {
        lines.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).fold(
            HeaderMap::new(),
            |mut fields, (name, value)| {
                fields.append(name, value);
                fields
            },
        )
    })
}

fn content() -> impl Strategy<Value = Announced> {
    prop_oneof![
        Just(Announced::None),
        prop::sample::select(vec![0, 5, 6, u64::MAX]).prop_map(Announced::Sized),
        Just(Announced::Unsized),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_announced_is_what_a_server_reads(fields in fields(), content in content(), knows_chunked: bool) {
        let Ok((sending, extra)) = announce(&fields, content, knows_chunked) else {
            return Ok(());
        };
        let mut read = FramingFields::default();
        for (name, value) in &fields {
            read.note(name.as_str().as_bytes(), value.as_bytes());
        }
        match extra {
            Extra::Nothing => {}
            Extra::ContentLength(length) => read.note(b"content-length", length.to_string().as_bytes()),
            Extra::ChunkedCoding => read.note(b"transfer-encoding", b"chunked"),
        }
        let framing = read.of_request(Version::HTTP_11);
        match sending {
            Sending::Ended => prop_assert_eq!(framing, Ok(Framing::None)),
            Sending::Length(Bound { declared: 0, left: 0 }) => prop_assert_eq!(framing, Ok(Framing::None)),
            Sending::Length(Bound { declared, left }) => {
                prop_assert_eq!(declared, left);
                prop_assert_eq!(framing, Ok(Framing::Length(declared)));
            }
            Sending::Chunked(bound) => {
                prop_assert_eq!(framing, Ok(Framing::Chunked));
                prop_assert!(knows_chunked);
                let length = bound.map(|bound| bound.declared);
                prop_assert_eq!(length, if let Announced::Sized(length) = content { Some(length) } else { None });
            }
            Sending::UntilClose => prop_assert!(false, "a request cannot end with the connection"),
        }
    }

    #[test]
    fn without_framing_fields_any_content_is_announced(content in content()) {
        prop_assert!(announce(&HeaderMap::new(), content, true).is_ok());
        let unknown = content == Announced::Unsized;
        prop_assert_eq!(announce(&HeaderMap::new(), content, false).is_err(), unknown);
    }
}

#[test]
fn the_chunked_coding_announces_no_content_that_there_is_not() {
    let mut fields = HeaderMap::new();
    fields.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    assert_eq!(announce(&fields, Announced::None, true), Err(Misuse::ConflictingFraming));
}
