//! The chunked transfer coding, sent (RFC 9112 §7.1).

use crate::syntax::number::write_hex_before;

/// The end of a chunk.
pub(crate) const CHUNK_END: &[u8] = b"\r\n";
/// The end of a chunk and the last chunk, without trailers.
pub(crate) const CHUNK_END_AND_LAST: &[u8] = b"\r\n0\r\n\r\n";
/// The last chunk, without trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A chunk-size line, written in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SizeLine {
    octets: [u8; 18],
    start: u8,
}

impl SizeLine {
    /// Nothing to send.
    pub(crate) const fn empty() -> Self {
        Self { octets: [0; 18], start: 18 }
    }

    pub(crate) fn new(size: u64) -> Self {
        let mut octets = [0; 18];
        octets[16..].copy_from_slice(b"\r\n");
        let start = write_hex_before(&mut octets, 16, size) as u8;
        Self { octets, start }
    }

    /// What is left of it.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.octets[usize::from(self.start)..]
    }

    pub(crate) fn advance(&mut self, n: usize) {
        self.start = (usize::from(self.start) + n).min(18) as u8;
    }
}
