//! Handshakes that take their time, fail or are given up.

use std::error::Error as StdError;
use std::io;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use futures_lite::future::{poll_once, yield_now};
use martlet::tls::TlsFailure;
use martlet::{BoxFuture, Client, Delivery, Error, Kind, Phase, PoolStats, Response, Timeouts};

use crate::common::flavor::everywhere;
use crate::common::storm::give_up_after;
use crate::peer::{BOTH, ONLY_12, ONLY_13, Shake, TlsServer};
use crate::{client, get, options, server, trusting, until};

fn shaking(shake: Shake) -> TlsServer {
    let mut options = options();
    options.shake = shake;
    options.start()
}

const SHORT: Duration = Duration::from_millis(80);

fn with_timeouts(change: impl FnOnce(&mut Timeouts)) -> Client {
    let mut timeouts = Timeouts::default();
    change(&mut timeouts);
    Client::builder().tls(trusting()).timeouts(timeouts).build().unwrap()
}

/// A dial is counted while its task is polled, though nobody wants it any more.
async fn holds_nothing(client: &Client) {
    let held = |stats: PoolStats| (stats.connections, stats.dialing, stats.waiting);
    until("nothing is held", || held(client.stats()) == (0, 0, 0)).await;
}

#[test]
fn a_handshake_that_stalls_is_part_of_what_connecting_may_take() {
    everywhere(|_| async {
        let server = shaking(Shake::Held);
        let clients = [
            with_timeouts(|timeouts| timeouts.connect = Some(SHORT)),
            with_timeouts(|timeouts| timeouts.total = Some(SHORT)),
        ];
        for client in clients {
            let e = get(&client, &server).await.unwrap_err();
            assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(Phase::Tls), Delivery::NotSent));
            assert!(e.is_timeout() && e.is_connect());
            let elapsed = e.elapsed().unwrap();
            assert!(elapsed >= SHORT && elapsed < Duration::from_secs(5), "{elapsed:?}");
            holds_nothing(&client).await;
        }
        assert!(server.seen().iter().all(|seen| seen.greeted && !seen.shaken));
        // They have left: the server need not go on to see it.
        server.go_on();
        server.all_ended().await;
    });
}

#[test]
fn a_handshake_octet_by_octet_comes_to_its_end() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let mut options = options();
            (options.shake, options.versions) = (Shake::OctetByOctet, versions);
            let server = options.start();
            let client = client(trusting());
            for _ in 0..2 {
                assert_eq!(get(&client, &server).await.unwrap(), "hello");
            }
            assert_eq!(server.seen().len(), 1);
        }
    });
}

/// A request that is in its handshake.
async fn greeting(client: &Client, server: &TlsServer) -> BoxFuture<'static, Result<Response, Error>> {
    let mut held: BoxFuture<'_, _> = Box::pin(client.get(server.url("/")).send());
    while !server.seen().last().is_some_and(|seen| seen.greeted) {
        assert!(poll_once(&mut held).await.is_none());
        thread::sleep(Duration::from_millis(1));
        yield_now().await;
    }
    assert_eq!((client.stats().dialing, client.stats().waiting), (1, 1));
    held
}

fn one() -> Client {
    Client::builder().tls(trusting()).max_connections(1).build().unwrap()
}

#[test]
fn a_request_that_goes_away_in_the_handshake_frees_its_slot() {
    everywhere(|_| async {
        let (held, other, client) = (shaking(Shake::Held), server(), one());
        drop(greeting(&client, &held).await);
        holds_nothing(&client).await;
        assert_eq!(get(&client, &other).await.unwrap(), "hello");
        held.go_on();
        held.all_ended().await;
        assert_eq!(held.requests(), 0);
    });
}

#[test]
fn the_next_in_line_goes_on_with_a_handshake_whose_request_went_away() {
    everywhere(|_| async {
        let (server, client) = (shaking(Shake::Held), one());
        let first = greeting(&client, &server).await;
        let mut next = pin!(client.get(server.url("/next")).send());
        assert!(poll_once(&mut next).await.is_none());
        drop(first);
        server.go_on();
        let response = next.await.unwrap();
        assert!(response.connection().tls().is_some());
        assert_eq!(response.text().await.unwrap(), "hello");
        assert_eq!(server.seen_one().requests, ["GET /next"]);
        let stats = client.stats();
        assert_eq!((stats.idle, stats.leased, stats.dialing, stats.waiting), (1, 0, 0, 0), "{client:?}");
    });
}

#[test]
fn a_client_that_is_drained_or_closed_gives_up_its_handshakes() {
    everywhere(|_| async {
        for closes in [false, true] {
            let (server, client) = (shaking(Shake::Held), one());
            let held = greeting(&client, &server).await;
            let end = if closes { client.close() } else { client.drain() };
            assert_eq!(held.await.unwrap_err().kind(), Kind::Shutdown);
            end.await;
            server.go_on();
            server.all_ended().await;
            assert_eq!(server.requests(), 0);
        }
    });
}

#[test]
fn requests_that_are_given_up_at_any_poll_leave_nothing_behind() {
    everywhere(|_| async {
        let (server, client) = (shaking(Shake::OctetByOctet), one());
        for polls in 0..40 {
            let response = async { get(&client, &server).await.unwrap() };
            if let Some(text) = give_up_after(polls, response).await {
                assert_eq!(text, "hello");
            }
        }
        assert_eq!(get(&client, &server).await.unwrap(), "hello");
        let stats = client.stats();
        assert_eq!((stats.idle, stats.leased, stats.dialing, stats.waiting), (1, 0, 0, 0), "{client:?}");
        drop(client);
        server.all_ended().await;
    });
}

#[test]
fn a_handshake_that_ends_early_is_interrupted_wherever_it_ends() {
    everywhere(|_| async {
        for versions in [BOTH, ONLY_12] {
            let client = client(trusting());
            for octets in [0, 1, 5, 6, 50, 127, 128, 300, 500] {
                let mut options = options();
                (options.shake, options.versions) = (Shake::EndsAfter(octets), versions);
                let server = options.start();
                let e = get(&client, &server).await.unwrap_err();
                assert_eq!(e.kind(), Kind::Tls(TlsFailure::Interrupted), "{octets}: {e:?}");
                assert_eq!((e.delivery(), e.is_connect()), (Delivery::NotSent, true));
                assert_eq!(cause(&e), Some(io::ErrorKind::UnexpectedEof));
                assert!(e.peer_certificates().is_empty());
            }
            assert_eq!(client.stats().connections, 0);
            assert_eq!(get(&client, &server()).await.unwrap(), "hello");
        }
    });
}

/// The kind of the IO error behind another one.
fn cause(e: &Error) -> Option<io::ErrorKind> {
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
fn a_reset_in_the_handshake_is_an_interruption_and_its_cause_is_told() {
    everywhere(|_| async {
        let server = shaking(Shake::Resets);
        let e = get(&client(trusting()), &server).await.unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Tls(TlsFailure::Interrupted), Delivery::NotSent));
        assert_eq!(cause(&e), Some(io::ErrorKind::ConnectionReset));
    });
}

#[test]
fn what_does_not_speak_tls_is_told_from_what_says_nothing_and_what_refuses() {
    let cases: [(&[u8], TlsFailure); 8] = [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", TlsFailure::Protocol),
        (b"SSH-2.0-OpenSSH_9.6\r\n", TlsFailure::Protocol),
        // A message of a handshake that nobody has begun.
        (&[22, 3, 3, 0, 4, 14, 0, 0, 0], TlsFailure::Protocol),
        (b"", TlsFailure::Interrupted),
        (b"HTT", TlsFailure::Protocol),
        (&[22, 3], TlsFailure::Interrupted),
        // handshake_failure, unrecognized_name
        (&[21, 3, 3, 0, 2, 2, 40], TlsFailure::Alert(40)),
        (&[21, 3, 1, 0, 2, 2, 112], TlsFailure::Alert(112)),
    ];
    everywhere(move |_| async move {
        let client = client(trusting());
        for (words, failure) in cases {
            let server = shaking(Shake::Says(words));
            let e = get(&client, &server).await.unwrap_err();
            assert_eq!((e.kind(), e.delivery()), (Kind::Tls(failure), Delivery::NotSent), "{e:?}");
            assert_eq!(client.stats().connections, 0);
        }
    });
}

#[test]
fn each_of_those_who_wait_hears_of_a_handshake_that_failed() {
    everywhere(|flavor| async move {
        let server = std::sync::Arc::new(crate::certs::Leaf::self_signed().options().start());
        let client = Client::builder().tls(trusting()).max_connections(2).build().unwrap();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let (client, server) = (client.clone(), server.clone());
                flavor.spawn(async move { get(&client, &server).await.unwrap_err() })
            })
            .collect();
        for task in tasks {
            let e = task.await;
            assert!(matches!(e.kind(), Kind::Tls(TlsFailure::Verify(_))), "{e:?}");
            assert_eq!(e.peer_certificates().len(), 1);
        }
        holds_nothing(&client).await;
    });
}
