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
