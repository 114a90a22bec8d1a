//! What the writer writes, read by our own server: the same request, and nothing else.

use arbitrary::{Arbitrary, Unstructured};
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use martlet_core::Limits;
use martlet_core::h1::{
    ClientConn, Disposition, FieldBlock, RequestContent, RequestHead, ServerConn, Target,
};

use crate::feed::{Course, Seen, feed};

#[derive(Arbitrary, Debug)]
struct Plan<'a> {
    method: u8,
    other_method: &'a str,
    target: Form<'a>,
    http10: bool,
    host: &'a [u8],
    fields: Vec<(u8, &'a str, &'a [u8])>,
    block: Vec<(&'a str, &'a [u8])>,
    announced: Option<Option<u16>>,
    pieces: Vec<&'a [u8]>,
    trailers: Vec<(&'a str, &'a [u8])>,
}

#[derive(Arbitrary, Debug)]
enum Form<'a> {
    Origin(&'a [u8]),
    Absolute(&'a [u8], &'a [u8], &'a [u8]),
    Authority(&'a [u8]),
    Asterisk,
    Root,
}

const NAMES: [&str; 10] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "expect",
    "upgrade",
    "te",
    "trailer",
    "x-a",
    "accept",
];

/// Sends a request made of these octets; if it is taken, our own server must read the same.
pub fn request_round_trip(data: &[u8]) {
    round_trip(data);
}

/// The same; whether the request was taken and read.
pub(crate) fn round_trip(data: &[u8]) -> bool {
    let Ok(plan) = Plan::arbitrary(&mut Unstructured::new(data)) else { return false };
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ];
    let method = match methods.get(usize::from(plan.method)) {
        Some(method) => method.clone(),
        None => Method::from_bytes(plan.other_method.as_bytes()).unwrap_or(Method::GET),
    };
    let target = match plan.target {
        Form::Origin(path) => Target::Origin(path),
        Form::Absolute(scheme, authority, path_and_query) => {
            Target::Absolute { scheme, authority, path_and_query }
        }
        Form::Authority(authority) => Target::Authority(authority),
        Form::Asterisk => Target::Asterisk,
        Form::Root => Target::Origin(b"/"),
    };
    let mut fields = HeaderMap::new();
    for (known, other, value) in &plan.fields {
        add(&mut fields, NAMES.get(usize::from(*known)).unwrap_or(other), value);
    }
    let mut defaults = HeaderMap::new();
    plan.block.iter().for_each(|(name, value)| add(&mut defaults, name, value));
    let block = FieldBlock::new(&defaults).unwrap_or_default();
    let content = match plan.announced {
        None => RequestContent::None,
        Some(None) => RequestContent::Chunked,
        Some(Some(length)) => RequestContent::Sized(length.into()),
    };
    let version = if plan.http10 { Version::HTTP_10 } else { Version::HTTP_11 };
    let head =
        RequestHead { method: &method, target, version, host: plan.host, fields: &fields, block: &block };

    let mut conn = ClientConn::new(Limits::default());
    if conn.send_request(head, content).is_err() {
        assert!(conn.transmit().is_empty(), "octets of a refused head");
        assert_eq!(conn.disposition(), Disposition::Reusable);
        return false;
    }
    let (octets, sent, ended, trailers) = write(&mut conn, &plan);
    let outcome = feed(&ServerConn::new(Limits::default()), &octets, &Course::of_one(None));
    let Some(Seen::Request(read)) = outcome.seen.first() else {
        // More than a server takes is refused there, not misread.
        assert!(fields.len() + defaults.len() > 200, "{:?}", outcome.seen);
        return false;
    };
    assert_eq!(read.method(), method.as_str().as_bytes());
    assert_eq!(read.version(), version);
    assert_eq!(read.fields().get_all("host").count(), 1);
    let host = fields.get("host").map_or(plan.host, HeaderValue::as_bytes);
    assert_eq!(read.fields().get("host"), Some(trim(host)));
    let read_fields = read.to_header_map();
    for name in fields.keys() {
        let ours = fields.get_all(name).iter().map(|value| trim(value.as_bytes()));
        let mut theirs = read_fields.get_all(name).iter().map(HeaderValue::as_bytes);
        ours.for_each(|value| assert_eq!(Some(value), theirs.next(), "{name}"));
        // Connection options may be added in a line of their own.
        assert!(theirs.next().is_none() || name == "connection", "{name} came twice");
    }
    for (name, _) in read.fields().iter() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let added = ["host", "content-length", "transfer-encoding", "connection"].contains(&name.as_str());
        assert!(added || fields.contains_key(&name) || defaults.contains_key(&name), "{name} was injected");
    }
    assert_eq!(outcome.content(), sent);
    assert_eq!(outcome.error(), None);
    assert!(outcome.rest.is_empty(), "octets behind the request");
    assert_eq!(outcome.seen.contains(&Seen::End), ended);
    let read_trailers = outcome.seen.iter().any(|s| matches!(s, Seen::Trailers(_)));
    assert_eq!(read_trailers, trailers);
    true
}

/// Hands over the content and takes all octets. What went out: octets, content, whether it ended, with trailers.
fn write(conn: &mut ClientConn, plan: &Plan<'_>) -> (Vec<u8>, Vec<u8>, bool, bool) {
    let mut octets = Vec::new();
    let mut sent = Vec::new();
    conn.stop_awaiting_continue();
    for piece in &plan.pieces {
        take(conn, &mut octets);
        if conn.send_data(Bytes::copy_from_slice(piece)).is_ok() {
            sent.extend_from_slice(piece);
        }
    }
    let mut fields = HeaderMap::new();
    plan.trailers.iter().for_each(|(name, value)| add(&mut fields, name, value));
    let with_trailers = !fields.is_empty() && conn.send_trailers(&fields).is_ok();
    let ended = with_trailers || conn.send_last_data(Bytes::new()).is_ok();
    take(conn, &mut octets);
    (octets, sent, ended, with_trailers)
}

fn take(conn: &mut ClientConn, octets: &mut Vec<u8>) {
    let mut out = conn.transmit();
    while out.has_remaining() {
        // Uneven steps go over the borders of the slices.
        let n = out.chunk().len().min(7);
        octets.extend_from_slice(&out.chunk()[..n]);
        out.advance(n);
    }
}

fn add(fields: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
        fields.append(name, value);
    }
}

fn trim(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(start, |at| at + 1);
    &value[start..end]
}
