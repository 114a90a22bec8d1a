use super::*;

#[cfg(feature = "aws-lc-rs")]
#[test]
fn s926_11_aws_lc_rs_wins_where_it_is_compiled_in_and_is_ready_for_quantum_computers() {
    let provider = by_feature().unwrap();
    assert_eq!(provider.kx_groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
#[test]
fn s926_11_ring_serves_where_it_is_alone() {
    let provider = by_feature().unwrap();
    assert!(Arc::ptr_eq(&provider, &by_feature().unwrap()));
    assert!(format!("{:?}", provider.key_provider).contains("Ring"), "{:?}", provider.key_provider);
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
#[test]
fn without_one_the_features_are_named() {
    let e = by_feature().unwrap_err().to_string();
    assert!(e.contains("`ring`") && e.contains("`aws-lc-rs`"), "{e}");
}
