//! Where a section of lines ends, found without looking at any octet twice.

/// How far a head or trailer section was looked through, so that a section that arrives in many small pieces
/// costs no more than one that arrives whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scan {
    /// Octets of empty lines in front of the start line.
    leading: usize,
    /// Everything before this was looked at and does not end the section.
    scanned: usize,
}

/// What a look at the input found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The section ends here: so many octets, the empty line included.
    End(usize),
    /// No end so far, and the limit is not reached.
    Partial,
    /// No end within the limit.
    TooLarge,
}

impl Scan {
    /// Looks for the empty line that ends a message head. Empty lines before the start line are passed over, as
    /// RFC 9112 §2.2 asks of a server.
    pub(crate) fn head(&mut self, input: &[u8], limit: usize) -> Found {
        while let Some(b'\r' | b'\n') = input.get(self.leading) {
            self.leading += 1;
        }
        self.scanned = self.scanned.max(self.leading);
        self.end_of_lines(input, limit)
    }

    /// Looks for the empty line that ends a trailer section, which may be its first.
    pub(crate) fn trailers(&mut self, input: &[u8], limit: usize) -> Found {
        match input {
            [b'\n', ..] => return Found::End(1),
            [b'\r', b'\n', ..] => return Found::End(2),
            _ => {}
        }
        // No trailers at all take two octets.
        self.end_of_lines(input, limit.max(2))
    }

    /// The input without the empty lines that were passed over.
    pub(crate) fn start_line<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(self.leading..).unwrap_or_default()
    }

    /// Whether nothing was looked at so far.
    pub(crate) fn is_fresh(&self) -> bool {
        self.leading == 0 && self.scanned == 0
    }

    fn end_of_lines(&mut self, input: &[u8], limit: usize) -> Found {
        let within = &input[..input.len().min(limit)];
        while let Some(rest) = within.get(self.scanned..) {
            let Some(line_end) = rest.iter().position(|&b| b == b'\n') else {
                self.scanned = within.len();
                break;
            };
            match rest[line_end + 1..] {
                [b'\n', ..] => return Found::End(self.scanned + line_end + 2),
                [b'\r', b'\n', ..] => return Found::End(self.scanned + line_end + 3),
                [] | [b'\r'] => {
                    self.scanned += line_end;
                    break;
                }
                _ => self.scanned += line_end + 1,
            }
        }
        if input.len() >= limit { Found::TooLarge } else { Found::Partial }
    }
}

#[cfg(test)]
mod tests;
