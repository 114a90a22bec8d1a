//! What the handshake showed.

use martlet::rustls::CipherSuite;
use martlet::tls::{TlsFailure, TlsVersion, VerifyFailure};
use martlet::{Delivery, Kind};

use crate::certs::{Authority, CA};
use crate::common::flavor::everywhere;
use crate::peer::{ONLY_12, ONLY_13, Then};
use crate::{client, read, server, text, trusting};

#[test]
fn s782_07_what_was_agreed_upon_can_be_read_when_the_connection_is_gone() {
    everywhere(|_| async {
        for (versions, version) in [(ONLY_12, TlsVersion::Tls12), (ONLY_13, TlsVersion::Tls13)] {
            let leaf = CA.intermediate("An authority below").leaf();
            let mut options = leaf.options();
            options.versions = versions;
            let last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
            let server = options.says(last, || Then::Close).start();
            let client = client(trusting());
            let response = client.get(server.named_url(crate::certs::NAME)).connect_to(server.address());
            let response = read(response.send().await.unwrap()).await.unwrap();
            server.all_ended().await;
            drop(client);

            let connection = response.connection();
            assert_eq!(connection.peer_addr(), Some(server.address()));
            assert!(connection.local_addr().is_some_and(|address| address.ip().is_loopback()));
            assert!(!connection.is_reused());
            let tls = connection.tls().unwrap();
            assert_eq!(tls.peer_certificates(), leaf.chain);
            assert_eq!(tls.peer_certificates().len(), 2);
            assert_eq!(tls.protocol_version(), version);
            assert_eq!(tls.alpn(), Some(&b"http/1.1"[..]));
            assert_eq!(tls.server_name(), crate::certs::NAME);
            assert!(tls.key_exchange_group().is_some());
            assert!(!tls.is_resumed());
            let is_of_13 = matches!(
                tls.cipher_suite(),
                CipherSuite::TLS13_AES_128_GCM_SHA256
                    | CipherSuite::TLS13_AES_256_GCM_SHA384
                    | CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
            );
            assert_eq!(is_of_13, version == TlsVersion::Tls13);
            assert_eq!(Some(tls.cipher_suite_name()), tls.cipher_suite().as_str());

            let seen = server.seen_one();
            assert_eq!(seen.server_name.as_deref(), Some(crate::certs::NAME));
            assert_eq!(seen.alpn, [&b"h2"[..], b"http/1.1"]);
        }
    });
}

#[test]
fn s782_08_a_failed_verification_shows_the_certificates_and_says_why() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let leaf = Authority::new("Somebody else").intermediate("And below").leaf();
            let mut options = leaf.options();
            options.versions = versions;
            let server = options.start();
            let client = client(trusting());
            let e = client.get(server.url("/")).send().await.unwrap_err();
            assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::UnknownIssuer)));
            assert_eq!((e.delivery(), e.is_connect()), (Delivery::NotSent, true));
            assert_eq!(e.peer_certificates(), leaf.chain);
            // Numbers of octets at most, however it is printed.
            assert!(format!("{e:?}").len() < 600, "{e:?}");
            // The server is told.
            server.all_ended().await;
            let seen = server.seen_one();
            assert!(matches!(seen.failure, Some(rustls::Error::AlertReceived(_))), "{seen:?}");
            assert_eq!(client.stats().connections, 0);
        }
    });
}

#[test]
fn s782_08_the_text_has_the_name_that_was_asked_for_and_those_of_the_certificate() {
    everywhere(|_| async {
        let leaf = CA.leaf_for(&["other.test", "*.wild.test", "192.0.2.7"]);
        let server = leaf.options().start();
        let client = client(trusting());
        let asked = client.get(server.named_url("wanted.test")).connect_to(server.address());
        let e = asked.send().await.unwrap_err();
        assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::WrongName)));
        assert_eq!(e.peer_certificates(), leaf.chain);
        for name in ["wanted.test", "other.test", "*.wild.test", "192.0.2.7"] {
            assert!(text(&e).contains(name), "{}", text(&e));
        }
    });
}

#[test]
fn what_is_printed_of_a_connection_has_lengths_for_certificates() {
    everywhere(|_| async {
        let server = server();
        let response = client(trusting()).get(server.url("/")).send().await.unwrap();
        let printed = format!("{:?}", response.connection());
        let length = response.connection().tls().unwrap().peer_certificates()[0].len();
        assert!(printed.contains(&format!("{length} octets")), "{printed}");
        assert!(printed.len() < 700, "{printed}");
    });
}
