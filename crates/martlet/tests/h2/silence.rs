//! Peers that say nothing any more.

use std::time::Duration;

use martlet::{Client, Delivery, Http2Config, Kind, Phase, Timeouts};
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{SimRequest, SimResponse};

use crate::common::flavor::everywhere;
use crate::served::{Served, target};
use crate::{builder, client, get, read, soon, text, until};

fn service(request: SimRequest) -> SimResponse {
    if request.target == "/silent" { SimResponse::silent() } else { target(request) }
}

/// Asks after so much silence, and waits for so long.
fn asking(interval: Option<Duration>, timeout: Duration) -> Client {
    let mut config = Http2Config::default();
    (config.keep_alive_interval, config.keep_alive_timeout) = (interval, timeout);
    builder().http2(config).timeouts(Timeouts::none()).build().unwrap()
}

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_peer_that_answers_pings_may_be_silent_for_long() {
    everywhere(|flavor| async move {
        let server = Served::start(H2Server::new(), None, service);
        let client = asking(Some(SHORT), Duration::from_secs(5));
        let waits = {
            let request = client.get(server.url("/silent"));
            flavor.spawn(async move { request.send().await.map(drop) })
        };
        until("it was asked often", || server.link(0).frames_of(FrameKind::Ping).len() >= 5).await;
        assert_eq!(client.stats().streams, 1);
        soon("the end", client.close()).await;
        assert_eq!(soon("an error", waits).await.unwrap_err().kind(), Kind::Shutdown);
    });
}

#[test]
fn a_peer_that_answers_no_ping_is_given_up() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new().answer_pings(false), None, service);
        let client = asking(Some(SHORT), SHORT);
        let e = soon("an error", client.get(server.url("/silent")).send()).await.unwrap_err();
        assert_eq!(
            (e.kind(), e.delivery()),
            (Kind::Timeout(Phase::KeepAlive), Delivery::Unknown),
            "{}",
            text(&e)
        );
        assert!(e.elapsed() >= Some(SHORT) && e.attempts() == 1, "{e:?}");
        // Also while nobody waits for it.
        assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
        until("the idle one is closed", || client.stats().connections == 0).await;
        assert_eq!(server.accepted(), 2);
    });
}

#[test]
fn s289_19_a_connection_on_which_a_request_timed_out_in_silence_serves_nobody_before_it_has_answered() {
    everywhere(|_| async {
        for answers in [true, false] {
            let server = Served::start(H2Server::new().answer_pings(answers), None, service);
            let client = asking(None, Duration::from_secs(1));
            let response = read(client.get(server.url("/a")).send().await.unwrap()).await.unwrap();
            let first = response.connection().id();
            let mut timeouts = Timeouts::none();
            // Less than half a second says nothing.
            timeouts.read = Some(Duration::from_millis(700));
            let request = client.get(server.url("/silent")).timeouts(timeouts);
            let e = soon("an error", request.send()).await.unwrap_err();
            assert_eq!(e.kind(), Kind::Timeout(Phase::ReceiveHead));
            server.until_frame(0, FrameKind::Ping, |ping| !ping.is_ack()).await;
            if answers {
                // It comes back once it has answered.
                soon("the first one is used", async {
                    loop {
                        let send = client.get(server.url("/a")).send().await.unwrap();
                        if read(send).await.unwrap().connection().id() == first {
                            break;
                        }
                    }
                })
                .await;
            } else {
                let response = client.get(server.url("/a")).send().await.unwrap();
                assert_ne!(response.connection().id(), first);
                until("it is given up", || server.open() == 1).await;
            }
        }
    });
}

#[test]
fn a_handshake_that_is_never_answered_ends_by_the_read_timeout() {
    everywhere(|_| async {
        // It takes everything, and does not even send its SETTINGS.
        let settings = H2Server::new().settings_after(Duration::from_secs(600));
        let server = Served::start(settings, None, target);
        let mut timeouts = Timeouts::default();
        timeouts.read = Some(SHORT);
        let request = client().get(server.url("/a")).timeouts(timeouts);
        let e = soon("an error", request.send()).await.unwrap_err();
        assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(Phase::ReceiveHead), Delivery::Unknown));
    });
}
