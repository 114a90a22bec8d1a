//! A run that octets decide.

use super::run::World;
use super::seeds::{Verdict, verdict};

/// Runs what the octets say, and judges it as a run from a seed. The same octets do the same each time.
///
/// They decide who asks for what and when, who gives up, what servers, network and machine do, and which task runs next:
/// first the settings of all, then everything in the order in which it happens. It is a smaller run than that of a seed,
/// of twelve requests at most.
#[must_use]
pub fn run_octets(octets: &[u8], has_trace: bool) -> Verdict {
    verdict(World::of_octets(octets, has_trace))
}
