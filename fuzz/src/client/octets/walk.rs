//! Responses as a slow reader finds them, one behind the other.

use std::fmt;

use crate::slow::{Lines, Slow, chunked, response};

/// A final response, with what the rules of RFC 9112 §6.3 and §9.3 say of it.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: Lines,
    /// As far as it was sent; `None` where that is not easily said.
    pub(super) content: Option<Vec<u8>>,
    /// All of it was sent.
    pub(super) is_whole: bool,
    /// It ends with the connection.
    pub(super) is_open_ended: bool,
    pub(super) may_be_reused: bool,
    /// Behind its last octet.
    pub(super) end: usize,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for (name, value) in &self.fields {
            write!(f, ", {}: {}", name.escape_ascii(), value.escape_ascii())?;
        }
        write!(f, ", whole: {}, to the end of the connection: {}", self.is_whole, self.is_open_ended)
    }
}

/// The responses to requests of these methods.
pub(super) fn walk(sent: &[u8], methods: &[&str]) -> Vec<Answer> {
    let (mut at, mut answers) = (0, Vec::new());
    for method in methods {
        let Some(answer) = next(sent, at, method) else { break };
        at = answer.end;
        let is_last = !answer.is_whole || answer.is_open_ended;
        answers.push(answer);
        if is_last {
            break;
        }
    }
    answers
}

fn next(sent: &[u8], mut at: usize, method: &str) -> Option<Answer> {
    let (minor, status, fields) = loop {
        let Slow::Sound((minor, status, _, fields), len) = response(&sent[at..]) else { return None };
        at += len;
        match status {
            100..=199 if status != 101 => {}
            _ => break (minor, status, fields),
        }
    };
    let rest = &sent[at..];
    let has = |name: &str| !words(&fields, name).is_empty();
    let codings = words(&fields, "transfer-encoding");
    // RFC 9112 §6.3 asks whether the field is there, whatever it says.
    let is_coded = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"transfer-encoding"));
    let is_chunked = codings == [b"chunked"];
    let persists = words(&fields, "connection");
    let persists =
        !persists.contains(&b"close".to_vec()) && (minor == 1 || persists.contains(&b"keep-alive".to_vec()));
    let (content, end, is_whole, is_open_ended) = if method == "HEAD" || matches!(status, 204 | 304) {
        (Some(Vec::new()), at, true, false)
    } else if is_chunked {
        match chunked(rest) {
            Slow::Sound((content, _), len) => (Some(content), at + len, true, false),
            _ => (None, sent.len(), false, false),
        }
    } else if is_coded {
        (None, sent.len(), false, true)
    } else if has("content-length") {
        let length = length(&words(&fields, "content-length"))?;
        let end = length.checked_add(at).filter(|end| *end <= sent.len());
        let content = sent[at..end.unwrap_or(sent.len())].to_vec();
        (Some(content), end.unwrap_or(sent.len()), end.is_some(), false)
    } else {
        (Some(rest.to_vec()), sent.len(), true, true)
    };
    let is_ambiguous = is_coded && (has("content-length") || minor == 0);
    let may_be_reused = persists && is_whole && !is_open_ended && !is_ambiguous;
    Some(Answer { status, fields, content, is_whole, is_open_ended, may_be_reused, end })
}

/// The elements of a list, in lower case.
fn words(fields: &Lines, name: &str) -> Vec<Vec<u8>> {
    let values = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
    let elements = values.flat_map(|(_, value)| value.split(|octet| *octet == b','));
    elements
        .map(|element| element.trim_ascii().to_ascii_lowercase())
        .filter(|element| !element.is_empty())
        .collect()
}

/// One number, however often.
fn length(elements: &[Vec<u8>]) -> Option<usize> {
    let first = elements.first()?;
    let is_number = first.iter().all(u8::is_ascii_digit) && elements.iter().all(|element| element == first);
    std::str::from_utf8(first).ok().filter(|_| is_number)?.parse().ok()
}
