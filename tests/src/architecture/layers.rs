//! The order of modules inside the core: imports only point down.

use super::{
    Rule, Tree, Violation,
    paths::{NamedPath, paths},
    tokens::tokens,
};

/// Where the core's sources stand.
pub(super) const CORE_SOURCES: &str = "crates/core/src/";

/// From the bottom up; the modules of one layer are siblings.
const LAYERS: [&[&str]; 6] = [
    &["error"],
    &["limits", "delivery", "close_reason"],
    &["syntax"],
    &["framing"],
    &["h1"],
    &["pool", "connect", "time"],
];

/// Whether `path` is a Rust source of the core.
pub(super) fn is_core_source(path: &str) -> bool {
    path.starts_with(CORE_SOURCES) && path.ends_with(".rs")
}

/// Unit tests keep the order, too: a test that reaches above its module tests another one.
pub(super) fn check(tree: &Tree, found: &mut Vec<Violation>) {
    let exports = Exports::of(tree);
    for file in tree.files().iter().filter(|file| is_core_source(&file.path)) {
        let module = module_of(&file.path);
        // The root declares and re-exports: it stands above every module.
        let Some(own) = module.first() else { continue };
        let Some(own_layer) = layer(own) else {
            let what = format!("module `{own}` has no place in the order of layers");
            found.push(Violation::new(&file.path, 1, Rule::Unplaced, what));
            continue;
        };
        for path in paths(&tokens(&file.text)) {
            if let Some((rule, what)) = judge(&path, &module, own_layer, &exports) {
                found.push(Violation::new(&file.path, path.line, rule, what));
            }
        }
    }
}

fn judge(path: &NamedPath, module: &[String], own_layer: usize, exports: &Exports) -> Option<(Rule, String)> {
    let own = &module[0];
    let absolute = absolute(path, module)?;
    let Some(first) = absolute.first() else {
        let hides = path.glob || path.imported;
        return hides.then(|| (Rule::Unplaced, format!("`{own}` imports the crate's root as a whole")));
    };
    let target = exports.home(first).unwrap_or(first);
    let Some(target_layer) = layer(target) else {
        return Some((Rule::Unplaced, format!("`{own}` imports `crate::{first}`, which is in no layer")));
    };
    if target == own || target_layer < own_layer {
        None
    } else if target_layer == own_layer {
        Some((Rule::Sibling, format!("`{own}` imports its sibling `{target}`")))
    } else {
        Some((Rule::ArrowUp, format!("`{own}` imports `{target}`, which is above it")))
    }
}

/// The path from the crate's root; `None` for one that does not start there.
fn absolute(path: &NamedPath, module: &[String]) -> Option<Vec<String>> {
    let (first, mut rest) = path.segments.split_first()?;
    let lone = rest.is_empty() && !path.glob && !path.imported;
    let mut base: Vec<String> = match first.as_str() {
        "crate" | "martlet_core" if !lone => return Some(rest.to_vec()),
        "self" | "super" if !lone => module.iter().chain(&path.inside).cloned().collect(),
        _ => return None,
    };
    if first == "super" {
        base.pop();
    }
    while let [next, behind @ ..] = rest {
        if next != "super" {
            break;
        }
        base.pop();
        rest = behind;
    }
    base.extend_from_slice(rest);
    Some(base)
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// `crates/core/src/h1/cycle.rs` is the module `h1::cycle`; the root has no segments.
fn module_of(path: &str) -> Vec<String> {
    let below = path.strip_prefix(CORE_SOURCES).unwrap_or(path);
    let below = below.strip_suffix(".rs").unwrap_or(below);
    let mut module: Vec<String> = below.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
        module.pop();
    }
    module
}

/// The names that the root re-exports, each with the module that it comes from.
struct Exports(Vec<(String, String)>);

impl Exports {
    fn of(tree: &Tree) -> Self {
        let root = tree.text(&format!("{CORE_SOURCES}lib.rs")).unwrap_or_default();
        let mut exports = Vec::new();
        for path in paths(&tokens(root)).into_iter().filter(|path| path.imported) {
            let name = path.alias.as_ref().or(path.segments.last()).cloned();
            let module =
                path.segments.iter().find(|segment| *segment != "crate" && *segment != "self").cloned();
            if let (Some(name), Some(module)) = (name, module) {
                exports.push((name, module));
            }
        }
        Self(exports)
    }

    fn home(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, module)| module.as_str())
    }
}
