//! What was sent and what was seen, beside the machines.

/// One content, sent and seen.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) sent: Vec<u8>,
    pub(super) seen: Vec<u8>,
    pub(super) sent_end: bool,
    pub(super) seen_end: bool,
    /// The length that was announced.
    pub(super) declared: Option<u64>,
    /// Whoever closes the connection ends such content, so its end says little.
    pub(super) ends_with_connection: bool,
    pub(super) sent_trailers: bool,
    pub(super) seen_trailers: bool,
}

impl Content {
    pub(super) fn sends(&mut self, octets: &[u8], end: bool) {
        self.sent.extend_from_slice(octets);
        self.sent_end |= end;
    }

    pub(super) fn sends_trailers(&mut self) {
        (self.sent_trailers, self.sent_end) = (true, true);
    }

    pub(super) fn sees(&mut self, octets: &[u8]) {
        assert!(!self.seen_end && !self.seen_trailers, "content behind its end");
        self.seen.extend_from_slice(octets);
    }

    pub(super) fn sees_trailers(&mut self) {
        assert!(self.sent_trailers && !self.seen_trailers, "trailers that nobody sent");
        self.seen_trailers = true;
    }

    pub(super) fn sees_end(&mut self) {
        assert!(!self.seen_end, "a second end");
        self.seen_end = true;
    }

    pub(super) fn check(&self) {
        assert!(self.sent.starts_with(&self.seen), "seen is not what was sent");
        if self.seen_end && !self.ends_with_connection {
            // A declared length ends with its last octet, before the application says so.
            let whole = self.declared == Some(self.sent.len() as u64);
            assert!(self.sent_end || whole, "an end that nobody sent");
            assert_eq!(self.sent, self.seen, "an end before the end");
            assert_eq!(self.sent_trailers, self.seen_trailers, "trailers were lost");
        }
    }
}

/// A request as it was sent.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) http10: bool,
    pub(super) content: Content,
}

/// A response as it was sent.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Whether the connection goes over to another protocol with it.
    pub(super) switches: bool,
    pub(super) content: Content,
}

/// Whether one end may use the connection again, by what it has said, heard and been told of the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closing {
    #[default]
    No,
    /// It depends on what exactly was under way.
    Maybe,
    Yes,
}

impl Closing {
    pub(super) fn note(&mut self, other: Self) {
        *self = (*self).max(other);
    }
}

/// One direction of the link.
#[derive(Default)]
pub(super) struct Link {
    pub(super) octets: Vec<u8>,
    pub(super) closed: bool,
}

impl Link {
    pub(super) fn takes(&mut self, octets: Vec<u8>) {
        if !self.closed {
            self.octets.extend(octets);
        }
    }

    pub(super) fn gives(&mut self, n: u8) -> Vec<u8> {
        let n = usize::from(n).min(self.octets.len());
        self.octets.drain(..n).collect()
    }

    /// It ends; so many octets that are under way never arrive.
    pub(super) fn ends(&mut self, lost: u8) -> Vec<u8> {
        self.closed = true;
        let left = self.octets.len().saturating_sub(lost.into());
        self.octets.truncate(left);
        std::mem::take(&mut self.octets)
    }
}
