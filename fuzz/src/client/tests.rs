//! Every body over its corpus, and over seeded mutations of it.

use crate::tests::{corpus, run_mutations};

/// A run takes as long as hundreds of those of the core.
const MUTATIONS: usize = 1_000;

#[test]
fn client_sim() {
    run_mutations("client_sim", crate::client_sim, &[], MUTATIONS);
}

#[test]
fn url() {
    run_mutations("url", crate::url, &[], 20_000);
}

#[test]
fn urls_of_the_corpus_are_taken() {
    assert!(corpus("url").iter().filter(|input| super::url::judge(input)).count() >= 10);
}
