//! Many streams on one connection, and how little they have to do with each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use martlet::http::Version;
use martlet::{Body, Http2Config, Response};
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{SimRequest, SimResponse};

use crate::common::flavor::{Flavor, everywhere};
use crate::common::storm::{give_up_after, random};
use crate::served::{Served, plain, secure, target};
use crate::streamer::{Pattern, Streamer};
use crate::{builder, client, get, soon, until};

/// Reads to the end, and sees that it is the pattern.
async fn check(mut response: Response) -> u64 {
    let mut pattern = Pattern::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        assert!(pattern.check(&piece), "wrong octets after {}", pattern.len());
    }
    pattern.len()
}

#[test]
fn a_thousand_requests_at_once_share_one_connection() {
    const MANY: usize = 1000;
    everywhere(|flavor| async move {
        for server in [plain(), secure(&[b"h2"])] {
            let client = client();
            // How many it allows is known, or there would be more connections.
            assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
            let tasks: Vec<_> = (0..MANY)
                .map(|nth| {
                    let (client, url) = (client.clone(), server.url(&format!("/{nth}")));
                    flavor.spawn(async move {
                        let response = client.post(url).body(vec![b'x'; nth]).send().await?;
                        assert!(response.connection().is_reused());
                        response.text().await
                    })
                })
                .collect();
            for (nth, task) in tasks.into_iter().enumerate() {
                assert_eq!(soon("a response", task).await.unwrap(), format!("/{nth}"));
            }
            assert_eq!((server.accepted(), server.requests()), (1, MANY + 1));
            assert_eq!((client.stats().streams, client.stats().idle), (0, 1));
        }
    });
}

#[test]
fn a_thousand_requests_obey_a_limit_of_streams() {
    everywhere(|flavor| async move {
        let server = Served::start(H2Server::new().max_streams(10), None, target);
        let client = builder().max_connections(1).build().unwrap();
        assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let (client, url) = (client.clone(), server.url("/b"));
                flavor.spawn(async move { get(&client, &url).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(soon("a response", task).await.unwrap(), "/b");
        }
        assert_eq!((server.accepted(), server.requests()), (1, 1001));
        assert!(server.link(0).peak_streams() <= 10);
    });
}

#[test]
fn responses_that_nobody_reads_stall_only_themselves() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        // Each is more than a stream's window, and all together less than the connection's.
        let mut unread = Vec::new();
        for _ in 0..5 {
            unread.push(client.get(server.url("/down/8000000")).send().await.unwrap());
        }
        for _ in 0..3 {
            let response = client.get(server.url("/down/3000000")).send().await.unwrap();
            assert_eq!(soon("another one", check(response)).await, 3_000_000);
            let response = client.post(server.url("/count")).body("").send().await.unwrap();
            assert_eq!(soon("another one", response.text()).await.unwrap(), "0");
        }
        for response in unread {
            assert_eq!(soon("those that waited", check(response)).await, 8_000_000);
        }
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn a_window_that_was_filled_is_given_back_by_those_who_drop_their_responses() {
    everywhere(|_| async {
        let server = Streamer::start();
        let mut config = Http2Config::default();
        (config.stream_window, config.connection_window) = (1 << 20, 1 << 20);
        let client = builder().http2(config).build().unwrap();
        for _ in 0..20 {
            // It fills the connection's window if nobody reads it.
            let mut response = client.get(server.url("/down/8000000")).send().await.unwrap();
            assert!(response.chunk().await.unwrap().is_some());
            async_io::Timer::after(Duration::from_millis(2)).await;
            drop(response);
        }
        let response = client.get(server.url("/down/3000000")).send().await.unwrap();
        assert_eq!(soon("one that is read", check(response)).await, 3_000_000);
        assert_eq!(server.accepted(), 1);
        assert_eq!(client.stats().streams, 0);
    });
}

#[test]
fn a_response_that_is_dropped_in_its_midst_lets_the_others_go_on() {
    everywhere(|flavor| async move {
        let (server, client) = (Streamer::start(), client());
        let tasks: Vec<_> = (0..20)
            .map(|nth| {
                let (client, url) = (client.clone(), server.url("/down/2000000"));
                flavor.spawn(async move {
                    let mut response = client.get(url).send().await.unwrap();
                    if nth % 2 == 0 {
                        let _ = response.chunk().await.unwrap();
                        return 0;
                    }
                    check(response).await
                })
            })
            .collect();
        for (nth, task) in tasks.into_iter().enumerate() {
            let expected = if nth % 2 == 0 { 0 } else { 2_000_000 };
            assert_eq!(soon("a response", task).await, expected);
        }
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn a_source_that_waits_holds_up_nobody_else() {
    everywhere(|flavor| async move {
        let (server, client) = (Streamer::start(), client());
        let (sender, receiver) = smol::channel::bounded::<std::io::Result<Vec<u8>>>(1);
        let request = client.post(server.url("/echo")).body(Body::stream(receiver));
        let waits = flavor.spawn(async move { request.send().await?.bytes().await });
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let body = vec![0; 1_000_000];
                let request = client.post(server.url("/echo")).body(body);
                flavor.spawn(async move { request.send().await?.bytes().await })
            })
            .collect();
        for task in tasks {
            assert_eq!(soon("another one", task).await.unwrap().len(), 1_000_000);
        }
        sender.send(Ok(vec![0; 10])).await.unwrap();
        drop(sender);
        assert_eq!(soon("it", waits).await.unwrap().len(), 10);
    });
}

/// Makes one request after the other, and gives up some of them.
async fn work(client: martlet::Client, server: Arc<Streamer>, begun: Arc<AtomicUsize>) -> (usize, usize) {
    let (mut completed, mut given_up) = (0, 0);
    loop {
        let number = begun.fetch_add(1, Ordering::Relaxed) as u64;
        if number >= 1000 {
            return (completed, given_up);
        }
        let polls = if random(number) % 3 == 0 { random(number ^ 0x1234) % 12 } else { u64::MAX };
        let request = async {
            match random(number ^ 0x5678) % 3 {
                0 => check(client.get(server.url("/down/200000")).send().await.unwrap()).await,
                1 => {
                    let request = client.post(server.url("/echo")).body(vec![b'x'; 100_000]);
                    request.send().await.unwrap().bytes().await.unwrap().len() as u64 * 2
                }
                _ => {
                    let response = client.get(server.url("/down/200000")).version(Version::HTTP_2);
                    let mut response = response.send().await.unwrap();
                    let _ = response.chunk().await.unwrap();
                    200_000
                }
            }
        };
        match give_up_after(polls, request).await {
            Some(octets) => {
                assert_eq!(octets, 200_000);
                completed += 1;
            }
            None => given_up += 1,
        }
    }
}

#[test]
fn a_storm_of_requests_some_of_which_are_given_up_leaves_nothing_behind() {
    everywhere(|flavor: Flavor| async move {
        let (server, client, begun) = (Arc::new(Streamer::start()), client(), Arc::default());
        let workers: Vec<_> = (0..30)
            .map(|_| flavor.spawn(work(client.clone(), Arc::clone(&server), Arc::clone(&begun))))
            .collect();
        let mut sum = (0, 0);
        for worker in workers {
            let (completed, given_up) = worker.await;
            sum = (sum.0 + completed, sum.1 + given_up);
        }
        assert_eq!(sum.0 + sum.1, 1000);
        assert!(sum.0 > 500 && sum.1 > 50, "{sum:?}");
        until("no stream is left", || client.stats().streams == 0).await;
        assert_eq!((client.stats().waiting, client.stats().dialing), (0, 0), "{client:?}");
    });
}

#[test]
fn the_windows_are_those_of_the_settings() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, |_: SimRequest| SimResponse::ok("hello"));
        let mut config = Http2Config::default();
        (config.stream_window, config.connection_window) = (123_456, 7_654_321);
        let client = builder().http2(config).build().unwrap();
        assert_eq!(get(&client, &server.url("/")).await.unwrap(), "hello");
        let settings: Vec<_> =
            server.link(0).frames_of(FrameKind::Settings).iter().flat_map(|frame| frame.settings()).collect();
        assert!(settings.contains(&(0x4, 123_456)), "{settings:?}");
        // Nothing is to be pushed (RFC 9113 §8.4).
        assert!(settings.contains(&(0x2, 0)), "{settings:?}");
        let updates = server.link(0).frames_of(FrameKind::WindowUpdate);
        let increment = updates.iter().find(|frame| frame.stream == 0).and_then(|frame| frame.increment());
        assert_eq!(increment, Some(7_654_321 - 65_535));
    });
}
