//! The receiving half: what a head told, and the body behind it. Both roles use it.

use crate::error::{Closed, Ending, Error, PeerError};
use crate::framing::body::{BodyReader, BodyStep};
use crate::framing::decide::{Framing, FramingFields};
use crate::framing::trailers::TrailerLines;
use crate::h1::persistence::ConnectionOptions;
use crate::limits::Limits;
use crate::syntax::scan::{Found, Scan};
use crate::syntax::start_line::Note;

/// Where the reader is in its message, and how the stream ended.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    scan: Scan,
    body: BodyReader,
    ended: Option<Ending>,
}

/// What the field lines of a head said, noted while they were parsed.
#[derive(Debug, Default)]
pub(crate) struct HeadNotes {
    pub(crate) framing: FramingFields,
    pub(crate) connection: ConnectionOptions,
    /// The number of Upgrade lines.
    pub(crate) upgrades: usize,
    /// The number of Host lines.
    pub(crate) hosts: usize,
    pub(crate) expects_continue: bool,
}

impl Note for HeadNotes {
    #[inline]
    fn note(&mut self, name: &[u8], value: &[u8]) {
        // Length and last letter tell most names apart.
        match (name.len(), name.last().map(u8::to_ascii_lowercase)) {
            (14, Some(b'h')) | (17, Some(b'g')) => self.framing.note(name, value),
            (10, Some(b'n')) if name.eq_ignore_ascii_case(b"connection") => self.connection.note(value),
            (7, Some(b'e')) if name.eq_ignore_ascii_case(b"upgrade") => self.upgrades += 1,
            (4, Some(b't')) if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            (6, Some(b't')) if name.eq_ignore_ascii_case(b"expect") => {
                self.expects_continue |= crate::h1::continue_::is_expectation(value);
            }
            _ => {}
        }
    }
}

/// A head that was parsed, and its length.
pub(crate) trait Spans {
    fn len(&self) -> usize;
}

impl Spans for crate::syntax::HeadSpans {
    fn len(&self) -> usize {
        self.len
    }
}

impl Spans for crate::syntax::RequestSpans {
    fn len(&self) -> usize {
        self.len
    }
}

impl Reader {
    pub(crate) fn new() -> Self {
        let body = BodyReader::new(Framing::None, TrailerLines::Strict);
        Self { scan: Scan::default(), body, ended: None }
    }

    /// Reads a head with `parse` once it is complete. Until then `check_start` looks at its first octets.
    ///
    /// A head that has come whole is parsed at the first look. One that has not is looked through for its end,
    /// each octet once, and parsed when the end is there; so the outcome does not depend on how it was cut.
    pub(crate) fn head<S: Spans>(
        &mut self,
        input: &[u8],
        limits: &Limits,
        check_start: impl FnOnce(&[u8]) -> Result<(), PeerError>,
        mut parse: impl FnMut(&[u8], &mut HeadNotes) -> Result<Option<S>, PeerError>,
    ) -> Result<Option<(S, HeadNotes)>, PeerError> {
        let too_large = PeerError::HeadTooLarge { limit: limits.max_head_size };
        let mut notes = HeadNotes::default();
        let mut at_first_look = None;
        if self.scan.is_fresh() {
            match parse(input, &mut notes) {
                Ok(Some(head)) if head.len() > limits.max_head_size => return Err(too_large),
                Ok(Some(head)) => return Ok(Some((head, notes))),
                Ok(None) => {}
                // What is wrong with an incomplete head is said when it is complete.
                Err(e) => at_first_look = Some(e),
            }
        }
        let found = self.scan.head(input, limits.max_head_size);
        if matches!(found, Found::Partial | Found::TooLarge) {
            check_start(self.scan.start_line(&input[..input.len().min(limits.max_head_size)]))?;
        }
        match (found, at_first_look) {
            (Found::Partial, _) => Ok(None),
            (Found::TooLarge, _) => Err(too_large),
            (Found::End(_), Some(e)) => Err(e),
            (Found::End(end), None) => {
                notes = HeadNotes::default();
                match parse(&input[..end], &mut notes)? {
                    Some(head) => {
                        self.scan = Scan::default();
                        Ok(Some((head, notes)))
                    }
                    // The empty line is there, so a head that is still not complete never will be.
                    None => Err(PeerError::LineEnd),
                }
            }
        }
    }

    /// A body begins behind the head.
    pub(crate) fn begin_body(&mut self, framing: Framing, trailers: TrailerLines) {
        self.body = BodyReader::new(framing, trailers);
    }

    /// Reads the body on. Where more input is wanted and none will come, that is the error, or the end.
    #[inline]
    pub(crate) fn body(&mut self, input: &[u8], limits: &Limits) -> Result<(usize, BodyStep), Error> {
        let (consumed, step) = self.body.recv(input, limits)?;
        match (step, self.ended) {
            (BodyStep::NeedInput, Some(Ending::Fin)) if self.body.ends_with_connection() => {
                Ok((consumed, BodyStep::End))
            }
            (BodyStep::NeedInput, Some(by)) => {
                let (expected, received) = self.body.progress();
                Err(Closed::InContent { expected, received, by }.into())
            }
            (step, _) => Ok((consumed, step)),
        }
    }

    /// So many octets of content may pass by without being shown.
    pub(crate) fn passthrough(&self) -> u64 {
        self.body.data_left()
    }

    pub(crate) fn handle_passthrough(&mut self, len: u64) {
        self.body.handle_data(len);
    }

    /// The declared octets of content that are still to come.
    pub(crate) fn content_left(&self) -> Option<u64> {
        self.body.left()
    }

    /// The stream has ended behind what was shown so far. A reset overrides an end in order.
    pub(crate) fn handle_end(&mut self, by: Ending) {
        if self.ended != Some(Ending::Reset) {
            self.ended = Some(by);
        }
    }

    pub(crate) fn ended(&self) -> Option<Ending> {
        self.ended
    }
}
