//! Comma-separated lists (RFC 9110 §5.6.1).

use crate::syntax::token::trim;

/// The elements of a list, without the whitespace around them.
///
/// "A recipient MUST parse and ignore a reasonable number of empty list elements" (RFC 9110 §5.6.1.2). A comma
/// inside a quoted string is no separator.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
    tokens: bool,
}

/// Splits the value of one field line.
pub(crate) fn elements(value: &[u8]) -> Elements<'_> {
    Elements { rest: value, tokens: false }
}

/// Splits the value of a line whose elements are tokens, so that a quote has no place in it: one that is never closed
/// does not hide the elements behind it.
pub(crate) fn tokens(value: &[u8]) -> Elements<'_> {
    Elements { rest: value, tokens: true }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = end_of_element(self.rest, self.tokens);
            let element = trim(&self.rest[..end]);
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

fn end_of_element(octets: &[u8], tokens: bool) -> usize {
    let mut quotes = Quotes::default();
    // The first comma behind the quote that is open.
    let mut comma = None;
    for (i, &b) in octets.iter().enumerate() {
        let was_open = quotes.open;
        quotes.pass(b);
        match b {
            b',' if !quotes.open => return i,
            b',' => comma = comma.or(Some(i)),
            // One that is escaped neither opens nor closes.
            b'"' if quotes.open != was_open => comma = None,
            _ => {}
        }
    }
    comma.filter(|_| tokens && quotes.open).unwrap_or(octets.len())
}

/// Whether a quoted string in the value is never closed.
pub(crate) fn has_open_quote(value: &[u8]) -> bool {
    let mut quotes = Quotes::default();
    value.iter().for_each(|&b| quotes.pass(b));
    quotes.open
}

/// Whether the octets that have passed end inside a quoted string (RFC 9110 §5.6.4).
#[derive(Debug, Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn pass(&mut self, b: u8) {
        match b {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = self.open,
            b'"' => self.open = !self.open,
            _ => {}
        }
    }
}

/// Whether the list holds this token, in any case.
pub(crate) fn contains(value: &[u8], token: &str) -> bool {
    elements(value).any(|e| e.eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests;
