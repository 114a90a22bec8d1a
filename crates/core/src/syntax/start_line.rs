//! Message heads out of octets, by httparse, as spans.

use std::mem::MaybeUninit;

use http::Version;
use httparse::{Header, ParserConfig, Status};

use crate::error::PeerError;
use crate::limits::Limits;
use crate::syntax::fields::{FieldSpan, FieldSpans, HeadSpans, RequestSpans, Span};

/// Field lines that are parsed without an allocation for httparse's table.
const FEW: usize = 64;
/// More field lines than this do not fit an `http::HeaderMap`, whatever the limits say.
const MOST: usize = 16 * 1024;
/// Longer names do not fit an `http::HeaderName`.
const LONGEST_NAME: usize = 65_535;

/// Sees each field line once while the spans are made.
pub(crate) trait Note {
    fn note(&mut self, name: &[u8], value: &[u8]);
}

/// Reads a response head at the beginning of the input. `None` means that it is not complete.
pub(crate) fn response(
    input: &[u8],
    limits: &Limits,
    note: &mut impl Note,
) -> Result<Option<HeadSpans>, PeerError> {
    let most = limits.max_fields.min(MOST);
    let mut few = [const { MaybeUninit::<Header<'_>>::uninit() }; FEW];
    let mut many = Vec::new();
    let mut response = httparse::Response::new(&mut []);
    let mut config = ParserConfig::default();
    let mut parsed =
        config.parse_response_with_uninit_headers(&mut response, input, &mut few[..most.min(FEW)]);
    if parsed == Err(httparse::Error::HeaderName) {
        // The line may be a fold: "A user agent that receives an obs-fold in a response … MUST replace each received
        // obs-fold with one or more SP" (RFC 9112 §5.2). It costs a look at every octet, so it is not tried first.
        config.allow_obsolete_multiline_headers_in_responses(true);
        response = httparse::Response::new(&mut []);
        parsed = config.parse_response_with_uninit_headers(&mut response, input, &mut few[..most.min(FEW)]);
    }
    if parsed == Err(httparse::Error::TooManyHeaders) && most > FEW {
        config.allow_obsolete_multiline_headers_in_responses(true);
        many.reserve_exact(most);
        response = httparse::Response::new(&mut []);
        let room = &mut many.spare_capacity_mut()[..most];
        parsed = config.parse_response_with_uninit_headers(&mut response, input, room);
    }
    let len = match parsed {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) => return Ok(None),
        Err(e) => return Err(response_error(e, input, limits)),
    };
    let status = response.code.unwrap_or(0);
    if status < 100 {
        return Err(PeerError::Status);
    }
    Ok(Some(HeadSpans {
        version: version_of(response.version),
        status,
        reason: reason_span(response.reason.unwrap_or_default(), input),
        fields: field_spans(
            response.headers,
            input,
            config.obsolete_multiline_headers_in_responses_are_allowed(),
            note,
        )?,
        len,
    }))
}

/// Reads a request head at the beginning of the input. `None` means that it is not complete.
pub(crate) fn request(
    input: &[u8],
    limits: &Limits,
    note: &mut impl Note,
) -> Result<Option<RequestSpans>, PeerError> {
    let config = ParserConfig::default();
    let most = limits.max_fields.min(MOST);
    let mut few = [const { MaybeUninit::<Header<'_>>::uninit() }; FEW];
    let mut request = httparse::Request::new(&mut []);
    let mut parsed = config.parse_request_with_uninit_headers(&mut request, input, &mut few[..most.min(FEW)]);
    let mut many = Vec::new();
    if parsed == Err(httparse::Error::TooManyHeaders) && most > FEW {
        many.reserve_exact(most);
        request = httparse::Request::new(&mut []);
        let room = &mut many.spare_capacity_mut()[..most];
        parsed = config.parse_request_with_uninit_headers(&mut request, input, room);
    }
    let len = match parsed {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) => return Ok(None),
        Err(e) => {
            check_request_start(input)?;
            return Err(request_error(e, request.method, request.path, limits));
        }
    };
    Ok(Some(RequestSpans {
        version: version_of(request.version),
        method: Span::of(request.method.unwrap_or_default().as_bytes(), input),
        target: Span::of(request.path.unwrap_or_default().as_bytes(), input),
        fields: field_spans(request.headers, input, false, note)?,
        len,
    }))
}

/// Whether the input can still become a response: its octets are those of `HTTP/1.0 ` or `HTTP/1.1 `, as far as
/// they go. It is asked while a head is not complete, so that another protocol is found out at its first octets.
pub(crate) fn check_response_start(input: &[u8]) -> Result<(), PeerError> {
    let start = after_empty_lines(input);
    let name = start.len().min(5);
    if start[..name] != b"HTTP/"[..name] {
        return Err(PeerError::NotHttp);
    }
    match start.get(5..start.len().min(9)).unwrap_or_default() {
        [] | [b'1'] | [b'1', b'.'] | [b'1', b'.', b'0' | b'1'] | [b'1', b'.', b'0' | b'1', b' '] => Ok(()),
        _ => Err(PeerError::Version),
    }
}

/// Whether the input can still become a request: it begins with an octet of a token.
pub(crate) fn check_request_start(input: &[u8]) -> Result<(), PeerError> {
    match after_empty_lines(input).first() {
        Some(&b) if !crate::syntax::token::is_tchar(b) => Err(PeerError::NotHttp),
        _ => Ok(()),
    }
}

fn after_empty_lines(input: &[u8]) -> &[u8] {
    let start = input.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(input.len());
    &input[start..]
}

/// Reads a whole trailer section, the empty line at its end included.
pub(crate) fn trailers(section: &[u8], limits: &Limits) -> Result<FieldSpans, PeerError> {
    let most = limits.max_trailers.min(MOST);
    if section.windows(2).any(|pair| pair[0] == b'\n' && matches!(pair[1], b' ' | b'\t')) {
        return folded_trailers(section, limits);
    }
    let mut few = [httparse::EMPTY_HEADER; 16];
    let mut parsed = httparse::parse_headers(section, &mut few[..most.min(16)]);
    let mut many = Vec::new();
    if parsed == Err(httparse::Error::TooManyHeaders) && most > 16 {
        many.resize(most, httparse::EMPTY_HEADER);
        parsed = httparse::parse_headers(section, &mut many);
    }
    match parsed {
        Ok(Status::Complete((_, lines))) => field_spans(lines, section, false, &mut Unnoted),
        Ok(Status::Partial) => Err(PeerError::LineEnd),
        Err(httparse::Error::TooManyHeaders) => {
            Err(PeerError::TooManyTrailers { limit: limits.max_trailers })
        }
        Err(e) => Err(field_error(e)),
    }
}

/// httparse unfolds only in responses, so the section is read behind a status line.
fn folded_trailers(section: &[u8], limits: &Limits) -> Result<FieldSpans, PeerError> {
    const START: &[u8] = b"HTTP/1.1 200\r\n";

    let as_head = [START, section].concat();
    let trailer_limits = Limits { max_fields: limits.max_trailers, ..limits.clone() };
    match response(&as_head, &trailer_limits, &mut Unnoted) {
        Ok(Some(mut head)) => {
            head.fields.move_down(START.len());
            Ok(head.fields)
        }
        Ok(None) => Err(PeerError::LineEnd),
        Err(PeerError::TooManyFields { limit }) => Err(PeerError::TooManyTrailers { limit }),
        Err(e) => Err(e),
    }
}

/// Nothing in a trailer section may change what was decided on the head (RFC 9110 §6.5.1).
struct Unnoted;

impl Note for Unnoted {
    fn note(&mut self, _: &[u8], _: &[u8]) {}
}

/// `may_fold`: whether values can hold an obs-fold.
fn field_spans(
    lines: &[Header<'_>],
    input: &[u8],
    may_fold: bool,
    note: &mut impl Note,
) -> Result<FieldSpans, PeerError> {
    let mut spans = FieldSpans { lines: Vec::with_capacity(lines.len()), folded: false };
    for line in lines {
        if line.name.len() > LONGEST_NAME {
            return Err(PeerError::FieldName);
        }
        let value = Span::of(line.value, input);
        spans.folded |= may_fold && line.value.contains(&b'\n');
        spans.lines.push(FieldSpan { name: Span::of(line.name.as_bytes(), input), value });
        note.note(line.name.as_bytes(), line.value);
    }
    Ok(spans)
}

fn version_of(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 }
}

/// httparse gives an empty reason where it holds obs-text, so it is looked up in the status line.
fn reason_span(reason: &str, input: &[u8]) -> Span {
    if !reason.is_empty() {
        return Span::of(reason.as_bytes(), input);
    }
    let start = input.len() - after_empty_lines(input).len() + "HTTP/1.1 200".len();
    let Some([b' ', line @ ..]) = input.get(start..) else {
        return Span::default();
    };
    let end = line.iter().position(|&b| b == b'\n').unwrap_or(0);
    let end = if line[..end].ends_with(b"\r") { end - 1 } else { end };
    Span::new(start + 1, start + 1 + end)
}

fn response_error(e: httparse::Error, input: &[u8], limits: &Limits) -> PeerError {
    if let Err(e) = check_response_start(input) {
        return e;
    }
    match e {
        httparse::Error::Status if has_status_code(input) => PeerError::Reason,
        httparse::Error::Status => PeerError::Status,
        httparse::Error::Version => PeerError::Version,
        httparse::Error::TooManyHeaders => PeerError::TooManyFields { limit: limits.max_fields },
        e => field_error(e),
    }
}

fn has_status_code(input: &[u8]) -> bool {
    let code = after_empty_lines(input).get("HTTP/1.1 ".len()..).unwrap_or_default();
    matches!(code, [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ' | b'\r', ..])
}

fn request_error(
    e: httparse::Error,
    method: Option<&str>,
    target: Option<&str>,
    limits: &Limits,
) -> PeerError {
    match (e, method, target) {
        (httparse::Error::TooManyHeaders, ..) => PeerError::TooManyFields { limit: limits.max_fields },
        (httparse::Error::Token, None, _) => PeerError::Method,
        (httparse::Error::Token, Some(_), _) => PeerError::Target,
        (httparse::Error::Version, ..) => PeerError::Version,
        (e, ..) => field_error(e),
    }
}

fn field_error(e: httparse::Error) -> PeerError {
    match e {
        httparse::Error::HeaderValue => PeerError::FieldValue,
        httparse::Error::NewLine => PeerError::LineEnd,
        _ => PeerError::FieldName,
    }
}
