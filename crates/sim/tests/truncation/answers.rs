//! What servers answer, in parts of which each has a meaning of its own.

/// Octets of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// An interim response.
    Interim(&'static str),
    /// The head of the final response.
    Head(&'static str),
    /// Content.
    Content(&'static str),
    /// What frames it: size lines, the ends of chunks, trailers.
    Framing(&'static str),
    /// Breaks the protocol by its first octet.
    Wrong(&'static str),
}

/// Where the content ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// There is none, whatever the fields say.
    None,
    Sized(u64),
    Chunked,
    /// With the connection.
    ToTheEnd,
}

/// An answer to a method.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) methods: &'static [&'static str],
    pub(crate) parts: &'static [Part],
    pub(crate) length: Length,
    /// The value of the trailer `t`, if there is one.
    pub(crate) trailer: Option<&'static str>,
}

use Part::{Content, Framing, Head, Interim, Wrong};

/// A method that may be sent twice, and one that may not.
const BOTH: &[&str] = &["GET", "POST"];

const fn answer(parts: &'static [Part], length: Length) -> Answer {
    Answer { methods: BOTH, parts, length, trailer: None }
}

pub(crate) static NOTHING: Answer =
    Answer { methods: &["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"], ..answer(&[], Length::None) };

pub(crate) static SIZED: Answer = answer(
    &[Head("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), Content("0123456789")],
    Length::Sized(10),
);

pub(crate) static EMPTY: Answer =
    answer(&[Head("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")], Length::Sized(0));

pub(crate) static CHUNKED: Answer = answer(
    &[
        Head("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        Framing("4\r\n"),
        Content("0123"),
        Framing("\r\n6;name=value;other=\"quoted\"\r\n"),
        Content("456789"),
        Framing("\r\n0\r\n\r\n"),
    ],
    Length::Chunked,
);

pub(crate) static TRAILERS: Answer = Answer {
    trailer: Some("last words"),
    ..answer(
        &[
            Head("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: t\r\n\r\n"),
            Framing("a\r\n"),
            Content("0123456789"),
            Framing("\r\n0;last\r\nt: last words\r\n\r\n"),
        ],
        Length::Chunked,
    )
};

pub(crate) static TO_THE_END: Answer =
    answer(&[Head("HTTP/1.1 200 OK\r\nserver: s\r\n\r\n"), Content("all of it")], Length::ToTheEnd);

pub(crate) static TO_THE_END_HTTP10: Answer =
    answer(&[Head("HTTP/1.0 200 OK\r\n\r\n"), Content("as of old")], Length::ToTheEnd);

pub(crate) static SIZED_HTTP10: Answer =
    answer(&[Head("HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n"), Content("seven.7")], Length::Sized(7));

pub(crate) static CONTINUE: Answer = answer(
    &[
        Interim("HTTP/1.1 100 Continue\r\n\r\n"),
        Head("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"),
        Content("ok"),
    ],
    Length::Sized(2),
);

pub(crate) static EARLY_HINTS: Answer = answer(
    &[
        Interim("HTTP/1.1 103 Early Hints\r\nlink: </s.css>\r\n\r\n"),
        Interim("HTTP/1.1 103 Early Hints\r\n\r\n"),
        Head("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"),
        Content("ok"),
    ],
    Length::Sized(2),
);

pub(crate) static TO_HEAD: Answer = Answer {
    methods: &["HEAD"],
    ..answer(&[Head("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")], Length::None)
};

pub(crate) static NO_CONTENT: Answer =
    answer(&[Head("HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n")], Length::None);

pub(crate) static NOT_MODIFIED: Answer =
    answer(&[Head("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n")], Length::None);

/// Nobody had asked for it.
pub(crate) static SWITCHING: Answer = answer(
    &[Head("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r"), Wrong("\n")],
    Length::None,
);

pub(crate) static GARBAGE: [Answer; 3] = [
    answer(&[Wrong("220 smtp.test ready\r\n")], Length::None),
    answer(&[Wrong("\0\u{1}\u{2} binary\r\n\r\n")], Length::None),
    answer(&[Head("HTTP/1."), Wrong("x 200 OK\r\n\r\n")], Length::None),
];

/// Chunk data that CR LF does not follow, and lines of chunks that end otherwise (CVE-2025-43859).
pub(crate) static WRONG_CHUNKS: [Answer; 5] = [
    answer(
        &[CHUNKED_HEAD, Framing("4\r\n"), Content("0123"), Wrong("XX6\r\n456789\r\n0\r\n\r\n")],
        Length::Chunked,
    ),
    answer(
        &[CHUNKED_HEAD, Framing("4\r\n"), Content("0123"), Framing("\r"), Wrong("X0\r\n\r\n")],
        Length::Chunked,
    ),
    answer(&[CHUNKED_HEAD, Framing("4\r\n"), Content("0123"), Wrong("\n0\r\n\r\n")], Length::Chunked),
    answer(&[CHUNKED_HEAD, Framing("4"), Wrong("\n0123\r\n0\r\n\r\n")], Length::Chunked),
    answer(&[CHUNKED_HEAD, Framing("4\r"), Wrong("\r\n0123\r\n0\r\n\r\n")], Length::Chunked),
];

const CHUNKED_HEAD: Part = Head("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");

impl Part {
    pub(crate) fn octets(self) -> &'static [u8] {
        let (Interim(octets) | Head(octets) | Content(octets) | Framing(octets) | Wrong(octets)) = self;
        octets.as_bytes()
    }
}

impl Answer {
    pub(crate) fn octets(&self) -> Vec<u8> {
        self.parts.iter().flat_map(|part| part.octets()).copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.octets().len()
    }

    /// Where the content and its framing begin.
    pub(crate) fn behind_head(&self) -> usize {
        let is_before = |part: &&Part| matches!(part, Interim(_) | Head(_));
        self.parts.iter().take_while(is_before).map(|part| part.octets().len()).sum()
    }
}
