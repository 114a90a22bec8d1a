//! The only source of chance.

mod octets;

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::octets::Octets;

/// The only source of chance: a small generator of pseudo-random numbers, or octets that decide in its place.
///
/// From a seed it is SplitMix64 (Steele, Lea and Flood, 2014): the state is one 64-bit number to which a constant is added
/// at each draw; the output is a mix of it. All values of a seed are the same on every machine and in every version of
/// this crate that traces are compared between. It is not fit for cryptography.
///
/// [`from_octets`](Self::from_octets) is for fuzzers.
#[derive(Clone, Debug)]
pub struct Rng {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// The state of SplitMix64.
    Seed(u64),
    /// Of this generator, its forks and its clones together.
    Octets(Arc<Mutex<Octets>>),
}

impl Rng {
    /// A generator whose values follow from the seed alone.
    pub const fn new(seed: u64) -> Self {
        Self { source: Source::Seed(seed) }
    }

    /// A generator that draws from octets: the input of a fuzzer decides whatever chance decides otherwise.
    ///
    /// A draw takes as many octets as its bound needs, and none where there is no choice; a number below the bound stands
    /// for itself, so that one octet is one decision, which can be read and changed. When all are used up, a seed goes on
    /// that follows from them.
    ///
    /// Forks and clones draw from the same octets, each in its turn. What the first octets decide of a simulation is
    /// therefore its beginning, whatever follows them.
    ///
    /// ```
    /// use martlet_sim::Rng;
    ///
    /// let mut rng = Rng::from_octets(&[3, 42, 1, 0]);
    /// assert_eq!(rng.below(10), 3);
    /// assert_eq!(rng.fork().below(10), 2);
    /// assert_eq!(rng.below(1_000), 256);
    /// ```
    pub fn from_octets(octets: &[u8]) -> Self {
        Self { source: Source::Octets(Arc::new(Mutex::new(Octets::new(octets)))) }
    }

    /// 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        match &mut self.source {
            Source::Seed(state) => split_mix(state),
            Source::Octets(octets) => lock(octets).number(8),
        }
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        match &mut self.source {
            // The upper half of the product: its bias is below bound / 2^64.
            Source::Seed(state) => ((u128::from(split_mix(state)) * u128::from(bound)) >> 64) as u64,
            Source::Octets(octets) => lock(octets).below(bound),
        }
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
        match &self.source {
            // No octet is spent where there is no choice.
            Source::Octets(_) if percent == 0 || percent >= 100 => percent > 0,
            _ => self.below(100) < u64::from(percent),
        }
    }

    /// A generator of its own: what is drawn from it changes nothing here, unless both draw from octets.
    pub fn fork(&mut self) -> Self {
        match &self.source {
            Source::Seed(_) => Self::new(self.next_u64()),
            Source::Octets(octets) => Self { source: Source::Octets(Arc::clone(octets)) },
        }
    }

    /// A fork that takes none of the octets: for numbers that decide nothing.
    #[cfg(feature = "tls")]
    pub(crate) fn fork_apart(&mut self) -> Self {
        match &self.source {
            Source::Seed(_) => self.fork(),
            Source::Octets(_) => Self::new(0),
        }
    }
}

/// The next number of SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn lock(octets: &Mutex<Octets>) -> MutexGuard<'_, Octets> {
    octets.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
