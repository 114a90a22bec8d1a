//! The house rules that a compiler does not know, checked over the texts of the tree.
//!
//! [`check`] is a pure function of file texts: [`Tree::read`] loads the real ones, a test may build its own.
//! The checker reads tokens, not types: what hides behind a macro or an alias is left to the `clippy.toml` of
//! each crate, which knows the types.

mod bans;
mod crates;
mod layers;
mod manifest;
mod paths;
mod sizes;
mod tokens;
mod tree;

#[cfg(test)]
mod tests;

use std::fmt;

pub use self::tree::{Tree, TreeFile};

/// Checks every rule over `tree` and returns what breaks one, in the order of files and lines.
///
/// An empty answer means that the tree keeps the rules; a tree without a single core source breaks
/// [`Rule::NothingToCheck`], so that a wrong path can never pass as a clean tree.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    if !tree.files().iter().any(|file| layers::is_core_source(&file.path)) {
        found.push(Violation::new(
            layers::CORE_SOURCES,
            1,
            Rule::NothingToCheck,
            "no source of the core was found",
        ));
    }
    layers::check(tree, &mut found);
    bans::check(tree, &mut found);
    sizes::check(tree, &mut found);
    crates::check(tree, &mut found);
    found.sort();
    found.dedup();
    found
}

/// A house rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// Inside the core a module imports only from modules below its own.
    ArrowUp,
    /// Modules of one layer of the core never import each other.
    Sibling,
    /// Every module of the core has a place in the order of layers, and every import names one.
    Unplaced,
    /// The core has no IO, clock, thread, entropy, async or `unsafe`, and prints nothing.
    Banned,
    /// A source file has at most 500 lines without its tests.
    FileTooLong,
    /// An adapter has at most 250 lines of code in all: without tests, comments and blank lines.
    AdapterTooLong,
    /// Every crate forbids `unsafe` at its root.
    MissingForbid,
    /// A crate depends only on crates below it, and no crate on `tests`, `fuzz` or `xtask`.
    CrateArrow,
    /// The tree that was given holds nothing to judge.
    NothingToCheck,
}

impl Rule {
    /// The name under which the rule is reported.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ArrowUp => "arrow-up",
            Self::Sibling => "sibling",
            Self::Unplaced => "unplaced",
            Self::Banned => "banned",
            Self::FileTooLong => "file-too-long",
            Self::AdapterTooLong => "adapter-too-long",
            Self::MissingForbid => "missing-forbid",
            Self::CrateArrow => "crate-arrow",
            Self::NothingToCheck => "nothing-to-check",
        }
    }
}

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The path of the file from the root of the repository, with `/`.
    pub file: String,
    /// The line, from 1; 1 also for what concerns the file as a whole.
    pub line: usize,
    /// The rule that is broken.
    pub rule: Rule,
    /// What was found there, one clause.
    pub what: String,
}

impl Violation {
    fn new(file: &str, line: usize, rule: Rule, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, rule, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule.name(), self.what)
    }
}
