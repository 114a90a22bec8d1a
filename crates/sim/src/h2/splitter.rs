//! One direction of a connection, cut into frames.

use bytes::{Bytes, BytesMut};

use super::frame::{HEAD, Head};

/// What a client sends first (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A longer frame is not waited for: nobody here allows it.
const LONGEST: usize = 1 << 20;

/// A piece that nothing may be put into.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// The preface, or what is no HTTP/2.
    Raw(Bytes),
    /// A whole frame.
    Frame(Head, Bytes),
}

/// Octets go in as they come, frames come out.
#[derive(Debug)]
pub(super) struct Splitter {
    rest: BytesMut,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Preface,
    Frames,
    /// It is no HTTP/2.
    Opaque,
}

impl Splitter {
    /// The direction of a client.
    pub(super) fn of_client() -> Self {
        Self { rest: BytesMut::new(), stage: Stage::Preface }
    }

    /// The direction of a server.
    pub(super) fn of_server() -> Self {
        Self { rest: BytesMut::new(), stage: Stage::Frames }
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        self.rest.extend_from_slice(octets);
    }

    /// `None` if more octets are wanted.
    pub(super) fn next(&mut self) -> Option<Unit> {
        if self.stage == Stage::Preface {
            let n = self.rest.len().min(PREFACE.len());
            if self.rest[..n] != PREFACE[..n] {
                self.stage = Stage::Opaque;
            } else if n < PREFACE.len() {
                return None;
            } else {
                self.stage = Stage::Frames;
                return Some(Unit::Raw(self.rest.split_to(n).freeze()));
            }
        }
        if self.stage == Stage::Frames {
            let head = Head::parse(&self.rest)?;
            if head.len <= LONGEST {
                let whole = HEAD + head.len;
                return (self.rest.len() >= whole)
                    .then(|| Unit::Frame(head, self.rest.split_to(whole).freeze()));
            }
            self.stage = Stage::Opaque;
        }
        (!self.rest.is_empty()).then(|| Unit::Raw(self.rest.split().freeze()))
    }

    /// The begun frame at the end of the direction.
    pub(super) fn take_rest(&mut self) -> Bytes {
        self.rest.split().freeze()
    }
}
