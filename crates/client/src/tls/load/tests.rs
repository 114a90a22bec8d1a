use std::error::Error as _;

use futures_lite::future::block_on;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use rustls::ServerConfig;

use super::*;
use crate::tls::TlsInfo;
use crate::tls::testing::*;

/// Shakes hands, and waits for tickets.
fn visit(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> TlsInfo {
    let (near, far) = pipe();
    let (near, far) = meet_over(client, server, near, far);
    let ((mut near, info), mut far) = (near.unwrap(), far.unwrap());
    block_on(async {
        far.write_all(b"!").await.unwrap();
        far.flush().await.unwrap();
        near.read_exact(&mut [0]).await.unwrap();
    });
    info
}

#[test]
fn s926_08_sessions_are_resumed_by_a_config_and_by_its_clones() {
    for version in VERSIONS {
        let leaf = CA.leaf();
        let far = Arc::new(server(&leaf, (version, version)));
        let config = trusting();
        let clone = config.clone();
        assert!(!visit(&load(&config, &[b"http/1.1"]), &far).is_resumed());
        let again = visit(&load(&config, &[b"http/1.1"]), &far);
        assert!(again.is_resumed());
        assert_eq!(again.peer_certificates(), leaf.chain);
        assert!(visit(&load(&clone, &[b"http/1.1"]), &far).is_resumed());
        // Also by who offers other protocols.
        assert!(visit(&load(&clone, &[b"h2", b"http/1.1"]), &far).is_resumed());
    }
}

#[test]
fn a_clone_that_was_changed_resumes_no_sessions_of_the_original() {
    let far = Arc::new(server(&CA.leaf(), BOTH));
    let config = trusting();
    visit(&load(&config, &[]), &far);
    let stranger = config.clone().danger_accept_invalid_certs(true);
    assert!(!visit(&load(&stranger, &[]), &far).is_resumed());
    assert!(visit(&load(&config, &[]), &far).is_resumed());
}

#[test]
fn s926_08_clients_that_share_a_config_of_the_users_own_resume_each_others_sessions() {
    let far = Arc::new(server(&CA.leaf(), BOTH));
    let mine = load(&trusting(), &[]);
    let (one, other) = (prepare(&mine, &[b"http/1.1"]), prepare(&mine, &[b"http/1.1"]));
    assert!(!visit(&one, &far).is_resumed());
    assert!(visit(&other, &far).is_resumed());
}

#[test]
fn s926_04_an_empty_list_of_protocols_is_filled_on_a_clone() {
    let mine = load(&trusting(), &[]);
    let prepared = prepare(&mine, &[b"h2", b"http/1.1"]);
    assert_eq!(prepared.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
    assert!(mine.alpn_protocols.is_empty());
}

#[test]
fn s926_05_the_users_list_of_protocols_wins() {
    let mine = load(&trusting(), &[b"http/1.1"]);
    let prepared = prepare(&mine, &[b"h2", b"http/1.1"]);
    assert!(Arc::ptr_eq(&mine, &prepared));
}

#[test]
fn what_was_loaded_is_kept() {
    let config = trusting();
    let loaded = load(&config, &[b"h2"]);
    assert!(Arc::ptr_eq(&loaded, &load(&config, &[b"h2"])));
    assert!(!Arc::ptr_eq(&loaded, &load(&config, &[])));
}

fn wrong(config: &TlsConfig) -> String {
    let e = config.check().unwrap_err();
    assert_eq!(config.load_within(&[], &Environment::default()).unwrap_err().to_string(), e.to_string());
    e.to_string()
}

#[test]
fn contradictions_are_told() {
    let crl = CA.revoke(7, 3000);
    let config = trusting().add_crls_pem(&crl).danger_accept_invalid_certs(true);
    assert!(wrong(&config).contains("revocation lists"));
    let config = TlsConfig::new().min_version(TlsVersion::Tls13).max_version(TlsVersion::Tls12);
    assert!(wrong(&config).contains("TLS 1.3 is above the maximum version TLS 1.2"), "{}", wrong(&config));
    assert!(wrong(&TlsConfig::new().only_added_roots()).contains("none was added"));
}

#[cfg(feature = "platform-verifier")]
#[test]
fn contradictions_about_the_platform_are_told() {
    let crl = CA.revoke(7, 3000);
    assert!(wrong(&TlsConfig::new().platform_verifier().add_crls_pem(crl)).contains("platform"));
    let config = TlsConfig::new().platform_verifier().danger_accept_invalid_certs(true);
    assert!(wrong(&config).contains("platform"));
}

#[cfg(all(feature = "platform-verifier", target_os = "linux"))]
#[test]
fn the_platform_is_not_asked_where_it_would_heed_an_environment_that_must_not_be() {
    let directory = Directory::new();
    let file = directory.file("ca.pem", &CA.pem);
    let environment = Environment::new(Some(file.into()), None);
    let config = TlsConfig::new().platform_verifier().trust_environment(false);
    let e = config.load_within(&[], &environment).unwrap_err();
    assert!(e.to_string().contains("SSL_CERT_FILE"), "{e}");
}

#[cfg(feature = "platform-verifier")]
#[test]
fn the_platform_trusts_added_roots_too() {
    let config = TlsConfig::new().platform_verifier().add_root_certificates_pem(&CA.pem);
    config.check().unwrap();
    met(&load(&config, &[]), server(&CA.leaf(), BOTH));
}

#[test]
fn an_identity_whose_key_is_anothers_is_told() {
    let (mine, other) = (CA.leaf(), CA.leaf());
    let e = trusting().identity_pem(&mine.pem, other.key.serialize_pem()).check().unwrap_err();
    assert!(e.to_string().contains("client identity"), "{e}");
    assert!(e.source().is_some());
}

#[test]
fn a_revocation_list_that_cannot_be_read_is_told() {
    let e = trusting().add_crl_der(vec![0x30, 0x80]).check().unwrap_err();
    assert!(e.to_string().contains("revocation list"), "{e}");
}

fn environment_with(pem: &str) -> (Directory, Environment) {
    let directory = Directory::new();
    let file = directory.file("ca.pem", pem);
    (directory, Environment::new(Some(file.into()), None))
}

fn trusts(config: &TlsConfig, environment: &Environment, authority: &Authority) -> bool {
    let config = config.load_within(&[], environment).unwrap();
    meet(&config, server(&authority.leaf(), BOTH)).0.is_ok()
}

#[test]
fn roots_of_the_environment_are_trusted_unless_they_are_not_to_be() {
    let (_directory, environment) = environment_with(&CA.pem);
    assert!(trusts(&TlsConfig::new(), &environment, &CA));
    assert!(!trusts(&TlsConfig::new().trust_environment(false), &environment, &CA));
    assert!(!trusts(&TlsConfig::new(), &Environment::default(), &CA));
}

#[test]
fn added_roots_are_trusted_beside_those_of_the_environment() {
    let other = Authority::new("Another authority");
    let (_directory, environment) = environment_with(&CA.pem);
    let config = TlsConfig::new().add_root_certificate_der(other.der.to_vec());
    assert!(trusts(&config, &environment, &other));
    assert!(trusts(&config, &environment, &CA));
}

#[test]
fn only_added_roots_leave_the_environment_out() {
    let (_directory, environment) = environment_with(&Authority::new("Another authority").pem);
    assert!(trusts(&trusting(), &environment, &CA));
    let other = Authority::new("A third authority");
    let config = TlsConfig::new().add_root_certificates_pem(&other.pem).only_added_roots();
    let (_directory, environment) = environment_with(&CA.pem);
    assert!(!trusts(&config, &environment, &CA));
}

#[test]
fn an_environment_of_no_use_fails_the_request_and_not_the_build() {
    let environment = Environment::new(Some("/nonexistent/ca.pem".into()), None);
    let config = TlsConfig::new();
    config.check().unwrap();
    let e = config.load_within(&[], &environment).unwrap_err();
    let source = e.source().unwrap().to_string();
    assert!(format!("{e}: {source}").contains("/nonexistent/ca.pem"), "{e}: {source}");
    assert!(e.to_string().contains("SSL_CERT_FILE"));
    // It is looked at again by the next.
    config.load_within(&[], &Environment::default()).unwrap();
}

#[test]
fn the_defaults_offer_both_versions_and_resume() {
    let config = load(&TlsConfig::new(), &[]);
    assert!(config.enable_sni && !config.enable_early_data);
    for version in VERSIONS {
        let mine = load(&trusting(), &[]);
        let (_near, info, _far) = met(&mine, server(&CA.leaf(), (version, version)));
        assert_eq!(info.protocol_version(), version);
    }
}

/// A clock that stands still.
#[derive(Debug)]
struct Then(u64);

impl rustls::time_provider::TimeProvider for Then {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(self.0)))
    }
}

#[test]
fn certificates_are_compared_with_the_clock_that_was_given() {
    let leaf = CA.issue(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let config = trusting().time_provider(Arc::new(Then(1_500_000_000)));
    met(&load(&config, &[]), server(&leaf, BOTH));
}

#[test]
fn a_provider_that_was_given_is_used() {
    let mut mine = CryptoProvider::clone(&provider());
    mine.cipher_suites.retain(|suite| suite.suite() == rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let config = trusting().min_version(TlsVersion::Tls13).crypto_provider(Arc::new(mine));
    let (_near, info, _far) = met(&load(&config, &[]), server(&CA.leaf(), BOTH));
    assert_eq!(info.cipher_suite_name(), "TLS13_CHACHA20_POLY1305_SHA256");
}
