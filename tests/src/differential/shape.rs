//! What a message looks like to an eye that does not parse it.

use super::message::Message;

/// The values of all lines that begin with this name and a colon, with the whitespace around them.
///
/// Lines are looked for everywhere, also in the content: this only says what kind of message it is.
pub(super) fn values<'a>(message: &'a Message, name: &str) -> Vec<&'a [u8]> {
    let lines = message.octets.split(|&b| b == b'\n');
    let value = |line: &'a [u8]| {
        let (start, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":")?;
        start.eq_ignore_ascii_case(name.as_bytes()).then(|| value.strip_suffix(b"\r").unwrap_or(value))
    };
    lines.filter_map(value).collect()
}

/// Whether a line of this name has a tab among the whitespace behind its value.
pub(super) fn has_tab_behind(message: &Message, name: &str) -> bool {
    values(message, name).iter().any(|value| {
        let mut behind = value.iter().rev().take_while(|b| matches!(b, b' ' | b'\t'));
        behind.any(|b| *b == b'\t')
    })
}

pub(super) fn trimmed(value: &[u8]) -> &[u8] {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t');
    let start = value.iter().position(|b| !is_space(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !is_space(b)).map_or(start, |last| last + 1);
    &value[start..end]
}

pub(super) fn has(message: &Message, what: &[u8]) -> bool {
    message.octets.windows(what.len()).any(|w| w == what)
}

pub(super) fn has_lone_lf(message: &Message) -> bool {
    message.octets.first() == Some(&b'\n')
        || message.octets.windows(2).any(|w| w[0] != b'\r' && w[1] == b'\n')
}

pub(super) fn has_lone_cr(message: &Message) -> bool {
    message.octets.windows(2).any(|w| w[0] == b'\r' && w[1] != b'\n')
}

/// A CR that ends no line, among the line ends where a start line is due.
pub(super) fn has_leading_cr(message: &Message) -> bool {
    let octets = &message.octets;
    let behind_empty_lines = |i: &usize| {
        let before = &octets[..*i];
        before.ends_with(b"\n\r\n") || before.ends_with(b"\n\n")
    };
    let starts = std::iter::once(0).chain((1..octets.len()).filter(behind_empty_lines));
    starts.map(|start| &octets[start..]).any(|rest| {
        let line_ends = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let with_next = &rest[..rest.len().min(line_ends + 1)];
        with_next.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n')
    })
}

/// A line that begins with hexadecimal digits and whitespace behind them.
pub(super) fn has_padded_size(message: &Message) -> bool {
    message.octets.split(|&b| b == b'\n').any(|line| {
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        digits > 0 && matches!(line.get(digits), Some(b' ' | b'\t'))
    })
}

/// A line that begins with whitespace.
pub(super) fn has_fold(message: &Message) -> bool {
    has(message, b"\n ") || has(message, b"\n\t")
}

/// A line end where a start line is due: in front of everything, or behind an empty line.
pub(super) fn has_leading_line(message: &Message) -> bool {
    matches!(message.octets.first(), Some(b'\r' | b'\n')) || {
        let text: Vec<u8> = message.octets.iter().copied().filter(|b| *b != b'\r').collect();
        text.windows(3).any(|w| w == b"\n\n\n") || text.windows(2).any(|w| w == b"\n\n")
    }
}

/// Whether the values are one number, written several times, perhaps with empty elements between.
pub(super) fn is_list_of_one_number(values: &[&[u8]]) -> bool {
    let elements = values.iter().flat_map(|value| value.split(|b| *b == b',')).map(trimmed);
    let mut numbers = elements.filter(|element| !element.is_empty()).map(without_zeros);
    let Some(Some(first)) = numbers.next() else { return false };
    let several = values.len() > 1 || values.iter().any(|value| value.contains(&b','));
    several && numbers.all(|number| number == Some(first))
}

fn without_zeros(number: &[u8]) -> Option<&[u8]> {
    let start = number.iter().position(|b| *b != b'0').unwrap_or(number.len());
    number.iter().all(u8::is_ascii_digit).then(|| &number[start..])
}

/// Whether the value is a number that everybody can read.
pub(super) fn is_plain_number(value: &[u8]) -> bool {
    (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
}

/// "… MUST replace each received obs-fold with one or more SP" (RFC 9112 §5.2): how many is everybody's own choice.
pub(super) fn unfolded(value: &[u8]) -> Vec<u8> {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let words = value.split(is_space).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}
