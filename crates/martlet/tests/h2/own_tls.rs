//! TLS under HTTP/2: configurations of the user's own, and servers that ask for certificates.

use std::sync::Arc;

use martlet::http::{Method, Version};
use martlet::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use martlet::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use martlet::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use martlet::tls::{TlsFailure, VerifyFailure};
use martlet::{Client, Delivery, Kind, Protocols};

use crate::certs::{Authority, CA, NAME};
use crate::common::flavor::everywhere;
use crate::peer::{Clients, ONLY_12, ONLY_13, provider};
use crate::served::{Alpn, Served, secure, target};
use crate::{client, get, read, soon, text, trusting};

fn roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CA.der.clone()).unwrap();
    roots.into()
}

/// A configuration of the user's own that offers these protocols.
fn own(alpn: Alpn) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots()).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.into()
}

fn with(config: &Arc<ClientConfig>) -> Client {
    Client::builder().tls_config(Arc::clone(config)).build().unwrap()
}

const BOTH: Alpn = &[b"h2", b"http/1.1"];

#[test]
fn s926_04_an_empty_list_is_set_on_a_copy_and_http_2_comes_of_it() {
    everywhere(|_| async {
        let config = own(&[]);
        let clients = [with(&config), Client::new()];
        for client in clients {
            let server = secure(BOTH);
            let request = client.get(server.url("/a")).tls_config(Arc::clone(&config));
            let response = request.send().await.unwrap();
            assert_eq!(response.version(), Version::HTTP_2);
            assert_eq!(response.connection().tls().unwrap().alpn(), Some(&b"h2"[..]));
            assert!(config.alpn_protocols.is_empty());
        }
        // What a request may speak counts for the copy, too.
        let server = secure(BOTH);
        let client = with(&config);
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let response = client.get(server.url("/a")).version(version).send().await.unwrap();
            assert_eq!(response.version(), version);
        }
    });
}

#[test]
fn s926_05_a_list_of_the_users_own_wins_over_http_2() {
    everywhere(|_| async {
        let (server, client) = (secure(BOTH), with(&own(&[b"http/1.1"])));
        let response = client.get(server.url("/a")).send().await.unwrap();
        assert_eq!(response.connection().tls().unwrap().alpn(), Some(&b"http/1.1"[..]));
        assert_eq!((response.version(), server.by_http1()), (Version::HTTP_11, 1));
        assert_eq!(response.text().await.unwrap(), "/a");
        // Nor is HTTP/2 taken for agreed on where it was asked for and the list does not have it.
        let request = client.get(server.url("/a")).version(Version::HTTP_2);
        let e = soon("an error", request.send()).await.unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Tls(TlsFailure::Config), Delivery::NotSent));
        assert!(text(&e).contains("`http/1.1`"), "{}", text(&e));
    });
}

#[test]
fn s926_06_a_server_that_lacks_http_2_refuses_whoever_offers_nothing_else() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            for client in [with(&own(&[b"h2"])), client()] {
                let mut options = CA.leaf().options();
                options.versions = versions;
                let server = options.start();
                let e = get(&client, &server.url("/")).await.unwrap_err();
                assert_eq!((e.kind(), e.delivery()), (Kind::Tls(TlsFailure::Alert(120)), Delivery::NotSent));
                assert!(text(&e).contains("no_application_protocol"), "{}", text(&e));
                server.all_ended().await;
                assert_eq!((server.seen_one().alpn, server.requests()), (vec![b"h2".to_vec()], 0));
            }
        }
        let server = secure(BOTH);
        assert_eq!(get(&with(&own(&[b"h2"])), &server.url("/a")).await.unwrap(), "/a");
        assert_eq!(server.by_http1(), 0);
    });
}

#[test]
fn s926_07_a_server_that_chooses_nothing_speaks_http_11() {
    everywhere(|_| async {
        let trusting = Client::builder().tls(trusting()).build().unwrap();
        for client in [trusting, with(&own(&[])), with(&own(BOTH))] {
            for versions in [ONLY_12, ONLY_13] {
                let mut options = CA.leaf().options();
                (options.versions, options.alpn) = (versions, &[]);
                let server = options.start();
                let response = client.get(server.url("/")).send().await.unwrap();
                assert_eq!(response.connection().tls().unwrap().alpn(), None);
                assert_eq!(response.connection().version(), Version::HTTP_11);
                assert_eq!(response.text().await.unwrap(), "hello");
            }
        }
    });
}

#[test]
fn s926_02_a_missing_certificate_is_told_in_the_place_of_the_response() {
    everywhere(|_| async {
        let mut options = CA.leaf().options();
        (options.clients, options.client_roots) = (Clients::Everybody, roots());
        (options.versions, options.alpn) = (ONLY_13, BOTH);
        let server = options.start();
        let client = Client::builder().tls(trusting()).build().unwrap();
        for (attempts, method) in [(1, Method::GET), (2, Method::POST), (3, Method::PUT)] {
            let request = client.request(method, server.url("/")).body("content");
            let e = soon("an error", request.send()).await.unwrap_err();
            assert_eq!(e.kind(), Kind::Tls(TlsFailure::Alert(116)), "{}", text(&e));
            assert!(text(&e).contains("certificate_required"), "{}", text(&e));
            // Nothing was sent only if the alert was faster.
            let known = (e.delivery(), e.is_connect());
            assert!(known == (Delivery::Unknown, false) || known == (Delivery::NotSent, true), "{e:?}");
            assert_eq!(e.attempts(), 1);
            let connection = e.connection().unwrap();
            assert_eq!(connection.version(), Version::HTTP_2);
            assert_eq!(connection.tls().unwrap().alpn(), Some(&b"h2"[..]));
            server.all_ended().await;
            assert_eq!((server.seen().len(), server.requests()), (attempts, 0));
            assert_eq!(client.stats().connections, 0);
        }
    });
}

#[test]
fn s926_02_a_missing_certificate_is_told_to_all_who_share_the_connection() {
    everywhere(|flavor| async move {
        let mut options = CA.leaf().options();
        (options.clients, options.client_roots) = (Clients::Everybody, roots());
        (options.versions, options.alpn) = (ONLY_13, BOTH);
        let server = options.start();
        let client = Client::builder().tls(trusting()).build().unwrap();
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let send = client.post(server.url("/")).body(vec![b'x'; 300_000]).send();
                flavor.spawn(send)
            })
            .collect();
        for task in tasks {
            let e = soon("an error", task).await.unwrap_err();
            assert_eq!((e.kind(), e.attempts()), (Kind::Tls(TlsFailure::Alert(116)), 1), "{}", text(&e));
        }
        server.all_ended().await;
        assert_eq!(server.requests(), 0);
    });
}

/// Believes everybody.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[test]
fn s926_09_a_connection_without_verification_serves_nobody_who_verifies() {
    everywhere(|_| async {
        let mut config = crate::served::tls(&[b"h2"]);
        let stranger = Authority::new("A stranger").leaf();
        let key = provider().key_provider.load_private_key(stranger.key_der()).unwrap();
        let certified = rustls::sign::CertifiedKey::new(stranger.chain.clone(), key);
        config.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
        let server = Served::start(martlet_sim::h2::H2Server::new(), Some(config), target);
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let credulous = builder.dangerous().with_custom_certificate_verifier(Arc::new(Credulous));
        let credulous = Arc::new(credulous.with_no_client_auth());
        let client = Client::builder().tls(trusting()).build().unwrap();
        for is_reused in [false, true] {
            let request = client.get(server.url("/a")).tls_config(Arc::clone(&credulous));
            let response = read(request.send().await.unwrap()).await.unwrap();
            assert_eq!((response.version(), response.connection().is_reused()), (Version::HTTP_2, is_reused));
            // One that is open, idle and to the same place.
            let e = get(&client, &server.url("/a")).await.unwrap_err();
            assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::UnknownIssuer)));
            assert_eq!(e.peer_certificates(), stranger.chain);
        }
        assert_eq!(server.requests(), 2);
    });
}

#[test]
fn s926_09_each_configuration_and_each_name_has_its_own_connections() {
    everywhere(|_| async {
        let server = secure(&[b"h2"]);
        let client = Client::builder().tls(trusting()).protocols(Protocols::Http2).build().unwrap();
        let (one, other) = (own(&[]), own(&[]));
        for is_reused in [false, true] {
            let get = || client.get(server.url("/a"));
            let requests = [
                get(),
                get().tls_config(Arc::clone(&one)),
                get().tls_config(Arc::clone(&other)),
                get().tls_server_name(NAME),
                get().tls_server_name("localhost"),
                get().tls_server_name(NAME).tls_config(Arc::clone(&one)),
            ];
            for request in requests {
                let response = read(request.send().await.unwrap()).await.unwrap();
                assert_eq!(
                    (response.version(), response.connection().is_reused()),
                    (Version::HTTP_2, is_reused)
                );
            }
        }
        assert_eq!((server.accepted(), server.requests()), (6, 12));
    });
}
