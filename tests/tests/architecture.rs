//! The rules of the house, on the real tree.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use martlet_tests::architecture::{Rule, Tree, Violation, check};

const CORE: &str = "crates/core/src/";

/// One module of each layer of the core, from the bottom up.
const UPWARDS: [&str; 6] = ["error", "limits", "syntax", "framing", "h1", "time"];

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package stands inside the repository").to_path_buf()
}

fn real_tree() -> Tree {
    Tree::read(&root()).expect("the repository is readable")
}

/// What the real tree breaks of `rules`, one line each.
#[track_caller]
fn assert_kept(rules: &[Rule]) {
    let broken: Vec<_> =
        check(&real_tree()).into_iter().filter(|found| rules.contains(&found.rule)).collect();
    let lines: Vec<_> = broken.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "the rules of the house are broken:\n{}", lines.join("\n"));
}

#[test]
fn s782_10_core_is_pure() {
    assert_kept(&[Rule::Banned, Rule::NothingToCheck]);
}

#[test]
fn s782_10_imports_inside_the_core_point_down() {
    assert_kept(&[Rule::ArrowUp, Rule::Sibling, Rule::Unplaced, Rule::NothingToCheck]);
}

#[test]
fn s782_10_crates_depend_only_on_those_below_them() {
    assert_kept(&[Rule::CrateArrow, Rule::NothingToCheck]);
}

#[test]
fn every_crate_forbids_unsafe() {
    assert_kept(&[Rule::MissingForbid]);
}

#[test]
fn files_and_adapters_keep_their_size() {
    assert_kept(&[Rule::FileTooLong, Rule::AdapterTooLong]);
}

/// A checker that finds nothing in the real tree must find what is put into it.
#[test]
fn s782_10_an_arrow_up_in_any_real_core_source_is_found() {
    let mut tried = 0;
    let real = real_core();
    let before = check(&real);
    for file in real.files() {
        let module = file.path[CORE.len()..].split(['/', '.']).next().unwrap_or_default();
        let Some(height) = UPWARDS.iter().position(|known| *known == module) else {
            continue;
        };
        for above in &UPWARDS[height + 1..] {
            let found = added_by(&real, &before, &file.path, &format!("use crate::{above}::Added;"));
            let expected = (file.path.as_str(), last_line(&file.text), Rule::ArrowUp);
            let places: Vec<_> = found.iter().map(|v| (v.file.as_str(), v.line, v.rule)).collect();
            assert_eq!(places, [expected], "{above} imported by {}", file.path);
            tried += 1;
        }
    }
    assert!(tried >= 15, "only {tried} arrows could be turned round: has the core moved?");
}

#[test]
fn s782_10_a_clock_in_any_real_core_source_is_found() {
    let real = real_core();
    let before = check(&real);
    let sources = real.files().iter().filter(|file| !file.path.contains("tests"));
    let mut tried = 0;
    for file in sources {
        let found = added_by(&real, &before, &file.path, "fn added() { std::time::Instant::now(); }");
        assert_eq!(found.iter().map(|v| v.rule).collect::<Vec<_>>(), [Rule::Banned], "in {}", file.path);
        tried += 1;
    }
    assert!(tried > 0, "the core has no sources");
}

/// The sources of the core alone.
fn real_core() -> Tree {
    let mut core = Tree::new();
    for file in real_tree().files().iter().filter(|file| file.path.starts_with(CORE)) {
        core.insert(&file.path, &file.text);
    }
    core
}

/// The violations that one more line at the end of `path` adds to those `before`.
fn added_by(real: &Tree, before: &[Violation], path: &str, line: &str) -> Vec<Violation> {
    let mut tree = real.clone();
    let text = real.text(path).expect("the file was listed");
    let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    tree.insert(path, &format!("{text}{separator}{line}\n"));
    let mut after = check(&tree);
    after.retain(|found| !before.contains(found) && found.rule != Rule::FileTooLong);
    after
}

/// The number of a line that is put behind the text.
fn last_line(text: &str) -> usize {
    text.lines().count() + 1
}

#[test]
fn s782_09_core_depends_on_bytes_http_and_httparse_only() {
    let tree = cargo_tree(&["-p", "martlet-core", "--all-features", "--depth", "1"]);
    let mut names: Vec<_> = tree.iter().map(String::as_str).filter(|name| *name != "martlet-core").collect();
    names.sort_unstable();
    assert_eq!(names, ["bytes", "http", "httparse"]);
}

#[test]
fn s782_09_smol_brings_no_tokio() {
    assert_without_tokio("martlet-smol");
}

#[test]
fn s782_09_async_std_brings_no_tokio() {
    assert_without_tokio("martlet-async-std");
}

/// `h2` wants tokio's IO traits. What would bring a runtime, sockets or timers must not come with them.
#[test]
fn s782_09_http2_brings_no_runtime_of_tokios() {
    for package in ["martlet-smol", "martlet-async-std"] {
        let tree = cargo_tree_as("{p} {f}", &["-p", package, "--features", "http2"]);
        let tokio: Vec<_> = tree.lines().filter(|line| line.starts_with("tokio v")).collect();
        assert!(!tokio.is_empty(), "{package} has no tokio with HTTP/2: this test looks for nothing");
        for line in tokio {
            let features: Vec<_> = line.split(' ').nth(2).unwrap_or_default().split(',').collect();
            let unwanted = ["rt", "net", "time", "macros", "signal", "process", "fs", "full"];
            assert!(features.contains(&"io-util"), "{line}");
            assert!(features.iter().all(|feature| !unwanted.contains(feature)), "{package}: {line}");
        }
    }
}

#[track_caller]
fn assert_without_tokio(package: &str) {
    let tree = cargo_tree(&["-p", package]);
    assert!(
        tree.iter().any(|name| name == "martlet-client"),
        "{package} does not even bring the client: {tree:?}"
    );
    let tokio: Vec<_> = tree.iter().filter(|name| *name == "tokio" || name.starts_with("tokio-")).collect();
    assert!(tokio.is_empty(), "{package} brings {tokio:?}");
}

/// The names of the packages that users of a package build, itself among them.
fn cargo_tree(arguments: &[&str]) -> Vec<String> {
    let text = cargo_tree_as("{p}", arguments);
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// One line for each of them.
fn cargo_tree_as(format: &str, arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["tree", "--offline", "--locked", "-e", "normal", "--prefix", "none", "--format", format])
        .args(arguments)
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree {arguments:?} failed:\n{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
