//! What the crates of the workspace may depend on, and what each must say at its root.

use super::{
    Rule, Tree, TreeFile, Violation,
    manifest::{Dependency, Manifest, Use},
    tokens::{Token, tokens},
};

/// The crates that others build on, each with the crates of the workspace that it may build on.
const BELOW: [(&str, &[&str]); 7] = [
    ("martlet-core", &[]),
    ("martlet-client", &["martlet-core"]),
    ("martlet-tokio", &["martlet-client"]),
    ("martlet-smol", &["martlet-client"]),
    // Both stand on async-io: the socket is shared.
    ("martlet-async-std", &["martlet-client", "martlet-smol"]),
    ("martlet-sim", &["martlet-core", "martlet-client"]),
    ("martlet", &["martlet-core", "martlet-client", "martlet-tokio", "martlet-async-std", "martlet-smol"]),
];

/// They see everything; nothing sees them.
const UNSEEN: [&str; 4] = ["martlet-bench", "martlet-fuzz", "martlet-tests", "xtask"];

/// The one who sees one of them, and whom: fuzzed runs of the simulator are judged as those from seeds are.
const JUDGED: (&str, &str) = ("martlet-fuzz", "martlet-tests");

/// Even its tests see nothing of what is above.
const ALONE: &str = "martlet-core";

pub(super) fn check(tree: &Tree, found: &mut Vec<Violation>) {
    let workspace = Manifest::read(tree.text("Cargo.toml").unwrap_or_default());
    let members = tree.files().iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    for file in members {
        let manifest = Manifest::read(&file.text);
        check_arrows(file, &manifest, &workspace, found);
        check_forbid(tree, file, found);
    }
}

fn check_arrows(file: &TreeFile, manifest: &Manifest, workspace: &Manifest, found: &mut Vec<Violation>) {
    let Some(name) = manifest.name.as_deref() else {
        found.push(Violation::new(&file.path, 1, Rule::CrateArrow, "the package has no name"));
        return;
    };
    let below = BELOW.iter().find(|(known, _)| *known == name).map(|(_, below)| *below);
    if below.is_none() && !UNSEEN.contains(&name) {
        let what = format!("crate `{name}` has no place in the order of crates");
        found.push(Violation::new(&file.path, 1, Rule::CrateArrow, what));
    }
    for dependency in &manifest.dependencies {
        let target = package_of(dependency, workspace);
        let known = BELOW.iter().any(|(known, _)| *known == target);
        let strict = dependency.used == Use::Built || name == ALONE;
        let up = known && strict && below.is_some_and(|below| !below.contains(&target));
        if up || UNSEEN.contains(&target) && (name, target) != JUDGED {
            let what = format!("`{name}` depends on `{target}`");
            found.push(Violation::new(&file.path, dependency.line, Rule::CrateArrow, what));
        }
    }
}

/// The package behind a name, which the manifest or the workspace may have changed.
fn package_of<'a>(dependency: &'a Dependency, workspace: &'a Manifest) -> &'a str {
    let declared = workspace.dependencies.iter().find(|declared| declared.key == dependency.key);
    let renamed = dependency.package.as_deref().or_else(|| declared?.package.as_deref());
    renamed.unwrap_or(&dependency.key)
}

fn check_forbid(tree: &Tree, manifest: &TreeFile, found: &mut Vec<Violation>) {
    let package = manifest.path.trim_end_matches("Cargo.toml");
    let roots = ["lib.rs", "main.rs"].map(|root| format!("{package}src/{root}"));
    let present: Vec<_> = roots.iter().filter_map(|root| Some((root, tree.text(root)?))).collect();
    if present.is_empty() {
        let what = "the package has neither `src/lib.rs` nor `src/main.rs`";
        found.push(Violation::new(&manifest.path, 1, Rule::MissingForbid, what));
    }
    for (root, text) in present {
        if !forbids_unsafe(&tokens(text)) {
            found.push(Violation::new(root, 1, Rule::MissingForbid, "no `#![forbid(unsafe_code)]`"));
        }
    }
}

/// `#![forbid(unsafe_code)]`, perhaps among other lints; under no condition.
fn forbids_unsafe(tokens: &[Token]) -> bool {
    tokens.windows(5).enumerate().any(|(at, window)| {
        let opens = window[0].is_sign('#')
            && window[1].is_sign('!')
            && window[2].is_sign('[')
            && window[3].is_word("forbid")
            && window[4].is_sign('(');
        let lints = tokens[at + 5..].iter().take_while(|token| !token.is_sign(')'));
        opens && lints.into_iter().any(|token| token.is_word("unsafe_code"))
    })
}
