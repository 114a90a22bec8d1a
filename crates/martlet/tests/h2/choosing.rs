//! Which version of HTTP is spoken, and by whose choice.

use std::sync::Arc;

use martlet::http::Version;
use martlet::tls::TlsFailure;
use martlet::{Client, Delivery, Kind, Protocols};

use crate::common::flavor::everywhere;
use crate::raw::{self, Raw};
use crate::served::{Served, plain, secure, target};
use crate::{CA, builder, client, get, peer, read, soon, text, trusting};

fn negotiating() -> Client {
    Client::builder().tls(trusting()).build().unwrap()
}

#[test]
fn prior_knowledge_over_http_serves_all_requests_on_one_connection() {
    everywhere(|_| async {
        let (server, client) = (plain(), client());
        let mut ids = Vec::new();
        for is_reused in [false, true, true] {
            let response = read(client.get(server.url("/a")).send().await.unwrap()).await.unwrap();
            assert_eq!((response.version(), response.reason()), (Version::HTTP_2, &b""[..]));
            let connection = response.connection();
            assert_eq!((connection.version(), connection.is_reused()), (Version::HTTP_2, is_reused));
            assert_eq!(connection.peer_addr(), Some(server.address()));
            assert!(connection.tls().is_none() && connection.local_addr().is_some());
            assert_eq!(response.attempts(), 1);
            ids.push(connection.id());
        }
        ids.dedup();
        assert_eq!((ids.len(), server.accepted(), server.by_http1()), (1, 1, 0));
    });
}

#[test]
fn http_is_http_11_unless_somebody_says_otherwise() {
    everywhere(|_| async {
        let (server, client) = (plain(), negotiating());
        let response = client.get(server.url("/a")).send().await.unwrap();
        assert_eq!(
            (response.version(), response.connection().version()),
            (Version::HTTP_11, Version::HTTP_11)
        );
        assert_eq!(response.text().await.unwrap(), "/a");
        assert_eq!((server.accepted(), server.by_http1()), (1, 1));
    });
}

#[test]
fn the_handshake_of_tls_chooses_http_2_where_both_sides_have_it() {
    everywhere(|_| async {
        let (server, client) = (secure(&[b"h2", b"http/1.1"]), negotiating());
        for is_reused in [false, true] {
            let response = read(client.get(server.url("/a")).send().await.unwrap()).await.unwrap();
            let connection = response.connection();
            assert_eq!((response.version(), connection.version()), (Version::HTTP_2, Version::HTTP_2));
            assert_eq!(
                (connection.is_reused(), connection.tls().unwrap().alpn()),
                (is_reused, Some(&b"h2"[..]))
            );
        }
        assert_eq!((server.accepted(), server.by_http1()), (1, 0));
    });
}

#[test]
fn the_server_may_choose_http_11() {
    everywhere(|_| async {
        let (server, client) = (secure(&[b"http/1.1"]), negotiating());
        let response = client.get(server.url("/a")).send().await.unwrap();
        assert_eq!(response.connection().tls().unwrap().alpn(), Some(&b"http/1.1"[..]));
        assert_eq!((response.version(), server.by_http1()), (Version::HTTP_11, 1));
        assert_eq!(response.text().await.unwrap(), "/a");
    });
}

#[test]
fn prior_knowledge_over_https_needs_no_word_of_the_server() {
    everywhere(|_| async {
        let server = secure(&[]);
        let response = client().get(server.url("/a")).send().await.unwrap();
        assert_eq!(response.connection().tls().unwrap().alpn(), None);
        assert_eq!((response.version(), response.connection().version()), (Version::HTTP_2, Version::HTTP_2));
        assert_eq!(response.text().await.unwrap(), "/a");
        // Who negotiates takes silence for HTTP/1.1, and that is not what this server understands.
        let e = soon("an error", get(&negotiating(), &server.unsound().url("/a"))).await.unwrap_err();
        assert!(matches!(e.kind(), Kind::Protocol | Kind::Closed(_)), "{e:?}");
    });
}

#[test]
fn a_client_of_one_version_offers_no_other() {
    everywhere(|_| async {
        for (protocols, offer) in [
            (Protocols::Negotiated, &["h2", "http/1.1"][..]),
            (Protocols::Http1, &["http/1.1"]),
            (Protocols::Http2, &["h2"]),
        ] {
            let server = CA.leaf().options().start();
            let client = Client::builder().tls(trusting()).protocols(protocols).build().unwrap();
            // The server speaks HTTP/1.1 alone.
            let result = get(&client, &server.url("/")).await;
            assert_eq!(result.is_err(), protocols == Protocols::Http2);
            if let Err(e) = result {
                assert_eq!((e.kind(), e.delivery()), (Kind::Tls(TlsFailure::Alert(120)), Delivery::NotSent));
            }
            let offered = server.seen_one().alpn;
            assert_eq!(offered, offer.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_version_of_a_request_counts_and_no_connection_is_shared_across() {
    everywhere(|_| async {
        for server in [plain(), secure(&[b"h2", b"http/1.1"])] {
            for default in [Protocols::Negotiated, Protocols::Http1, Protocols::Http2] {
                let (before, client) = (server.accepted(), builder().protocols(default).build().unwrap());
                let mut ids = Vec::new();
                for is_reused in [false, true] {
                    for version in [Version::HTTP_2, Version::HTTP_11] {
                        let request = client.get(server.url("/a")).version(version);
                        let response = read(request.send().await.unwrap()).await.unwrap();
                        let connection = response.connection();
                        assert_eq!((response.version(), connection.version()), (version, version));
                        assert_eq!(connection.is_reused(), is_reused, "{version:?}, {default:?}");
                        ids.push(connection.id());
                    }
                }
                assert_eq!((ids[0], ids[1]), (ids[2], ids[3]));
                assert_ne!(ids[0], ids[1]);
                assert_eq!(server.accepted(), before + 2);
                // One of them is what the client would use by itself.
                let own = read(client.get(server.url("/a")).send().await.unwrap()).await.unwrap();
                let is_old = ids.contains(&own.connection().id());
                assert!(is_old || default == Protocols::Negotiated, "{default:?}");
            }
        }
    });
}

#[test]
fn a_request_of_http_10_goes_where_those_of_http_11_go() {
    everywhere(|_| async {
        let (server, client) = (plain(), client());
        for _ in 0..2 {
            let response = client.get(server.url("/a")).version(Version::HTTP_10).send().await.unwrap();
            assert_eq!(response.connection().version(), Version::HTTP_11);
            assert_eq!(response.text().await.unwrap(), "/a");
        }
        assert_eq!(server.by_http1(), server.accepted());
        let response = client.get(server.url("/b")).send().await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
    });
}

#[test]
fn no_other_version_can_be_asked_for() {
    for version in [Version::HTTP_09, Version::HTTP_3] {
        let e = client().get("http://a.test/").version(version).build().unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Builder, Delivery::NotSent));
    }
}

#[test]
fn prior_knowledge_that_is_wrong_fails_soon_and_says_why() {
    everywhere(|_| async {
        let server = Raw::start(|_, tcp| raw::http1(&tcp));
        for method in ["GET", "POST"] {
            let method = method.parse().unwrap();
            let request = client().request(method, server.url("/")).body("content");
            let e = soon("an error", request.send()).await.unwrap_err();
            assert_eq!(e.kind(), Kind::Protocol, "{}", text(&e));
            let said = text(&e);
            assert!(said.contains("HTTP/1"), "it does not help: {said}");
            assert!(e.connection().is_some_and(|connection| connection.version() == Version::HTTP_2));
        }
    });
}

#[test]
fn a_server_that_hangs_up_at_once_is_not_asked_over_and_over() {
    everywhere(|_| async {
        // It is a matter of chance whether the end or the request comes first.
        for _ in 0..20 {
            let server = Raw::start(|_, tcp| raw::say_and_end(&tcp, b""));
            let e = soon("an error", get(&client(), &server.url("/"))).await.unwrap_err();
            assert!(matches!(e.kind(), Kind::Closed(_)), "{e:?}");
            // A first one, and one more where nothing was sent.
            let (attempts, accepted) = (e.attempts(), server.accepted());
            assert!(attempts <= 2 && accepted <= 3, "{attempts} and {accepted}");
        }
    });
}

#[test]
fn a_request_of_http_11_to_a_server_of_http_2_alone_fails_soon() {
    everywhere(|_| async {
        let server = Served::only_http2(target);
        let e = soon("an error", get(&negotiating(), &server.url("/"))).await.unwrap_err();
        assert_eq!(e.kind(), Kind::Protocol, "{}", text(&e));
        assert!(text(&e).contains("HTTP/1"), "{}", text(&e));
        // Where the handshake can tell, it does.
        let server = secure(&[b"h2"]);
        let client = builder().protocols(Protocols::Http1).build().unwrap();
        let e = soon("an error", get(&client, &server.url("/"))).await.unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Tls(TlsFailure::Alert(120)), Delivery::NotSent));
    });
}

#[test]
fn s782_07_what_the_handshake_showed_outlives_the_connection() {
    everywhere(|_| async {
        let leaf = CA.leaf();
        let mut config = crate::served::tls(&[b"h2"]);
        let key = peer::provider().key_provider.load_private_key(leaf.key_der()).unwrap();
        let certified = rustls::sign::CertifiedKey::new(leaf.chain.clone(), key);
        config.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
        let server = Served::start(martlet_sim::h2::H2Server::new(), Some(config), target);
        let client = negotiating();
        let url = server.url("/").replace("127.0.0.1", "localhost");
        let request = client.get(url).connect_to(server.address());
        let response = read(request.send().await.unwrap()).await.unwrap();
        client.close().await;
        server.until_open(0).await;
        let tls = response.connection().tls().unwrap();
        assert_eq!(tls.alpn(), Some(&b"h2"[..]));
        assert_eq!(tls.peer_certificates(), leaf.chain);
        assert_eq!(tls.protocol_version(), martlet::tls::TlsVersion::Tls13);
        assert_eq!((tls.server_name(), tls.is_resumed()), ("localhost", false));
        assert!(format!("{:?}", tls.cipher_suite()).starts_with("TLS13_"));
    });
}
