//! A whole configuration of rustls.

use std::sync::{Arc, Mutex};

use martlet::Kind;
use martlet::rustls::crypto::{CryptoProvider, ring};
use martlet::rustls::{CipherSuite, ClientConfig, KeyLog};
use martlet::tls::{TlsFailure, TlsVersion};
use martlet::{Client, Delivery};

use crate::common::flavor::everywhere;
use crate::peer::{BOTH, ONLY_12, ONLY_13, Versions};
use crate::{client, get, options, own_config, roots, server, text, trusting};

fn with(config: ClientConfig) -> Client {
    Client::builder().tls_config(Arc::new(config)).build().unwrap()
}

fn with_alpn(versions: Versions, names: &[&[u8]]) -> Client {
    let mut config = own_config(versions);
    config.alpn_protocols = names.iter().map(|name| name.to_vec()).collect();
    with(config)
}

#[derive(Debug, Default)]
struct Labels(Mutex<Vec<String>>);

impl KeyLog for Labels {
    fn log(&self, label: &str, _: &[u8], _: &[u8]) {
        self.0.lock().unwrap().push(label.to_owned());
    }
}

#[test]
fn s926_03_cipher_suites_versions_and_key_log_are_those_of_the_configuration() {
    everywhere(|_| async {
        let suite = ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
        let provider = CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(ONLY_13)
            .unwrap()
            .with_root_certificates(roots())
            .with_no_client_auth();
        let labels = Arc::new(Labels::default());
        config.key_log = labels.clone();
        let (server, client) = (server(), with(config));
        let response = client.get(server.url("/")).send().await.unwrap();
        let tls = response.connection().tls().unwrap();
        assert_eq!(tls.protocol_version(), TlsVersion::Tls13);
        assert_eq!(tls.cipher_suite(), CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
        assert!(labels.0.lock().unwrap().iter().any(|label| label == "CLIENT_TRAFFIC_SECRET_0"));

        let mut options = options();
        options.versions = ONLY_12;
        let server = options.start();
        let e = get(&client, &server).await.unwrap_err();
        // protocol_version
        assert_eq!((e.kind(), e.delivery()), (Kind::Tls(TlsFailure::Alert(70)), Delivery::NotSent));
        assert!(text(&e).contains("protocol_version"), "{}", text(&e));
    });
}

#[test]
fn versions_and_key_log_can_also_be_described() {
    everywhere(|_| async {
        for (versions, version) in [(ONLY_12, TlsVersion::Tls12), (ONLY_13, TlsVersion::Tls13)] {
            let labels = Arc::new(Labels::default());
            let config = trusting().min_version(version).max_version(version).key_log(labels.clone());
            let client = client(config);
            let server = server();
            let response = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(response.connection().tls().unwrap().protocol_version(), version);
            assert!(!labels.0.lock().unwrap().is_empty());
            let mut options = options();
            options.versions = if versions == ONLY_12 { ONLY_13 } else { ONLY_12 };
            let e = get(&client, &options.start()).await.unwrap_err();
            assert_eq!(e.kind(), Kind::Tls(TlsFailure::Alert(70)));
        }
    });
}

#[test]
fn s926_04_protocols_are_set_on_a_copy_of_a_configuration_that_has_none() {
    everywhere(|_| async {
        let config = Arc::new(own_config(BOTH));
        let clients = [
            Client::builder().tls_config(config.clone()).build().unwrap(),
            Client::builder().build().unwrap(),
        ];
        for client in clients {
            let server = server();
            let request = client.get(server.url("/")).tls_config(config.clone());
            let response = request.send().await.unwrap();
            assert_eq!(response.connection().tls().unwrap().alpn(), Some(&b"http/1.1"[..]));
            assert_eq!(server.seen_one().alpn, [&b"h2"[..], b"http/1.1"]);
            assert!(config.alpn_protocols.is_empty());
        }
    });
}

#[test]
fn s926_05_protocols_of_the_users_own_are_left_alone() {
    everywhere(|_| async {
        let (server, client) = (server(), with_alpn(BOTH, &[b"of my own", b"http/1.1"]));
        let response = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(response.connection().tls().unwrap().alpn(), Some(&b"http/1.1"[..]));
        assert_eq!(response.version(), martlet::http::Version::HTTP_11);
        assert_eq!(server.seen_one().alpn, [&b"of my own"[..], b"http/1.1"]);
    });
}

#[test]
fn s926_06_a_server_that_lacks_the_users_only_protocol_refuses_by_an_alert() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let (server, client) = (server(), with_alpn(versions, &[b"h2"]));
            let e = get(&client, &server).await.unwrap_err();
            assert_eq!((e.kind(), e.delivery()), (Kind::Tls(TlsFailure::Alert(120)), Delivery::NotSent));
            assert!(text(&e).contains("no_application_protocol"), "{}", text(&e));
            assert!(e.peer_certificates().is_empty());
            server.all_ended().await;
            assert_eq!((server.seen().len(), server.requests()), (1, 0));
        }
    });
}

#[test]
fn s926_06_a_protocol_that_is_not_spoken_here_is_told_before_anything_is_sent() {
    everywhere(|_| async {
        let mut options = options();
        options.alpn = &[b"of my own"];
        let server = options.start();
        let e = get(&with_alpn(BOTH, &[b"of my own", b"http/1.1"]), &server).await.unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Tls(TlsFailure::Config), Delivery::NotSent));
        assert!(text(&e).contains("`of my own`"), "{}", text(&e));
        server.all_ended().await;
        assert_eq!(server.requests(), 0);
    });
}

#[test]
fn s926_07_http_11_is_spoken_where_the_server_chooses_no_protocol() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let mut options = options();
            (options.versions, options.alpn) = (versions, &[]);
            let server = options.start();
            let response = client(trusting()).get(server.url("/")).send().await.unwrap();
            assert_eq!(response.connection().tls().unwrap().alpn(), None);
            assert_eq!(response.connection().version(), martlet::http::Version::HTTP_11);
            assert_eq!(response.text().await.unwrap(), "hello");
        }
    });
}

#[test]
fn a_later_setting_takes_the_place_of_an_earlier_one() {
    everywhere(|_| async {
        let server = server();
        let own = || Arc::new(own_config(ONLY_12));
        let described = trusting().min_version(TlsVersion::Tls13);
        let clients = [
            (Client::builder().tls(described.clone()).tls_config(own()), TlsVersion::Tls12),
            (Client::builder().tls_config(own()).tls(described), TlsVersion::Tls13),
        ];
        for (builder, version) in clients {
            let response = builder.build().unwrap().get(server.url("/")).send().await.unwrap();
            assert_eq!(response.connection().tls().unwrap().protocol_version(), version);
        }
    });
}
