use proptest::prelude::*;

use super::*;

fn fields(lines: &[(&str, &str)]) -> FramingFields {
    let mut fields = FramingFields::default();
    for (name, value) in lines {
        fields.note(name.as_bytes(), value.as_bytes());
    }
    fields
}

fn response(lines: &[(&str, &str)]) -> Result<Framing, PeerError> {
    fields(lines).of_response(Version::HTTP_11)
}

fn request(lines: &[(&str, &str)]) -> Result<Framing, PeerError> {
    fields(lines).of_request(Version::HTTP_11)
}

const CL: &str = "Content-Length";
const TE: &str = "Transfer-Encoding";

#[test]
fn a_response_without_length_runs_until_the_close_and_a_request_without_has_no_content() {
    assert_eq!(response(&[]), Ok(Framing::UntilClose));
    assert_eq!(request(&[]), Ok(Framing::None));
}

#[test]
fn equal_lengths_are_one_length_and_different_or_invalid_ones_are_errors() {
    assert_eq!(response(&[(CL, "5"), ("content-length", "5, 5")]), Ok(Framing::Length(5)));
    assert_eq!(response(&[(CL, "5"), (CL, "6")]), Err(PeerError::ContentLengthConflict));
    for bad in ["", "+5", "5x", "-0", "5 5", ", ", "18446744073709551616"] {
        assert_eq!(response(&[(CL, bad)]), Err(PeerError::ContentLength), "{bad:?}");
        assert_eq!(request(&[(CL, bad)]), Err(PeerError::ContentLength), "{bad:?}");
    }
}

#[test]
fn chunked_must_be_the_final_coding_and_stand_once() {
    assert_eq!(response(&[(TE, "gzip, Chunked")]), Ok(Framing::Chunked));
    assert_eq!(response(&[(TE, "gzip"), (TE, "chunked")]), Ok(Framing::Chunked));
    assert_eq!(response(&[(TE, "chunked, gzip")]), Ok(Framing::UntilClose));
    assert_eq!(response(&[(TE, "\"chunked\"")]), Ok(Framing::UntilClose));
    assert_eq!(response(&[(TE, "")]), Ok(Framing::UntilClose));
    assert_eq!(response(&[(TE, "chunked"), (TE, "chunked")]), Err(PeerError::TransferEncoding));
    for bad in ["gzip", "chunked, gzip", "chunked, chunked", "", "x;a=\"b, chunked\""] {
        assert_eq!(request(&[(TE, bad)]), Err(PeerError::TransferEncoding), "{bad:?}");
    }
}

#[test]
fn both_ways_to_tell_the_length_are_ambiguous() {
    let both = [(CL, "5"), (TE, "chunked")];
    assert!(fields(&both).is_ambiguous());
    assert_eq!(response(&both), Ok(Framing::Chunked));
    assert_eq!(request(&both), Err(PeerError::AmbiguousFraming));
    assert_eq!(response(&[(TE, "chunked"), (CL, "abc")]), Ok(Framing::Chunked));
}

#[test]
fn a_transfer_coding_in_http_1_0_is_faulty_framing() {
    let fields = fields(&[(TE, "chunked")]);
    assert_eq!(fields.of_response(Version::HTTP_10), Err(PeerError::TransferEncodingInHttp10));
    assert_eq!(fields.of_request(Version::HTTP_10), Err(PeerError::TransferEncodingInHttp10));
}

/// What a message said of its length, in words of RFC 9112 §6.3.
#[derive(Clone, Debug)]
struct Said {
    codings: Vec<Vec<&'static str>>,
    lengths: Vec<Vec<&'static str>>,
    http10: bool,
}

fn said() -> impl Strategy<Value = Said> {
    let coding = prop::sample::select(vec!["chunked", "Chunked", "gzip", "x;a=\"chunked\"", ""]);
    let length = prop::sample::select(vec!["5", "05", "6", "0", "-1", "x", ""]);
    let line = |word| prop::collection::vec(word, 1..3);
    let lengths =
        prop_oneof![3 => prop::collection::vec(line(length.boxed()), 0..3), 1 => Just(vec![vec!["5"]])];
    let codings = prop_oneof![1 => prop::collection::vec(line(coding.boxed()), 0..3), 1 => Just(vec![])];
    (codings, lengths, prop::bool::weighted(0.2)).prop_map(|(codings, lengths, http10)| Said {
        codings,
        lengths,
        http10,
    })
}

impl Said {
    fn noted(&self) -> FramingFields {
        let mut fields = FramingFields::default();
        for line in &self.codings {
            fields.note(TE.as_bytes(), line.join(", ").as_bytes());
        }
        for line in &self.lengths {
            fields.note(CL.as_bytes(), line.join(",").as_bytes());
        }
        fields
    }

    /// Rules 3 to 8 in their order.
    fn by_the_rules(&self, request: bool) -> Result<Framing, ()> {
        let has_coding = !self.codings.is_empty();
        let codings: Vec<_> = self.codings.concat().into_iter().filter(|word| !word.is_empty()).collect();
        let chunked: Vec<bool> = codings.iter().map(|word| word.eq_ignore_ascii_case("chunked")).collect();
        if has_coding {
            let both = !self.lengths.is_empty();
            let repeated = chunked.iter().filter(|is| **is).count() > 1;
            return match chunked.last() {
                _ if self.http10 || (request && both) => Err(()),
                Some(true) if !repeated => Ok(Framing::Chunked),
                Some(true) => Err(()),
                _ if request => Err(()),
                _ => Ok(Framing::UntilClose),
            };
        }
        let numbers = self.lengths.iter().map(|line| {
            let numbers: Vec<_> = line.iter().filter(|word| !word.is_empty()).collect();
            let read = numbers.iter().map(|word| word.parse::<u64>().map_err(drop));
            if numbers.is_empty() { vec![Err(())] } else { read.collect() }
        });
        let numbers: Vec<u64> = numbers.flatten().collect::<Result<_, ()>>()?;
        match numbers.first() {
            None if request => Ok(Framing::None),
            None => Ok(Framing::UntilClose),
            Some(first) if numbers.iter().any(|n| n != first) => Err(()),
            Some(0) if request => Ok(Framing::None),
            Some(length) => Ok(Framing::Length(*length)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_fields_there_are_the_framing_is_that_of_rfc_9112_section_6_3(said in said()) {
        let version = if said.http10 { Version::HTTP_10 } else { Version::HTTP_11 };
        let fields = said.noted();
        prop_assert_eq!(fields.of_response(version).map_err(drop), said.by_the_rules(false));
        prop_assert_eq!(fields.of_request(version).map_err(drop), said.by_the_rules(true));
        prop_assert_eq!(fields.is_ambiguous(), !said.codings.is_empty() && !said.lengths.is_empty());
    }
}
