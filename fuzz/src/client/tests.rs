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

#[test]
fn client_octets() {
    run_mutations("client_octets", crate::client_octets, &[], 10_000);
}

#[test]
fn responses_of_the_corpus_are_read_to_their_end() {
    let whole = |input: &Vec<u8>| super::octets::play(input, false).expect("no mistake is known");
    assert!(corpus("client_octets").iter().map(whole).sum::<usize>() >= 18);
}

#[test]
fn h2_octets() {
    run_mutations("h2_octets", crate::h2_octets, &[], 5_000);
}

#[test]
fn responses_of_the_corpus_of_http_2_are_read_to_their_end() {
    let whole = |input: &Vec<u8>| super::h2::play(input, false).expect("no mistake is known");
    assert!(corpus("h2_octets").iter().map(whole).sum::<usize>() >= 14);
}

#[test]
fn client_fields() {
    run_mutations("client_fields", crate::client_fields, &[], 10_000);
}

#[test]
fn fields_of_the_corpus_say_something() {
    assert!(corpus("client_fields").iter().filter(|input| super::fields::judge(input)).count() >= 13);
}
