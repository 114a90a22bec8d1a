//! Messages of every kind, sound ones and such as are a little wrong.

use martlet_sim::Rng;

use super::draft::{Body, Chunk, Draft, FieldLine};
use super::message::{Message, Role};
use super::oddities::{self, Oddity};

/// Content that looks like a message of its own where its end is missed.
const CONTENTS: [&[u8]; 6] = [
    b"hello",
    b"",
    b"0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"GET /in HTTP/1.1\r\nHost: h.test\r\n\r\n",
    b"\r\n\r\n\0\xffx",
];

const LENGTHS: [&str; 26] = [
    "5",
    "0",
    "05",
    "+5",
    "-5",
    "5 ",
    " 5",
    "5,5",
    "5, 5",
    "5,6",
    "5,",
    ",5",
    "",
    "0x5",
    "5.0",
    "5e0",
    "5 5",
    "5;5",
    "\"5\"",
    "5\u{b}",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "99999999999999999999999",
    "00000000000000000000005",
    "abc",
];

const CODINGS: [&str; 24] = [
    "chunked",
    "Chunked",
    "CHUNKED",
    "chunked ",
    "gzip, chunked",
    "chunked, gzip",
    "chunked, chunked",
    "chunked,",
    ",chunked",
    "identity",
    "identity, chunked",
    "chunked, identity",
    "xchunked",
    "chunkedx",
    "chunk",
    "\"chunked\"",
    "chunked;a=b",
    "chunked;",
    "gzip;a=\"b, chunked\"",
    "gzip\", chunked",
    "gzip;a=\"b, chunked",
    "",
    "gzip",
    "chunked\u{b}",
];

const CONNECTIONS: [&str; 9] = [
    "close",
    "Close",
    "keep-alive",
    "Keep-Alive, close",
    "close, keep-alive",
    "x",
    ",close",
    "upgrade",
    "x, close ",
];

const FIELDS: [(&str, &str); 10] = [
    ("Server", "x"),
    ("Date", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ("Content-Type", "text/plain"),
    ("ETag", "\"a,b\""),
    ("Set-Cookie", "a=b; c"),
    ("Set-Cookie", "d=e"),
    ("X-Empty", ""),
    ("!#$%&'*+-.^_`|~09aZ", "tchar"),
    ("Upgrade", "x"),
    ("Keep-Alive", "timeout=5"),
];

const STATUSES: [&str; 14] =
    ["200", "200", "200", "200", "204", "304", "206", "205", "301", "404", "500", "299", "599", "999"];

const TARGETS: [&str; 6] = ["/", "/a/b?c=d", "http://h.test/x", "/%20%zz", "/a:b@c", "//x"];

/// Draws messages: the same ones for the same seed.
#[derive(Clone, Debug)]
pub struct Generator {
    rng: Rng,
}

impl Generator {
    /// A generator whose messages follow from the seed alone.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed) }
    }

    /// The next message for this role.
    pub fn message(&mut self, role: Role) -> Message {
        let rng = &mut self.rng;
        let (method, upgrade) = match (role, rng.below(20)) {
            (Role::Server, _) => ("", false),
            (Role::Client, 0) => ("CONNECT", false),
            (Role::Client, 1 | 2) => ("HEAD", false),
            (Role::Client, 3) => ("POST", false),
            (Role::Client, 4) => ("GET", true),
            (Role::Client, _) => ("GET", false),
        };
        let mut draft = match role {
            Role::Client => response(rng),
            Role::Server => request(rng),
        };
        let mut odd = Vec::new();
        for _ in 0..[0, 1, 1, 1, 1, 2, 2, 3][rng.below(8) as usize] {
            let Oddity { name, apply } = pick(rng, &oddities::ODDITIES);
            apply(&mut draft, rng, role);
            odd.push(*name);
        }
        let mut octets = Vec::new();
        if role == Role::Client && rng.percent(12) {
            interim(&mut octets, rng);
            odd.push("interim");
        }
        draft.write(&mut octets);
        match role {
            Role::Client => surplus(&mut octets, rng, &mut odd),
            Role::Server => octets.extend_from_slice(b"GET /next HTTP/1.1\r\nHost: h.test\r\n\r\n"),
        }
        if rng.percent(6) {
            octets.truncate(rng.below(octets.len() as u64 + 1) as usize);
            odd.push("truncated");
        }
        if rng.percent(4) {
            oddities::octet(&mut octets, rng);
            odd.push("octet");
        }
        Message { role, method, upgrade, octets, eof: role == Role::Client && rng.percent(60), oddities: odd }
    }
}

pub(super) fn pick<'a, T>(rng: &mut Rng, list: &'a [T]) -> &'a T {
    &list[rng.below(list.len() as u64) as usize]
}

fn response(rng: &mut Rng) -> Draft {
    let status = pick(rng, &STATUSES);
    let version = if rng.percent(12) { "1.0" } else { "1.1" };
    let reason = *pick(rng, &["OK", "OK", "Not Modified", "", "a\tb \u{e9}"]);
    let mut draft = Draft::new(format!("HTTP/{version} {status} {reason}"));
    fields(&mut draft, rng);
    frame(&mut draft, rng, &[30, 25, 15, 8, 8, 8, 6]);
    draft
}

fn request(rng: &mut Rng) -> Draft {
    let method = pick(rng, &["GET", "POST", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"]);
    let version = if rng.percent(10) { "1.0" } else { "1.1" };
    let mut draft = Draft::new(format!("{method} {} HTTP/{version}", pick(rng, &TARGETS)));
    draft.field("Host", "h.test");
    fields(&mut draft, rng);
    if rng.percent(3) {
        draft.field("Expect", *pick(rng, &["100-continue", "100-Continue", "x"]));
    }
    frame(&mut draft, rng, &[30, 30, 12, 8, 8, 6, 6]);
    draft
}

fn fields(draft: &mut Draft, rng: &mut Rng) {
    for _ in 0..rng.below(4) {
        let (name, value) = pick(rng, &FIELDS);
        draft.field(name, *value);
    }
    if rng.percent(20) {
        draft.field("Connection", *pick(rng, &CONNECTIONS));
    }
}

/// Chooses how the body is framed, by weights: by length, by chunks, by nothing, by both, by several lengths, by an odd
/// length, by an odd coding.
fn frame(draft: &mut Draft, rng: &mut Rng, weights: &[u64; 7]) {
    let mut drawn = rng.below(weights.iter().sum());
    let way = weights.iter().position(|weight| {
        let it_is = drawn < *weight;
        drawn = drawn.wrapping_sub(*weight);
        it_is
    });
    let content = *pick(rng, &CONTENTS);
    let length = content.len().to_string();
    let both = |draft: &mut Draft, rng: &mut Rng, length: &str, coding: &str| {
        let mut lines =
            vec![FieldLine::new("Content-Length", length), FieldLine::new("Transfer-Encoding", coding)];
        if rng.percent(50) {
            lines.swap(0, 1);
        }
        draft.fields.extend(lines);
    };
    match way {
        Some(0) => {
            draft.field("Content-Length", length);
            draft.body = Body::Plain(content.to_vec());
        }
        Some(1) => {
            draft.field("Transfer-Encoding", "chunked");
            draft.body = chunked(content, rng);
        }
        Some(2) => draft.body = Body::Plain(content.to_vec()),
        Some(3) => {
            let length = if rng.percent(50) { length.as_str() } else { *pick(rng, &LENGTHS) };
            both(draft, rng, length, "chunked");
            draft.body = chunked(content, rng);
        }
        Some(4) => {
            draft.field("Content-Length", length.as_str());
            draft.field(
                "Content-Length",
                if rng.percent(50) { length.as_str() } else { *pick(rng, &LENGTHS) },
            );
            draft.body = Body::Plain(content.to_vec());
        }
        Some(5) => {
            draft.field("Content-Length", pick(rng, &LENGTHS).chars().map(|c| c as u8).collect::<Vec<_>>());
            draft.body = Body::Plain(b"hello".to_vec());
        }
        _ => {
            let coding = *pick(rng, &CODINGS);
            match rng.below(3) {
                0 => {
                    draft.field("Transfer-Encoding", coding);
                    draft.field("Transfer-Encoding", *pick(rng, &CODINGS));
                }
                1 if rng.percent(30) => both(draft, rng, &length, coding),
                _ => draft.field("Transfer-Encoding", coding),
            }
            draft.body = chunked(content, rng);
        }
    }
}

/// One or two chunks, and perhaps trailers.
fn chunked(content: &[u8], rng: &mut Rng) -> Body {
    let cut = rng.below(content.len() as u64 + 1) as usize;
    let pieces = [&content[..cut], &content[cut..]];
    let chunks = pieces.into_iter().filter(|piece| !piece.is_empty()).map(Chunk::new).collect();
    let mut trailers = Vec::new();
    if rng.percent(25) {
        let lines =
            [("X-Sum", "1"), ("Content-Length", "7"), ("Transfer-Encoding", "chunked"), ("Host", "i")];
        for _ in 0..=rng.below(2) {
            let (name, value) = pick(rng, &lines);
            trailers.push(FieldLine::new(*name, *value));
        }
    }
    Body::Chunked { chunks, last: b"0\r\n".to_vec(), trailers, blank: b"\r\n".to_vec() }
}

fn interim(octets: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let head = *pick(
            rng,
            &[
                "HTTP/1.1 100 Continue\r\n\r\n",
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
                "HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n",
                "HTTP/1.1 199\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n",
                "HTTP/1.0 100 Continue\r\n\r\n",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n",
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
                "HTTP/1.1 100 Continue\n\n",
            ],
        );
        octets.extend_from_slice(head.as_bytes());
    }
}

fn surplus(octets: &mut Vec<u8>, rng: &mut Rng, odd: &mut Vec<&'static str>) {
    if rng.percent(80) {
        return;
    }
    odd.push("surplus");
    let behind = pick(
        rng,
        &["\r\n", "x", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "\0", "HTTP/1.1 100 Continue\r\n\r\n"],
    );
    octets.extend_from_slice(behind.as_bytes());
}
