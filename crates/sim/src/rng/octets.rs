//! Octets in the place of a generator.

use super::split_mix;

/// Octets that decide while they last, and a seed that goes on behind them.
#[derive(Debug)]
pub(super) struct Octets {
    octets: Box<[u8]>,
    /// How many were drawn.
    drawn: usize,
    /// Of the generator behind the last octet.
    state: u64,
}

impl Octets {
    pub(super) fn new(octets: &[u8]) -> Self {
        // FNV-1a (Fowler, Noll and Vo).
        let state = octets.iter().fold(0xcbf2_9ce4_8422_2325, |state: u64, octet| {
            (state ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3)
        });
        Self { octets: octets.into(), drawn: 0, state }
    }

    /// The number that so many octets are, the first of them the highest.
    pub(super) fn number(&mut self, octets: u32) -> u64 {
        (0..octets).fold(0, |number, _| number << 8 | u64::from(self.octet()))
    }

    /// By as few octets as there can be numbers. A number below the bound is itself.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let highest = bound.saturating_sub(1);
        let octets = (u64::BITS - highest.leading_zeros()).div_ceil(8);
        if octets == 0 { 0 } else { self.number(octets) % bound }
    }

    fn octet(&mut self) -> u8 {
        match self.octets.get(self.drawn) {
            Some(octet) => {
                self.drawn += 1;
                *octet
            }
            None => (split_mix(&mut self.state) >> 56) as u8,
        }
    }
}
