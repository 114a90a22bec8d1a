//! Where a message ends and whether its connection persists, once more: RFC 9112 §6.3 and §9.3 read aloud, over heads that
//! httparse has read.

use std::mem::MaybeUninit;

use httparse::{ParserConfig, Status};

use crate::slow::{self, Lines, Slow};

/// A head, its names in lower case and folds as spaces.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) http10: bool,
    /// Of a response.
    pub(super) status: u16,
    /// Of a request.
    pub(super) method: String,
    fields: Vec<(String, Vec<u8>)>,
    pub(super) len: usize,
}

/// What stands at the beginning of the octets.
#[derive(Debug)]
pub(super) enum Start {
    Head(Head),
    /// Its end is missing, as far as httparse can tell.
    Partial,
    Broken,
}

pub(super) fn response(input: &[u8]) -> Start {
    let mut room = [const { MaybeUninit::uninit() }; 256];
    let mut config = ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    let mut parsed = httparse::Response::new(&mut []);
    match config.parse_response_with_uninit_headers(&mut parsed, input, &mut room) {
        Ok(Status::Complete(len)) => Start::Head(Head {
            http10: parsed.version == Some(0),
            status: parsed.code.unwrap_or(0),
            method: String::new(),
            fields: fields(parsed.headers),
            len,
        }),
        Ok(Status::Partial) => Start::Partial,
        Err(_) => Start::Broken,
    }
}

pub(super) fn request(input: &[u8]) -> Start {
    let mut room = [const { MaybeUninit::uninit() }; 256];
    let mut parsed = httparse::Request::new(&mut []);
    match ParserConfig::default().parse_request_with_uninit_headers(&mut parsed, input, &mut room) {
        Ok(Status::Complete(len)) => Start::Head(Head {
            http10: parsed.version == Some(0),
            status: 0,
            method: parsed.method.unwrap_or_default().to_owned(),
            fields: fields(parsed.headers),
            len,
        }),
        Ok(Status::Partial) => Start::Partial,
        Err(_) => Start::Broken,
    }
}

fn fields(lines: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    lines.iter().map(|line| (line.name.to_ascii_lowercase(), slow::squeezed(&unfolded(line.value)))).collect()
}

fn unfolded(value: &[u8]) -> Vec<u8> {
    value.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }).collect()
}

/// What tells the end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    None,
    Length(u64),
    Chunked,
    UntilClose,
    /// Another protocol begins behind the head.
    Tunnel,
    /// Nothing that could be trusted.
    Faulty,
}

impl Head {
    /// The members of all lines of a list, in lower case.
    fn members(&self, name: &str, of: Of) -> Vec<Vec<u8>> {
        let lines = self.fields.iter().filter(|(field, _)| field == name);
        lines.flat_map(|(_, value)| members(value, of)).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// RFC 9112 §6.3 for a response to a request of this method.
    pub(super) fn response_body(&self, asked: &str) -> Body {
        // Rule 2, which says what becomes of the connection also where rule 1 says that there is no content.
        if asked == "CONNECT" && (200..300).contains(&self.status) {
            return Body::Tunnel;
        }
        // Rule 1.
        if asked == "HEAD" || matches!(self.status, 100..200 | 204 | 304) {
            return Body::None;
        }
        match self.coded() {
            // Rules 3 and 4.
            Some(Coded::Chunked) => Body::Chunked,
            Some(Coded::Otherwise) => Body::UntilClose,
            Some(Coded::Faulty) => Body::Faulty,
            // Rules 5, 6 and 8.
            None => self.sized().unwrap_or(Body::UntilClose),
        }
    }

    /// RFC 9112 §6.3 for a request; one that is ambiguous is refused, as rule 3 allows.
    pub(super) fn request_body(&self) -> Body {
        match self.coded() {
            Some(_) if self.has("content-length") => Body::Faulty,
            Some(Coded::Chunked) => Body::Chunked,
            Some(Coded::Otherwise | Coded::Faulty) => Body::Faulty,
            // Rules 5, 6 and 7.
            None => self.sized().unwrap_or(Body::None),
        }
    }

    fn coded(&self) -> Option<Coded> {
        let codings = self.members("transfer-encoding", Of::Strings);
        let chunked = codings.iter().filter(|coding| *coding == b"chunked").count();
        let last = codings.last().is_some_and(|coding| coding == b"chunked");
        self.has("transfer-encoding").then_some(match (last, chunked) {
            // "MUST treat the message as if the framing is faulty" (§6.1).
            _ if self.http10 => Coded::Faulty,
            // A quote that is not closed is refused.
            _ if self.is_open("transfer-encoding") => Coded::Faulty,
            (true, 1) => Coded::Chunked,
            // "A sender MUST NOT apply the chunked transfer coding more than once" (§6.1): refused.
            (true, _) => Coded::Faulty,
            (false, _) => Coded::Otherwise,
        })
    }

    /// Whether a quoted string is not closed in some line.
    fn is_open(&self, name: &str) -> bool {
        let mut lines = self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value);
        lines.any(|value| {
            let mut at = 0;
            while let Some(quote) = value[at..].iter().position(|&b| b == b'"') {
                match closed(value, at + quote) {
                    Some(end) => at = end + 1,
                    None => return true,
                }
            }
            false
        })
    }

    fn sized(&self) -> Option<Body> {
        let lines: Vec<&[u8]> = self
            .fields
            .iter()
            .filter(|(name, _)| name == "content-length")
            .map(|(_, value)| &value[..])
            .collect();
        (!lines.is_empty()).then(|| slow::content_length(&lines).map_or(Body::Faulty, Body::Length))
    }

    /// RFC 9112 §9.3, and §6.1 and §6.3 where they say that the connection closes.
    pub(super) fn persists(&self, body: Body) -> bool {
        let options = self.members("connection", Of::Tokens);
        let says = |option: &[u8]| options.iter().any(|o| o == option);
        let coded = self.has("transfer-encoding");
        let ambiguous = coded && (self.http10 || body != Body::None && self.has("content-length"));
        match body {
            _ if says(b"close") || ambiguous => false,
            Body::UntilClose | Body::Tunnel | Body::Faulty => false,
            _ => !self.http10 || says(b"keep-alive"),
        }
    }
}

/// What Transfer-Encoding says of the end.
enum Coded {
    Chunked,
    Otherwise,
    Faulty,
}

/// What the members of a list are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Of quoted strings, too.
    Strings,
    /// Of tokens: a quote that is not closed is an octet like any other.
    Tokens,
}

/// Commas part members, but not inside of quoted strings (RFC 9110 §5.6.1, §5.6.4); empty ones are none.
fn members(value: &[u8], of: Of) -> Vec<Vec<u8>> {
    let mut members = vec![Vec::new()];
    let mut at = 0;
    while at < value.len() {
        let quoted = (value[at] == b'"').then(|| closed(value, at));
        let end = match quoted {
            Some(Some(end)) => end + 1,
            Some(None) if of == Of::Strings => value.len(),
            Some(None) => {
                let behind = value[at..].split(|&b| b == b',').map(<[u8]>::to_vec);
                behind.enumerate().for_each(|(n, part)| match members.last_mut() {
                    Some(last) if n == 0 => last.extend(part),
                    _ => members.push(part),
                });
                break;
            }
            None if value[at] == b',' => {
                members.push(Vec::new());
                at += 1;
                continue;
            }
            None => at + 1,
        };
        members.last_mut().expect("there is one from the start").extend_from_slice(&value[at..end]);
        at = end;
    }
    let trimmed = members.iter().map(|member| member.trim_ascii().to_ascii_lowercase());
    trimmed.filter(|member| !member.is_empty()).collect()
}

/// Where the string ends that the quote here begins.
fn closed(value: &[u8], quote: usize) -> Option<usize> {
    let mut at = quote + 1;
    loop {
        match value.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Content, the trailers behind it, and how many octets they take.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Whole {
        content: Vec<u8>,
        trailers: usize,
        len: usize,
    },
    /// So much of it came.
    Partial(Vec<u8>),
    Broken,
}

/// Who reads. A server takes trailer sections by the letter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    Client,
    Server,
}

impl Reader {
    fn chunked(self, input: &[u8]) -> Slow<(Vec<u8>, Lines)> {
        match self {
            Self::Client => slow::chunked(input),
            Self::Server => slow::chunked_strictly(input),
        }
    }
}

impl Body {
    /// Reads the content behind a head. `fin`: that the stream ends in order behind the octets.
    pub(super) fn read(self, input: &[u8], fin: bool, by: Reader) -> Read {
        match self {
            Self::None => Read::Whole { content: Vec::new(), trailers: 0, len: 0 },
            Self::Length(length) => match usize::try_from(length).ok().and_then(|n| input.get(..n)) {
                Some(content) => Read::Whole { content: content.to_vec(), trailers: 0, len: content.len() },
                None => Read::Partial(input.to_vec()),
            },
            Self::Chunked => match by.chunked(input) {
                Slow::Sound((content, trailers), len) => {
                    Read::Whole { content, trailers: trailers.len(), len }
                }
                Slow::Incomplete => Read::Partial(slow::chunked_so_far(input)),
                Slow::Broken => Read::Broken,
            },
            Self::UntilClose if fin => Read::Whole { content: input.to_vec(), trailers: 0, len: input.len() },
            Self::UntilClose => Read::Partial(input.to_vec()),
            Self::Tunnel | Self::Faulty => Read::Broken,
        }
    }
}
