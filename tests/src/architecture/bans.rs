//! What the core may not name: IO, clocks, threads, entropy, async, `unsafe`, output to a terminal.

use super::{
    Rule, Tree, TreeFile, Violation,
    layers::is_core_source,
    paths::{NamedPath, paths},
    sizes::is_test_file,
    tokens::{Token, tokens},
};

/// Modules of the standard library that reach outside of the program. `std::net` stays for its addresses.
const MODULES: [&str; 6] = ["env", "fs", "io", "os", "process", "thread"];

/// Crates that would bring entropy in.
const ENTROPY: [&str; 4] = ["fastrand", "getrandom", "rand", "rand_core"];

const WORDS: [&str; 3] = ["async", "await", "unsafe"];

const MACROS: [&str; 5] = ["dbg", "eprint", "eprintln", "print", "println"];

pub(super) fn check(tree: &Tree, found: &mut Vec<Violation>) {
    let sources = tree.files().iter().filter(|file| is_core_source(&file.path) && !is_test_file(&file.path));
    for file in sources {
        let tokens = tokens(&file.text);
        check_words(file, &tokens, found);
        for path in paths(&tokens).iter().filter(|path| !path.in_test) {
            if let Some(what) = banned(path) {
                found.push(Violation::new(&file.path, path.line, Rule::Banned, what));
            }
        }
    }
}

fn check_words(file: &TreeFile, tokens: &[Token], found: &mut Vec<Violation>) {
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| !token.in_test) {
        let called = tokens.get(at + 1).is_some_and(|next| next.is_sign('!'));
        let word = WORDS.iter().find(|word| token.is_word(word)).map(|word| format!("`{word}`"));
        let printing =
            MACROS.iter().find(|word| called && token.is_word(word)).map(|word| format!("`{word}!`"));
        if let Some(what) = word.or(printing) {
            found.push(Violation::new(&file.path, token.line, Rule::Banned, what));
        }
    }
}

fn banned(path: &NamedPath) -> Option<String> {
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    let whole = || format!("`{}{}`", segments.join("::"), if path.glob { "::*" } else { "" });
    let reaches_out = match segments[..] {
        // A slice of slices: `bytes::Buf` names it for vectored writes, and it does no IO.
        ["std", "io", "IoSlice"] => false,
        ["std" | "core" | "alloc", module, ..] if MODULES.contains(&module) => true,
        // Everything at once would bring the banned names in unseen.
        ["std"] | ["std", "net" | "time"] if path.glob => true,
        ["std"] if path.imported => true,
        // Under another name what is banned in them would not be seen.
        ["std", "net" | "time"] if path.imported && path.alias.is_some() => true,
        [first, ..] if ENTROPY.contains(&first) => path.imported || segments.len() > 1,
        _ => false,
    };
    let clock = segments.contains(&"SystemTime") || has_pair(&segments, "Instant", |next| next == "now");
    let renamed_clock = segments.last() == Some(&"Instant") && path.imported && path.alias.is_some();
    let socket = has_pair(&segments, "net", |next| {
        next.starts_with("Tcp") || next.starts_with("Udp") || next == "ToSocketAddrs"
    });
    let entropy = segments.contains(&"RandomState");
    (reaches_out || clock || renamed_clock || socket || entropy).then(whole)
}

fn has_pair(segments: &[&str], first: &str, second: impl Fn(&str) -> bool) -> bool {
    segments.windows(2).any(|pair| pair[0] == first && second(pair[1]))
}
