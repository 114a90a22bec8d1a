//! Who the client is.

use martlet::tls::{TlsConfig, TlsFailure};
use martlet::{Delivery, Kind};

use crate::certs::{Authority, CA, Leaf};
use crate::common::flavor::everywhere;
use crate::peer::{Clients, ONLY_12, ONLY_13, TlsServer, Versions};
use crate::{client, get, options, roots, text, trusting};

/// A server that asks for a certificate of our authority.
fn asking(clients: Clients, versions: Versions) -> TlsServer {
    let mut options = options();
    (options.clients, options.client_roots, options.versions) = (clients, roots(), versions);
    options.start()
}

fn identity(leaf: &Leaf) -> TlsConfig {
    trusting().identity_pem(&leaf.pem, leaf.key.serialize_pem())
}

#[test]
fn s926_02_a_server_that_asks_sees_the_certificate() {
    everywhere(|flavor| async move {
        let mine = CA.issue(|params| params.subject_alt_names.clear());
        let both = mine.pem.clone() + &mine.key.serialize_pem();
        let path = std::env::temp_dir().join(format!("martlet-id-{}-{flavor:?}.pem", std::process::id()));
        std::fs::write(&path, &both).unwrap();
        let configs = [
            identity(&mine),
            trusting().identity_pem(&both, &both),
            trusting().identity_files(&path, &path),
            trusting().identity_der(vec![mine.chain[0].to_vec()], mine.key.serialize_der()),
        ];
        std::fs::remove_file(&path).unwrap();
        for config in configs {
            for versions in [ONLY_12, ONLY_13] {
                for clients in [Clients::Everybody, Clients::WhoHasOne] {
                    let server = asking(clients, versions);
                    assert_eq!(get(&client(config.clone()), &server).await.unwrap(), "hello");
                    assert_eq!(server.seen_one().client_certificates, mine.chain);
                }
            }
        }
    });
}

#[test]
fn a_server_that_does_not_insist_serves_who_has_none_and_who_does_not_ask_sees_none() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let server = asking(Clients::WhoHasOne, versions);
            assert_eq!(get(&client(trusting()), &server).await.unwrap(), "hello");
            let other = asking(Clients::Nobody, versions);
            assert_eq!(get(&client(identity(&CA.leaf())), &other).await.unwrap(), "hello");
            for server in [server, other] {
                assert!(server.seen_one().client_certificates.is_empty());
            }
        }
    });
}

#[test]
fn s926_02_a_missing_certificate_fails_the_handshake_of_tls_12() {
    everywhere(|_| async {
        let (server, client) = (asking(Clients::Everybody, ONLY_12), client(trusting()));
        let e = get(&client, &server).await.unwrap_err();
        assert!(matches!(e.kind(), Kind::Tls(TlsFailure::Alert(40 | 116))), "{e:?}");
        assert_eq!((e.delivery(), e.is_connect()), (Delivery::NotSent, true));
        server.all_ended().await;
        let seen = server.seen_one();
        assert_eq!((seen.shaken, seen.requests.len()), (false, 0));
    });
}

#[test]
fn s926_02_a_missing_certificate_is_told_in_the_place_of_the_response_under_tls_13() {
    everywhere(|_| async {
        let (server, client) = (asking(Clients::Everybody, ONLY_13), client(trusting()));
        for (attempts, method) in [(1, martlet::http::Method::GET), (2, martlet::http::Method::POST)] {
            let e = client.request(method, server.url("/")).body("content").send().await.unwrap_err();
            assert_eq!(e.kind(), Kind::Tls(TlsFailure::Alert(116)));
            assert!(text(&e).contains("certificate_required"), "{}", text(&e));
            // For all that the client knows.
            assert_eq!((e.delivery(), e.is_connect()), (Delivery::Unknown, false));
            assert!(e.peer_certificates().is_empty());
            server.all_ended().await;
            // And no second attempt.
            assert_eq!((server.seen().len(), server.requests()), (attempts, 0));
            assert_eq!(client.stats().connections, 0);
        }
        assert!(server.seen().iter().all(|seen| !seen.shaken));
    });
}

#[test]
fn a_certificate_that_the_server_does_not_trust_is_told_by_an_alert() {
    everywhere(|_| async {
        let config = identity(&Authority::new("Somebody else").leaf());
        for versions in [ONLY_12, ONLY_13] {
            let server = asking(Clients::Everybody, versions);
            let e = get(&client(config.clone()), &server).await.unwrap_err();
            // unknown_ca, or whatever the server makes of it.
            assert!(matches!(e.kind(), Kind::Tls(TlsFailure::Alert(_))), "{e:?}");
            let delivery = if versions == ONLY_12 { Delivery::NotSent } else { Delivery::Unknown };
            assert_eq!(e.delivery(), delivery);
            server.all_ended().await;
            assert_eq!((server.seen().len(), server.requests()), (1, 0));
        }
    });
}

#[test]
fn s926_02_a_missing_certificate_is_told_also_while_much_content_is_under_way() {
    everywhere(|_| async {
        let (server, client) = (asking(Clients::Everybody, ONLY_13), client(trusting()));
        let e = client.put(server.url("/")).body(vec![b'x'; 8 << 20]).send().await.unwrap_err();
        assert_eq!(e.kind(), Kind::Tls(TlsFailure::Alert(116)));
        server.all_ended().await;
        assert_eq!((server.seen().len(), server.requests()), (1, 0));
    });
}
