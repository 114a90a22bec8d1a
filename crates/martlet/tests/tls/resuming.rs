//! Sessions that go on.

use std::sync::Arc;

use martlet::Client;
use martlet::tls::TlsInfo;

use crate::common::flavor::everywhere;
use crate::peer::{ONLY_12, ONLY_13, Then, TlsServer, Versions};
use crate::{client, get, options, own_config, read, trusting};

/// A server that ends each connection after one response.
fn closing(versions: Versions) -> TlsServer {
    let mut options = options();
    options.versions = versions;
    let last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    options.says(last, || Then::Close).start()
}

async fn shown(client: &Client, server: &TlsServer) -> TlsInfo {
    let response = read(client.get(server.url("/")).send().await.unwrap()).await.unwrap();
    response.connection().tls().unwrap().clone()
}

fn resumed(server: &TlsServer) -> Vec<bool> {
    server.seen().iter().map(|seen| seen.resumed).collect()
}

#[test]
fn a_client_resumes_its_sessions_and_shows_the_certificates_of_their_beginning() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let (server, client) = (closing(versions), client(trusting()));
            let first = shown(&client, &server).await;
            let second = shown(&client, &server).await;
            assert_eq!((first.is_resumed(), second.is_resumed()), (false, true));
            assert_eq!(resumed(&server), [false, true]);
            assert_eq!(second.peer_certificates(), first.peer_certificates());
            assert_eq!(second.protocol_version(), first.protocol_version());
        }
    });
}

#[test]
fn s926_08_clients_that_share_a_configuration_share_sessions() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let config = Arc::new(own_config(versions));
            let described = trusting();
            let own = || Client::builder().tls_config(config.clone()).build().unwrap();
            for clients in [[own(), own()], [client(described.clone()), client(described.clone())]] {
                let server = closing(versions);
                assert!(!shown(&clients[0], &server).await.is_resumed());
                assert!(shown(&clients[1], &server).await.is_resumed());
                assert_eq!(resumed(&server), [false, true]);
            }
        }
    });
}

#[test]
fn clients_of_two_configurations_share_no_sessions() {
    everywhere(|_| async {
        let server = closing(ONLY_13);
        for config in [trusting(), trusting()] {
            assert!(!shown(&client(config), &server).await.is_resumed());
        }
        // One that was changed is another one.
        let config = trusting();
        assert!(!shown(&client(config.clone()), &server).await.is_resumed());
        let changed = config.max_version(martlet::tls::TlsVersion::Tls13);
        assert!(!shown(&client(changed), &server).await.is_resumed());
    });
}

#[test]
fn a_request_with_a_configuration_of_its_own_resumes_its_sessions() {
    everywhere(|_| async {
        let (server, client) = (closing(ONLY_13), client(trusting()));
        let config = Arc::new(own_config(ONLY_13));
        for resumes in [false, true] {
            let request = client.get(server.url("/")).tls_config(config.clone());
            let response = read(request.send().await.unwrap()).await.unwrap();
            assert_eq!(response.connection().tls().unwrap().is_resumed(), resumes);
        }
        // The sessions of the client are others.
        assert!(!shown(&client, &server).await.is_resumed());
    });
}

#[test]
fn a_server_that_keeps_no_sessions_is_greeted_anew_each_time() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let mut options = options();
            (options.versions, options.keeps_sessions) = (versions, false);
            let last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
            let server = options.says(last, || Then::Close).start();
            let client = client(trusting());
            for _ in 0..3 {
                assert_eq!(get(&client, &server).await.unwrap(), "hello");
            }
            assert_eq!(resumed(&server), [false; 3]);
        }
    });
}
