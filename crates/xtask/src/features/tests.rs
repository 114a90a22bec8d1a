use super::{Check, Packages, packages, plan, subsets};

fn workspace() -> Packages {
    let features = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    Packages::from([
        ("martlet".to_owned(), features(&["async-std", "default", "http2", "smol", "tls", "tokio", "url"])),
        ("martlet-core".to_owned(), features(&[])),
        ("martlet-client".to_owned(), features(&["default", "url"])),
        ("martlet-tokio".to_owned(), features(&["default", "url"])),
        ("martlet-async-std".to_owned(), features(&["default"])),
        ("martlet-smol".to_owned(), features(&["default"])),
    ])
}

#[test]
fn every_set_of_runtimes_is_checked_once_with_every_set_of_kinds() {
    let checks = plan(&workspace()).expect("the workspace is complete");
    for set in subsets(&["http2", "tls", "tokio", "async-std", "smol"]) {
        let wanted = Check::new("martlet", &set);
        assert_eq!(checks.iter().filter(|check| **check == wanted).count(), 1, "{wanted}");
    }
    assert_eq!(subsets(&["a", "b", "c"]).len(), 8);
}

#[test]
fn a_new_feature_is_checked_without_being_told() {
    let mut packages = workspace();
    packages.entry("martlet".to_owned()).or_default().push("gzip".to_owned());
    packages.entry("martlet-smol".to_owned()).or_default().push("gzip".to_owned());
    let checks = plan(&packages).expect("the workspace is complete");
    for wanted in [
        Check::new("martlet", &["tokio", "gzip"]),
        Check::new("martlet", &["tokio", "url"]),
        Check::new("martlet", &["tokio", "default"]),
        Check::new("martlet-client", &["url"]),
        Check::new("martlet-smol", &["gzip"]),
        Check::new("martlet-core", &[]),
    ] {
        assert!(checks.contains(&wanted), "{wanted} is not checked");
    }
}

#[test]
fn a_runtime_that_is_gone_is_an_error_and_not_a_smaller_plan() {
    let mut packages = workspace();
    packages.entry("martlet".to_owned()).or_default().retain(|feature| feature != "smol");
    assert!(plan(&packages).is_err());
    let mut packages = workspace();
    packages.remove("martlet-smol");
    assert!(plan(&packages).is_err());
}

#[test]
fn features_are_read_from_the_metadata_of_cargo() {
    let text =
        r#"{"packages": [{"name": "a", "features": {"x": [], "y": ["x"]}}, {"name": "b", "features": {}}]}"#;
    let read = packages(text).expect("the text is metadata");
    assert_eq!(read["a"], ["x", "y"]);
    assert!(read["b"].is_empty());
    assert!(packages("{}").is_err());
    assert!(packages("no").is_err());
}
