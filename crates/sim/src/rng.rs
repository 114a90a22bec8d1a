//! The only source of chance.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A small generator of pseudo-random numbers: SplitMix64 (Steele, Lea and Flood, 2014).
///
/// The state is one 64-bit number to which a constant is added at each draw; the output is a mix of it. All values of a
/// seed are the same on every machine and in every version of this crate that traces are compared between. It is not fit
/// for cryptography.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A generator whose values follow from the seed alone.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The upper half of the product: its bias is below bound / 2^64.
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of the range; its start where the range is empty.
    pub fn within(&mut self, range: &RangeInclusive<usize>) -> usize {
        let span = range.end().saturating_sub(*range.start()) as u64;
        range.start() + self.below(span.saturating_add(1)) as usize
    }

    /// A number of the range, where those near its start are as likely as all above them together, and so on: what breaks
    /// things are one octet, two and three, not a thousand and three.
    pub fn skewed(&mut self, range: &RangeInclusive<usize>) -> usize {
        let span = range.end().saturating_sub(*range.start()) as u64;
        let magnitude = self.below(u64::from(u64::BITS - span.leading_zeros()) + 1);
        let most = 1_u64.checked_shl(magnitude as u32).map_or(span, |bound| span.min(bound - 1));
        range.start() + self.below(most.saturating_add(1)) as usize
    }

    /// A span of time of the range, in whole microseconds above its start.
    pub fn span(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let micros = range.end().saturating_sub(*range.start()).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX - 1);
        range.start().saturating_add(Duration::from_micros(self.below(micros.saturating_add(1))))
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    /// A generator of its own: what is drawn from it changes nothing here.
    pub fn fork(&mut self) -> Self {
        Self::new(self.next_u64())
    }
}

#[cfg(test)]
mod tests;
