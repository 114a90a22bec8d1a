//! Content, both ways.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_io::Timer;
use futures_lite::{AsyncRead, AsyncReadExt, Stream, StreamExt, stream};
use martlet::bytes::Bytes;
use martlet::http::HeaderMap;
use martlet::{Body, Delivery, Error, Kind, Response};

use crate::common::flavor::everywhere;
use crate::streamer::{End, Pattern, Streamer};
use crate::{builder, client, soon, text, until};

const MUCH: u64 = 64 << 20;

/// So much of the pattern.
fn pieces(length: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::unfold((Pattern::new(), length), |(mut pattern, length)| async move {
        let left = length - pattern.len();
        (left > 0).then(|| (Ok(pattern.next(left)), (pattern, length)))
    })
}

/// Reads to the end, and sees that it is the pattern.
async fn check(response: &mut Response) -> Result<u64, Error> {
    let mut pattern = Pattern::new();
    while let Some(piece) = response.chunk().await? {
        assert!(!piece.is_empty());
        assert!(pattern.check(&piece), "wrong octets after {}", pattern.len());
    }
    Ok(pattern.len())
}

#[test]
fn sixty_four_mebibytes_come_down_whole() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        let mut response = client.get(server.url(&format!("/down/{MUCH}"))).send().await.unwrap();
        assert_eq!(check(&mut response).await.unwrap(), MUCH);
        assert!(response.chunk().await.unwrap().is_none());
    });
}

#[test]
fn sixty_four_mebibytes_go_up_whole_whether_their_length_is_known_or_not() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        for body in [Body::stream(pieces(MUCH)), Body::sized_stream(MUCH, pieces(MUCH))] {
            let response = client.post(server.url("/count")).body(body).send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), MUCH.to_string());
        }
        let whole = End::Whole { octets: MUCH, trailers: None };
        assert_eq!(server.ends("/count"), [whole.clone(), whole]);
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn content_at_hand_goes_up_whole_whatever_its_size() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        for length in [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 1 << 20, (1 << 20) + 1, 5_000_000] {
            let mut octets = Vec::new();
            let mut all = std::pin::pin!(pieces(length));
            while let Some(piece) = all.next().await {
                octets.extend_from_slice(&piece.unwrap());
            }
            let response = client.post(server.url("/count")).body(octets).send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), length.to_string());
        }
    });
}

#[test]
fn sixty_four_mebibytes_go_both_ways_at_once() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        let request = client.post(server.url("/echo")).body(Body::stream(pieces(MUCH)));
        let mut response = request.send().await.unwrap();
        assert_eq!(check(&mut response).await.unwrap(), MUCH);
        assert_eq!(server.ends("/echo"), [End::Whole { octets: MUCH, trailers: None }]);
    });
}

/// What was handed over, and what came back so far.
struct Lockstep {
    echoed: Arc<AtomicU64>,
    sent: u64,
    pattern: Pattern,
}

#[test]
fn each_piece_is_echoed_before_the_next_one_is_had() {
    const ROUNDS: u64 = 50;
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        let (sender, receiver) = smol::channel::bounded::<Bytes>(1);
        let body = Body::stream(receiver.map(io::Result::Ok));
        let mut send = Box::pin(client.post(server.url("/echo")).body(body).send());
        // The head comes without any content.
        let mut response = soon("the head", &mut send).await.unwrap();
        let mut lockstep = Lockstep { echoed: Arc::default(), sent: 0, pattern: Pattern::new() };
        let mut back = Pattern::new();
        for _ in 0..ROUNDS {
            let piece = lockstep.pattern.next(1000);
            lockstep.sent += piece.len() as u64;
            sender.send(piece).await.unwrap();
            while lockstep.echoed.load(Ordering::SeqCst) < lockstep.sent {
                let piece = soon("the echo", response.chunk()).await.unwrap().unwrap();
                assert!(back.check(&piece));
                lockstep.echoed.fetch_add(piece.len() as u64, Ordering::SeqCst);
            }
        }
        drop(sender);
        assert!(soon("the end", response.chunk()).await.unwrap().is_none());
        assert_eq!(back.len(), ROUNDS * 1000);
    });
}

/// The server sees that the request was given up, if it has seen any of it.
async fn sees_no_end(server: &Streamer, path: &str, e: &Error) {
    if e.delivery() != Delivery::NotSent {
        until("the server knows", || !server.ends(path).is_empty()).await;
    }
    for end in server.ends(path) {
        assert!(matches!(end, End::Reset(_)), "{end:?}");
    }
}

#[test]
fn a_wrong_length_fails_the_request_and_the_server_sees_no_end() {
    everywhere(|_| async {
        for (declared, real) in [(100_000, 99_999), (100_000, 100_001), (10, 0), (0, 1), (3 << 20, 2 << 20)] {
            let (server, client) = (Streamer::start(), client());
            let body = Body::sized_stream(declared, pieces(real));
            let e = soon("an error", client.post(server.url("/count")).body(body).send()).await.unwrap_err();
            assert_eq!(e.kind(), Kind::Body, "{declared} and {real}: {e:?}");
            assert!(text(&e).contains(&declared.to_string()), "{}", text(&e));
            assert_eq!(e.attempts(), 1);
            sees_no_end(&server, "/count", &e).await;
            // The connection is as good as before.
            let response = client.post(server.url("/count")).body("").send().await.unwrap();
            assert!(response.connection().is_reused());
        }
    });
}

#[test]
fn a_source_that_fails_resets_the_stream_and_its_words_are_the_cause() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        for path in ["/count", "/echo"] {
            let broken = stream::once_future(async {
                Timer::after(Duration::from_millis(20)).await;
                Err(io::Error::other("the disk is gone"))
            });
            let body = Body::stream(pieces(100_000).chain(broken));
            let e = match soon("the head", client.post(server.url(path)).body(body).send()).await {
                Ok(mut response) => soon("an error", check(&mut response)).await.unwrap_err(),
                Err(e) => e,
            };
            assert_eq!(e.kind(), Kind::Body);
            assert!(text(&e).contains("the disk is gone"), "{}", text(&e));
            assert_ne!(e.delivery(), Delivery::NotSent);
            sees_no_end(&server, path, &e).await;
        }
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn an_answer_that_comes_early_leaves_the_upload_going_on() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        let body = Body::stream(pieces(8 << 20));
        let response = client.post(server.url("/early")).body(body).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "early");
        // The response was whole: what was left of the request was given up, and the server sees that it was.
        until("the server knows", || !server.ends("/early").is_empty()).await;
        match server.ends("/early")[0] {
            End::Whole { octets, .. } => assert_eq!(octets, 8 << 20),
            End::Reset(_) => {}
            ref end => panic!("{end:?}"),
        }
        let response = client.get(server.url("/down/5")).send().await.unwrap();
        assert!(response.connection().is_reused());
    });
}

#[test]
fn a_response_can_be_read_as_a_reader_with_buffers_of_any_size() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        for size in [1, 7, 1000, 16_384, 100_000] {
            let length = (size as u64 * 40).min(3 << 20);
            let mut response = client.get(server.url(&format!("/down/{length}"))).send().await.unwrap();
            let (mut pattern, mut buffer) = (Pattern::new(), vec![0; size]);
            loop {
                let n = poll_fn(|cx| Pin::new(&mut response).poll_read(cx, &mut buffer)).await.unwrap();
                if n == 0 {
                    break;
                }
                assert!(pattern.check(&buffer[..n]));
            }
            assert_eq!(pattern.len(), length);
            assert_eq!(response.read(&mut buffer).await.unwrap(), 0);
        }
        assert_eq!(client.stats().streams, 0);
    });
}

#[test]
fn a_reader_and_pieces_can_be_mixed() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        let mut response = client.get(server.url("/down/300000")).send().await.unwrap();
        let (mut pattern, mut buffer) = (Pattern::new(), [0; 10]);
        loop {
            response.read_exact(&mut buffer).await.unwrap();
            assert!(pattern.check(&buffer));
            match response.chunk().await.unwrap() {
                Some(piece) => assert!(pattern.check(&piece)),
                None => break,
            }
            if pattern.len() > 299_000 {
                let mut rest = Vec::new();
                response.read_to_end(&mut rest).await.unwrap();
                assert!(pattern.check(&rest));
                break;
            }
        }
        assert_eq!(pattern.len(), 300_000);
    });
}

#[test]
fn requests_responses_and_clients_can_go_anywhere() {
    fn goes_anywhere<T: Send + Sync + 'static>(_: &T) {}
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        goes_anywhere(&client);
        let request = client.post(server.url("/echo")).body(Body::stream(pieces(10))).build().unwrap();
        goes_anywhere(&request);
        let response = client.execute(request).await.unwrap();
        goes_anywhere(&response);
        assert_eq!(response.bytes().await.unwrap().len(), 10);
    });
}

/// Is never ready, and says when it is dropped.
struct Silent(smol::channel::Sender<()>);

impl Stream for Silent {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let _ = &self.0;
        Poll::Pending
    }
}

#[test]
fn a_response_that_is_dropped_takes_the_source_of_the_content_with_it() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), builder().max_connections(1).build().unwrap());
        let (held, dropped) = smol::channel::bounded(1);
        let request = client.post(server.url("/echo")).body(Body::stream(Silent(held)));
        let response = soon("the head", request.send()).await.unwrap();
        assert!(dropped.try_recv() == Err(smol::channel::TryRecvError::Empty));
        drop(response);
        assert!(dropped.try_recv() == Err(smol::channel::TryRecvError::Closed));
        until("the server knows", || !server.ends("/echo").is_empty()).await;
        assert_eq!(server.ends("/echo"), [End::Reset(8)]);
        assert_eq!(client.stats().streams, 0);
    });
}

#[test]
fn trailers_go_both_ways() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        for body in [Body::from("content"), Body::stream(pieces(100_000)), Body::empty()] {
            let body = body.with_trailers(async {
                let mut fields = HeaderMap::new();
                fields.append("x-sum", "1".parse().unwrap());
                fields.append("x-sum", "2".parse().unwrap());
                io::Result::Ok(fields)
            });
            let mut response = client.post(server.url("/echo")).body(body).send().await.unwrap();
            assert!(response.trailers().is_none());
            while response.chunk().await.unwrap().is_some() {}
            let fields: Vec<_> = response.trailers().unwrap().get_all("x-sum").collect();
            assert_eq!(fields, [b"1", b"2"]);
        }
        let ends = server.ends("/echo");
        assert!(ends.iter().all(|end| matches!(end, End::Whole { trailers: Some(_), .. })), "{ends:?}");
        assert_eq!(ends.len(), 3);
    });
}

#[test]
fn trailers_that_must_not_be_sent_fail_the_request_and_the_server_sees_no_end() {
    everywhere(|_| async {
        for name in ["content-length", "host", "transfer-encoding", "authorization", "te", "connection"] {
            let (server, client) = (Streamer::start(), client());
            let body = Body::stream(pieces(10)).with_trailers(async move {
                io::Result::Ok([(name.parse().unwrap(), "1".parse().unwrap())].into_iter().collect())
            });
            let e = soon("an error", client.post(server.url("/count")).body(body).send()).await.unwrap_err();
            assert_eq!((e.kind(), e.attempts()), (Kind::Body, 1), "{name}");
            sees_no_end(&server, "/count", &e).await;
        }
    });
}

#[test]
fn trailers_that_cannot_be_had_fail_the_request() {
    everywhere(|_| async {
        let (server, client) = (Streamer::start(), client());
        let body = Body::stream(pieces(10)).with_trailers(async { Err(io::Error::other("no sum")) });
        let e = soon("an error", client.post(server.url("/count")).body(body).send()).await.unwrap_err();
        assert_eq!(e.kind(), Kind::Body);
        assert!(text(&e).contains("no sum"), "{}", text(&e));
        sees_no_end(&server, "/count", &e).await;
    });
}
