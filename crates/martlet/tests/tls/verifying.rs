//! Whom to trust.

use std::sync::Arc;

use martlet::rustls::ClientConfig;
use martlet::rustls::client::WebPkiServerVerifier;
use martlet::rustls::client::danger::ServerCertVerifier;
use martlet::rustls::crypto::CryptoProvider;
use martlet::tls::{RecordChain, TlsConfig, TlsFailure, VerifyFailure};
use martlet::{Client, Delivery, Error, Kind};
use rcgen::{SerialNumber, date_time_ymd};

use crate::certs::{Authority, CA, Leaf};
use crate::common::flavor::everywhere;
use crate::peer::{BOTH, Options, provider};
use crate::{client, get, roots, server, text, trusting};

/// The error of a client that turns this certificate down.
async fn refused(client: &Client, leaf: &Leaf) -> Error {
    let server = leaf.options().start();
    let e = get(client, &server).await.unwrap_err();
    assert_eq!(e.delivery(), Delivery::NotSent);
    server.all_ended().await;
    // Nothing was sent to whom it does not trust.
    assert_eq!(server.requests(), 0);
    e
}

fn verify(failure: VerifyFailure) -> Kind {
    Kind::Tls(TlsFailure::Verify(failure))
}

#[test]
fn s926_01_an_authority_of_ones_own_is_trusted_whichever_way_it_is_given() {
    everywhere(|flavor| async move {
        let leaf = CA.intermediate("An authority below").leaf();
        let server = leaf.options().start();
        let path = std::env::temp_dir().join(format!("martlet-ca-{}-{flavor:?}.pem", std::process::id()));
        std::fs::write(&path, &CA.pem).unwrap();
        let configs = [
            TlsConfig::new().add_root_certificates_pem(&CA.pem),
            TlsConfig::new().add_root_certificate_der(CA.der.to_vec()),
            TlsConfig::new().add_root_certificates_file(&path),
        ];
        std::fs::remove_file(&path).unwrap();
        for config in configs {
            for config in [config.clone(), config.only_added_roots()] {
                assert_eq!(get(&client(config), &server).await.unwrap(), "hello");
            }
        }
    });
}

#[test]
fn a_server_without_its_intermediate_certificate_is_of_an_unknown_issuer() {
    everywhere(|_| async {
        let mut leaf = CA.intermediate("An authority below").leaf();
        leaf.chain.truncate(1);
        let e = refused(&client(trusting()), &leaf).await;
        assert_eq!(e.kind(), verify(VerifyFailure::UnknownIssuer));
    });
}

#[test]
fn s926_10_what_is_wrong_with_a_certificate_can_be_told_apart() {
    everywhere(|_| async {
        let revoked = CA.issue(|params| params.serial_number = Some(SerialNumber::from(7u64)));
        let other = CA.issue(|params| params.serial_number = Some(SerialNumber::from(8u64)));
        let plain = client(trusting());
        let listing = client(trusting().add_crls_pem(CA.revoke(7)));
        let below = CA.intermediate("An authority below");
        let cases = [
            (&plain, CA.issue(|params| params.not_after = date_time_ymd(2020, 1, 1)), VerifyFailure::Expired),
            (
                &plain,
                CA.issue(|params| params.not_before = date_time_ymd(3000, 1, 1)),
                VerifyFailure::NotYetValid,
            ),
            (&plain, CA.leaf_for(&["other.test"]), VerifyFailure::WrongName),
            (&plain, Authority::new("Somebody else").leaf(), VerifyFailure::UnknownIssuer),
            (&plain, Leaf::self_signed(), VerifyFailure::UnknownIssuer),
            (&listing, revoked, VerifyFailure::Revoked),
            (&listing, below.leaf(), VerifyFailure::RevocationUnknown),
        ];
        let mut texts = Vec::new();
        for (client, leaf, failure) in cases {
            let e = refused(client, &leaf).await;
            assert_eq!(e.kind(), verify(failure));
            assert_eq!(e.peer_certificates(), leaf.chain);
            texts.push(text(&e));
        }
        // Somebody else's and one's own differ in nothing but their chains.
        texts.remove(4);
        for (index, text) in texts.iter().enumerate() {
            assert!(!texts[..index].contains(text), "{text}");
        }
        let server = other.options().start();
        assert_eq!(get(&listing, &server).await.unwrap(), "hello");
        let lenient = trusting().add_crls_pem(CA.revoke(7)).allow_unknown_revocation_status(true);
        let server = below.leaf().options().start();
        assert_eq!(get(&client(lenient), &server).await.unwrap(), "hello");
    });
}

#[test]
fn s926_10_a_certificate_that_is_refused_once_is_refused_again() {
    everywhere(|_| async {
        let (server, client) = (Leaf::self_signed().options().start(), client(trusting()));
        for _ in 0..3 {
            let e = get(&client, &server).await.unwrap_err();
            assert_eq!(e.kind(), verify(VerifyFailure::UnknownIssuer));
            assert_eq!(e.peer_certificates().len(), 1);
        }
        assert_eq!(client.stats().connections, 0);
    });
}

#[test]
fn s926_11_no_provider_is_installed_for_the_process() {
    everywhere(|_| async {
        let server = server();
        assert_eq!(get(&client(trusting()), &server).await.unwrap(), "hello");
        let chosen = trusting().crypto_provider(provider());
        assert_eq!(get(&client(chosen), &server).await.unwrap(), "hello");
        assert!(CryptoProvider::get_default().is_none());
    });
}

#[test]
fn s926_12_invalid_certificates_are_accepted_on_demand_and_shown() {
    everywhere(|_| async {
        let reckless = client(TlsConfig::new().danger_accept_invalid_certs(true));
        let expired = CA.issue(|params| params.not_after = date_time_ymd(2020, 1, 1));
        for leaf in [Leaf::self_signed(), expired, CA.leaf_for(&["other.test"])] {
            let server = leaf.options().start();
            let response = reckless.get(server.url("/")).send().await.unwrap();
            assert_eq!(response.connection().tls().unwrap().peer_certificates(), leaf.chain);
            assert_eq!(response.text().await.unwrap(), "hello");
        }
        let careful = client(trusting().danger_accept_invalid_certs(true).danger_accept_invalid_certs(false));
        let e = refused(&careful, &Leaf::self_signed()).await;
        assert_eq!(e.kind(), verify(VerifyFailure::UnknownIssuer));
    });
}

#[test]
fn s926_12_who_lacks_the_key_of_the_certificate_is_refused_even_then() {
    everywhere(|_| async {
        let reckless = client(TlsConfig::new().danger_accept_invalid_certs(true));
        for client in [reckless, client(trusting())] {
            let (leaf, other) = (CA.leaf(), CA.leaf());
            let server = Options::new(leaf.chain.clone(), other.key_der()).without_its_key().start();
            let e = get(&client, &server).await.unwrap_err();
            assert_eq!(e.kind(), verify(VerifyFailure::BadSignature));
            assert_eq!(e.peer_certificates(), leaf.chain);
        }
    });
}

fn own(verifier: Arc<dyn ServerCertVerifier>) -> Client {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(BOTH)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Client::builder().tls_config(Arc::new(config)).build().unwrap()
}

#[test]
fn s782_08_a_verifier_of_ones_own_shows_the_certificates_if_it_was_wrapped() {
    everywhere(|_| async {
        let verifier = || WebPkiServerVerifier::builder_with_provider(roots(), provider()).build().unwrap();
        let leaf = Leaf::self_signed();
        let e = refused(&own(verifier()), &leaf).await;
        assert_eq!(e.kind(), verify(VerifyFailure::UnknownIssuer));
        assert!(e.peer_certificates().is_empty());
        let e = refused(&own(RecordChain::wrap(verifier())), &leaf).await;
        assert_eq!(e.kind(), verify(VerifyFailure::UnknownIssuer));
        assert_eq!(e.peer_certificates(), leaf.chain);
    });
}
