//! The chunked transfer coding, received (RFC 9112 §7.1).

use std::ops::Range;

use crate::error::PeerError;
use crate::limits::Limits;
use crate::syntax::number::hex_digit;
use crate::syntax::token::is_text;

/// The place in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In front of the first digit of a size.
    Size,
    /// Behind a digit of a size.
    MoreSize,
    /// In the whitespace behind a size.
    AfterSize,
    /// In the extensions.
    Extension,
    /// Behind the CR of a size line.
    SizeEnd,
    /// In the data, so many octets before its end.
    Data(u64),
    /// In front of the CR behind the data.
    DataEnd,
    /// In front of the LF behind the data.
    DataEndLf,
    /// Behind the last chunk: a trailer section follows.
    Trailers,
}

/// Reads chunks octet by octet where it must and line by line where it can. Nothing is ever shown to it twice.
#[derive(Clone, Debug)]
pub(crate) struct ChunkReader {
    place: Place,
    size: u64,
    /// Octets of size lines beyond the sizes, in this message.
    extra: usize,
    /// Digits of the present size.
    digits: u8,
}

/// What the reader came upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChunkStep {
    /// Nothing but framing.
    NeedInput,
    /// Data, here in the input.
    Data(Range<usize>),
    /// The last chunk. What follows is the trailer section.
    Last,
}

impl ChunkReader {
    pub(crate) fn new() -> Self {
        Self { place: Place::Size, size: 0, extra: 0, digits: 0 }
    }

    /// Reads on. Returns the number of octets consumed and what was found at their end.
    pub(crate) fn recv(&mut self, input: &[u8], limits: &Limits) -> Result<(usize, ChunkStep), PeerError> {
        let mut at = 0_usize;
        loop {
            if let Place::Data(left) = self.place {
                let end = input.len().min(at.saturating_add(usize::try_from(left).unwrap_or(usize::MAX)));
                if end == at {
                    return Ok((at, ChunkStep::NeedInput));
                }
                self.handle_data((end - at) as u64);
                return Ok((end, ChunkStep::Data(at..end)));
            }
            if self.place == Place::Trailers {
                return Ok((at, ChunkStep::Last));
            }
            let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) else {
                return Ok((at, ChunkStep::NeedInput));
            };
            at += match self.whole_line(rest) {
                Some(len) => len,
                None => {
                    self.octet(rest[0], limits)?;
                    1
                }
            };
        }
    }

    /// Octets of data that come next, if any.
    pub(crate) fn data_left(&self) -> u64 {
        if let Place::Data(left) = self.place { left } else { 0 }
    }

    /// Octets of data have passed.
    pub(crate) fn handle_data(&mut self, len: u64) {
        if let Place::Data(left) = self.place {
            self.place = if len >= left { Place::DataEnd } else { Place::Data(left - len) };
        }
    }

    /// The common case: the line end behind the last data, a size without extension and its line end, all there.
    #[inline(always)]
    fn whole_line(&mut self, input: &[u8]) -> Option<usize> {
        let start = match (self.place, input) {
            (Place::Size, _) => 0,
            (Place::DataEnd, [b'\r', b'\n', ..]) => 2,
            _ => return None,
        };
        let line = &input[start..];
        let (mut size, mut digits) = (0_u64, 0);
        // Eight digits fit without a check for overflow.
        for digit in line.iter().take(8).map_while(|&b| hex_digit(b)) {
            size = size * 16 + u64::from(digit);
            digits += 1;
        }
        match line[digits..] {
            [b'\r', b'\n', ..] if digits > 0 => {
                self.size = size;
                self.begin_data();
                Some(start + digits + 2)
            }
            _ => None,
        }
    }

    fn octet(&mut self, b: u8, limits: &Limits) -> Result<(), PeerError> {
        match self.place {
            Place::Size | Place::MoreSize => match (hex_digit(b), b) {
                (Some(digit), _) => {
                    self.size = self
                        .size
                        .checked_mul(16)
                        .ok_or(PeerError::ChunkSizeOverflow)?
                        .saturating_add(u64::from(digit));
                    // Leading zeros are sound, but not without end.
                    if self.digits >= 16 {
                        self.count_extra(limits)?;
                    } else {
                        self.digits += 1;
                    }
                    self.place = Place::MoreSize;
                }
                (None, _) if self.place == Place::Size => return Err(PeerError::ChunkSize),
                (None, _) => self.after_size(b, limits)?,
            },
            Place::AfterSize => self.after_size(b, limits)?,
            // "A recipient MUST ignore unrecognized chunk extensions" (§7.1.1). A bare LF that ends the line for
            // one reader and not for another is how messages are smuggled, so it is refused.
            Place::Extension => match b {
                b'\r' => self.place = Place::SizeEnd,
                b if is_text(b) => self.count_extra(limits)?,
                _ => return Err(PeerError::ChunkExtension),
            },
            Place::SizeEnd if b == b'\n' => self.begin_data(),
            Place::SizeEnd => return Err(PeerError::ChunkSize),
            Place::DataEnd if b == b'\r' => self.place = Place::DataEndLf,
            Place::DataEndLf if b == b'\n' => self.place = Place::Size,
            Place::DataEnd | Place::DataEndLf => return Err(PeerError::ChunkEnd),
            Place::Data(_) | Place::Trailers => {}
        }
        Ok(())
    }

    fn after_size(&mut self, b: u8, limits: &Limits) -> Result<(), PeerError> {
        match b {
            b'\r' => self.place = Place::SizeEnd,
            b' ' | b'\t' => {
                self.place = Place::AfterSize;
                self.count_extra(limits)?;
            }
            b';' => {
                self.place = Place::Extension;
                self.count_extra(limits)?;
            }
            _ => return Err(PeerError::ChunkSize),
        }
        Ok(())
    }

    fn begin_data(&mut self) {
        self.place = if self.size == 0 { Place::Trailers } else { Place::Data(self.size) };
        self.size = 0;
        self.digits = 0;
    }

    fn count_extra(&mut self, limits: &Limits) -> Result<(), PeerError> {
        self.extra += 1;
        if self.extra > limits.max_chunk_extensions {
            return Err(PeerError::ChunkExtensionsTooLarge { limit: limits.max_chunk_extensions });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
