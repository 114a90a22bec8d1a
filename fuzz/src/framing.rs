//! Both readers against httparse and a naive oracle of where messages end and whether connections persist.

mod oracle;

use bytes::Buf;
use http::{HeaderMap, Method, StatusCode};
use martlet_core::h1::{Disposition, ResponseContent, ServerConn};
use martlet_core::{Ending, Error, Limits, PeerError};

use self::oracle::{Body, Read, Reader, Start};
use crate::ask::asked;
use crate::feed::{Course, Outcome, Seen, feed};

/// Reads a response, or requests one behind the other. The first octet chooses which (bit 0), the method that was asked
/// (bits 1 and 2) and how the stream ends (bits 3 and 4).
pub fn framing(data: &[u8]) {
    let [which, input @ ..] = data else { return };
    let end = [None, Some(Ending::Fin), Some(Ending::Reset), None][usize::from(which >> 3 & 3)];
    if which & 1 == 0 {
        let methods = [Method::GET, Method::HEAD, Method::CONNECT, Method::POST];
        response(&methods[usize::from(which >> 1 & 3)], input, end);
    } else {
        requests(input, end);
    }
}

fn response(method: &Method, input: &[u8], end: Option<Ending>) {
    let outcome = feed(&asked(method), input, &Course::of_one(end));
    if is_beyond_limits(&outcome) {
        return;
    }
    let is_interim = |seen: &&Seen| matches!(seen, Seen::Continue | Seen::Interim(_));
    let interim = outcome.seen.iter().take_while(is_interim).count();
    let mut at = 0;
    for _ in 0..interim {
        let Start::Head(head) = oracle::response(&input[at..]) else {
            panic!("an interim response of nothing")
        };
        assert!(matches!(head.status, 100 | 102..200));
        at += head.len;
    }
    let seen = &outcome.seen[interim..];
    let head = match oracle::response(&input[at..]) {
        Start::Head(head) if head.status == 101 => {
            return assert_eq!(outcome.error(), Some(&PeerError::UnexpectedUpgrade.into()));
        }
        Start::Head(head) if head.status < 100 => return refused(seen, "a status code below 100"),
        Start::Head(head) => head,
        Start::Partial => return waits(seen, end),
        Start::Broken => return refused_or_waits(seen),
    };
    let body = head.response_body(method.as_str());
    if body == Body::Faulty {
        return refused(seen, "framing that is faulty");
    }
    let [Seen::Response(ours), seen @ ..] = seen else { panic!("{seen:?} for {head:?}") };
    assert_eq!(ours.status().as_u16(), head.status);
    let behind = &input[at + head.len..];
    if body == Body::Tunnel {
        assert!(seen.is_empty() && outcome.rest == behind);
        return assert_eq!(outcome.conn.disposition(), Disposition::Switched);
    }
    let len = content(seen, body.read(behind, end == Some(Ending::Fin), Reader::Client), end);
    let reusable = len == Some(behind.len()) && head.persists(body) && end.is_none();
    assert_eq!(outcome.conn.disposition() == Disposition::Reusable, reusable, "{head:?} {body:?}");
    if let (Some(len), None) = (len, outcome.error()) {
        assert_eq!(outcome.rest, &behind[len..], "the message ends elsewhere");
    }
}

fn requests(input: &[u8], end: Option<Ending>) {
    let next = |outcome: &mut Outcome<ServerConn>| {
        let conn = &mut outcome.conn;
        assert_eq!(
            conn.send_response(StatusCode::OK, None, &HeaderMap::new(), ResponseContent::None),
            Ok(())
        );
        let out = conn.transmit().remaining();
        conn.transmit().advance(out);
        conn.start_next_exchange().is_ok()
    };
    let course = Course { limits: Limits::default(), end, cuts: &[], next: &next };
    let outcome = feed(&ServerConn::new(Limits::default()), input, &course);
    if is_beyond_limits(&outcome) {
        return;
    }
    let mut at = 0;
    let mut exchanges = outcome.seen.split(|seen| *seen == Seen::Next).peekable();
    while let Some(seen) = exchanges.next() {
        let head = match oracle::request(&input[at..]) {
            Start::Head(head) => head,
            Start::Partial => return waits(seen, end),
            Start::Broken => return refused_or_waits(seen),
        };
        // What a server refuses beside framing is not the matter here.
        if let [Seen::Error(Error::Peer(PeerError::Target | PeerError::Host))] = seen {
            return;
        }
        let body = head.request_body();
        if body == Body::Faulty {
            return refused(seen, "framing that is faulty");
        }
        let [Seen::Request(ours), seen @ ..] = seen else { panic!("{seen:?} for {head:?}") };
        assert_eq!(ours.method(), head.method.as_bytes());
        let behind = &input[at + head.len..];
        let Some(len) = content(seen, body.read(behind, false, Reader::Server), end) else {
            return assert!(exchanges.peek().is_none(), "a request inside of a request");
        };
        at += head.len + len;
        let persists = head.persists(body) && head.method != "CONNECT" && outcome.exchanges < 8;
        if exchanges.peek().is_none() && outcome.exchanges < 8 {
            assert!(!persists, "{head:?} does not persist");
            assert_eq!(outcome.rest, &input[at..], "the message ends elsewhere");
        } else {
            assert!(persists || outcome.exchanges >= 8, "{head:?} persists");
        }
    }
}

/// Compares what was seen behind a head; the length of the content where it is whole.
fn content(mut seen: &[Seen], read: Read, end: Option<Ending>) -> Option<usize> {
    let mut ours = &[][..];
    if let [Seen::Data(data), behind @ ..] = seen {
        (ours, seen) = (data, behind);
    }
    let mut fields = 0;
    if let [Seen::Trailers(trailers), behind @ ..] = seen {
        (fields, seen) = (trailers.len(), behind);
    }
    match read {
        Read::Whole { content, trailers, len } => {
            assert_eq!((ours, fields), (&content[..], trailers));
            assert!(matches!(seen, [Seen::End, ..]), "{seen:?}, but the content is whole");
            Some(len)
        }
        Read::Partial(content) => {
            assert_eq!(ours, content, "what came of the content");
            waits(seen, end);
            None
        }
        Read::Broken => {
            assert!(matches!(seen, [Seen::Error(Error::Peer(_))]), "{seen:?}, but the content is broken");
            None
        }
    }
}

/// More is wanted; what is wrong already may have been found before the end is there.
fn waits(seen: &[Seen], end: Option<Ending>) {
    match seen {
        [] => assert_eq!(end, None),
        [Seen::Error(Error::Peer(_))] => {}
        [Seen::Error(Error::Closed(closed))] => assert_eq!(Some(closed.by()), end),
        [Seen::Closed] => assert_ne!(end, None),
        _ => panic!("{seen:?} of what is not whole"),
    }
}

fn refused(seen: &[Seen], why: &str) {
    assert!(matches!(seen, [Seen::Error(Error::Peer(_))]), "{seen:?} for {why}");
}

/// What httparse has found wrong is said when the head is complete.
fn refused_or_waits(seen: &[Seen]) {
    assert!(matches!(seen, [] | [Seen::Error(_)]), "{seen:?} of what is no head");
}

fn is_beyond_limits<M>(outcome: &Outcome<M>) -> bool {
    matches!(outcome.error(), Some(Error::Peer(e)) if e.is_limit())
}
