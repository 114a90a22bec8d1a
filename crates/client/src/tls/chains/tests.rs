use super::*;

fn chain(octet: u8) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from(vec![octet; 100])]
}

#[test]
fn the_same_chain_is_one_as_long_as_somebody_has_it() {
    let (one, again, other) = (shared(&chain(1)), shared(&chain(1)), shared(&chain(2)));
    assert!(Arc::ptr_eq(&one, &again));
    assert_eq!(*one, chain(1));
    assert_eq!(*other, chain(2));
}

#[test]
fn what_nobody_has_any_more_is_swept() {
    for round in 0..3_000u32 {
        let der = CertificateDer::from(round.to_be_bytes().to_vec());
        drop(shared(&[der]));
    }
    let known = KNOWN.lock().unwrap();
    assert!(known.as_ref().unwrap().chains.len() <= 2 * FEW);
}
