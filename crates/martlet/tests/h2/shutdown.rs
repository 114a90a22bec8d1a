//! Draining and closing a client, and what it tells of itself.

use std::time::Duration;

use futures_lite::future::poll_once;
use martlet::{Delivery, Kind};
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{SimRequest, SimResponse};

use crate::common::flavor::everywhere;
use crate::served::{Alpn, Served, plain, target, tls};
use crate::{builder, client, get, soon, text, until};

const H2: Alpn = &[b"h2"];

/// Halves stall until the client has gone, slow ones come later.
fn slow(is_secure: bool) -> Served {
    Served::start(H2Server::new(), is_secure.then(|| tls(H2)), |request: SimRequest| {
        match request.target.as_str() {
            "/slow" => SimResponse::ok("slow").after(Duration::from_millis(100)),
            "/halves" => SimResponse::ok("half,").pause(Duration::from_millis(100)).piece("half"),
            "/stalls" => SimResponse::ok("half").chunked().stall(),
            "/silent" => SimResponse::silent(),
            _ => target(request),
        }
    })
}

#[test]
fn a_client_that_is_drained_lets_streams_end_and_takes_no_more() {
    for is_secure in [false, true] {
        everywhere(move |flavor| async move {
            let (server, client) = (slow(is_secure), client());
            let waits = {
                let (client, url) = (client.clone(), server.url("/slow"));
                flavor.spawn(async move { get(&client, &url).await })
            };
            let halves = client.get(server.url("/halves")).send().await.unwrap();
            until("both are there", || server.requests() == 2).await;
            let mut drain = client.drain();
            assert!(poll_once(&mut drain).await.is_none());
            let e = get(&client, &server.url("/a")).await.unwrap_err();
            assert_eq!((e.kind(), e.delivery(), e.attempts()), (Kind::Shutdown, Delivery::NotSent, 1));
            assert_eq!(soon("the head", waits).await.unwrap(), "slow");
            assert_eq!(soon("the content", halves.text()).await.unwrap(), "half,half");
            soon("the end", drain).await;
            assert_eq!(client.stats().connections, 0);
            server.until_open(0).await;
            let codes: Vec<_> =
                server.link(0).frames_of(FrameKind::GoAway).iter().map(|f| f.code()).collect();
            assert_eq!((codes, server.cut(), server.requests()), (vec![Some(0)], 0, 2));
        });
    }
}

#[test]
fn a_client_that_is_closed_fails_all_that_is_under_way() {
    for is_secure in [false, true] {
        everywhere(move |flavor| async move {
            let (server, client) = (slow(is_secure), client());
            let waits = {
                let (client, url) = (client.clone(), server.url("/silent"));
                flavor.spawn(async move { get(&client, &url).await })
            };
            let mut stalls = client.get(server.url("/stalls")).send().await.unwrap();
            assert_eq!(stalls.chunk().await.unwrap().unwrap(), "half");
            until("both are there", || server.requests() == 2).await;
            soon("the end", client.close()).await;
            let e = soon("an error", waits).await.unwrap_err();
            assert_eq!((e.kind(), e.delivery()), (Kind::Shutdown, Delivery::Unknown), "{}", text(&e));
            for _ in 0..2 {
                let e = soon("an error", stalls.chunk()).await.unwrap_err();
                assert_eq!((e.kind(), e.delivery()), (Kind::Shutdown, Delivery::Answered), "{}", text(&e));
            }
            assert_eq!(get(&client, &server.url("/a")).await.unwrap_err().kind(), Kind::Shutdown);
            assert_eq!(client.stats().connections, 0);
            server.until_open(0).await;
        });
    }
}

#[test]
fn a_client_that_is_closed_does_not_wait_for_those_who_do_not_read() {
    everywhere(|_| async {
        let (server, client) = (slow(false), client());
        // Nobody polls them any more.
        let stalls = client.get(server.url("/stalls")).send().await.unwrap();
        server.link(0).stop_reading();
        let begun = std::time::Instant::now();
        soon("the end", client.close()).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        drop(stalls);
        server.link(0).resume_reading();
        server.until_open(0).await;
    });
}

#[test]
fn an_idle_connection_is_closed_with_its_client() {
    for is_secure in [false, true] {
        everywhere(move |_| async move {
            let server = slow(is_secure);
            {
                let client = client();
                assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
                assert_eq!(server.open(), 1);
            }
            server.until_open(0).await;
            assert_eq!((server.link(0).frames_of(FrameKind::GoAway).len(), server.cut()), (1, 0));
        });
    }
}

#[test]
fn responses_outlive_their_client() {
    everywhere(|_| async {
        let server = slow(false);
        let response = {
            let client = client();
            client.get(server.url("/halves")).send().await.unwrap()
        };
        assert_eq!(soon("the content", response.text()).await.unwrap(), "half,half");
        server.until_open(0).await;
    });
}

#[test]
fn an_idle_connection_expires() {
    everywhere(|_| async {
        let server = plain();
        let client = builder().keepalive_expiry(Some(Duration::from_millis(50))).build().unwrap();
        assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
        server.until_open(0).await;
        assert_eq!(server.link(0).frames_of(FrameKind::GoAway).len(), 1);
        let response = client.get(server.url("/a")).send().await.unwrap();
        assert!(!response.connection().is_reused());
    });
}

#[test]
fn the_client_tells_of_its_connections_and_of_no_secrets() {
    everywhere(|flavor| async move {
        let server = Served::start(H2Server::new().max_streams(2), None, |request: SimRequest| {
            if request.target == "/silent?secret" { SimResponse::silent() } else { target(request) }
        });
        let client = builder().max_connections(1).build().unwrap();
        assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
        let idle = format!("{client:?}");
        assert!(idle.contains(&format!("connection 0.0 to {} by HTTP/2", server.url(""))), "{idle}");
        assert!(idle.contains("is idle") && idle.contains("has served 1 request;"), "{idle}");
        let url = server.url("/silent?secret").replace("http://", "http://user:secret@");
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let request = client.get(&url).header("authorization", "secret");
                flavor.spawn(async move { request.send().await.map(drop) })
            })
            .collect();
        until("two are there, and one waits", || {
            let stats = client.stats();
            (stats.streams, stats.waiting) == (2, 1)
        })
        .await;
        let busy = format!("{client:?}");
        for part in ["has 2 streams", "its peer allows 2 streams", "1 waiter", "the limits are 1 connection"]
        {
            assert!(busy.contains(part), "`{part}` is not in {busy}");
        }
        assert!(!busy.contains("secret") && !busy.contains("silent"), "{busy}");
        soon("the end", client.close()).await;
        for task in tasks {
            assert_eq!(soon("an error", task).await.unwrap_err().kind(), Kind::Shutdown);
        }
        let closed = format!("{client:?}");
        assert!(!closed.contains("connection 0.0"), "{closed}");
    });
}
