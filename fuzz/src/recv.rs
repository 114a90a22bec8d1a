//! What a peer sends, in any state of the receiver.

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, Method, Version, header};
use martlet_core::h1::{
    ClientConn, Disposition, FieldBlock, RequestContent, RequestHead, ServerConn, Target,
};
use martlet_core::{Delivery, Ending, Error, Limits};

use crate::feed::{Machine, Outcome, Seen, feed};

/// Feeds a response to a client. The first octet chooses the request, the second limits and ending.
pub fn client_recv(data: &[u8]) {
    let [state, setting, input @ ..] = data else { return };
    let (limits, end) = settings(*setting);
    let conn = client(*state, limits.clone());
    let outcome = feed(&conn, input, end, held_at_most(&limits));
    judge(&outcome);
    let conn = &outcome.conn;
    if let Disposition::Close(_) = conn.disposition() {
        assert!(conn.close_reason().is_some());
    }
    if !input.is_empty() && conn.delivery() != Delivery::Answered {
        assert!(state & 7 == 7, "an answer was shown to a request that is under way");
    }
    // The next exchange is as good as new, and refused where it must be.
    let mut next = conn.clone();
    let reusable = conn.disposition() == Disposition::Reusable;
    assert_eq!(next.start_next_exchange().is_ok(), reusable);
    if reusable {
        assert!(outcome.rest.is_empty(), "reusable with octets left over");
        assert_eq!(next.delivery(), Delivery::NotSent);
        assert_eq!(send(&mut next, 0), Ok(()));
    }
}

/// Feeds requests to a server. The first octet is spare, the second chooses limits and ending.
pub fn server_recv(data: &[u8]) {
    let [_, setting, input @ ..] = data else { return };
    let (limits, end) = settings(*setting);
    let outcome = feed(&ServerConn::new(limits.clone()), input, end, held_at_most(&limits));
    judge(&outcome);
    for seen in &outcome.seen {
        if let Seen::Request(head) = seen {
            assert!(!head.method().is_empty() && !head.target().is_empty());
            let printable = |octets: &[u8]| octets.iter().all(|b| (b'!'..=b'~').contains(b));
            assert!(printable(head.method()) && printable(head.target()));
            if head.version() == Version::HTTP_11 {
                assert_eq!(head.fields().get_all("host").count(), 1);
            }
            assert_eq!(head.to_header_map().len(), head.fields().len());
        }
    }
}

/// What holds for any input.
fn judge<M: Machine>(outcome: &Outcome<M>) {
    let terminal = |s: &Seen| matches!(s, Seen::End | Seen::Error(_) | Seen::Closed);
    let ends = outcome.seen.iter().filter(|s| matches!(s, Seen::End | Seen::Error(_))).count();
    assert!(ends <= 2, "more than one end: {:?}", outcome.seen);
    if let Some(at) = outcome.seen.iter().position(terminal) {
        assert!(outcome.seen[at..].iter().all(terminal), "something behind the end: {:?}", outcome.seen);
    }
    assert!(!matches!(outcome.error(), Some(Error::Misuse(_))), "the peer is not the caller");
    for seen in &outcome.seen {
        let (Seen::Response(head) | Seen::Interim(head)) = seen else { continue };
        assert_eq!(head.to_http().headers().len(), head.fields().len(), "a field was lost in http's types");
        for (name, value) in head.fields().iter() {
            assert!(!name.is_empty());
            assert!(!value.iter().any(|b| matches!(b, b'\r' | b'\n' | b'\0')), "a value could end its line");
        }
        assert!(!head.reason().iter().any(|b| matches!(b, b'\r' | b'\n')));
    }
}

fn held_at_most(limits: &Limits) -> usize {
    // An end of lines that is complete with the next octet may lie at the limit.
    limits.max_head_size.max(limits.max_trailer_size).max(2)
}

fn settings(setting: u8) -> (Limits, Option<Ending>) {
    let mut limits = Limits::default();
    if setting & 4 != 0 {
        limits.max_head_size = 64;
        limits.max_fields = 3;
        limits.max_interim = 2;
        limits.max_chunk_extensions = 8;
        limits.max_trailer_size = usize::from(setting >> 4);
        limits.max_trailers = 2;
    }
    let end = match setting & 3 {
        0 => Some(Ending::Fin),
        1 => Some(Ending::Reset),
        _ => None,
    };
    (limits, end)
}

/// A client in one of eight states; in all but the last a response is due.
fn client(state: u8, limits: Limits) -> ClientConn {
    let mut conn = ClientConn::new(limits);
    let state = state & 7;
    if state == 7 {
        return conn;
    }
    assert_eq!(send(&mut conn, state), Ok(()));
    let out = conn.transmit().remaining();
    conn.transmit().advance(if state == 6 { out / 2 } else { out });
    if state == 3 {
        assert_eq!(conn.send_data(Bytes::from_static(b"in flight")), Ok(()));
    }
    conn
}

fn send(conn: &mut ClientConn, state: u8) -> Result<(), martlet_core::Misuse> {
    let mut fields = HeaderMap::new();
    let (method, content) = match state {
        1 => (Method::HEAD, RequestContent::None),
        2 => (Method::CONNECT, RequestContent::None),
        3 => (Method::POST, RequestContent::Chunked),
        4 => {
            fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            (Method::GET, RequestContent::None)
        }
        5 => {
            fields.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
            (Method::POST, RequestContent::Sized(5))
        }
        _ => (Method::GET, RequestContent::None),
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
    conn.send_request(head, content)
}
