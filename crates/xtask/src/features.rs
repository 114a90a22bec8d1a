//! `features`: does every set of features that somebody may ask for compile, and without a warning?

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, time::Instant};

use serde_json::Value;

use crate::shell::{Failure, cargo, output, run as run_command};

const FACADE: &str = "martlet";

/// Features of the facade, each with an adapter `martlet-<runtime>` behind it.
const RUNTIMES: [&str; 3] = ["tokio", "async-std", "smol"];

/// Features of the facade that change what the client is made of: they are checked with every set of runtimes, and each
/// with and without the other.
const KINDS: [&str; 2] = ["http2", "tls"];

/// The runtime under which every other feature is checked.
const USUAL_RUNTIME: &str = "tokio";

/// Crates whose features are checked beside those of the facade and the adapters.
const LIBRARIES: [&str; 2] = ["martlet-core", "martlet-client"];

pub(crate) fn run() -> Result<(), Failure> {
    let metadata = output(&mut cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let checks = plan(&packages(&metadata)?)?;
    let mut failed = Vec::new();
    for (number, check) in checks.iter().enumerate() {
        println!("[{}/{}] {check}", number + 1, checks.len());
        let began = Instant::now();
        // Clippy compiles as `cargo check` does, and lets warnings fail the members of the workspace alone.
        let mut command = cargo(&["clippy", "--quiet", "--locked", "--package", &check.package]);
        command.args(["--no-default-features", "--features", &check.features.join(",")]);
        command.args(["--", "-D", "warnings"]);
        if let Err(failure) = run_command(&mut command) {
            eprintln!("{failure}");
            failed.push(check.to_string());
        }
        println!("      {:.1} s", began.elapsed().as_secs_f64());
    }
    if failed.is_empty() {
        println!("{} feature sets compile without a warning", checks.len());
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{} of {} feature sets fail: {}",
            failed.len(),
            checks.len(),
            failed.join("; ")
        )))
    }
}

/// One compilation: a package with these features and not its default ones.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    package: String,
    features: Vec<String>,
}

impl Check {
    fn new(package: &str, features: &[&str]) -> Self {
        Self {
            package: package.to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.package, self.features.join(", "))
    }
}

/// The features of every package of the workspace.
type Packages = BTreeMap<String, Vec<String>>;

fn packages(metadata: &str) -> Result<Packages, Failure> {
    let unexpected = || Failure::new("cargo metadata has an unexpected form");
    let metadata: Value = serde_json::from_str(metadata).map_err(Failure::of("cargo metadata is no JSON"))?;
    let packages = metadata["packages"].as_array().ok_or_else(unexpected)?;
    let named = packages.iter().map(|package| {
        let name = package["name"].as_str()?.to_owned();
        let features = package["features"].as_object()?.keys().cloned().collect();
        Some((name, features))
    });
    named.collect::<Option<Packages>>().ok_or_else(unexpected)
}

/// Every set of runtimes with every set of kinds, every other feature of the facade once, then the crates below it by themselves.
fn plan(packages: &Packages) -> Result<Vec<Check>, Failure> {
    let facade =
        packages.get(FACADE).ok_or_else(|| Failure::new(format!("there is no package `{FACADE}`")))?;
    let combined: Vec<&str> = KINDS.into_iter().chain(RUNTIMES).collect();
    if let Some(missing) = combined.iter().find(|name| !facade.iter().any(|feature| feature == *name)) {
        return Err(Failure::new(format!("`{FACADE}` has no feature `{missing}`")));
    }
    let mut checks: Vec<Check> = subsets(&combined).iter().map(|set| Check::new(FACADE, set)).collect();
    let others = facade.iter().map(String::as_str).filter(|feature| !combined.contains(feature));
    checks.extend(others.map(|feature| Check::new(FACADE, &[USUAL_RUNTIME, feature])));

    let adapters = RUNTIMES.map(|runtime| format!("martlet-{runtime}"));
    for package in LIBRARIES.into_iter().chain(adapters.iter().map(String::as_str)) {
        let features =
            packages.get(package).ok_or_else(|| Failure::new(format!("there is no package `{package}`")))?;
        checks.push(Check::new(package, &[]));
        let own = features.iter().filter(|feature| *feature != "default");
        checks.extend(own.map(|feature| Check::new(package, &[feature])));
    }
    Ok(checks)
}

fn subsets<'a>(all: &[&'a str]) -> Vec<Vec<&'a str>> {
    let sets = 0..1_u32 << all.len();
    sets.map(|set| {
        all.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, name)| *name).collect()
    })
    .collect()
}
