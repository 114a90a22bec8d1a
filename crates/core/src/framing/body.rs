//! A message body, received under any framing.

use std::ops::Range;

use crate::error::PeerError;
use crate::framing::chunk_read::{ChunkReader, ChunkStep};
use crate::framing::decide::Framing;
use crate::framing::trailers::{TrailerLines, TrailerReader};
use crate::limits::Limits;
use crate::syntax::fields::FieldSpans;

/// The place in a message body.
#[derive(Clone, Debug)]
pub(crate) struct BodyReader {
    place: Place,
    /// The length that was declared, if one was.
    expected: Option<u64>,
    /// Octets of content so far.
    received: u64,
    trailer_lines: TrailerLines,
}

#[derive(Clone, Debug)]
enum Place {
    Length { left: u64 },
    Chunks(ChunkReader),
    Trailers(TrailerReader),
    UntilClose,
    End,
}

/// What the reader came upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyStep {
    NeedInput,
    /// Content, here in the input.
    Data(Range<usize>),
    /// Trailers; the octets consumed are their section.
    Trailers(FieldSpans),
    /// The end of the body.
    End,
}

impl BodyReader {
    pub(crate) fn new(framing: Framing, trailer_lines: TrailerLines) -> Self {
        let (place, expected) = match framing {
            Framing::None | Framing::Length(0) => (Place::End, Some(0)),
            Framing::Length(length) => (Place::Length { left: length }, Some(length)),
            Framing::Chunked => (Place::Chunks(ChunkReader::new()), None),
            Framing::UntilClose => (Place::UntilClose, None),
        };
        Self { place, expected, received: 0, trailer_lines }
    }

    /// Reads on. Returns the number of octets consumed and what was found.
    #[inline]
    pub(crate) fn recv(&mut self, input: &[u8], limits: &Limits) -> Result<(usize, BodyStep), PeerError> {
        let mut consumed = 0;
        if let Place::Chunks(chunks) = &mut self.place {
            let (n, step) = chunks.recv(input, limits)?;
            match step {
                ChunkStep::NeedInput => return Ok((n, BodyStep::NeedInput)),
                ChunkStep::Data(range) => {
                    self.received += range.len() as u64;
                    return Ok((n, BodyStep::Data(range)));
                }
                ChunkStep::Last => {
                    consumed = n;
                    self.place = Place::Trailers(TrailerReader::new(self.trailer_lines));
                }
            }
        }
        match &mut self.place {
            Place::Trailers(trailers) => {
                let section = &input[consumed..];
                match trailers.recv(section, limits)? {
                    None => Ok((consumed, BodyStep::NeedInput)),
                    Some((n, fields)) if fields.is_empty() => {
                        self.place = Place::End;
                        Ok((consumed + n, BodyStep::End))
                    }
                    Some((n, mut fields)) => {
                        fields.move_up(consumed);
                        self.place = Place::End;
                        Ok((consumed + n, BodyStep::Trailers(fields)))
                    }
                }
            }
            Place::End => Ok((0, BodyStep::End)),
            Place::Chunks(_) | Place::Length { .. } | Place::UntilClose if input.is_empty() => {
                Ok((0, BodyStep::NeedInput))
            }
            Place::Length { .. } | Place::UntilClose => {
                let n = usize::try_from(self.data_left()).unwrap_or(usize::MAX).min(input.len());
                self.handle_data(n as u64);
                Ok((n, BodyStep::Data(0..n)))
            }
            Place::Chunks(_) => Ok((0, BodyStep::NeedInput)),
        }
    }

    /// So many octets of content come next without framing between them.
    pub(crate) fn data_left(&self) -> u64 {
        match &self.place {
            Place::Length { left } => *left,
            Place::Chunks(chunks) => chunks.data_left(),
            Place::UntilClose => u64::MAX,
            Place::Trailers(_) | Place::End => 0,
        }
    }

    /// Octets of content have passed.
    pub(crate) fn handle_data(&mut self, len: u64) {
        self.received = self.received.saturating_add(len);
        match &mut self.place {
            Place::Length { left } => {
                *left = left.saturating_sub(len);
                if *left == 0 {
                    self.place = Place::End;
                }
            }
            Place::Chunks(chunks) => chunks.handle_data(len),
            Place::UntilClose | Place::Trailers(_) | Place::End => {}
        }
    }

    /// Whether the end of the connection ends the body in order.
    pub(crate) fn ends_with_connection(&self) -> bool {
        matches!(self.place, Place::UntilClose)
    }

    /// Whether the length of what is left is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self.place {
            Place::Length { left } => Some(left),
            Place::End => Some(0),
            Place::Chunks(_) | Place::Trailers(_) | Place::UntilClose => None,
        }
    }

    /// The declared length and the octets of content so far.
    pub(crate) fn progress(&self) -> (Option<u64>, u64) {
        (self.expected, self.received)
    }
}
