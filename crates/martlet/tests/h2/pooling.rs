//! Connections of HTTP/2 in the pool.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use futures_lite::future::or;
use martlet::http::Version;
use martlet::{Client, Delivery, Kind, Phase, Timeouts};
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{SimRequest, SimResponse};

use crate::common::flavor::everywhere;
use crate::peer::{HELLO, Shake, Then};
use crate::served::{Served, plain, secure, target};
use crate::{CA, builder, client, get, read, soon, trusting, until};

#[test]
fn s289_01_the_only_connection_makes_way_at_once_and_takes_leave_properly() {
    everywhere(|_| async {
        for (one, other) in [(plain(), plain()), (secure(&[b"h2"]), secure(&[b"h2"]))] {
            let client = builder().max_connections(1).build().unwrap();
            assert_eq!(get(&client, &one.url("/a")).await.unwrap(), "/a");
            assert_eq!(client.stats().idle, 1);
            let begun = Instant::now();
            assert_eq!(get(&client, &other.url("/b")).await.unwrap(), "/b");
            assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
            assert_eq!(client.stats().connections, 1);
            one.until_open(0).await;
            let codes: Vec<_> = one.link(0).frames_of(FrameKind::GoAway).iter().map(|f| f.code()).collect();
            assert_eq!(codes, [Some(0)]);
            assert_eq!(one.cut(), 0);
        }
    });
}

#[test]
fn s289_01_it_makes_way_also_if_its_peer_reads_nothing() {
    everywhere(|_| async {
        let (one, other) = (plain(), plain());
        let client = builder().max_connections(1).build().unwrap();
        assert_eq!(get(&client, &one.url("/a")).await.unwrap(), "/a");
        one.link(0).stop_reading();
        assert_eq!(soon("the other", get(&client, &other.url("/b"))).await.unwrap(), "/b");
        assert_eq!(client.stats().connections, 1);
        one.link(0).resume_reading();
        one.until_open(0).await;
    });
}

#[test]
fn s289_05_a_second_request_waits_for_the_only_stream_no_longer_than_the_pool_timeout() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new().max_streams(1), None, target);
        let client = builder().max_connections(1).build().unwrap();
        let first = client.get(server.url("/first")).send().await.unwrap();
        let mut timeouts = Timeouts::none();
        timeouts.pool = Some(Duration::from_millis(100));
        let e = client.get(server.url("/late")).timeouts(timeouts).send().await.unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(Phase::Pool), Delivery::NotSent));
        assert!(e.elapsed().is_some_and(|elapsed| elapsed >= Duration::from_millis(100)));
        // Whoever still waits when the stream is free has it.
        let (second, text) = futures_lite::future::zip(get(&client, &server.url("/second")), async {
            until("the second one waits", || client.stats().waiting == 1).await;
            first.text().await
        })
        .await;
        assert_eq!((second.unwrap(), text.unwrap()), ("/second".to_owned(), "/first".to_owned()));
        assert_eq!((server.accepted(), server.link(0).peak_streams(), server.requests()), (1, 1, 2));
    });
}

#[test]
fn a_connection_that_is_full_gets_company_unless_that_is_forbidden() {
    everywhere(|_| async {
        // The first response must not be here before the limit is known, whoever is faster.
        for allowed in [true, false].repeat(10) {
            let server = Served::start(H2Server::new().max_streams(1), None, target);
            let client = builder().second_http2_connection(allowed).build().unwrap();
            let first = client.get(server.url("/first")).send().await.unwrap();
            let mut first = Some(first);
            let (second, ()) = futures_lite::future::zip(get(&client, &server.url("/second")), async {
                if !allowed {
                    until("the second one waits", || client.stats().waiting == 1).await;
                    first = None;
                }
            })
            .await;
            assert_eq!(second.unwrap(), "/second");
            assert_eq!((server.accepted(), first.is_some()), if allowed { (2, true) } else { (1, false) });
        }
    });
}

/// Those who are answered only when so many of them are here.
#[derive(Default)]
struct Gathering {
    here: Mutex<usize>,
    changed: Condvar,
}

impl Gathering {
    fn wait_for(&self, count: usize) {
        let mut here = self.here.lock().unwrap();
        *here += 1;
        self.changed.notify_all();
        let patience = Duration::from_secs(10);
        drop(self.changed.wait_timeout_while(here, patience, |here| *here < count).unwrap());
    }
}

#[test]
fn s289_16_requests_that_shared_a_dial_find_their_own_ways_when_it_turns_out_to_be_http_11() {
    const MOST: usize = 3;
    everywhere(|flavor| async move {
        let gathering = Arc::new(Gathering::default());
        let mut options = CA.leaf().options().answer(move |session, _| {
            gathering.wait_for(MOST);
            session.write_all(HELLO)?;
            Ok(Then::GoOn)
        });
        options.shake = Shake::Held;
        let server = Arc::new(options.start());
        let client = Client::builder().tls(trusting()).max_connections(MOST).build().unwrap();
        let tasks: Vec<_> = (0..7)
            .map(|_| {
                let (client, url) = (client.clone(), server.url("/"));
                flavor.spawn(async move { read(client.get(url).send().await?).await })
            })
            .collect();
        until("all wait", || client.stats().waiting == 7).await;
        server.until("greeted", |seen| seen.iter().any(|seen| seen.greeted)).await;
        // They share one dial as long as it may become HTTP/2.
        assert_eq!((client.stats().dialing, server.seen().len()), (1, 1));
        server.go_on();
        for task in tasks {
            let response = soon("a response", task).await.unwrap();
            assert_eq!(response.version(), Version::HTTP_11);
        }
        assert_eq!((server.seen().len(), server.requests()), (MOST, 7));
        assert_eq!(client.stats().waiting, 0);
    });
}

#[test]
fn requests_that_share_a_dial_share_the_connection_that_comes_of_it() {
    everywhere(|flavor| async move {
        let server = secure(&[b"h2"]);
        let client = Client::builder().tls(trusting()).build().unwrap();
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (client, url) = (client.clone(), server.url("/a"));
                flavor.spawn(async move { get(&client, &url).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "/a");
        }
        assert_eq!((server.accepted(), server.requests()), (1, 50));
        assert_eq!(client.stats().streams, 0);
    });
}

#[test]
fn s289_17_an_idle_connection_answers_a_ping() {
    everywhere(|_| async {
        for server in [plain(), secure(&[b"h2"])] {
            let client = client();
            assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
            assert_eq!(client.stats().idle, 1);
            server.link(0).ping(*b"are you?");
            server.until_frame(0, FrameKind::Ping, |ping| ping.is_ack() && ping.payload == b"are you?").await;
            let response = client.get(server.url("/b")).send().await.unwrap();
            assert!(response.connection().is_reused());
        }
    });
}

/// An idle connection that its server ends: the next request has another one, and hears of nothing.
fn is_left(leave: impl Fn(&Served) + Copy + Send + 'static, is_known: bool) {
    everywhere(move |_| async move {
        for server in [plain(), secure(&[b"h2"])] {
            let client = client();
            assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
            leave(&server);
            if is_known {
                until("the client knows", || client.stats().connections == 0).await;
            }
            let request = client.post(server.url("/b")).body("content");
            let response = soon("the next request", request.send()).await.unwrap();
            assert!(!response.connection().is_reused());
            assert_eq!(response.text().await.unwrap(), "/b");
            if is_known {
                assert_eq!(server.link(0).requests().len(), 1, "the dead connection was used");
            }
            assert_eq!((server.accepted(), server.link(1).requests().len()), (2, 1));
        }
    });
}

#[test]
fn s289_18_a_connection_that_was_left_while_idle_is_not_used_again() {
    is_left(
        |server| {
            server.link(0).goaway(0x7fff_ffff, 0);
            server.link(0).fin();
        },
        true,
    );
}

#[test]
fn s327_16_goaway_of_all_there_was_and_fin_while_idle_lead_to_a_new_connection() {
    is_left(
        |server| {
            server.link(0).goaway(1, 0);
            server.link(0).fin();
        },
        true,
    );
}

#[test]
fn goaway_alone_retires_an_idle_connection() {
    is_left(|server| _ = server.link(0).goaway(1, 0), true);
}

#[test]
fn goaway_that_meets_the_next_request_on_its_way_costs_it_nothing() {
    // Nothing waits until the client knows: the request is above the last stream, or finds the connection gone.
    is_left(|server| _ = server.link(0).goaway(1, 0), false);
}

#[test]
fn a_break_while_idle_leads_to_a_new_connection() {
    is_left(|server| server.link(0).rst(), true);
}

#[test]
fn a_connection_serves_no_more_requests_than_it_may() {
    everywhere(|_| async {
        let server = plain();
        let client = builder().max_requests_per_connection(Some(2)).build().unwrap();
        for is_reused in [false, true, false, true] {
            let response = read(client.get(server.url("/a")).send().await.unwrap()).await.unwrap();
            assert_eq!(response.connection().is_reused(), is_reused);
        }
        assert_eq!(server.accepted(), 2);
    });
}

#[test]
fn requests_that_are_given_up_in_every_state_leave_no_stream_behind() {
    everywhere(|_| async {
        let server =
            Served::start(H2Server::new(), None, |request: SimRequest| match request.target.as_str() {
                "/silent" => SimResponse::silent(),
                "/stalls" => SimResponse::ok("half").stall(),
                _ => target(request),
            });
        let client = client();
        let sends = async { drop(client.get(server.url("/silent")).send().await.unwrap()) };
        or(sends, server.until_frame(0, FrameKind::Headers, |_| true)).await;
        let mut timeouts = Timeouts::none();
        timeouts.total = Some(Duration::from_millis(50));
        let response = client.get(server.url("/stalls")).timeouts(timeouts).send().await.unwrap();
        assert!(response.bytes().await.unwrap_err().is_timeout());
        drop(client.get(server.url("/stalls")).send().await.unwrap());
        until("no stream is left", || client.stats().streams == 0).await;
        server.until_frame(0, FrameKind::RstStream, |frame| frame.code() == Some(8)).await;
        until("the server has none either", || server.link(0).active_streams() == 0).await;
        assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
    });
}
