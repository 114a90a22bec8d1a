//! What tells content that has changed on its way.

use std::fmt;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Length and FNV-1a hash of content that comes in pieces, wherever they are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    length: u64,
    hash: u64,
}

impl Digest {
    /// That of no content.
    pub fn new() -> Self {
        Self { length: 0, hash: OFFSET }
    }

    /// Goes on with the next octets of the content.
    pub fn update(&mut self, octets: &[u8]) {
        self.length += octets.len() as u64;
        self.hash =
            octets.iter().fold(self.hash, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(PRIME));
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

/// `<length> <hash>`
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:016x}", self.length, self.hash)
    }
}
