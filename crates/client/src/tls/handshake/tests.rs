use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::future::{block_on, zip};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::TlsAcceptor;
use rcgen::{SanType, SerialNumber, date_time_ymd};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ClientConfig, KeyLog, RootCertStore, ServerConfig};

use super::*;
use crate::tls::testing::*;
use crate::tls::{RecordChain, TlsConfig, TlsVersion, VerifyFailure};

#[test]
fn s782_07_a_handshake_shows_what_was_agreed_upon() {
    for version in VERSIONS {
        let leaf = CA.leaf();
        let mut server = server(&leaf, (version, version));
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let (near, info, _far) = met(&load(&trusting(), &[b"h2", b"http/1.1"]), server);
        drop(near);
        assert_eq!(info.peer_certificates(), leaf.chain);
        assert_eq!(info.protocol_version(), version);
        assert_eq!(info.alpn(), Some(&b"http/1.1"[..]));
        assert_eq!(info.server_name(), NAME);
        assert!(info.key_exchange_group().is_some());
        assert!(!info.is_resumed());
        let is_of_13 = matches!(
            info.cipher_suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS13_AES_256_GCM_SHA384
                | CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
        );
        assert_eq!(is_of_13, version == TlsVersion::Tls13);
        assert!(info.cipher_suite_name().starts_with("TLS"), "{}", info.cipher_suite_name());
    }
}

#[test]
fn what_is_printed_of_a_handshake_has_lengths_for_certificates() {
    let leaf = CA.leaf();
    let (_near, info, _far) = met(&load(&trusting(), &[]), server(&leaf, BOTH));
    let text = format!("{info:?}");
    assert!(text.contains(&format!("{} octets", leaf.chain[0].len())), "{text}");
    assert!(text.len() < 400, "{text}");
}

#[test]
fn an_address_is_a_name_to_be_verified() {
    let leaf = CA.issue(|params| {
        params.subject_alt_names = vec![SanType::IpAddress([192, 0, 2, 7].into())];
    });
    let (near, far) = pipe();
    let config = load(&trusting(), &[]);
    let (near, _far) = block_on(zip(
        handshake(Box::new(near), config, name("192.0.2.7")),
        TlsAcceptor::from(Arc::new(server(&leaf, BOTH))).accept(far),
    ));
    assert_eq!(near.unwrap().1.server_name(), "192.0.2.7");
}

fn refused(config: &TlsConfig, leaf: &Leaf) -> HandshakeError {
    let mut failures = VERSIONS.map(|version| failed(&load(config, &[]), server(leaf, (version, version))));
    assert_eq!(failures[0].failure(), failures[1].failure());
    for e in &failures {
        assert_eq!(e.presented(), leaf.chain, "{e:?}");
    }
    std::mem::replace(&mut failures[0], HandshakeError::new(io::Error::other(""), None))
}

fn text(e: &HandshakeError) -> String {
    let mut text = e.to_string();
    let mut source = e.source();
    while let Some(e) = source {
        text = format!("{text}: {e}");
        source = e.source();
    }
    text
}

#[test]
fn s926_10_an_expired_certificate_is_told_and_shown() {
    let leaf = CA.issue(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let e = refused(&trusting(), &leaf);
    assert_eq!(e.failure(), TlsFailure::Verify(VerifyFailure::Expired));
    assert!(text(&e).contains("expired"), "{}", text(&e));
}

#[test]
fn s926_10_a_certificate_of_the_future_is_told_and_shown() {
    let leaf = CA.issue(|params| params.not_before = date_time_ymd(3000, 1, 1));
    assert_eq!(refused(&trusting(), &leaf).failure(), TlsFailure::Verify(VerifyFailure::NotYetValid));
}

#[test]
fn s926_10_a_certificate_for_other_names_is_told_and_shown_and_the_text_lists_them() {
    let leaf = CA.issue(|params| {
        let names = ["other.test", "*.wild.test"];
        params.subject_alt_names = names.map(|name| SanType::DnsName(name.try_into().unwrap())).to_vec();
    });
    let e = refused(&trusting(), &leaf);
    assert_eq!(e.failure(), TlsFailure::Verify(VerifyFailure::WrongName));
    for name in [NAME, "other.test", "*.wild.test"] {
        assert!(text(&e).contains(name), "{}", text(&e));
    }
}

#[test]
fn s926_10_an_unknown_issuer_is_told_and_shown() {
    let leaf = Authority::new("Somebody else").leaf();
    assert_eq!(refused(&trusting(), &leaf).failure(), TlsFailure::Verify(VerifyFailure::UnknownIssuer));
}

#[test]
fn s926_10_a_revoked_certificate_is_told_and_shown() {
    let leaf = CA.issue(|params| params.serial_number = Some(SerialNumber::from(7u64)));
    let config = trusting().add_crls_pem(CA.revoke(7, 3000));
    assert_eq!(refused(&config, &leaf).failure(), TlsFailure::Verify(VerifyFailure::Revoked));
    let config = config.allow_unknown_revocation_status(true);
    assert_eq!(refused(&config, &leaf).failure(), TlsFailure::Verify(VerifyFailure::Revoked));
}

#[test]
fn a_certificate_that_no_list_covers_is_refused_unless_that_is_allowed() {
    let other = Authority::new("An authority with a list");
    let expired = CA.revoke(7, 2025);
    for list in [other.revoke(7, 3000), expired] {
        let leaf = CA.issue(|params| params.serial_number = Some(SerialNumber::from(8u64)));
        let config = trusting().add_crls_pem(&list);
        let unknown = TlsFailure::Verify(VerifyFailure::RevocationUnknown);
        assert_eq!(refused(&config, &leaf).failure(), unknown);
        let lenient = config.allow_unknown_revocation_status(true);
        met(&load(&lenient, &[]), server(&leaf, BOTH));
    }
}

#[test]
fn a_certificate_that_a_list_does_not_name_is_accepted() {
    let leaf = CA.issue(|params| params.serial_number = Some(SerialNumber::from(8u64)));
    let der = {
        use rustls::pki_types::CertificateRevocationListDer;
        use rustls::pki_types::pem::PemObject;
        CertificateRevocationListDer::from_pem_slice(CA.revoke(7, 3000).as_bytes()).unwrap().to_vec()
    };
    met(&load(&trusting().add_crl_der(der), &[]), server(&leaf, BOTH));
}

/// Shows a certificate whose key it does not have.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl Impostor {
    fn server(leaf: &Leaf, version: TlsVersion) -> ServerConfig {
        let key = provider().key_provider.load_private_key(CA.leaf().key_der()).unwrap();
        let resolver = Self(Arc::new(CertifiedKey::new(leaf.chain.clone(), key)));
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&TlsVersion::between(version, version))
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver))
    }
}

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn a_server_without_the_key_is_told_and_its_chain_shown_also_when_they_come_in_different_polls() {
    for version in VERSIONS {
        for at_once in [1, 300, usize::MAX] {
            let leaf = CA.leaf();
            let (near, far) = pipe();
            let server = Arc::new(Impostor::server(&leaf, version));
            let (shaken, _) = meet_over(&load(&trusting(), &[]), &server, near.at_once(at_once), far);
            let e = shaken.err().unwrap();
            assert_eq!(e.failure(), TlsFailure::Verify(VerifyFailure::BadSignature), "{e:?}");
            assert_eq!(e.presented(), leaf.chain);
        }
    }
}

#[test]
fn s926_12_invalid_certificates_are_accepted_on_demand_but_not_without_their_key() {
    let config = TlsConfig::new().danger_accept_invalid_certs(true);
    for version in VERSIONS {
        let stranger = Authority::new("Somebody else");
        let leaf = stranger.issue(|params| {
            params.subject_alt_names.clear();
            params.not_after = date_time_ymd(2020, 1, 1);
        });
        let (_near, info, _far) = met(&load(&config, &[]), server(&leaf, (version, version)));
        assert_eq!(info.peer_certificates(), leaf.chain);
        let e = failed(&load(&config, &[]), Impostor::server(&leaf, version));
        assert_eq!(e.failure(), TlsFailure::Verify(VerifyFailure::BadSignature));
    }
}

fn own_config(verifier: Arc<dyn ServerCertVerifier>) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Arc::new(config)
}

#[test]
fn s782_08_a_config_of_the_users_own_shows_the_chain_if_its_verifier_was_wrapped() {
    let mut roots = RootCertStore::empty();
    roots.add(CA.der.clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
    let leaf = Authority::new("Somebody else").leaf();
    let e = failed(&own_config(verifier.clone()), server(&leaf, BOTH));
    assert_eq!(e.failure(), TlsFailure::Verify(VerifyFailure::UnknownIssuer));
    assert!(e.presented().is_empty());
    let e = failed(&own_config(RecordChain::wrap(verifier)), server(&leaf, BOTH));
    assert_eq!(e.failure(), TlsFailure::Verify(VerifyFailure::UnknownIssuer));
    assert_eq!(e.presented(), leaf.chain);
}

#[test]
fn versions_out_of_bounds_are_refused_by_the_server() {
    let newest = trusting().min_version(TlsVersion::Tls13);
    let oldest = trusting().max_version(TlsVersion::Tls12);
    let leaf = CA.leaf();
    let e = failed(&load(&newest, &[]), server(&leaf, (TlsVersion::Tls12, TlsVersion::Tls12)));
    assert_eq!(e.failure(), TlsFailure::Alert(70));
    let e = failed(&load(&oldest, &[]), server(&leaf, (TlsVersion::Tls13, TlsVersion::Tls13)));
    assert_eq!(e.failure(), TlsFailure::Alert(70));
    for (config, version) in [(newest, TlsVersion::Tls13), (oldest, TlsVersion::Tls12)] {
        let (_near, info, _far) = met(&load(&config, &[]), server(&leaf, BOTH));
        assert_eq!(info.protocol_version(), version);
    }
}

#[test]
fn s926_06_a_server_without_the_users_only_protocol_refuses_by_an_alert() {
    let config = load(&trusting(), &[b"h2"]);
    let mut server = server(&CA.leaf(), BOTH);
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let e = failed(&config, server);
    assert_eq!(e.failure(), TlsFailure::Alert(120));
    assert!(e.to_string().contains("no_application_protocol"), "{e}");
    assert!(e.presented().is_empty());
}

#[test]
fn s926_07_a_server_may_choose_no_protocol() {
    let (_near, info, _far) = met(&load(&trusting(), &[b"h2", b"http/1.1"]), server(&CA.leaf(), BOTH));
    assert_eq!(info.alpn(), None);
}

#[test]
fn s926_02_a_client_shows_its_certificate_to_who_asks() {
    let mine = CA.issue(|params| params.subject_alt_names.clear());
    let pem = mine.pem.clone() + &mine.key.serialize_pem();
    for version in VERSIONS {
        let config = load(&trusting().identity_pem(&pem, &pem), &[]);
        let (_near, _info, far) = met(&config, demanding(version));
        assert_eq!(far.get_ref().1.peer_certificates(), Some(&mine.chain[..1]));
    }
}

#[test]
fn s926_02_a_missing_client_certificate_fails_the_handshake_of_tls_12() {
    let e = failed(&load(&trusting(), &[]), demanding(TlsVersion::Tls12));
    assert!(matches!(e.failure(), TlsFailure::Alert(40 | 116)), "{e:?}");
}

#[test]
fn s926_02_a_missing_client_certificate_fails_the_first_read_under_tls_13() {
    let (near, far) = meet(&load(&trusting(), &[]), demanding(TlsVersion::Tls13));
    assert!(far.is_err());
    let (mut near, _info) = near.unwrap();
    let e = block_on(near.read(&mut [0; 16])).unwrap_err();
    let failure = TlsFailure::of(&e);
    assert_eq!(failure, Some(TlsFailure::Alert(116)));
    assert!(failure.unwrap().to_string().contains("certificate_required"));
}

#[test]
fn s926_11_no_provider_is_installed_for_the_process() {
    met(&load(&trusting(), &[]), server(&CA.leaf(), BOTH));
    assert!(CryptoProvider::get_default().is_none());
}

#[derive(Debug, Default)]
struct Labels(Mutex<Vec<String>>);

impl KeyLog for Labels {
    fn log(&self, label: &str, _: &[u8], _: &[u8]) {
        self.0.lock().unwrap().push(label.to_owned());
    }
}

#[test]
fn keys_are_logged_for_who_asks() {
    let labels = Arc::new(Labels::default());
    met(&load(&trusting().key_log(labels.clone()), &[]), server(&CA.leaf(), BOTH));
    let labels = labels.0.lock().unwrap();
    assert!(labels.iter().any(|label| label == "CLIENT_TRAFFIC_SECRET_0"), "{labels:?}");
}

#[test]
fn a_server_without_tls_breaks_the_protocol() {
    let (near, far) = pipe();
    near.incoming().put(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let shaken = block_on(handshake(Box::new(near), load(&trusting(), &[]), name(NAME)));
    let e = shaken.err().unwrap();
    assert_eq!(e.failure(), TlsFailure::Protocol);
    // And is told, before the end.
    let sent = far.incoming().steal();
    assert!(sent.len() > 7 && sent[sent.len() - 7] == 21, "no alert at the end");
    assert!(far.incoming().is_closed());
}

#[test]
fn a_connection_lost_in_the_handshake_is_no_failure_of_tls() {
    for kind in [None, Some(io::ErrorKind::ConnectionReset)] {
        let (near, _far) = pipe();
        match kind {
            None => near.incoming().close(),
            Some(kind) => near.incoming().fail(kind),
        }
        let shaken = block_on(handshake(Box::new(near), load(&trusting(), &[]), name(NAME)));
        let e = shaken.err().unwrap();
        assert_eq!(e.failure(), TlsFailure::Interrupted);
        assert!(e.presented().is_empty());
        let source = e.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), kind.unwrap_or(io::ErrorKind::UnexpectedEof));
    }
}

#[test]
fn a_connection_lost_after_the_certificate_was_accepted_shows_no_chain() {
    let (near, far) = pipe();
    let outgoing = far.outgoing();
    let config = load(&trusting().max_version(TlsVersion::Tls12), &[]);
    let mut client = Box::pin(handshake(Box::new(near), config, name(NAME)));
    let mut server = TlsAcceptor::from(Arc::new(server(&CA.leaf(), BOTH))).accept(far);
    let mut cx = Context::from_waker(Waker::noop());
    // Hello, certificate and key; then nobody answers.
    assert!(client.as_mut().poll(&mut cx).is_pending());
    assert!(Pin::new(&mut server).poll(&mut cx).is_pending());
    assert!(client.as_mut().poll(&mut cx).is_pending());
    outgoing.close();
    let Poll::Ready(Err(e)) = client.as_mut().poll(&mut cx) else { panic!() };
    assert_eq!(e.failure(), TlsFailure::Interrupted);
    assert!(e.presented().is_empty());
}

#[test]
fn a_transport_that_takes_nothing_is_an_error_and_no_hang() {
    let (near, _far) = pipe();
    near.outgoing().take_nothing();
    let shaken = block_on(handshake(Box::new(near), load(&trusting(), &[]), name(NAME)));
    let e = shaken.err().unwrap();
    let source = e.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::WriteZero);
}

#[test]
fn octets_may_come_and_go_one_at_a_time() {
    for version in VERSIONS {
        let (near, far) = pipe();
        let server = Arc::new(server(&CA.leaf(), (version, version)));
        let shaken = meet_over(&load(&trusting(), &[]), &server, near.at_once(1), far.at_once(1));
        let ((mut near, _info), mut far) = (shaken.0.unwrap(), shaken.1.unwrap());
        let sent: Vec<u8> = (0..40_000u32).map(|n| n as u8).collect();
        let received = block_on(zip(
            async {
                near.write_all(&sent).await.unwrap();
                near.flush().await.unwrap();
            },
            async {
                let mut received = vec![0; sent.len()];
                far.read_exact(&mut received).await.unwrap();
                received
            },
        ));
        assert_eq!(received.1, sent);
    }
}

#[test]
fn a_handshake_may_be_dropped_at_every_poll() {
    let config = load(&trusting(), &[]);
    let server = Arc::new(server(&CA.leaf(), BOTH));
    for polls in 0.. {
        let (near, far) = pipe();
        let outgoing = near.outgoing();
        let mut client = Box::pin(handshake(Box::new(near.at_once(64)), Arc::clone(&config), name(NAME)));
        let mut accept = TlsAcceptor::from(Arc::clone(&server)).accept(far.at_once(64));
        let mut cx = Context::from_waker(Waker::noop());
        let mut done = false;
        for _ in 0..polls {
            done = client.as_mut().poll(&mut cx).is_ready();
            if done {
                break;
            }
            let _ = Pin::new(&mut accept).poll(&mut cx);
        }
        drop(client);
        assert!(outgoing.is_closed());
        // Nothing is left behind that the next handshake of this thread could take for its own.
        let mut presented = None;
        record::during(&mut presented, || ());
        assert!(presented.is_none());
        if done {
            assert!(polls > 1);
            break;
        }
    }
}

/// A transport that itself shakes hands, in vain, before it yields anything.
struct Nested {
    io: End,
    first: Option<Pin<Box<dyn Future<Output = TlsFailure> + Send>>>,
}

impl AsyncRead for Nested {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if let Some(first) = &mut self.first {
            if let Poll::Ready(failure) = first.as_mut().poll(cx) {
                assert_eq!(failure, TlsFailure::Verify(VerifyFailure::UnknownIssuer));
                self.first = None;
            }
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Nested {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx)
    }
}

impl Transport for Nested {}

#[test]
fn a_handshake_inside_the_transport_of_another_shows_its_own_chain() {
    let config = load(&trusting(), &[]);
    let (inner, outer) = (Authority::new("Inner").leaf(), Authority::new("Outer").leaf());
    let (near, far) = pipe();
    let (inner_near, inner_far) = pipe();
    let inner_config = Arc::clone(&config);
    let chain = inner.chain.clone();
    let first = Box::pin(async move {
        let e = handshake(Box::new(inner_near), inner_config, name(NAME)).await.err().unwrap();
        assert_eq!(e.presented(), chain);
        e.failure()
    });
    let accept = |leaf, end| TlsAcceptor::from(Arc::new(server(leaf, BOTH))).accept(end);
    let nested = Nested { io: near, first: Some(first) };
    let (shaken, _) = block_on(zip(
        handshake(Box::new(nested), config, name(NAME)),
        zip(accept(&inner, inner_far), accept(&outer, far)),
    ));
    assert_eq!(shaken.err().unwrap().presented(), outer.chain);
}

#[test]
fn what_is_printed_of_a_failure_has_lengths_for_certificates() {
    let leaf = Authority::new("Somebody else").leaf();
    let text = format!("{:?}", failed(&load(&trusting(), &[]), server(&leaf, BOTH)));
    assert!(text.contains(&format!("{} octets", leaf.chain[0].len())), "{text}");
    assert!(text.len() < 300, "{text}");
}

#[test]
fn a_handshake_may_move_between_threads() {
    fn check(_: impl Send + 'static) {}
    let (near, _far) = pipe();
    check(handshake(Box::new(near), load(&trusting(), &[]), name(NAME)));
}
