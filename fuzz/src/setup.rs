//! What the first octets of an input choose, in front of the octets of the peer.

use martlet_core::{Ending, Limits};

/// Octets in front of the peer's.
pub(crate) const LEN: usize = 12;

/// A connection and what happens to it, as twelve octets choose it. All of them zero: one exchange of the first kind,
/// the default limits, and an end in order.
pub(crate) struct Setup {
    kinds: [u8; 3],
    /// Whether other exchanges follow on the connection.
    pub(crate) goes_on: bool,
    pub(crate) end: Option<Ending>,
    pub(crate) limits: Limits,
    /// Lengths of pieces; empty where none was chosen.
    pub(crate) cuts: Vec<usize>,
}

impl Setup {
    /// Cuts the setup off an input that is long enough.
    ///
    /// | octet | chooses |
    /// |---|---|
    /// | 0 | the kinds of the first exchange (bits 0 to 2) and of the second (3 to 5) |
    /// | 1 | the end of the stream (bits 0 and 1: FIN, reset, none), whether exchanges follow (2), the third kind (3 to 5) |
    /// | 2 to 5 | lengths of pieces |
    /// | 6 to 11 | the limits, in the order of their fields; zero is the default |
    pub(crate) fn split(data: &[u8]) -> Option<(Self, &[u8])> {
        let (&[first, second, c0, c1, c2, c3, head, fields, interim, extensions, trailer, trailers], input) =
            data.split_first_chunk::<LEN>()?;
        let mut limits = Limits::default();
        let small = |limit: &mut usize, chosen: u8, step: usize| {
            if chosen > 0 {
                *limit = usize::from(chosen - 1) * step;
            }
        };
        small(&mut limits.max_head_size, head, 8);
        small(&mut limits.max_fields, fields, 1);
        small(&mut limits.max_interim, interim, 1);
        small(&mut limits.max_chunk_extensions, extensions, 1);
        small(&mut limits.max_trailer_size, trailer, 1);
        small(&mut limits.max_trailers, trailers, 1);
        let end = match second & 3 {
            0 => Some(Ending::Fin),
            1 => Some(Ending::Reset),
            _ => None,
        };
        let cuts = [c0, c1, c2, c3];
        let cuts = if cuts == [0; 4] { Vec::new() } else { cuts.map(usize::from).to_vec() };
        let kinds = [first & 7, first >> 3 & 7, second >> 3 & 7];
        Some((Self { kinds, goes_on: second & 4 != 0, end, limits, cuts }, input))
    }

    /// The kind of an exchange, one of eight.
    pub(crate) fn kind(&self, exchange: usize) -> u8 {
        self.kinds[exchange % self.kinds.len()]
    }
}
