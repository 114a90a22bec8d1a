//! HTTP/2: the connection ends behind any octet of the frames that answer a request.
//!
//! Frames are what counts there: one that did not come whole says nothing, so half a head is no answer yet.

use std::time::Duration;

use martlet::{Client, Closed, Delivery, Ending, Http2Config, Kind, Protocols};
use martlet_sim::{Fault, Listener, Point, Sim, SimRequest, SimResponse};

use crate::common::leave::{trusting, url};
use crate::common::{calm, expect_pool, settle};

/// The content goes out in three frames.
const CONTENT: [&str; 3] = ["0123456789", "abcdefghij", "ABCDEFGHIJ"];

/// The octets of the head of a frame (RFC 9113 §4.1).
const FRAME: u64 = 9;

/// A frame that the server sent, and where on the connection it begins and ends.
#[derive(Clone, Debug)]
struct Sent {
    kind: String,
    stream: u32,
    start: u64,
    end: u64,
}

fn world(is_tls: bool) -> (Sim, Listener, Client) {
    let sim = calm();
    let service = |request: SimRequest| match request.method.as_str() {
        "HEAD" => SimResponse::new(200),
        _ => CONTENT.iter().fold(SimResponse::new(200), |response, piece| response.piece(*piece)),
    };
    let server = if is_tls {
        sim.listen_h2("a.test", 443, service).behind_tls()
    } else {
        sim.listen_h2("a.test", 80, service)
    };
    let mut config = Http2Config::default();
    config.reset_memory = Duration::MAX;
    let protocols = if is_tls { Protocols::Negotiated } else { Protocols::Http2 };
    let client = trusting(&sim, |builder| builder.protocols(protocols).http2(config));
    (sim, server, client)
}

/// What came of a request: the content and how it ended, and how often it was sent.
fn ask(sim: &Sim, client: &Client, is_tls: bool, is_post: bool) -> (Vec<u8>, Option<(Kind, Delivery)>, u32) {
    let asked = sim.block_on(async {
        let request = if is_post { client.post(url(is_tls)) } else { client.get(url(is_tls)) };
        let mut content = Vec::new();
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(e) => return (content, Some((e.kind(), e.delivery())), e.attempts()),
        };
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => content.extend_from_slice(&piece),
                Ok(None) => return (content, None, response.attempts()),
                Err(e) => return (content, Some((e.kind(), e.delivery())), e.attempts()),
            }
        }
    });
    asked.expect("no dead-lock")
}

/// The frames of the server on its only connection, in the clear.
fn frames(trace: &str) -> Vec<Sent> {
    let mut frames = Vec::new();
    let mut start = 0;
    for line in trace.lines() {
        let Some((_, what)) = line.split_once("c1 sends ") else { continue };
        let words: Vec<_> = what.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let [kind, _, _, stream, _, _, len, ..] = words[..] else { panic!("another trace: {line}") };
        let end = start + FRAME + len.parse::<u64>().expect("a length");
        frames.push(Sent { kind: kind.to_owned(), stream: stream.parse().expect("a number"), start, end });
        start = end;
    }
    frames
}

/// What the rule says of a connection that ends behind so many octets.
fn expect(frames: &[Sent], stream: u32, octets: u64, by: Ending) -> (Vec<u8>, Option<Kind>) {
    let came = |kind: &str| {
        frames
            .iter()
            .filter(|frame| frame.kind == kind && frame.stream == stream && frame.end <= octets)
            .count()
    };
    if came("Headers") == 0 {
        return (Vec::new(), Some(Kind::Closed(Closed::BeforeResponse { interim: false, by })));
    }
    let content = CONTENT[..came("Data").min(CONTENT.len())].concat().into_bytes();
    let received = content.len() as u64;
    let closed = Closed::InContent { expected: Some(30), received, by };
    (content, (received < 30).then_some(Kind::Closed(closed)))
}

#[test]
fn s096_02_to_07_by_http2_every_octet_of_the_frames_that_answer() {
    let mut cases = 0;
    for is_post in [false, true] {
        for reused in [false, true] {
            let stream = if reused { 3 } else { 1 };
            let frames = {
                let (sim, _server, client) = world(false);
                for _ in 0..=usize::from(reused) {
                    assert_eq!(ask(&sim, &client, false, is_post).0.len(), 30);
                }
                settle(&sim);
                frames(&sim.trace())
            };
            let mut answer = frames.iter().filter(|frame| frame.stream == stream);
            let head = answer.clone().find(|frame| frame.kind == "Headers").expect("an answer");
            let last = answer.next_back().expect("an answer").end;
            for (by, fault) in
                [(Ending::Fin, Fault::Fin as fn(Point) -> Fault), (Ending::Reset, Fault::Reset)]
            {
                for octets in head.start + 1..=last {
                    let (sim, server, client) = world(false);
                    server.fail_next(fault(Point::Response(octets)));
                    if reused {
                        ask(&sim, &client, false, is_post);
                    }
                    let (content, failed, attempts) = ask(&sim, &client, false, is_post);
                    let (expected, kind) = expect(&frames, stream, octets, by);
                    let is_silent = matches!(kind, Some(Kind::Closed(Closed::BeforeResponse { .. })));
                    let place =
                        format!("{by:?} behind {octets}, reused {reused}, POST {is_post}\n{}", sim.trace());
                    if is_silent && reused && !is_post {
                        assert_eq!((content.len(), failed, attempts), (30, None, 2), "{place}");
                    } else {
                        let delivery = if is_silent { Delivery::Unknown } else { Delivery::Answered };
                        let outcome = (content, failed, attempts);
                        assert_eq!(outcome, (expected, kind.map(|kind| (kind, delivery)), 1), "{place}");
                    }
                    check_afterwards(&sim, &server, &client, false);
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 400, "{cases}");
}

/// Behind the octets of the wire.
#[test]
fn s096_02_to_07_by_http2_under_tls_nothing_cut_looks_whole() {
    let (shaken, whole) = {
        let (sim, _server, client) = world(true);
        assert_eq!(ask(&sim, &client, true, true).0.len(), 30);
        settle(&sim);
        let trace = sim.trace();
        let arrived = |part: &str| -> u64 {
            let octets = |line: &str| line.split_once("c1 < arrived ")?.1.parse::<u64>().ok();
            part.lines().filter_map(octets).sum()
        };
        let (handshake, _) = trace.split_once("handshake done").expect("there is one");
        (arrived(handshake), arrived(&trace))
    };
    assert!(shaken < whole);
    for fault in [Fault::Fin as fn(Point) -> Fault, Fault::Reset] {
        // Of the handshake not every one: nothing was sent by then.
        for at in (0..shaken).step_by(16).chain(shaken..=whole) {
            let (sim, server, client) = world(true);
            server.fail_next(fault(Point::Response(at)));
            let (content, failed, attempts) = ask(&sim, &client, true, true);
            let log = server.log();
            let seen = log.iter().filter(|seen| seen.complete && seen.method == "POST").count();
            let processed = log.iter().filter(|seen| seen.processed).count();
            match failed {
                None => assert_eq!(content.len(), 30, "behind {at}"),
                Some((kind, delivery)) => {
                    assert!(matches!(kind, Kind::Closed(_) | Kind::Tls(_)), "behind {at}: {kind:?}");
                    assert!(delivery > Delivery::NotSent || seen == 0, "behind {at}");
                }
            }
            assert!(processed <= 1 && attempts <= 2, "behind {at}");
            check_afterwards(&sim, &server, &client, true);
        }
    }
}

/// Nothing has leaked, and the connection that ended is not used again.
fn check_afterwards(sim: &Sim, server: &Listener, client: &Client, is_tls: bool) {
    settle(sim);
    let before = server.accepted();
    let (content, failed, attempts) = ask(sim, client, is_tls, true);
    assert_eq!((content.len(), failed, attempts), (30, None, 1), "{}", sim.trace());
    settle(sim);
    expect_pool(sim, client, [1, 0, 0, 0]);
    assert!(server.accepted() <= before.max(1) + 1);
    assert_eq!(server.log().last().map(|seen| seen.connection), Some(server.accepted() as u64));
    assert_eq!(server.complaints(), Vec::<String>::new());
}
