//! Servers that go away while requests are under way, and what the errors say.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_lite::future::poll_once;
use martlet::http::{Method, Version};
use martlet::{BoxFuture, Client, Closed, Delivery, Ending, Error, ErrorCode, Kind};
use martlet_sim::h2::H2Server;
use martlet_sim::{SimRequest, SimResponse};

use crate::common::flavor::{Flavor, everywhere};
use crate::raw::{self, Raw};
use crate::served::{Served, plain, target};
use crate::{client, get, read, soon, text, until};

/// A request that was seen to be sent on the first connection.
async fn begun(
    flavor: Flavor,
    client: &Client,
    server: &Served,
    method: Method,
    path: &str,
) -> BoxFuture<'static, Result<(String, u32, bool), Error>> {
    let before = server.link(0).requests().len();
    let request = client.request(method, server.url(path)).body("content");
    let task = flavor.spawn(async move {
        let response = request.send().await?;
        let (attempts, is_reused) = (response.attempts(), response.connection().is_reused());
        Ok((response.text().await?, attempts, is_reused))
    });
    until("the request is there", || {
        let requests = server.link(0).requests();
        requests.len() > before && requests.iter().all(|request| request.complete)
    })
    .await;
    task
}

/// One target that is met with silence, which is to have done nothing, until it is told otherwise.
#[derive(Clone, Default)]
struct Sleeper {
    asked: Arc<AtomicBool>,
    is_awake: Arc<AtomicBool>,
}

impl Sleeper {
    fn service(&self, on: &'static str) -> impl FnMut(SimRequest) -> SimResponse + Send + 'static {
        let sleeper = self.clone();
        move |request| match request.target.as_str() {
            path if path == on && !sleeper.is_awake.load(Ordering::SeqCst) => {
                sleeper.asked.store(true, Ordering::SeqCst);
                SimResponse::silent()
            }
            "/slow" => SimResponse::ok("slow").after(Duration::from_millis(200)),
            _ => target(request),
        }
    }

    /// Answers from now on. A request that is there may still be on its way to the service: it is waited for.
    async fn wake(&self, server: &Served) {
        let passed_over = || self.asked.load(Ordering::SeqCst) && !server.link(0).is_asking();
        until("it has been asked and has done nothing", passed_over).await;
        self.is_awake.store(true, Ordering::SeqCst);
    }
}

#[test]
fn g_01_streams_above_the_last_one_are_replayed_and_those_below_complete_where_they_are() {
    everywhere(|flavor| async move {
        for method in [Method::GET, Method::POST] {
            let sleeper = Sleeper::default();
            let server = Served::start(H2Server::new(), None, sleeper.service("/third"));
            let client = client();
            let first = begun(flavor, &client, &server, method.clone(), "/slow").await;
            let second = begun(flavor, &client, &server, method.clone(), "/slow").await;
            let third = begun(flavor, &client, &server, method.clone(), "/third").await;
            sleeper.wake(&server).await;
            assert_eq!(server.link(0).goaway(3, 0), 3);
            // The old one takes no more.
            assert_eq!(third.await.unwrap(), ("/third".to_owned(), 2, false));
            assert_eq!(get(&client, &server.url("/fourth")).await.unwrap(), "/fourth");
            for slow in [first, second] {
                let (text, attempts, _) = slow.await.unwrap();
                assert_eq!((text.as_str(), attempts), ("slow", 1));
            }
            assert_eq!((server.link(0).requests().len(), server.link(1).requests().len()), (3, 2));
            until("the old one is closed", || server.open() == 1).await;
            assert_eq!(server.accepted(), 2);
        }
    });
}

#[test]
fn g_02_goaway_of_no_stream_at_all_has_the_first_one_replayed() {
    everywhere(|flavor| async move {
        for method in [Method::GET, Method::POST] {
            let sleeper = Sleeper::default();
            let server = Served::start(H2Server::new(), None, sleeper.service("/first"));
            let client = client();
            let first = begun(flavor, &client, &server, method, "/first").await;
            sleeper.wake(&server).await;
            assert_eq!(server.link(0).goaway(0, 0), 0);
            assert_eq!(first.await.unwrap(), ("/first".to_owned(), 2, false));
            assert_eq!(server.accepted(), 2);
        }
    });
}

#[test]
fn s327_17_the_end_of_the_connection_fails_each_stream_for_itself() {
    for resets in [false, true] {
        everywhere(move |flavor| async move {
            let server =
                Served::start(H2Server::new(), None, |request: SimRequest| match request.target.as_str() {
                    "/half" => SimResponse::ok("half").chunked().stall(),
                    "/sized" => SimResponse::ok("half").header("content-length", "10").stall(),
                    "/silent" => SimResponse::silent(),
                    _ => target(request),
                });
            let client = client();
            let waits = begun(flavor, &client, &server, Method::POST, "/silent").await;
            let mut half = client.get(server.url("/half")).send().await.unwrap();
            let mut sized = client.get(server.url("/sized")).send().await.unwrap();
            for response in [&mut half, &mut sized] {
                assert_eq!(response.chunk().await.unwrap().unwrap(), "half");
            }
            if resets {
                server.link(0).rst()
            } else {
                server.link(0).fin()
            }
            let e = soon("an error", waits).await.unwrap_err();
            let Kind::Closed(Closed::BeforeResponse { interim: false, by }) = e.kind() else {
                panic!("{e:?}");
            };
            assert!(resets || by == Ending::Fin);
            assert_eq!((e.delivery(), e.attempts()), (Delivery::Unknown, 1));
            for (mut response, expected) in [(half, None), (sized, Some(10))] {
                let e = soon("an error", response.chunk()).await.unwrap_err();
                let Kind::Closed(Closed::InContent { expected: said, received: 4, .. }) = e.kind() else {
                    panic!("{e:?}");
                };
                assert_eq!((said, e.delivery()), (expected, Delivery::Answered));
                // And so for ever.
                assert_eq!(response.chunk().await.unwrap_err().kind(), e.kind());
            }
            assert_eq!(client.stats().streams, 0);
            until("the connection is gone", || client.stats().connections == 0).await;
            assert_eq!(get(&client, &server.url("/a")).await.unwrap(), "/a");
        });
    }
}

#[test]
fn s327_18_a_reset_in_the_midst_of_content_is_no_end_of_it() {
    everywhere(|_| async {
        let server =
            Served::start(H2Server::new(), None, |request: SimRequest| match request.target.as_str() {
                "/broken" => SimResponse::ok(vec![b'x'; 1000]).chunked().reset_after(600, 2),
                _ => target(request),
            });
        let client = client();
        let mut response = client.get(server.url("/broken")).send().await.unwrap();
        let mut received = 0;
        let e = loop {
            match soon("the reset", response.chunk()).await {
                Ok(Some(piece)) => received += piece.len(),
                Ok(None) => panic!("a clean end after {received}"),
                Err(e) => break e,
            }
        };
        assert_eq!(received, 600);
        assert_eq!((e.kind(), e.delivery()), (Kind::Reset(ErrorCode::INTERNAL_ERROR), Delivery::Answered));
        assert_eq!(response.chunk().await.unwrap_err().kind(), e.kind());
        // The connection goes on.
        let response = client.get(server.url("/a")).send().await.unwrap();
        assert!(response.connection().is_reused());
    });
}

#[test]
fn s327_18_it_is_an_error_for_readers_too_and_the_whole_is_not_had() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, |_: SimRequest| {
            SimResponse::ok(vec![b'x'; 1000]).chunked().reset_after(600, 8)
        });
        let client = client();
        let mut response = client.get(server.url("/")).send().await.unwrap();
        let mut all = Vec::new();
        let e = futures_lite::AsyncReadExt::read_to_end(&mut response, &mut all).await.unwrap_err();
        assert_eq!(all.len(), 600);
        let inner = e.get_ref().and_then(|e| e.downcast_ref::<Error>()).unwrap();
        assert_eq!(inner.kind(), Kind::Reset(ErrorCode::CANCEL));
        let response = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(response.bytes().await.unwrap_err().kind(), Kind::Reset(ErrorCode::CANCEL));
    });
}

/// What an error should be good for: it says what happened, where, and names no part of ours.
fn is_readable(e: &Error, part: &str) {
    let said = text(e);
    assert!(said.contains(part), "`{part}` is not in: {said}");
    let debug = format!("{e:?}");
    for name in ["h2::", "Reason(", "GoAway(", "Reset(Stream", "Library", "Proto(", "Custom {"] {
        assert!(!said.contains(name), "{name}: {said}");
    }
    assert!(!debug.contains("h2::"), "{debug}");
    for clause in said.split(": ") {
        assert!(!clause.is_empty() && !clause.ends_with('.'), "{said}");
    }
}

#[test]
fn a_reset_in_the_place_of_a_response_is_told_by_its_code() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, |request: SimRequest| {
            SimResponse::reset(request.target[1..].parse().unwrap())
        });
        let client = client();
        for (number, name) in [(2, "INTERNAL_ERROR"), (0xb, "ENHANCE_YOUR_CALM"), (0x77, "0x77")] {
            let e = get(&client, &server.url(&format!("/{number}"))).await.unwrap_err();
            assert_eq!((e.kind(), e.attempts()), (Kind::Reset(ErrorCode(number)), 1));
            assert_eq!(e.delivery(), Delivery::Unknown);
            is_readable(&e, name);
            assert!(e.to_string().contains("the server ended the request with the error code"), "{e}");
            let connection = e.connection().unwrap();
            assert_eq!(
                (connection.version(), connection.peer_addr()),
                (Version::HTTP_2, Some(server.address()))
            );
            assert_eq!(e.url().unwrap().path(), format!("/{number}"));
        }
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn a_refusal_is_retried_a_few_times_and_then_told() {
    everywhere(|_| async {
        let server = Served::start(H2Server::new(), None, |_: SimRequest| SimResponse::refuse());
        let request = client().post(server.url("/")).body("content");
        let e = soon("an error", request.send()).await.unwrap_err();
        assert_eq!(e.kind(), Kind::Reset(ErrorCode::REFUSED_STREAM));
        assert_eq!((e.delivery(), e.attempts(), server.requests()), (Delivery::Refused, 4, 4));
        is_readable(&e, "REFUSED_STREAM");
    });
}

#[test]
fn a_connection_that_ends_under_requests_is_told_readably() {
    everywhere(|flavor| async move {
        for resets in [false, true] {
            let server = Served::start(H2Server::new(), None, |_: SimRequest| SimResponse::silent());
            let waits = begun(flavor, &client(), &server, Method::POST, "/").await;
            if resets {
                server.link(0).rst()
            } else {
                server.link(0).fin()
            }
            let e = waits.await.unwrap_err();
            is_readable(&e, "before a response");
            assert_eq!(e.connection().unwrap().version(), Version::HTTP_2);
        }
    });
}

#[test]
fn a_breach_of_the_protocol_is_told_readably() {
    everywhere(|_| async {
        // DATA on a stream that nobody has opened.
        let server = Raw::start(|_, tcp| {
            let mut octets = raw::settings();
            octets.extend(raw::frame(0x0, 0, 9, b"what"));
            raw::say_and_end(&tcp, &octets)
        });
        let e = soon("an error", get(&client(), &server.url("/"))).await.unwrap_err();
        assert_eq!(e.kind(), Kind::Protocol, "{}", text(&e));
        is_readable(&e, "broke the protocol");
        assert!(e.connection().is_some());
    });
}

#[test]
fn goaway_with_an_error_is_told_to_those_that_it_covers_when_the_connection_ends() {
    everywhere(|flavor| async move {
        let server = Served::start(H2Server::new(), None, |_: SimRequest| {
            SimResponse::ok("never").after(Duration::from_secs(600))
        });
        let waits = begun(flavor, &client(), &server, Method::POST, "/").await;
        until("it is acted on", || server.link(0).requests().iter().all(|request| request.processed)).await;
        server.link(0).goaway(1, 0xb);
        server.link(0).fin();
        let e = soon("an error", waits).await.unwrap_err();
        assert!(matches!(e.kind(), Kind::Closed(_) | Kind::Reset(ErrorCode::ENHANCE_YOUR_CALM)), "{e:?}");
        assert_eq!((e.delivery(), e.attempts()), (Delivery::Unknown, 1));
        is_readable(&e, "");
    });
}

#[test]
fn a_request_that_was_not_sent_at_all_is_replayed_whatever_its_method() {
    everywhere(|_| async {
        let server = plain();
        let client = client();
        drop(read(client.get(server.url("/a")).send().await.unwrap()).await.unwrap());
        server.link(0).rst();
        // The client may not know yet.
        let mut send = pin!(client.post(server.url("/b")).body("content").send());
        let response = match poll_once(&mut send).await {
            Some(result) => result,
            None => soon("the response", send).await,
        };
        match response {
            Ok(response) => assert_eq!(response.text().await.unwrap(), "/b"),
            // It was sent before the end was seen: nobody can tell whether it was acted on.
            Err(e) => assert_eq!((e.delivery(), e.attempts()), (Delivery::Unknown, 1)),
        }
    });
}
