//! Connections that are not interchangeable.

use std::sync::Arc;

use martlet::rustls::ClientConfig;
use martlet::tls::{TlsConfig, TlsFailure, VerifyFailure};
use martlet::{Client, Kind, RequestBuilder};

use crate::certs::{CA, Leaf, NAME};
use crate::common::flavor::everywhere;
use crate::peer::{BOTH, TlsServer};
use crate::{client, get, own_config, read, server, trusting};

/// The number of the connection that a request went over.
async fn number(request: RequestBuilder) -> u64 {
    read(request.send().await.unwrap()).await.unwrap().connection().id()
}

#[test]
fn with_and_without_tls_are_two_things_also_on_one_port() {
    everywhere(|_| async {
        let (server, client) = (server(), client(trusting()));
        let plain = format!("http://{}/", server.address());
        for round in 0..3 {
            for (url, tls) in [(&plain, false), (&server.url("/"), true)] {
                let response = read(client.get(url).send().await.unwrap()).await.unwrap();
                assert_eq!(response.connection().tls().is_some(), tls);
                assert_eq!(response.connection().is_reused(), round > 0);
            }
        }
        let seen: Vec<_> = server.seen().iter().map(|seen| (seen.plain, seen.requests.len())).collect();
        assert_eq!(seen, [(true, 3), (false, 3)]);
    });
}

/// Each kind of request has a connection of its own, and keeps it.
async fn apart(server: &TlsServer, requests: &[&(dyn Fn() -> RequestBuilder + Sync)]) {
    let mut numbers = Vec::new();
    for request in requests {
        numbers.push(number(request()).await);
    }
    let mut different = numbers.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), requests.len(), "{numbers:?}");
    for (request, id) in requests.iter().zip(&numbers).rev() {
        assert_eq!(number(request()).await, *id);
    }
    assert_eq!(server.seen().len(), requests.len());
}

#[test]
fn s926_09_requests_of_other_names_configurations_and_addresses_have_other_connections() {
    everywhere(|_| async {
        let (server, client) = (server(), client(trusting()));
        let (one, same_again) = (Arc::new(own_config(BOTH)), Arc::new(own_config(BOTH)));
        let get = || client.get(server.url("/"));
        apart(
            &server,
            &[
                &get,
                &|| get().tls_server_name(NAME),
                &|| get().tls_server_name("localhost"),
                &|| get().tls_config(one.clone()),
                &|| get().tls_config(same_again.clone()),
                &|| get().tls_config(one.clone()).tls_server_name(NAME),
                &|| get().connect_to(server.address()),
                &|| get().connect_to(server.address()).tls_server_name(NAME),
            ],
        )
        .await;
    });
}

#[test]
fn s926_09_what_was_not_verified_is_never_given_to_who_verifies() {
    everywhere(|_| async {
        let server = Leaf::self_signed().options().start();
        let reckless = Arc::new(reckless());
        let careful = client(trusting());
        let unverified = || careful.get(server.url("/")).tls_config(reckless.clone());
        let first = number(unverified()).await;
        assert_eq!(careful.stats().idle, 1);
        let e = get(&careful, &server).await.unwrap_err();
        assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::UnknownIssuer)));
        let e = careful.get(server.url("/")).connect_to(server.address()).send().await.unwrap_err();
        assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::UnknownIssuer)));
        assert_eq!(number(unverified()).await, first);

        // And the other way round: who is reckless by himself says so of each request that is not to be.
        let config = TlsConfig::new().danger_accept_invalid_certs(true);
        let everything = client(config);
        number(everything.get(server.url("/"))).await;
        let own = Arc::new(own_config(BOTH));
        let e = everything.get(server.url("/")).tls_config(own).send().await.unwrap_err();
        assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::UnknownIssuer)));
    });
}

/// Does not verify: made by hand, as a user would.
fn reckless() -> ClientConfig {
    ClientConfig::builder_with_provider(crate::peer::provider())
        .with_protocol_versions(BOTH)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth()
}

#[derive(Debug)]
struct Anybody;

mod anybody {
    use martlet::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use martlet::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use martlet::rustls::{DigitallySignedStruct, Error, SignatureScheme};

    impl ServerCertVerifier for super::Anybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
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
            crate::peer::provider().signature_verification_algorithms.supported_schemes()
        }
    }
}

#[test]
fn with_one_connection_each_kind_of_request_makes_room_for_the_other() {
    everywhere(|_| async {
        let server = server();
        let client: Client = Client::builder().tls(trusting()).max_connections(1).build().unwrap();
        let plain = format!("http://{}/", server.address());
        for _ in 0..3 {
            number(client.get(&plain)).await;
            number(client.get(server.url("/"))).await;
            number(client.get(server.url("/")).tls_server_name(NAME)).await;
            assert_eq!((client.stats().connections, client.stats().idle), (1, 1));
        }
        assert_eq!(server.seen().len(), 9);
        // Sessions are those of the name that was asked for.
        let resumed: Vec<_> = server.seen().iter().map(|seen| seen.resumed).collect();
        assert_eq!(resumed, [false, false, false, false, true, true, false, true, true]);
    });
}

#[test]
fn all_kinds_of_requests_to_an_origin_count_for_it() {
    everywhere(|_| async {
        let server = server();
        let builder = Client::builder().tls(trusting()).max_connections_per_origin(Some(2));
        let client = builder.build().unwrap();
        for name in [NAME, "localhost", NAME, "localhost"] {
            number(client.get(server.url("/"))).await;
            number(client.get(server.url("/")).tls_server_name(name)).await;
            number(client.get(server.url("/")).connect_to(server.address())).await;
            assert!(client.stats().connections <= 2, "{client:?}");
        }
    });
}

#[test]
fn two_names_of_one_server_are_two_origins() {
    everywhere(|_| async {
        let (server, client) = (CA.leaf().options().start(), client(trusting()));
        let to = |name: &str| client.get(server.named_url(name)).connect_to(server.address());
        apart(&server, &[&|| to(NAME), &|| to("localhost"), &|| to("127.0.0.1")]).await;
    });
}
