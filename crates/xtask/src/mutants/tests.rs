use std::fs;
use std::process::ExitStatus;

use super::soaked::{Found, found};
use super::*;
use crate::shell::root;

#[test]
fn every_mutant_still_applies() {
    for mutant in all() {
        let text = fs::read_to_string(root().join(mutant.file)).expect(mutant.file);
        let changed = applied(mutant, &text).unwrap_or_else(|e| panic!("{e}"));
        assert_ne!(changed, text, "{} changes nothing", mutant.name);
    }
}

#[test]
fn every_mutant_has_a_name_of_its_own() {
    let mut names: Vec<_> = all().map(|mutant| mutant.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_mutant_that_does_not_apply_is_an_error() {
    let mutant = MUTANTS[0];
    for text in ["", &mutant.find.repeat(2)] {
        assert!(applied(&mutant, text).is_err());
    }
}

#[test]
fn what_the_soak_has_found_is_read() {
    let printed = "failures: 1\n\nseed 17: nothing leaks: 2 connections: are left\n  replay: …\n";
    match found(ExitStatus::default(), printed) {
        Found::Broken { seed, invariant } => assert_eq!((&*seed, &*invariant), ("17", "nothing leaks")),
        Found::Nothing | Found::End(_) => panic!("a failure is there"),
    }
    assert!(matches!(found(ExitStatus::default(), "failures: 0\n"), Found::Nothing));
}
