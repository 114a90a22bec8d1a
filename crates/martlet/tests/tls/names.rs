//! Names, addresses, and where to connect to.

use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_io::Async;
use futures_lite::{AsyncRead, AsyncWrite};
use martlet::tls::{TlsFailure, VerifyFailure};
use martlet::{Client, ConnectTarget, Delivery, Error, Kind, Response, Transport};

use crate::certs::{CA, NAME};
use crate::common::flavor::everywhere;
use crate::peer::TlsServer;
use crate::{client, options, server, trusting};

#[test]
fn an_address_is_verified_as_such_and_not_sent_as_a_name() {
    everywhere(|_| async {
        for (address, name) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
            let mut options = CA.leaf_for(&[name]).options();
            options.address = address;
            let server = options.start();
            let response = client(trusting()).get(server.url("/")).send().await.unwrap();
            assert_eq!(response.connection().peer_addr(), Some(server.address()));
            assert_eq!(response.connection().tls().unwrap().server_name(), name);
            assert_eq!(response.text().await.unwrap(), "hello");
            assert_eq!(server.seen_one().server_name, None);

            // A name that looks like it does not do.
            let mut options = CA.leaf_for(&["other.test", "192.0.2.7"]).options();
            options.address = address;
            let server = options.start();
            let e = client(trusting()).get(server.url("/")).send().await.unwrap_err();
            assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::WrongName)));
        }
    });
}

#[test]
fn a_name_is_resolved_sent_and_verified() {
    everywhere(|_| async {
        let server = CA.leaf_for(&["localhost"]).options().start();
        let response = client(trusting()).get(server.named_url("LOCALHOST")).send().await.unwrap();
        assert_eq!(response.connection().tls().unwrap().server_name(), "localhost");
        assert_eq!(server.seen_one().server_name.as_deref(), Some("localhost"));
    });
}

async fn head_of(client: &Client, server: &TlsServer, url: &str) -> Result<(Response, String), Error> {
    let response = client.get(url).connect_to(server.address()).send().await?;
    let head = server.seen().last().and_then(|seen| seen.heads.last().cloned()).unwrap_or_default();
    Ok((response, head))
}

#[test]
fn a_request_may_say_where_to_connect_to_and_keeps_its_name() {
    everywhere(|_| async {
        let (server, client) = (server(), client(trusting()));
        // Nobody resolves it, and nobody listens on its port.
        let (response, head) = head_of(&client, &server, "https://server.test/").await.unwrap();
        assert_eq!(response.connection().peer_addr(), Some(server.address()));
        assert_eq!(response.connection().tls().unwrap().server_name(), NAME);
        assert!(head.contains("host: server.test\r\n"), "{head}");
        assert_eq!(server.seen_one().server_name.as_deref(), Some(NAME));
        let e = head_of(&client, &server, "https://stranger.test/").await.unwrap_err();
        assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::WrongName)));
    });
}

#[test]
fn a_request_may_ask_for_a_certificate_of_another_name() {
    everywhere(|_| async {
        let server = CA.leaf_for(&["inner.test"]).options().start();
        let client = client(trusting());
        let e = client.get(server.url("/")).send().await.unwrap_err();
        assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::WrongName)));
        let response = client.get(server.url("/")).tls_server_name("inner.test").send().await.unwrap();
        assert_eq!(response.connection().tls().unwrap().server_name(), "inner.test");
        let seen = server.seen();
        assert_eq!(seen[1].server_name.as_deref(), Some("inner.test"));
        // The Host field is that of the URL.
        assert!(seen[1].heads[0].contains(&format!("host: {}\r\n", server.address())), "{seen:?}");
        let e = client.get(server.url("/")).tls_server_name("outer.test").send().await.unwrap_err();
        assert_eq!(e.kind(), Kind::Tls(TlsFailure::Verify(VerifyFailure::WrongName)));
    });
}

#[test]
fn what_is_no_name_is_a_mistake_and_nothing_is_sent() {
    everywhere(|_| async {
        let (server, client) = (server(), client(trusting()));
        let e = client.get(server.url("/")).tls_server_name("no name").send().await.unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Builder, Delivery::NotSent));
        assert!(server.seen().is_empty());
        assert_eq!(client.stats().connections, 0);
    });
}

/// A transport that somebody else has opened.
struct Opened(Async<TcpStream>);

impl AsyncRead for Opened {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Opened {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl Transport for Opened {}

#[test]
fn tls_is_spoken_over_the_transports_of_a_connector() {
    everywhere(|_| async {
        let server = server();
        let to = server.address();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        let connector = move |target: ConnectTarget| {
            noted.lock().unwrap().push(target);
            async move { Ok(Box::new(Opened(Async::<TcpStream>::connect(to).await?)) as Box<dyn Transport>) }
        };
        let client = Client::builder().tls(trusting()).connector(connector).build().unwrap();
        let address = "192.0.2.1:1".parse().unwrap();
        for request in
            [client.get("https://server.test/"), client.get("https://server.test/").connect_to(address)]
        {
            let response = request.send().await.unwrap();
            assert_eq!(response.connection().tls().unwrap().server_name(), NAME);
            // It does not say.
            assert_eq!(response.connection().peer_addr(), None);
            assert_eq!(response.text().await.unwrap(), "hello");
        }
        let asked = asked.lock().unwrap();
        let asked: Vec<_> =
            asked.iter().map(|to| (to.scheme(), to.host(), to.port(), to.address())).collect();
        assert_eq!(asked, [("https", NAME, 443, None), ("https", NAME, 443, Some(address))]);
    });
}

#[test]
fn names_and_addresses_of_requests_are_of_no_effect_without_tls() {
    everywhere(|_| async {
        let (server, client) = (options().start(), client(trusting()));
        let url = format!("http://plain.test:{}/", server.address().port());
        let request = client.get(&url).connect_to(server.address()).tls_server_name("other.test");
        let response = request.send().await.unwrap();
        assert!(response.connection().tls().is_none());
        let seen = server.seen_one();
        assert!(seen.plain && seen.heads[0].contains("host: plain.test:"), "{seen:?}");
    });
}
