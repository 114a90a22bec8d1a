//! What nobody may take from the others: the thread that they share, and their connection.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_io::Timer;
use martlet::http::Version;
use martlet::{Client, Kind, PeerError};
use martlet_sim::h2::H2Server;
use martlet_sim::{SimRequest, SimResponse};

use crate::common::flavor::{Flavor, everywhere, watched};
use crate::raw::{Raw, frame, settings};
use crate::served::{Served, plain};
use crate::{client, get, soon, until};

/// SETTINGS, then frames that nobody needs for as long as somebody takes them.
fn flood(mut tcp: TcpStream) -> io::Result<()> {
    tcp.write_all(&settings())?;
    // Of a type that is unknown, hence passed over (RFC 9113 §5.5).
    let octets = frame(0xbe, 0, 0, b"12345678").repeat(4096);
    loop {
        tcp.write_all(&octets)?;
    }
}

#[test]
fn a_server_that_floods_one_connection_stops_no_other() {
    for flavor in Flavor::ALL {
        watched(format!("on {flavor:?}"), move || {
            flavor.block_on(async move {
                let is_over = Arc::<AtomicBool>::default();
                let told = Arc::clone(&is_over);
                let flooding = Raw::start(move |_, tcp| {
                    let ended = flood(tcp);
                    told.store(true, Ordering::SeqCst);
                    ended
                });
                let other = plain();
                let client = client();
                let mut waits = Box::pin(client.get(flooding.url("/")).send());
                for _ in 0..3 {
                    assert!(futures_lite::future::poll_once(&mut waits).await.is_none());
                    Timer::after(Duration::from_millis(5)).await;
                    assert_eq!(soon("the other", get(&client, &other.url("/a"))).await.unwrap(), "/a");
                    // Neither a dial nor another connection has to wait for it.
                    assert_eq!(
                        soon("a new one", get(&crate::client(), &other.url("/b"))).await.unwrap(),
                        "/b"
                    );
                }
                drop(waits);
                client.close().await;
                until("the flooded connection is closed", || is_over.load(Ordering::SeqCst)).await;
            });
        });
    }
}

/// tokio says only by a panic that it is being shut down.
#[test]
fn a_response_may_be_read_to_its_end_while_its_runtime_is_being_shut_down() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        watched(format!("{version:?}"), move || {
            let server =
                Served::start(H2Server::new(), None, |request: SimRequest| SimResponse::ok(request.target));
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            let client = Client::new();
            let send = client.get(server.url("/whole")).version(version).send();
            let response = runtime.block_on(send).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            let handle = runtime.handle().clone();
            drop(runtime);
            let _entered = handle.enter();
            // Whole or not, it comes to an end without a panic.
            match futures_lite::future::block_on(response.text()) {
                Ok(text) => assert_eq!(text, "/whole"),
                Err(e) => assert!(matches!(e.kind(), Kind::Closed(_)), "{e:?}"),
            }
        });
    }
}

/// The field section of a response by literals without an index (RFC 7541 §6.2.2): so many fields of so many octets.
fn section(fields: usize, octets: usize) -> Vec<u8> {
    let number = |n: usize, prefix: usize, out: &mut Vec<u8>| {
        let most = (1 << prefix) - 1;
        if n < most {
            return out.push(n as u8);
        }
        out.push(most as u8);
        let mut left = n - most;
        while left >= 128 {
            out.push((left % 128) as u8 | 128);
            left /= 128;
        }
        out.push(left as u8);
    };
    // `:status: 200` is in the table.
    let mut section = vec![0x88];
    for n in 0..fields {
        let name = format!("x-{n}");
        section.push(0);
        number(name.len(), 7, &mut section);
        section.extend(name.as_bytes());
        number(octets, 7, &mut section);
        section.extend(std::iter::repeat_n(b'v', octets));
    }
    section
}

/// As many servers send it: in frames of the usual size, whatever is allowed.
fn in_frames(stream: u32, section: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = section.chunks(16_000).collect();
    let mut octets = Vec::new();
    for (nth, part) in parts.iter().enumerate() {
        let kind = if nth == 0 { 0x1 } else { 0x9 };
        let end_of_stream = u8::from(nth == 0);
        let end_of_headers = if nth + 1 == parts.len() { 0x4 } else { 0 };
        octets.extend(frame(kind, end_of_stream | end_of_headers, stream, part));
    }
    octets
}

#[test]
fn a_head_up_to_the_limit_may_come_in_small_frames_and_a_larger_one_costs_its_own_stream_only() {
    everywhere(|_| async {
        let is_over = Arc::<AtomicBool>::default();
        let told = Arc::clone(&is_over);
        let server = Raw::start(move |_, mut tcp| {
            tcp.write_all(&settings())?;
            tcp.write_all(&frame(0x4, 1, 0, &[]))?;
            // Whoever sends the first request is answered, then the second; what they are does not matter.
            std::thread::sleep(Duration::from_millis(300));
            tcp.write_all(&in_frames(1, &section(60, 2_000)))?;
            tcp.write_all(&in_frames(3, &section(70, 2_000)))?;
            tcp.write_all(&in_frames(5, &section(1, 1)))?;
            let ended = io::copy(&mut tcp, &mut io::sink()).map(drop);
            told.store(true, Ordering::SeqCst);
            ended
        });
        let client = client();
        let all = (0..3).map(|_| {
            let (client, url) = (client.clone(), server.url("/"));
            Box::pin(async move { client.get(url).send().await })
        });
        let mut results = Vec::new();
        let mut all: Vec<_> = all.collect();
        // All are begun, in their order, before any is answered.
        for future in &mut all {
            assert!(futures_lite::future::poll_once(future).await.is_none());
            Timer::after(Duration::from_millis(20)).await;
        }
        for future in all {
            results.push(soon("an answer", future).await);
        }
        // Which of them has which stream is for the runtime to say.
        let (whole, mut failed): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        let mut fields: Vec<_> = whole.into_iter().map(|whole| whole.unwrap().headers().len()).collect();
        fields.sort_unstable();
        assert_eq!((fields, failed.len()), (vec![1, 60], 1));
        let e = failed.remove(0).unwrap_err();
        assert_eq!(e.kind(), Kind::Protocol);
        let rule = std::error::Error::source(&e).and_then(|source| source.downcast_ref::<PeerError>());
        assert!(rule.is_some_and(PeerError::is_limit), "{e:?}");
        assert_eq!(server.accepted(), 1);
        client.close().await;
        until("the connection is closed", || is_over.load(Ordering::SeqCst)).await;
    });
}

#[test]
fn responses_that_nobody_reads_do_not_use_up_the_connection_for_the_others() {
    everywhere(|_| async {
        let server =
            Served::start(H2Server::new(), None, |request: SimRequest| match request.target.as_str() {
                "/large" => SimResponse::ok(vec![b'x'; 3 << 20]),
                _ => SimResponse::ok(request.target),
            });
        let client = client();
        let mut unread = Vec::new();
        for _ in 0..8 {
            unread.push(soon("a head", client.get(server.url("/large")).send()).await.unwrap());
        }
        let first = unread[0].connection().id();
        assert!(unread.iter().all(|response| response.connection().id() == first));
        // The window is used up by now, or soon will be; and a little later that is known.
        Timer::after(Duration::from_millis(600)).await;
        for _ in 0..5 {
            let response = soon("an answer", client.get(server.url("/small")).send()).await.unwrap();
            assert_ne!(response.connection().id(), first);
            assert_eq!(soon("its content", response.text()).await.unwrap(), "/small");
        }
        // With the first content that is read it is as good as the other.
        for response in unread {
            assert_eq!(soon("all of it", response.bytes()).await.unwrap().len(), 3 << 20);
        }
        until("the first one serves again", || client.stats().streams == 0).await;
    });
}
