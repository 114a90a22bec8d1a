//! Where a message ends.

use super::Known;
use crate::differential::compare::{Difference, Kind};
use crate::differential::message::Role;
use crate::differential::outcome::{End, Line, Outcome};
use crate::differential::shape;

pub(super) const KNOWN: &[Known] = &[
    Known {
        name: "Transfer-Encoding in HTTP/1.0",
        peers: &["h11", "node"],
        reason: "they read it as in HTTP/1.1; RFC 9112 §6.1 has us take the framing for faulty",
        holds: |d| {
            let refused = d.kind == Kind::WeRefuse && d.we_say("transfer-encoding in an HTTP/1.0 message");
            let closed = d.kind == Kind::TheyKeep && d.seen().is_some_and(|seen| seen.version == "1.0");
            refused || (closed && !d.values("transfer-encoding").is_empty())
        },
    },
    Known {
        name: "Content-Length beside Transfer-Encoding in a request",
        peers: &["hyper", "h11"],
        reason: "they go by Transfer-Encoding; RFC 9112 §6.1 lets a server refuse, and nobody sound sends both",
        holds: |d| d.kind == Kind::WeRefuse && d.we_say("content-length beside transfer-encoding"),
    },
    Known {
        name: "Content-Length beside Transfer-Encoding in a response: the connection",
        peers: &["hyper", "h11"],
        reason: "all read the chunks, and they go on using the connection; RFC 9112 §6.1 has us close it",
        holds: |d| d.kind == Kind::TheyKeep && d.we_say("transfer-encoding and content-length came together"),
    },
    Known {
        name: "Content-Length beside Transfer-Encoding in a response",
        peers: &["node"],
        reason: "it refuses; RFC 9112 §6.3 rule 3 lets us go by Transfer-Encoding and close",
        holds: |d| {
            let both = FRAMING_FIELDS.iter().all(|name| !d.values(name).is_empty());
            d.message.role == Role::Client && d.kind == Kind::TheyRefuse && both && d.they_say(&FRAMING)
        },
    },
    Known {
        name: "Content-Length or Transfer-Encoding in a trailer section",
        peers: &["h11", "node"],
        reason: "they check them as if they were in the head; they decide nothing there (RFC 9110 §6.5.1)",
        holds: |d| {
            let any = FRAMING_FIELDS.iter().any(|name| !d.trailers(name).is_empty());
            d.kind == Kind::TheyRefuse && any && d.they_say(&FRAMING)
        },
    },
    Known {
        name: "a quote in Transfer-Encoding that is never closed",
        peers: &["hyper", "node"],
        reason: "they take it for an octet like others, and find `chunked` behind a comma; for others the comma is in the quoted string",
        holds: |d| {
            let says = d.kind == Kind::WeRefuse && d.we_say("invalid transfer-encoding");
            says && d.values("transfer-encoding").into_iter().any(|value| value.contains(&b'"'))
        },
    },
    Known {
        name: "chunked twice",
        peers: &["hyper", "node"],
        reason: "they decode once; what lies below is anybody's guess (RFC 9112 §6.1)",
        holds: |d| d.kind == Kind::WeRefuse && d.we_say("invalid transfer-encoding") && codings(d) > 1,
    },
    Known {
        name: "codings other than chunked",
        peers: &["h11"],
        reason: "it takes nothing but one `chunked`, not even empty list elements beside it; other codings are yours",
        holds: |d| {
            let says = d.they_say(&["Only Transfer-Encoding: chunked", "multiple Transfer-Encoding"]);
            d.kind == Kind::TheyRefuse && says && d.values("transfer-encoding") != [b"chunked"]
        },
    },
    Known {
        name: "other codings below `chunked` in a request",
        peers: &["node"],
        reason: "it refuses some of them; they are yours",
        holds: |d| {
            let says = d.they_say(&["HPE_INVALID_TRANSFER_ENCODING"]);
            d.message.role == Role::Server && d.kind == Kind::TheyRefuse && says && codings(d) > 1
        },
    },
    Known {
        name: "an empty Transfer-Encoding",
        peers: &["node"],
        reason: "it goes by Content-Length then, or by nothing; for us there is a coding that is not `chunked` (RFC 9112 §6.3 rule 4)",
        holds: |d| {
            let differs = d.kind.is_split() || d.kind == Kind::WeRefuse;
            differs && d.theirs.end != End::Switched && d.values("transfer-encoding") == [b""]
        },
    },
    Known {
        name: "`chunked` with a comma or an empty line behind it, or beside octets that are not ASCII",
        peers: &["hyper"],
        reason: "it does not find `chunked` there, and reads a response up to the close; empty list elements are to be ignored (RFC 9110 §5.6.1.2), and the last coding decides (RFC 9112 §6.3)",
        holds: |d| {
            let is_odd = |value: &[u8]| value.ends_with(b",") || value.is_empty() || !value.is_ascii();
            let differs = d.kind.is_split()
                || matches!(d.kind, Kind::Trailers | Kind::WeRefuse)
                || d.they_say(&["invalid transfer-encoding"]);
            differs && d.values("transfer-encoding").into_iter().any(is_odd)
        },
    },
    Known {
        name: "`chunked` with a comma or a tab behind it",
        peers: &["node"],
        reason: "it does not find `chunked` there, and reads a response up to the close; whitespace around a value is no part of it (RFC 9112 §5.1), nor are empty list elements",
        holds: |d| {
            let differs = d.kind.is_split()
                || matches!(d.kind, Kind::Trailers | Kind::WeRefuse)
                || d.they_say(&["HPE_INVALID_TRANSFER_ENCODING"]);
            let comma = d.values("transfer-encoding").iter().any(|value| value.ends_with(b","));
            let is_odd = comma || shape::has_tab_behind(d.message, "transfer-encoding");
            differs && d.theirs.end != End::Switched && is_odd
        },
    },
    Known {
        name: "one length several times",
        peers: &["hyper", "h11", "node"],
        reason: "hyper refuses lists, h11 those with empty elements, Node every repetition; RFC 9112 §6.3 rule 5 allows equal ones",
        holds: |d| {
            let says = d.they_say(&["invalid content-length"]) || d.they_say(&FRAMING);
            d.kind == Kind::TheyRefuse && says && shape::is_list_of_one_number(&d.values("content-length"))
        },
    },
    Known {
        name: "one length several times, and the case of `chunked`, handed out",
        peers: &["hyper", "h11"],
        reason: "both hand out one length, h11 `chunked` in lower case; we hand out what came",
        holds: |d| matches!(d.kind, Kind::Fields | Kind::Trailers) && differ_in_framing_only(d),
    },
    Known {
        name: "an invalid Content-Length that decides nothing",
        peers: &["h11", "node"],
        reason: "they refuse it with HEAD, 1xx, 204, 304, 2xx to CONNECT and beside Transfer-Encoding, too; it does no harm there",
        holds: |d| {
            let lengths = d.values("content-length");
            let is_odd = lengths.len() > 1
                || lengths.iter().any(|value| !shape::is_plain_number(value))
                || !d.ours.interim.is_empty();
            d.message.role == Role::Client
                && d.kind == Kind::TheyRefuse
                && d.they_say(&FRAMING)
                && is_odd
                && decides_nothing(d)
        },
    },
    Known {
        name: "a tab behind a length, or zeros before it",
        peers: &["h11", "node"],
        reason: "Node takes no tab, h11 no more than 20 digits; both are in the grammar",
        holds: |d| {
            let is_long = d.values("content-length").iter().any(|value| value.len() > 20);
            let says = d.they_say(&["bad Content-Length", "HPE_INVALID_CONTENT_LENGTH"]);
            d.kind == Kind::TheyRefuse
                && says
                && (is_long || shape::has_tab_behind(d.message, "content-length"))
        },
    },
    Known {
        name: "whitespace behind a chunk size",
        peers: &["h11", "node"],
        reason: "Node takes none, h11 none before an extension; servers pad sizes with it",
        holds: |d| {
            let says = d.they_say(&["illegal chunk header", "HPE_INVALID_CHUNK_SIZE"]);
            d.kind == Kind::TheyRefuse && says && shape::has_padded_size(d.message)
        },
    },
    Known {
        name: "the grammar of chunk extensions",
        peers: &["node"],
        reason: "it checks it; we ignore extensions up to the line end, which they cannot hold",
        holds: |d| {
            let says = d.they_say(&["HPE_STRICT", "HPE_INVALID_CHUNK_EXTENSION"]);
            d.kind == Kind::TheyRefuse && says && shape::has(d.message, b";")
        },
    },
    Known {
        name: "control octets in chunk extensions",
        peers: &["hyper", "h11"],
        reason: "they pass over them; what one reader passes over ends a line for another",
        holds: |d| {
            let cr = d.we_say("invalid chunk size") && shape::has_lone_cr(d.message);
            d.kind == Kind::WeRefuse && (cr || d.we_say("invalid octet in a chunk extension"))
        },
    },
    Known {
        name: "lone LF in the trailer section of a request",
        peers: &["hyper", "h11"],
        reason: "hyper takes it for a part of the line, h11 for the end of one: two ends of one request, so we refuse",
        holds: |d| {
            let says = d.we_say("invalid line end") && shape::has_lone_lf(d.message);
            d.message.role == Role::Server && d.kind == Kind::WeRefuse && says
        },
    },
    Known {
        name: "lone LF in the trailer section of a response",
        peers: &["hyper"],
        reason: "it does not end a line there, but is a part of one; RFC 9112 §2.2 allows us to take it for a line end",
        holds: |d| {
            let says = d.they_say(&["trailer", "too many headers", "invalid header", "chunk size line"]);
            let differs = matches!(d.kind, Kind::TheyWait | Kind::Ended | Kind::Trailers)
                || (d.kind == Kind::TheyRefuse && says);
            let codings = d.values("transfer-encoding");
            let is_chunked =
                codings.last().is_some_and(|value| value.to_ascii_lowercase().ends_with(b"chunked"));
            d.message.role == Role::Client && differs && shape::has_lone_lf(d.message) && is_chunked
        },
    },
];

const FRAMING_FIELDS: [&str; 2] = ["content-length", "transfer-encoding"];

/// How they say that they do not like fields that frame.
const FRAMING: [&str; 7] = [
    "bad Content-Length",
    "conflicting Content-Length",
    "multiple Transfer-Encoding",
    "Only Transfer-Encoding: chunked",
    "HPE_INVALID_CONTENT_LENGTH",
    "HPE_UNEXPECTED_CONTENT_LENGTH",
    "HPE_INVALID_TRANSFER_ENCODING",
];

/// How many codings the lines of the head name.
fn codings(d: &Difference<'_>) -> usize {
    d.values("transfer-encoding").iter().map(|value| value.split(|b| *b == b',').count()).sum()
}

/// Whether the method, the status or a Transfer-Encoding leaves nothing for a length to decide.
fn decides_nothing(d: &Difference<'_>) -> bool {
    let status = d.seen().map(|seen| seen.start.as_slice()).unwrap_or_default();
    d.message.method == "HEAD"
        || !d.ours.interim.is_empty()
        || matches!(status, b"204" | b"304")
        || (d.message.method == "CONNECT" && status.starts_with(b"2"))
        || !d.values("transfer-encoding").is_empty()
}

/// Whether only the lines that frame differ, in what makes no difference.
fn differ_in_framing_only(d: &Difference<'_>) -> bool {
    let of = |outcome: &Outcome| match (outcome.messages.get(d.at), d.kind) {
        (Some(seen), Kind::Fields) => seen.fields.clone(),
        (Some(seen), _) => seen.trailers.clone().unwrap_or_default(),
        (None, _) => Vec::new(),
    };
    let (ours, theirs) = (of(d.ours), of(d.theirs));
    let lengths = ours.iter().filter(|line| line.0 == b"content-length");
    let lengths: Vec<&[u8]> = lengths.map(|line| line.1.as_slice()).collect();
    let is_one = lengths.is_empty()
        || shape::is_list_of_one_number(&lengths)
        || matches!(lengths[..], [length] if shape::is_plain_number(length));
    is_one && plain(&ours) == plain(&theirs)
}

/// One line with a length, and `chunked` in lower case.
fn plain(lines: &[Line]) -> Vec<Line> {
    let mut plain: Vec<Line> = Vec::new();
    for (name, value) in lines {
        let value = match name.as_slice() {
            b"content-length" if plain.iter().any(|line| line.0 == *name) => continue,
            b"content-length" => {
                let mut elements = value.split(|b| *b == b',').map(shape::trimmed);
                elements.find(|element| !element.is_empty()).unwrap_or_default().to_vec()
            }
            b"transfer-encoding" => value.to_ascii_lowercase(),
            _ => shape::unfolded(value),
        };
        plain.push((name.clone(), value));
    }
    plain
}
