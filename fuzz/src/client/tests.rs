//! Every body over its corpus, and over seeded mutations of it.

use crate::tests::run_mutations;

/// A run takes as long as hundreds of those of the core.
const MUTATIONS: usize = 1_000;

#[test]
fn client_sim() {
    run_mutations("client_sim", crate::client_sim, &[], MUTATIONS);
}
