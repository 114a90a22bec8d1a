//! How long a file and an adapter may be.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rule, Tree, Violation, tokens::tokens};

/// Lines of one source file, without its tests.
const FILE_LINES: usize = 500;

/// Lines of code of all sources of one adapter together: without tests, comments and blank lines.
const ADAPTER_LINES: usize = 250;

const ADAPTERS: [&str; 3] = ["crates/async-std/src/", "crates/smol/src/", "crates/tokio/src/"];

pub(super) fn check(tree: &Tree, found: &mut Vec<Violation>) {
    let mut adapters: BTreeMap<&str, usize> = BTreeMap::new();
    for file in tree.files().iter().filter(|file| is_source(&file.path) && !is_test_file(&file.path)) {
        let lines = lines_without_tests(&file.text);
        if lines > FILE_LINES {
            let what = format!("{lines} lines without tests, at most {FILE_LINES}");
            found.push(Violation::new(&file.path, FILE_LINES + 1, Rule::FileTooLong, what));
        }
        if let Some(adapter) = ADAPTERS.iter().find(|adapter| file.path.starts_with(**adapter)) {
            *adapters.entry(adapter).or_default() += lines_of_code(&file.text);
        }
    }
    for (adapter, lines) in adapters {
        if lines > ADAPTER_LINES {
            let what = format!("{lines} lines of code in the adapter, at most {ADAPTER_LINES}");
            found.push(Violation::new(&format!("{adapter}lib.rs"), 1, Rule::AdapterTooLong, what));
        }
    }
}

/// Whether `path` is a file of some package's `src`.
fn is_source(path: &str) -> bool {
    path.ends_with(".rs") && below_source(path).is_some()
}

/// `tests.rs` and all below a directory `tests` are tests; the package `tests` itself is not meant.
pub(super) fn is_test_file(path: &str) -> bool {
    below_source(path).is_some_and(|below| below.split('/').any(|part| part == "tests" || part == "tests.rs"))
}

fn below_source(path: &str) -> Option<&str> {
    path.split_once("/src/").map(|(_, below)| below)
}

/// Lines outside tests that hold a token.
fn lines_of_code(text: &str) -> usize {
    let code = tokens(text).into_iter().filter(|token| !token.in_test);
    code.map(|token| token.line).collect::<BTreeSet<_>>().len()
}

fn lines_without_tests(text: &str) -> usize {
    let mut in_tests = BTreeSet::new();
    let mut previous: Option<usize> = None;
    for token in tokens(text) {
        if token.in_test {
            // Between two tokens of one test item there may be lines of comments only.
            in_tests.extend(previous.unwrap_or(token.line)..=token.line);
        }
        previous = token.in_test.then_some(token.line);
    }
    text.lines().count() - in_tests.len()
}
