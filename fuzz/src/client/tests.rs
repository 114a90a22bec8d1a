//! Inputs of the corpora get past the first checks of their bodies.

use crate::tests::committed;

#[test]
fn urls_of_the_corpus_are_taken() {
    assert!(committed("url").iter().filter(|input| super::url::judge(input)).count() >= 10);
}

#[test]
fn responses_of_the_corpus_are_read_to_their_end() {
    let whole = |input: &Vec<u8>| super::octets::play(input, false).expect("no mistake is known");
    assert!(committed("client_octets").iter().map(whole).sum::<usize>() >= 18);
}

#[test]
fn responses_of_the_corpus_of_http_2_are_read_to_their_end() {
    let whole = |input: &Vec<u8>| super::h2::play(input, false).expect("no mistake is known");
    assert!(committed("h2_octets").iter().map(whole).sum::<usize>() >= 14);
}

#[test]
fn fields_of_the_corpus_say_something() {
    assert!(committed("client_fields").iter().filter(|input| super::fields::judge(input)).count() >= 13);
}
