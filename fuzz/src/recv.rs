//! What a peer sends, in any state of the receiver.

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use martlet_core::h1::{
    ClientConn, Disposition, FieldBlock, RequestContent, RequestHead, ResponseContent, ServerConn, Target,
};
use martlet_core::{Delivery, Error, Limits, Misuse};

use crate::feed::{Course, Outcome, Seen, feed};
use crate::setup::Setup;

/// The kind of a connection on which nothing was asked.
const UNASKED: u8 = 7;

/// Feeds responses to a client. What stands in front of them is a setup.
pub fn client_recv(data: &[u8]) {
    let Some((setup, input)) = Setup::split(data) else { return };
    let conn = client(setup.kind(0), setup.limits.clone());
    let next = |outcome: &mut Outcome<ClientConn>| {
        let conn = &mut outcome.conn;
        let reusable = conn.disposition() == Disposition::Reusable;
        assert_eq!(conn.clone().start_next_exchange().is_ok(), reusable);
        let kind = setup.kind(outcome.exchanges);
        let goes_on = reusable && setup.goes_on && kind != UNASKED;
        if goes_on {
            assert_eq!(conn.start_next_exchange(), Ok(()));
            assert_eq!((conn.delivery(), conn.close_reason()), (Delivery::NotSent, None));
            begin(conn, kind, &mut outcome.sent);
        }
        goes_on
    };
    let course = Course { limits: setup.limits.clone(), end: setup.end, cuts: &setup.cuts, next: &next };
    let outcome = feed(&conn, input, &course);
    for exchange in exchanges(&outcome) {
        judge_response(exchange, &setup.limits);
    }
    let conn = &outcome.conn;
    if let Disposition::Close(_) = conn.disposition() {
        assert!(conn.close_reason().is_some());
    }
    let asked = !outcome.seen.contains(&Seen::Next) && setup.kind(0) != UNASKED;
    if asked && !input.is_empty() && conn.delivery() != Delivery::Answered {
        panic!("an answer was shown to a request that is under way");
    }
    if conn.disposition() == Disposition::Reusable {
        let ended = outcome.seen.last().is_none_or(|last| *last == Seen::End);
        assert!(ended && outcome.rest.is_empty(), "reusable in the midst of {:?}", outcome.seen);
        assert_eq!(setup.end, None, "reusable after the end of the stream");
        let mut next = conn.clone();
        assert_eq!(next.start_next_exchange(), Ok(()));
        begin(&mut next, 0, &mut Vec::new());
    }
}

/// Feeds requests to a server, which answers each in the way that its kind says. In front of them stands a setup.
pub fn server_recv(data: &[u8]) {
    let Some((setup, input)) = Setup::split(data) else { return };
    let next = |outcome: &mut Outcome<ServerConn>| {
        let conn = &mut outcome.conn;
        answer(conn, setup.kind(outcome.exchanges - 1), &mut outcome.sent);
        let reusable = conn.disposition() == Disposition::Reusable;
        assert_eq!(conn.clone().start_next_exchange().is_ok(), reusable);
        reusable && setup.goes_on && conn.start_next_exchange().is_ok()
    };
    let course = Course { limits: setup.limits.clone(), end: setup.end, cuts: &setup.cuts, next: &next };
    let outcome = feed(&ServerConn::new(setup.limits.clone()), input, &course);
    for exchange in exchanges(&outcome) {
        judge_request(exchange, &setup.limits);
    }
    if outcome.conn.disposition() == Disposition::Reusable {
        let ended = outcome.seen.last().is_none_or(|last| matches!(last, Seen::End | Seen::Next));
        assert!(ended, "reusable in the midst of {:?}", outcome.seen);
        assert_eq!(setup.end, None, "reusable after the end of the stream");
    }
}

/// What was seen, exchange by exchange.
fn exchanges<M>(outcome: &Outcome<M>) -> impl Iterator<Item = &[Seen]> {
    assert!(!matches!(outcome.error(), Some(Error::Misuse(_))), "the peer is not the caller");
    outcome.seen.split(|seen| *seen == Seen::Next)
}

/// `*( interim ) [ final [ content ] [ trailers ] end ]`, and an error or the end of the connection at any place.
fn judge_response(seen: &[Seen], limits: &Limits) {
    let is_interim = |s: &Seen| matches!(s, Seen::Continue | Seen::Interim(_));
    let interim = seen.iter().take_while(|s| is_interim(s)).count();
    assert!(interim <= limits.max_interim, "{interim} interim responses");
    for seen in seen {
        let (Seen::Response(head) | Seen::Interim(head)) = seen else { continue };
        let ends = head.status().as_u16() >= 200 || head.status().as_u16() == 101;
        assert_eq!(ends, matches!(seen, Seen::Response(_)), "{}", head.status());
        assert_eq!(head.to_http().headers().len(), head.fields().len(), "a field was lost in http's types");
        assert!(head.fields().len() <= limits.max_fields);
        for (name, value) in head.fields().iter() {
            assert!(!name.is_empty());
            assert!(!value.iter().any(|b| matches!(b, b'\r' | b'\n' | b'\0')), "a value could end its line");
        }
        assert!(!head.reason().iter().any(|b| matches!(b, b'\r' | b'\n')));
    }
    match &seen[interim..] {
        [Seen::Response(_), behind @ ..] => judge_content(behind, limits),
        behind => judge_content_end(behind),
    }
}

/// `[ head [ content ] [ trailers ] end ]`, and an error or the end of the connection at any place.
fn judge_request(seen: &[Seen], limits: &Limits) {
    let [Seen::Request(head), behind @ ..] = seen else { return judge_content_end(seen) };
    assert!(!head.method().is_empty() && !head.target().is_empty());
    let printable = |octets: &[u8]| octets.iter().all(|b| (b'!'..=b'~').contains(b));
    assert!(printable(head.method()) && printable(head.target()));
    if head.version() == Version::HTTP_11 {
        assert_eq!(head.fields().get_all("host").count(), 1);
    }
    assert_eq!(head.to_header_map().len(), head.fields().len());
    assert!(head.fields().len() <= limits.max_fields);
    judge_content(behind, limits);
}

fn judge_content(mut seen: &[Seen], limits: &Limits) {
    if let [Seen::Data(_), behind @ ..] = seen {
        seen = behind;
    }
    if let [Seen::Trailers(fields), behind @ ..] = seen {
        assert!(!fields.is_empty() && fields.len() <= limits.max_trailers);
        assert!(matches!(behind, [Seen::End, ..]), "trailers without an end");
        seen = behind;
    }
    judge_content_end(seen);
}

fn judge_content_end(seen: &[Seen]) {
    let sound = matches!(
        seen,
        [] | [Seen::End]
            | [Seen::Closed]
            | [Seen::End, Seen::Closed]
            | [Seen::Error(_)]
            | [Seen::End, Seen::Error(_)]
    );
    assert!(sound, "out of order: {seen:?}");
}

/// A client that has asked in one of seven ways, or that rests.
fn client(kind: u8, limits: Limits) -> ClientConn {
    let mut conn = ClientConn::new(limits);
    if kind != UNASKED {
        begin(&mut conn, kind, &mut Vec::new());
    }
    conn
}

/// Sends a request of this kind.
fn begin(conn: &mut ClientConn, kind: u8, sent: &mut Vec<u8>) {
    let (method, content, fields) = match kind {
        1 => (Method::HEAD, RequestContent::None, HeaderMap::new()),
        2 => (Method::CONNECT, RequestContent::None, HeaderMap::new()),
        3 => (Method::POST, RequestContent::Chunked, HeaderMap::new()),
        4 => (Method::GET, RequestContent::None, one("upgrade", "websocket")),
        5 => (Method::POST, RequestContent::Sized(5), one("expect", "100-continue")),
        _ => (Method::GET, RequestContent::None, HeaderMap::new()),
    };
    let target = if method == Method::CONNECT { Target::Authority(b"a:1") } else { Target::Origin(b"/") };
    let block = FieldBlock::empty();
    let head = RequestHead {
        method: &method,
        target,
        version: Version::HTTP_11,
        host: b"a",
        fields: &fields,
        block: &block,
    };
    assert_eq!(conn.send_request(head, content), Ok(()));
    let out = conn.transmit().remaining();
    // Of one kind only half of the head is out.
    take(conn.transmit(), if kind == 6 { out / 2 } else { out }, sent);
    if kind == 3 {
        assert_eq!(conn.send_data(Bytes::from_static(b"in flight")), Ok(()));
    }
}

/// Answers a request, or does not.
fn answer(conn: &mut ServerConn, kind: u8, sent: &mut Vec<u8>) {
    let (status, content, fields) = match kind {
        1 => (StatusCode::OK, ResponseContent::Sized(3), HeaderMap::new()),
        2 => (StatusCode::OK, ResponseContent::Chunked, HeaderMap::new()),
        3 => (StatusCode::NO_CONTENT, ResponseContent::None, HeaderMap::new()),
        4 => (StatusCode::SWITCHING_PROTOCOLS, ResponseContent::None, one("upgrade", "x")),
        5 => (StatusCode::NOT_FOUND, ResponseContent::None, one("connection", "close")),
        6 => return,
        _ => (StatusCode::OK, ResponseContent::None, HeaderMap::new()),
    };
    match conn.send_response(status, None, &fields, content) {
        Ok(()) => {}
        // To CONNECT, or a protocol that was not offered.
        Err(Misuse::ContentNotAllowed | Misuse::InvalidStatus) => return,
        Err(e) => panic!("{e} to a whole request"),
    }
    if content != ResponseContent::None {
        let sent = conn.send_last_data(Bytes::from_static(b"abc"));
        assert!(matches!(sent, Ok(()) | Err(Misuse::OutOfTurn)), "{sent:?}");
    }
    let all = conn.transmit().remaining();
    take(conn.transmit(), all, sent);
}

fn take(mut out: impl Buf, n: usize, sent: &mut Vec<u8>) {
    let mut octets = vec![0; n];
    out.copy_to_slice(&mut octets);
    sent.extend_from_slice(&octets);
}

fn one(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
}
