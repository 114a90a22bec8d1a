//! Failures of real sockets, the same on every runtime.
#![cfg(all(feature = "tokio", feature = "smol", feature = "async-std"))]

mod common;

use std::error::Error as _;
use std::future::Future;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use martlet::http::StatusCode;
use martlet::{Client, Closed, Delivery, Ending, Error, Kind};

use common::server::scripted;

/// Runs the same on tokio, smol and async-std.
fn everywhere<F: Future<Output = ()>>(test: impl Fn(Client) -> F) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(test(Client::new()));
    smol::block_on(test(Client::new()));
    async_std::task::block_on(test(Client::new()));
}

fn io_kind(e: &Error) -> Option<io::ErrorKind> {
    let mut source = e.source();
    while let Some(e) = source {
        if let Some(e) = e.downcast_ref::<io::Error>() {
            return Some(e.kind());
        }
        source = e.source();
    }
    None
}

#[test]
fn a_closed_port_is_a_connect_error_with_the_systems_word() {
    everywhere(|client| async move {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let e = client.get(format!("http://{free}/")).send().await.unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Connect, Delivery::NotSent));
        assert_eq!(io_kind(&e), Some(io::ErrorKind::ConnectionRefused));
    });
}

#[test]
fn a_name_that_cannot_be_is_a_resolve_error() {
    // A label of more than 63 octets: no resolver asks anybody for it.
    let url = format!("http://{}.invalid/", "a".repeat(64));
    everywhere(|client| {
        let url = url.clone();
        async move {
            let e = client.get(&url).send().await.unwrap_err();
            assert_eq!((e.kind(), e.delivery()), (Kind::Resolve, Delivery::NotSent));
            assert!(e.is_connect());
        }
    });
}

#[test]
fn a_server_that_closes_in_every_place_is_told_apart() {
    let before = Closed::BeforeResponse { interim: false, by: Ending::Fin };
    let inside = Closed::InHead { received: 12, by: Ending::Fin };
    everywhere(|client| async move {
        for (response, closed) in [(&b""[..], before), (b"HTTP/1.1 200", inside)] {
            let (address, server) = scripted(response);
            let e = client.get(format!("http://{address}/")).send().await.unwrap_err();
            assert_eq!(e.kind(), Kind::Closed(closed));
            assert!(server.join().unwrap().starts_with("GET / HTTP/1.1\r\n"));
        }
        let (address, server) = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
        let mut response = client.get(format!("http://{address}/")).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "ab");
        let closed = Closed::InContent { expected: Some(9), received: 2, by: Ending::Fin };
        assert_eq!(response.chunk().await.unwrap_err().kind(), Kind::Closed(closed));
        server.join().unwrap();
    });
}

#[test]
fn a_reset_is_a_reset() {
    everywhere(|client| async move {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            // Octets that are never read turn the close into a reset; the client has written them already.
            let mut first = [0];
            (&stream).read_exact(&mut first).unwrap();
        });
        let e = client.get(format!("http://{address}/")).send().await.unwrap_err();
        assert_eq!(e.kind(), Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Reset }));
        assert_eq!(io_kind(&e), Some(io::ErrorKind::ConnectionReset));
        server.join().unwrap();
    });
}

/// Takes one connection and answers each request on it. The thread yields how many there were before it was closed.
fn counting() -> (SocketAddr, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        // Whoever waits for it to be closed does not wait for ever.
        stream.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (mut served, mut line) = (0, String::new());
        while stream.read_line(&mut line).unwrap() > 0 {
            if line == "\r\n" {
                stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
                served += 1;
            }
            line.clear();
        }
        served
    });
    (address, server)
}

#[test]
fn where_nothing_is_kept_the_end_of_a_response_is_a_fin_for_the_server_before_the_response_is_dropped() {
    everywhere(|_| async move {
        let client = Client::builder().keepalive_expiry(Some(Duration::ZERO)).build().unwrap();
        let (address, server) = counting();
        let mut response = client.get(format!("http://{address}/")).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "ok");
        assert_eq!(response.chunk().await.unwrap(), None);
        assert_eq!(server.join().unwrap(), 1);
        assert_eq!((response.status(), client.stats().connections), (StatusCode::OK, 0));
    });
}

#[test]
fn after_the_end_of_a_response_the_connection_serves_the_next_request_and_ends_with_the_client() {
    everywhere(|client| async move {
        let (address, server) = counting();
        for _ in 0..3 {
            let response = client.get(format!("http://{address}/")).send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), "ok");
            assert_eq!((client.stats().connections, client.stats().idle), (1, 1));
        }
        assert!(!server.is_finished());
        drop(client);
        assert_eq!(server.join().unwrap(), 3);
    });
}

#[test]
fn an_upload_to_a_server_that_refuses_and_closes_ends_with_its_answer() {
    everywhere(|client| async move {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 1000]).unwrap();
            let refusal =
                b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig";
            stream.write_all(refusal).unwrap();
            // It reads what was under way up to the FIN, as a good server does (RFC 9112 §9.6).
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            io::copy(&mut stream, &mut io::sink()).unwrap()
        });
        let content = vec![b'x'; 100 << 20];
        let response = client.post(format!("http://{address}/")).body(content).send().await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(response.text().await.unwrap(), "big");
        assert!(server.join().unwrap() < 100 << 20, "all of it was uploaded");
    });
}

#[test]
fn peer_address_and_case_of_the_host() {
    everywhere(|client| async move {
        let (address, server) = scripted(b"HTTP/1.1 204 No Content\r\n\r\n");
        let response = client.get(format!("http://LOCALHOST:{}/a?b#c", address.port())).send().await.unwrap();
        assert_eq!(response.peer_addr(), Some(address));
        let seen = server.join().unwrap();
        let start = format!("GET /a?b HTTP/1.1\r\nhost: localhost:{}\r\n", address.port());
        assert!(seen.starts_with(&start), "{seen}");
    });
}
