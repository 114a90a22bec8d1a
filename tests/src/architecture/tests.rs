use super::{
    Rule, Tree, Violation, check,
    manifest::{Manifest, Use},
    paths::paths,
    tokens::tokens,
};

const FORBID: &str = "#![forbid(unsafe_code)]\n";

const CORE_MANIFEST: &str = "[package]\nname = \"martlet-core\"\n\n[dependencies]\nbytes.workspace = true\n";

/// A small tree that keeps every rule and uses what the rules allow.
fn clean() -> Tree {
    let mut tree = Tree::new();
    let core_root = "//! The core.\n#![forbid(unsafe_code)]\n\nmod error;\nmod h1;\nmod limits;\n\n\
                     pub use self::{error::Error, h1::ClientConn};\npub use crate::limits::Limits;\n";
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\n    \"crates/*\",\n]\n\n[workspace.dependencies]\nbytes = \"1\"\n",
        ),
        ("crates/core/Cargo.toml", CORE_MANIFEST),
        ("crates/core/src/lib.rs", core_root),
        ("crates/core/src/error.rs", "use std::fmt;\n\npub struct Error;\n"),
        ("crates/core/src/limits.rs", "use std::net::IpAddr;\n\nuse crate::error::Error;\n"),
        ("crates/core/src/delivery.rs", "use crate::error::Error;\n"),
        ("crates/core/src/close_reason.rs", "//! Not `std::io::Error`, nor `Instant::now`.\n"),
        ("crates/core/src/syntax/mod.rs", "mod scan;\n\npub use self::scan::Scan;\n"),
        ("crates/core/src/syntax/scan.rs", "use crate::{\n    error::Error,\n    limits::Limits,\n};\n"),
        ("crates/core/src/framing/length.rs", "use crate::syntax::{self, scan::Scan};\n"),
        ("crates/core/src/h1/cycle.rs", "use super::reader::Reader;\nuse crate::{Error, framing::length};\n"),
        ("crates/core/src/h1/reader.rs", "fn f() -> crate::syntax::Scan { super::super::limits::of() }\n"),
        (
            "crates/core/src/time/phase.rs",
            "use std::time::{Duration, Instant};\n\nuse crate::h1::cycle::Cycle;\n",
        ),
        ("crates/core/src/time/tests.rs", "use std::thread;\nfn now() { std::time::Instant::now(); }\n"),
        ("crates/core/src/pool/queue.rs", "use crate::{h1::ClientConn, limits::Limits};\n"),
        ("crates/core/tests/clock.rs", "fn now() { std::time::Instant::now(); }\n"),
        (
            "crates/client/Cargo.toml",
            "[package]\nname = \"martlet-client\"\n\n[dependencies]\nmartlet-core.workspace = true\n\n\
             [dev-dependencies]\nmartlet-smol = { path = \"../smol\" }\n",
        ),
        ("crates/client/src/lib.rs", FORBID),
        (
            "crates/smol/Cargo.toml",
            "[package]\nname = \"martlet-smol\"\n\n[dependencies.martlet-client]\nworkspace = true\n",
        ),
        ("crates/smol/src/lib.rs", FORBID),
        (
            "crates/async-std/Cargo.toml",
            "[package]\nname = \"martlet-async-std\"\n\n[dependencies]\n\
             martlet-client = { workspace = true }\nmartlet-smol = { workspace = true }\n",
        ),
        ("crates/async-std/src/lib.rs", FORBID),
        (
            "tests/Cargo.toml",
            "[package]\nname = \"martlet-tests\"\n\n[dependencies]\nmartlet-core.workspace = true\n",
        ),
        ("tests/src/lib.rs", FORBID),
        ("crates/xtask/Cargo.toml", "[package]\nname = \"xtask\"\n"),
        ("crates/xtask/src/main.rs", "#![forbid(missing_docs, unsafe_code)]\n\nfn main() {}\n"),
    ];
    for (path, text) in files {
        tree.insert(path, text);
    }
    tree
}

/// What the clean tree breaks once `path` says `text`.
fn mutated(path: &str, text: &str) -> Vec<Violation> {
    let mut tree = clean();
    tree.insert(path, text);
    check(&tree)
}

/// Asserts that the text breaks `rule` in `path` at `line`, and nothing else, and that the report says all three.
#[track_caller]
fn assert_breaks(path: &str, text: &str, line: usize, rule: Rule) {
    let found = mutated(path, text);
    let [violation] = &found[..] else { panic!("one violation expected for {text:?}: {found:?}") };
    assert_eq!((violation.file.as_str(), violation.line, violation.rule), (path, line, rule), "for {text:?}");
    let report = violation.to_string();
    assert!(report.starts_with(&format!("{path}:{line}: {}: ", rule.name())), "{report}");
}

#[track_caller]
fn assert_keeps(path: &str, text: &str) {
    assert_eq!(mutated(path, text), [], "for {text:?}");
}

#[test]
fn a_tree_that_keeps_every_rule_passes() {
    assert_eq!(check(&clean()), []);
}

#[test]
fn a_tree_without_core_sources_never_passes() {
    let found = check(&Tree::new());
    assert_eq!(found.iter().map(|violation| violation.rule).collect::<Vec<_>>(), [Rule::NothingToCheck]);
}

#[test]
fn an_arrow_that_is_turned_round_is_found_however_it_is_written() {
    let arrows = [
        "use crate::h1::cycle::Cycle;",
        "use crate::h1;",
        "use crate::h1::*;",
        "use crate::{error::Error, h1::{cycle, reader::Reader}, limits};",
        "use crate::ClientConn;",
        "use super::super::h1::cycle;",
        "use {super::super::h1::cycle, std::fmt};",
        "use martlet_core::h1::cycle;",
        "pub(crate) use crate::h1::cycle::Cycle as Ring;",
        "fn f(c: &crate::h1::Cycle) {}",
        "fn f() { let a = 1 as crate::h1::Size; }",
        "fn f() { use crate::h1::cycle; }",
        "macro_rules! m { () => { $crate::h1::cycle() } }",
        "mod inner { use super::super::super::h1::cycle; }",
        "fn f() -> impl Sized + use<> { crate::h1::cycle() }",
    ];
    for arrow in arrows {
        let violations: Vec<_> =
            mutated("crates/core/src/syntax/scan.rs", &format!("//! Scans.\n\n{arrow}\n"));
        assert!(!violations.is_empty(), "{arrow} passes");
        for violation in violations {
            assert_eq!(violation.file, "crates/core/src/syntax/scan.rs", "{arrow}");
            assert_eq!((violation.line, violation.rule), (3, Rule::ArrowUp), "{arrow}");
        }
    }
}

#[test]
fn an_arrow_up_is_reported_on_its_own_line_of_a_tree_of_imports() {
    let text = "use std::fmt;\n\nuse crate::{\n    error::Error,\n    framing::length,\n};\n";
    assert_breaks("crates/core/src/syntax/scan.rs", text, 5, Rule::ArrowUp);
}

#[test]
fn every_module_may_import_from_below_and_no_lower_one_from_above() {
    let order = ["error", "limits", "syntax", "framing", "h1", "time"];
    for (low, lower) in order.iter().enumerate() {
        for higher in &order[low + 1..] {
            assert_keeps(&format!("crates/core/src/{higher}/new.rs"), &format!("use crate::{lower}::X;\n"));
            let path = format!("crates/core/src/{lower}/new.rs");
            assert_breaks(&path, &format!("use crate::{higher}::X;\n"), 1, Rule::ArrowUp);
        }
    }
}

#[test]
fn siblings_never_import_each_other() {
    for layer in [["limits", "delivery", "close_reason"], ["pool", "connect", "time"]] {
        for (one, other) in [(0, 1), (1, 2), (2, 0), (1, 0)] {
            let path = format!("crates/core/src/{}/new.rs", layer[one]);
            let text = format!("use crate::{}::X;\n", layer[other]);
            assert_breaks(&path, &text, 1, Rule::Sibling);
        }
    }
}

#[test]
fn unit_tests_keep_the_order_too() {
    assert_breaks("crates/core/src/syntax/tests.rs", "use crate::h1::cycle;\n", 1, Rule::ArrowUp);
    let inline = "#[cfg(test)]\nmod tests {\n    use crate::h1::cycle;\n}\n";
    assert_breaks("crates/core/src/syntax/scan.rs", inline, 3, Rule::ArrowUp);
    assert_keeps(
        "crates/core/src/syntax/tests.rs",
        "use super::*;\nuse crate::{limits::Limits, syntax::scan};\n",
    );
}

#[test]
fn the_root_of_the_core_cannot_hide_an_arrow() {
    for import in ["use crate::*;", "use crate as core;", "use crate::{self as all};", "use super::super::*;"]
    {
        assert_breaks("crates/core/src/syntax/scan.rs", &format!("{import}\n"), 1, Rule::Unplaced);
    }
    assert_breaks("crates/core/src/syntax/scan.rs", "use crate::Elsewhere;\n", 1, Rule::Unplaced);
    assert_breaks("crates/core/src/misc.rs", "pub struct Misc;\n", 1, Rule::Unplaced);
}

#[test]
fn comments_strings_and_lifetimes_are_no_imports() {
    let text = "// use crate::h1::A;\n/* use crate::h1::B; /* nested */ use crate::h1::C; */\n\
                const S: &str = \"use crate::h1::D; \\\" crate::h1::E\";\n\
                const R: &str = r#\"crate::h1::F \" crate::h1::G\"#;\n\
                const B: &[u8] = b\"println!()\";\nconst Q: [char; 3] = ['\"', '\\'', '/'];\n\
                fn f<'a>(x: &'a str) -> &'a str { x }\n/// crate::h1::H\nfn g() {}\n";
    assert_keeps("crates/core/src/syntax/scan.rs", text);
    let behind = format!("{text}use crate::h1::Real;\n");
    assert_breaks("crates/core/src/syntax/scan.rs", &behind, 10, Rule::ArrowUp);
}

#[test]
fn what_would_make_the_core_impure_is_banned() {
    let banned = [
        "fn f() { Instant::now(); }",
        "fn f() { std::time::Instant::now(); }",
        "use std::time::Instant as Clock;",
        "use std::time::*;",
        "use std::time::SystemTime;",
        "use std::{fmt, time::{Duration, SystemTime}};",
        "use std::net::TcpStream;",
        "use std::net::{IpAddr, UdpSocket};",
        "use std::net::ToSocketAddrs;",
        "use std::net::*;",
        "use std::net as nn;",
        "use std::{net as nn};",
        "use std::{net::{self as nn}};",
        "use std::time as clocks;",
        "fn f() { net::TcpListener::bind(); }",
        "use std::fs;",
        "use std::{fmt, fs::File};",
        "use std as host;",
        "use std::thread;",
        "fn f() { std::thread::yield_now(); }",
        "use std::io;",
        "use std::io::Read;",
        "use std::{fmt::{self, Display}, io::{self}};",
        "fn f() -> std::io::Result<()> { Ok(()) }",
        "fn f() { ::std::process::exit(1); }",
        "fn f() { std::env::var(\"X\"); }",
        "use rand::Rng;",
        "use rand;",
        "extern crate rand;",
        "fn f() { rand::random(); }",
        "use std::collections::hash_map::RandomState;",
        "async fn f() {}",
        "fn f() { async {}; }",
        "fn f() { g().await; }",
        "unsafe fn f() {}",
        "fn f() { unsafe { g() } }",
        "fn f() { println!(\"x\"); }",
        "fn f() { eprintln!(); }",
        "fn f() { std::println!(); }",
    ];
    for text in banned {
        assert_breaks("crates/core/src/syntax/scan.rs", &format!("//! Scans.\n{text}\n"), 2, Rule::Banned);
    }
}

#[test]
fn what_only_looks_impure_is_let_through() {
    let harmless = [
        "use std::time::{Duration, Instant};",
        "use std::net::{IpAddr, SocketAddr};",
        "fn f(now: Instant) { now.checked_add(d); }",
        "fn f(io: u8, rand: u8) -> u8 { io + rand }",
        "fn f(s: &S) { s.io.fs.thread(); }",
        "use crate::error::io;",
        "fn println() {}",
        "#![deny(unsafe_code)]",
    ];
    for text in harmless {
        assert_keeps("crates/core/src/syntax/scan.rs", &format!("{text}\n"));
    }
}

#[test]
fn bans_do_not_reach_into_tests_but_go_on_behind_them() {
    let inline = "#[cfg(test)]\nuse std::io::{self, Read};\n\n#[cfg(test)]\n#[allow(dead_code)]\nmod tests {\n    \
                  use std::thread;\n    fn f() { println!(); }\n}\n";
    assert_keeps("crates/core/src/syntax/scan.rs", inline);
    let behind = format!("{inline}use std::thread;\n");
    assert_breaks("crates/core/src/syntax/scan.rs", &behind, 10, Rule::Banned);
    assert_breaks("crates/core/src/syntax/scan.rs", "#[cfg(not(test))]\nuse std::io;\n", 2, Rule::Banned);
}

#[test]
fn a_file_has_at_most_500_lines_without_its_tests() {
    let long = "// a line\n".repeat(500);
    for path in ["crates/core/src/syntax/scan.rs", "crates/client/src/new.rs", "tests/src/new.rs"] {
        assert_keeps(path, &long);
        assert_breaks(path, &format!("{long}// one more\n"), 501, Rule::FileTooLong);
    }
    let tested =
        format!("{long}#[cfg(test)]\nmod tests {{\n    // why\n{}}}\n", "    fn f() {}\n\n".repeat(100));
    assert_keeps("crates/core/src/syntax/scan.rs", &tested);
    assert_breaks("crates/core/src/syntax/scan.rs", &format!("{tested}// x\n"), 501, Rule::FileTooLong);
    let tests = "// a line\n".repeat(2_000);
    assert_keeps("crates/core/src/syntax/scan/tests.rs", &tests);
    assert_keeps("crates/core/src/syntax/tests/split.rs", &tests);
    assert_keeps("tests/tests/long.rs", &tests);
}

#[test]
fn an_adapter_has_at_most_250_lines_of_code_over_all_its_files() {
    let mut tree = clean();
    tree.insert(
        "crates/smol/src/lib.rs",
        &format!("{FORBID}{}", "static A: u8 = 0;\n\n// why\n".repeat(149)),
    );
    tree.insert("crates/smol/src/socket.rs", &"static A: u8 = 0;\n".repeat(100));
    tree.insert("crates/smol/src/tests.rs", &"static A: u8 = 0;\n".repeat(400));
    assert_eq!(check(&tree), []);
    tree.insert("crates/smol/src/sleep.rs", "static B: u8 = 0;\n");
    let found = check(&tree);
    let [violation] = &found[..] else { panic!("one violation expected: {found:?}") };
    assert_eq!((violation.file.as_str(), violation.rule), ("crates/smol/src/lib.rs", Rule::AdapterTooLong));
    assert!(violation.what.contains("251"), "{violation}");
}

#[test]
fn every_crate_forbids_unsafe_at_its_root() {
    for root in ["crates/client/src/lib.rs", "crates/xtask/src/main.rs", "tests/src/lib.rs"] {
        let without = [
            "//! No lint.\n",
            "// #![forbid(unsafe_code)]\n",
            "#![deny(unsafe_code)]\n",
            "#![forbid(missing_docs)]\nfn unsafe_code() {}\n",
            "#![cfg_attr(docsrs, forbid(unsafe_code))]\n",
        ];
        for text in without {
            assert_breaks(root, text, 1, Rule::MissingForbid);
        }
    }
    assert_breaks("fuzz/Cargo.toml", "[package]\nname = \"martlet-fuzz\"\n", 1, Rule::MissingForbid);
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let up = [
        ("crates/core/Cargo.toml", "martlet-core", "[dependencies]\nmartlet-client.workspace = true"),
        ("crates/core/Cargo.toml", "martlet-core", "[dev-dependencies]\nmartlet = { path = \"../martlet\" }"),
        ("crates/client/Cargo.toml", "martlet-client", "[dependencies]\nmartlet-tokio = \"0.1\""),
        ("crates/client/Cargo.toml", "martlet-client", "[build-dependencies]\nmartlet = \"0.1\""),
        (
            "crates/client/Cargo.toml",
            "martlet-client",
            "[target.'cfg(unix)'.dependencies]\nmartlet.workspace = true",
        ),
        (
            "crates/client/Cargo.toml",
            "martlet-client",
            "[dependencies]\nx = { version = \"1\", package = \"martlet\" }",
        ),
        ("crates/smol/Cargo.toml", "martlet-smol", "[dependencies]\nmartlet-async-std.workspace = true"),
        ("crates/smol/Cargo.toml", "martlet-smol", "[dependencies]\nmartlet-core.workspace = true"),
        ("crates/core/Cargo.toml", "martlet-core", "[dependencies]\nxtask = { path = \"../xtask\" }"),
        ("crates/client/Cargo.toml", "martlet-client", "[dev-dependencies]\nmartlet-tests.workspace = true"),
        ("tests/Cargo.toml", "martlet-tests", "[dependencies]\nmartlet-fuzz.workspace = true"),
        ("crates/xtask/Cargo.toml", "xtask", "[dependencies]\nmartlet-tests.workspace = true"),
    ];
    for (path, name, dependency) in up {
        assert_breaks(path, &format!("[package]\nname = \"{name}\"\n{dependency}\n"), 4, Rule::CrateArrow);
    }
    let section = "[package]\nname = \"martlet-client\"\n[dependencies.other]\npackage = \"martlet\"\n";
    assert_breaks("crates/client/Cargo.toml", section, 3, Rule::CrateArrow);
    assert_breaks("crates/client/Cargo.toml", "[package]\nname = \"martlet-extra\"\n", 1, Rule::CrateArrow);
}

#[test]
fn fuzzed_runs_may_be_judged_by_the_tests() {
    let mut tree = clean();
    tree.insert("fuzz/src/lib.rs", FORBID);
    let manifest =
        "[package]\nname = \"martlet-fuzz\"\n[dependencies]\nmartlet-tests = { path = \"../tests\" }\n";
    tree.insert("fuzz/Cargo.toml", manifest);
    assert_eq!(check(&tree), []);
}

#[test]
fn a_crate_that_the_workspace_renames_is_known_by_its_own_name() {
    let mut tree = clean();
    tree.insert("Cargo.toml", "[workspace.dependencies]\nfacade = { path = \"x\", package = \"martlet\" }\n");
    tree.insert(
        "crates/client/Cargo.toml",
        "[package]\nname = \"martlet-client\"\n[dependencies]\nfacade.workspace = true\n",
    );
    let found = check(&tree);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].line, found[0].rule), (4, Rule::CrateArrow));
}

#[test]
fn a_manifest_is_read_through_comments_and_long_values() {
    let text = "[package] # who\nname = \"a#b\"\n\n[features]\nx = [\n    \"dep:y\", # z = 1\n    \"w\",\n]\n\n\
                [dependencies]\n# no = \"1\"\none = { version = \"1\", features = [\n    \"f\",\n] }\n\
                two.workspace = true\ntwo.optional = true\n\n[target.\"cfg(a.b)\".dev-dependencies]\nthree = \"3\"\n";
    let manifest = Manifest::read(text);
    assert_eq!(manifest.name.as_deref(), Some("a#b"));
    let read: Vec<_> = manifest.dependencies.iter().map(|d| (d.key.as_str(), d.used, d.line)).collect();
    assert_eq!(read, [("one", Use::Built, 12), ("two", Use::Built, 15), ("three", Use::Tested, 19)]);
}

#[test]
fn a_tree_of_imports_is_taken_apart() {
    let read = |text: &str| {
        let segments = paths(&tokens(text)).into_iter().filter(|path| path.imported);
        segments.map(|path| path.segments.join("::") + if path.glob { "::*" } else { "" }).collect::<Vec<_>>()
    };
    assert_eq!(read("use a::b;"), ["a::b"]);
    assert_eq!(read("pub use a::{b::{c, d}, self, *};"), ["a::b::c", "a::b::d", "a", "a::*"]);
    assert_eq!(read("use {a as b, ::c::d};"), ["a", "c::d"]);
    assert_eq!(read("use r#a::r#type; f(x::y);"), ["a::type"]);
    assert_eq!(read("fn f() -> impl T + use<'a> { g::h() }"), Vec::<String>::new());
}
