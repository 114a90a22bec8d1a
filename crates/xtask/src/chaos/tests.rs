use super::{DEFAULT_SECONDS, Options, Way};

/// The names of the gateways, and for how many seconds each.
fn parsed(words: &[&str]) -> Option<(Vec<&'static str>, u64)> {
    let options = Options::parse(words).ok()?;
    let names = options.gateways.iter().map(|gateway| gateway.name).collect();
    Some((names, options.time.as_secs()))
}

#[test]
fn every_gateway_is_run_unless_one_is_named() {
    assert_eq!(parsed(&[]), Some((vec!["nginx", "haproxy"], DEFAULT_SECONDS)));
    assert_eq!(parsed(&["haproxy"]), Some((vec!["haproxy"], DEFAULT_SECONDS)));
    assert_eq!(parsed(&["--seconds", "12"]), Some((vec!["nginx", "haproxy"], 12)));
    assert_eq!(parsed(&["--seconds", "12", "nginx"]), Some((vec!["nginx"], 12)));
}

#[test]
fn what_means_nothing_is_refused() {
    for words in
        [&["apache"][..], &["--seconds"], &["--seconds", "soon"], &["nginx", "haproxy"], &["--minutes", "2"]]
    {
        assert_eq!(parsed(words), None, "{words:?}");
    }
}

#[test]
fn every_way_has_a_word_of_its_own() {
    for (at, way) in Way::ALL.iter().enumerate() {
        assert!(Way::ALL[..at].iter().all(|other| other.name() != way.name()), "{way:?}");
    }
}
