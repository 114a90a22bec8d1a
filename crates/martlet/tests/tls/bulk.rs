//! Much content.

use std::io::{Read, Write};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use futures_lite::{AsyncReadExt, stream};
use martlet::bytes::Bytes;
use martlet::{Body, Client, Delivery, Kind, Phase, Response, Timeouts};

use crate::common::flavor::everywhere;
use crate::peer::{Session, Then};
use crate::{client, options, trusting};

const LENGTH: usize = 20 << 20;

/// Content that shows where it is: it repeats itself, but no power of two fits into its period.
fn pattern() -> Vec<u8> {
    (0..251 * 64).map(|n| (n % 251) as u8).collect()
}

/// Compares with the content at this place.
fn check(pattern: &[u8], at: usize, octets: &[u8]) {
    let mut at = at % 251;
    for piece in octets.chunks(251 * 32) {
        assert!(pattern[at..].starts_with(piece));
        at = (at + piece.len()) % 251;
    }
}

/// Pieces of some odd length.
fn pieces(length: usize, piece: usize) -> Vec<Bytes> {
    let pattern = Bytes::from(pattern());
    let starts = (0..length).step_by(piece);
    starts.map(|at| pattern.slice(at % 251..at % 251 + piece.min(length - at))).collect()
}

fn write(session: &mut Session) -> std::io::Result<()> {
    write!(session, "HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")?;
    for piece in pieces(LENGTH, 9_000) {
        session.write_all(&piece)?;
    }
    Ok(())
}

async fn read(mut response: Response, buffer: usize) {
    let (pattern, mut buffer, mut at) = (pattern(), vec![0; buffer], 0);
    loop {
        let n = response.read(&mut buffer).await.unwrap();
        if n == 0 {
            break;
        }
        check(&pattern, at, &buffer[..n]);
        at += n;
    }
    assert_eq!(at, LENGTH);
}

#[test]
fn a_download_of_20_mib_arrives_through_a_small_buffer() {
    everywhere(|_| async {
        let server = options()
            .answer(|session, _| {
                write(session)?;
                Ok(Then::GoOn)
            })
            .start();
        let client = client(trusting());
        read(client.get(server.url("/")).send().await.unwrap(), 1_777).await;
        // Nothing is left over.
        assert_eq!((client.stats().idle, server.seen().len()), (1, 1));
    });
}

#[test]
fn an_upload_of_20_mib_arrives_from_small_pieces() {
    everywhere(|_| async {
        let server = options()
            .answer(|session, request| {
                assert_eq!(request.content.len(), LENGTH);
                check(&pattern(), 0, &request.content);
                session.write_all(crate::peer::HELLO)?;
                Ok(Then::GoOn)
            })
            .start();
        let client = client(trusting());
        let pieces = pieces(LENGTH, 2_999).into_iter().map(Ok::<_, std::io::Error>);
        let body = Body::sized_stream(LENGTH as u64, stream::iter(pieces));
        let response = client.post(server.url("/")).body(body).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "hello");
        assert_eq!((client.stats().idle, server.seen().len()), (1, 1));
    });
}

#[test]
fn a_server_that_does_not_read_is_waited_for_as_long_as_sending_may_take() {
    everywhere(|_| async {
        let (tell, told) = mpsc::channel::<()>();
        let told = Mutex::new(told);
        let server = options()
            .answer(move |_, _| {
                let _ = told.lock().unwrap().recv();
                Ok(Then::Cut)
            })
            .start();
        let mut timeouts = Timeouts::default();
        timeouts.write = Some(Duration::from_millis(100));
        let client = Client::builder().tls(trusting()).timeouts(timeouts).build().unwrap();
        let body = vec![b'x'; 2 * LENGTH];
        let e = client.post(server.url("/duplex")).body(body).send().await.unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(Phase::Send), Delivery::Unknown));
        assert_eq!(client.stats().connections, 0);
        drop(tell);
        server.all_ended().await;
    });
}

#[test]
fn content_goes_both_ways_at_a_time() {
    everywhere(|_| async {
        // Whoever sends all before he reads would wait for ever.
        let server = options()
            .answer(|session, _| {
                write!(session, "HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")?;
                let (mut buffer, mut left) = (vec![0; 8_000], LENGTH);
                while left > 0 {
                    let n = session.read(&mut buffer)?;
                    session.write_all(&buffer[..n])?;
                    left -= n;
                }
                Ok(Then::GoOn)
            })
            .start();
        let client = client(trusting());
        let pieces = pieces(LENGTH, 7_001).into_iter().map(Ok::<_, std::io::Error>);
        let body = Body::sized_stream(LENGTH as u64, stream::iter(pieces));
        read(client.post(server.url("/duplex")).body(body).send().await.unwrap(), 10_000).await;
        assert_eq!((client.stats().idle, server.seen().len()), (1, 1));
    });
}
