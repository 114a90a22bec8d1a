use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::tls::testing::CA;

fn chain(octet: u8) -> Chain {
    vec![CertificateDer::from(vec![octet])]
}

#[test]
fn nothing_is_kept_while_nobody_wants_it() {
    record(|| panic!("it was copied for nobody"));
    let mut presented = None;
    during(&mut presented, || ());
    assert_eq!(presented, None);
}

#[test]
fn what_one_poll_saw_is_there_after_the_next() {
    let mut presented = None;
    during(&mut presented, || record(|| chain(1)));
    during(&mut presented, || ());
    assert_eq!(presented, Some(chain(1)));
}

#[test]
fn one_inside_another_keeps_its_own() {
    let (mut outer, mut inner) = (None, None);
    during(&mut outer, || {
        record(|| chain(1));
        during(&mut inner, || record(|| chain(2)));
    });
    assert_eq!((outer, inner), (Some(chain(1)), Some(chain(2))));
}

#[test]
fn a_panic_closes_the_slot() {
    let mut presented = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| during(&mut presented, || panic!("in a transport"))));
    assert!(panicked.is_err());
    record(|| panic!("it was copied for nobody"));
}

#[test]
fn a_wrapped_verifier_answers_all_questions() {
    #[derive(Debug)]
    struct Odd;
    impl ServerCertVerifier for Odd {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Err(Error::General("the certificate".into()))
        }
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }
        fn requires_raw_public_keys(&self) -> bool {
            true
        }
        fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
            Some(&[])
        }
    }
    let wrapped = RecordChain::wrap(Arc::new(Odd));
    assert_eq!(wrapped.supported_verify_schemes(), [SignatureScheme::ED25519]);
    assert!(wrapped.requires_raw_public_keys());
    assert!(wrapped.root_hint_subjects().is_some());
    let name = ServerName::try_from("server.test").unwrap();
    let now = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
    let mut presented = None;
    let said = during(&mut presented, || wrapped.verify_server_cert(&CA.der, &chain(7), &name, &[], now));
    // What it said in its own words is said of the certificate.
    let Some(Error::InvalidCertificate(CertificateError::Other(OtherError(said)))) = said.err() else {
        panic!("not of the certificate");
    };
    assert_eq!(said.downcast_ref(), Some(&Error::General("the certificate".into())));
    assert_eq!(presented, Some(vec![CA.der.clone(), chain(7).remove(0)]));
}
