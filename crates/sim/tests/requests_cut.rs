//! A transport that takes so many octets of a request and no more: what the server can have seen of it, whether it is
//! sent again (the table of replays), and that the server's log agrees. Behind every octet of head and content.

#![cfg(feature = "tls")]

mod common;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_lite::stream;
use http::Method;
use martlet::{Body, Client, Closed, Delivery, Ending, Http2Config, Kind, Protocols, RequestBuilder};
use martlet_sim::{Fault, Listener, Point, Script, Sim, SimConfig, SimRequest, SimResponse};

use common::leave::{listen, said, trusting, url};
use common::{expect_pool, settle};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const CONTENT: &str = "some content";

/// What is asked.
#[derive(Clone, Copy, Debug)]
struct Asked {
    method: &'static str,
    key: Option<&'static str>,
    content: Content,
}

/// Where the content of a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    None,
    Bytes,
    /// A stream, which is asked for its first piece before anything goes out.
    Stream,
    /// A stream that can be opened again.
    Replayable,
    /// A stream that nobody asks before 100 (Continue) has come.
    Untouched,
}

impl Content {
    /// Its octets with all that frames them.
    fn framed(self) -> usize {
        match self {
            Self::None => 0,
            Self::Bytes => CONTENT.len(),
            Self::Stream | Self::Replayable | Self::Untouched => {
                "4\r\nsome\r\n8\r\n content\r\n0\r\n\r\n".len()
            }
        }
    }
}

const fn asked(method: &'static str, key: Option<&'static str>, content: Content) -> Asked {
    Asked { method, key, content }
}

const ASKED: [Asked; 11] = [
    asked("GET", None, Content::None),
    asked("PUT", None, Content::Bytes),
    asked("PUT", None, Content::Stream),
    asked("DELETE", None, Content::Replayable),
    asked("POST", None, Content::None),
    asked("POST", None, Content::Bytes),
    asked("POST", None, Content::Stream),
    asked("POST", None, Content::Untouched),
    asked("POST", Some("idempotency-key"), Content::Bytes),
    asked("POST", Some("idempotency-key"), Content::Stream),
    asked("PATCH", Some("x-idempotency-key"), Content::Replayable),
];

impl Asked {
    /// RFC 9110 §9.2.2, or a key by which the server knows it again.
    fn may_be_sent_twice(self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE") || self.key.is_some()
    }

    fn can_be_had_again(self) -> bool {
        self.content != Content::Stream
    }

    fn request(self, client: &Client, is_tls: bool) -> RequestBuilder {
        let method = Method::from_bytes(self.method.as_bytes()).expect("it is one");
        let request = client.request(method, url(is_tls)).header("x-cut", "yes");
        let request = match self.key {
            Some(name) => request.header(name, "7f3"),
            None => request,
        };
        match self.content {
            Content::None => request,
            Content::Bytes => request.body(CONTENT),
            Content::Stream => request.body(pieces()),
            Content::Replayable => request.body(Body::replayable(pieces)),
            Content::Untouched => request.body(pieces()).header("expect", "100-continue"),
        }
    }
}

fn pieces() -> Body {
    let pieces = [&CONTENT[..4], &CONTENT[4..]].map(|piece| Ok::<_, io::Error>(Bytes::from(piece)));
    Body::stream(stream::iter(pieces))
}

/// How the transport fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// The next write fails.
    Write,
    /// The next write waits for room, and a FIN comes.
    Fin,
    /// The next write waits for room, and a reset comes.
    Reset,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
struct Case {
    asked: Asked,
    /// So many octets of it are taken, under TLS so many octets of the wire.
    taken: usize,
    by: Break,
    is_tls: bool,
    reused: bool,
    /// Replays are switched on.
    replay: bool,
}

/// How many octets go out when nothing fails.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Before the request.
    before: u64,
    /// The head, in the clear.
    head: usize,
    /// All of it. What waits for 100 (Continue) is not counted.
    all: usize,
}

/// Octets that the client writes on its first connection.
fn written(trace: &str) -> Vec<u64> {
    let octets = |line: &str| line.split_once("c1 > write ")?.1.split(' ').next()?.parse().ok();
    trace.lines().filter_map(octets).collect()
}

fn client(sim: &Sim, replay: bool) -> Client {
    trusting(sim, |builder| builder.replay(replay))
}

fn fetch(sim: &Sim, client: &Client, is_tls: bool) {
    let fetched = sim.block_on(async { client.get(url(is_tls)).send().await?.bytes().await });
    assert_eq!(fetched.expect("no dead-lock").expect("an answer"), "ok", "{}", sim.trace());
}

/// Lets one go through, to see how long it is.
fn measure(asked: Asked, is_tls: bool, reused: bool) -> Sizes {
    let sim = Sim::with_config(0, SimConfig::calm());
    let server = listen(&sim, is_tls, [Script::new().expect_head().send(OK).expect_head().read_to_end()]);
    let client = client(&sim, false);
    fetch(&sim, &client, is_tls);
    settle(&sim);
    let used = written(&sim.trace());
    // A client says hello and that it has finished before it asks.
    let before = if reused { used.iter().sum() } else { used.iter().take(if is_tls { 2 } else { 0 }).sum() };
    let waiting = sim.spawn(asked.request(&client, is_tls).send());
    settle(&sim);
    let all: u64 = written(&sim.trace())[used.len()..].iter().sum();
    drop(waiting);
    let octets = server.log().pop().expect("it was seen").octets;
    let head = octets.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    Sizes { before, head, all: all as usize }
}

impl Case {
    fn check(self, sizes: Sizes) {
        let delivery = self.delivery(sizes);
        let again = self.replay
            && self.reused
            && self.asked.can_be_had_again()
            && (delivery == Delivery::NotSent || self.asked.may_be_sent_twice());
        let sim = Sim::with_config(0, self.config());
        let server = listen(&sim, self.is_tls, [self.first(), self.second(again)]);
        if self.by == Break::Write {
            server.fail_next(Fault::Break(Point::Request(sizes.before + self.taken as u64)));
        }
        let client = client(&sim, self.replay);
        if self.reused {
            fetch(&sim, &client, self.is_tls);
        }
        let sent = sim.block_on(self.asked.request(&client, self.is_tls).send()).expect("no dead-lock");
        let place = format!("{self:?}\n{}", sim.trace());
        match sent {
            Ok(response) => {
                assert!(again, "{place}");
                assert_eq!(response.attempts(), 2, "{place}");
                sim.block_on(response.bytes()).expect("no dead-lock").expect("an answer");
            }
            Err(e) => {
                assert!(!again, "{e:?} {place}");
                let by = if self.by == Break::Fin { Ending::Fin } else { Ending::Reset };
                let closed = Closed::BeforeResponse { interim: false, by };
                assert_eq!((e.kind(), e.delivery()), (Kind::Closed(closed), delivery), "{place}");
                assert_eq!((e.attempts(), e.conn_reused()), (1, self.reused), "{place}");
                assert!(e.peer_addr().is_some());
                let reset = (by == Ending::Reset).then_some(io::ErrorKind::ConnectionReset);
                assert_eq!(said(&e), reset, "{place}");
            }
        }
        self.check_log(&server, delivery, again, &place);
        settle(&sim);
        fetch(&sim, &client, self.is_tls);
        settle(&sim);
        expect_pool(&sim, &client, [1, 0, 0, 0]);
        assert_eq!(server.accepted(), 2, "{place}");
    }

    /// "The transport did not accept the last octet of the request head"; under TLS any octet, since nobody knows which
    /// of them are in one.
    fn delivery(self, sizes: Sizes) -> Delivery {
        let not_sent = if self.is_tls { self.taken == 0 } else { self.taken < sizes.head };
        if not_sent { Delivery::NotSent } else { Delivery::Unknown }
    }

    fn config(self) -> SimConfig {
        let mut config = SimConfig::calm();
        if self.by != Break::Write {
            config.buffer = self.taken..=self.taken;
        }
        config
    }

    fn first(self) -> Script {
        let script = if self.reused { Script::new().expect_head().send(OK) } else { Script::new() };
        // By then all is taken that can be.
        let script = script.pause(common::millis(10));
        match self.by {
            Break::Write => script.read_to_end(),
            Break::Fin => script.half_close().pause(common::millis(10)).read_to_end(),
            Break::Reset => script.reset(),
        }
    }

    /// What the next connection meets: the request again, if it is sent again, and another one.
    fn second(self, again: bool) -> Script {
        let script = Script::new();
        let script = if again {
            let script = script.expect_head();
            let waits = self.asked.content == Content::Untouched;
            let script = if waits { script.send("HTTP/1.1 100 Continue\r\n\r\n") } else { script };
            script.read(self.asked.content.framed()).send(OK)
        } else {
            script
        };
        script.expect_head().send(OK).read_to_end()
    }

    /// What was told is what the server saw: nothing whole of what was not sent, and nothing twice.
    fn check_log(self, server: &Listener, delivery: Delivery, again: bool, place: &str) {
        let log = server.log();
        let first: Vec<_> =
            log.iter().filter(|seen| seen.connection == 1).skip(usize::from(self.reused)).collect();
        assert!(first.len() <= 1, "{place}");
        if !self.is_tls && self.by != Break::Reset {
            let octets = first.first().map_or(0, |seen| seen.octets.len());
            assert!(self.by == Break::Fin || octets == self.taken, "{octets} {place}");
        }
        if delivery == Delivery::NotSent {
            assert!(first.iter().all(|seen| !seen.head_complete), "{place}");
        }
        let complete = log.iter().filter(|seen| seen.complete && seen.headers.contains_key("x-cut")).count();
        let most = usize::from(delivery > Delivery::NotSent) + usize::from(again);
        assert!(complete <= most, "{complete} of {most}: {place}");
    }
}

/// Cuts each request behind every octet.
fn check_all(by: Break, is_tls: bool, replay: bool) {
    for asked in ASKED {
        for reused in [false, true] {
            let sizes = measure(asked, is_tls, reused);
            // A buffer takes an octet at least, and a used connection that breaks before the first is not used.
            let least = usize::from(reused || by != Break::Write);
            for taken in least..=sizes.all {
                Case { asked, taken, by, is_tls, reused, replay }.check(sizes);
            }
        }
    }
}

#[test]
fn a_write_that_fails_behind_any_octet() {
    check_all(Break::Write, false, true);
}

#[test]
fn a_write_that_fails_behind_any_octet_of_the_wire_under_tls() {
    check_all(Break::Write, true, true);
}

#[test]
fn a_fin_while_the_request_waits_for_room_behind_any_octet() {
    check_all(Break::Fin, false, true);
}

#[test]
fn a_reset_while_the_request_waits_for_room_behind_any_octet() {
    check_all(Break::Reset, false, true);
}

/// TLS has not accepted the write, and yet the server has the head: the first of its records.
#[test]
fn a_write_of_several_records_that_fails_in_between_may_have_been_seen() {
    for reused in [false, true] {
        let sim = Sim::with_config(0, SimConfig::calm());
        let script = Script::new().expect_head();
        let script = if reused { script.send(OK).read_to_end() } else { script.read_to_end() };
        let server = listen(&sim, true, [script, Script::new().expect_head().send(OK).read_to_end()]);
        server.fail_next(Fault::Break(Point::Request(20_000)));
        let client = client(&sim, true);
        if reused {
            fetch(&sim, &client, true);
        }
        let sent =
            sim.block_on(client.post(url(true)).body(vec![b'x'; 40_000]).send()).expect("no dead-lock");
        let e = sent.expect_err("nobody is there");
        let log = server.log();
        assert!(
            log.last().is_some_and(|seen| seen.head_complete && !seen.content.is_empty() && !seen.complete)
        );
        assert_eq!((e.delivery(), e.attempts(), e.conn_reused()), (Delivery::Unknown, 1, reused));
        assert_eq!(server.accepted(), 1);
    }
}

#[test]
fn with_replays_switched_off_nothing_is_sent_twice() {
    check_all(Break::Write, false, false);
}

/// HTTP/2: what was not sent is in no log, and nothing is acted on twice.
fn check_h2(is_tls: bool, content: usize, step: usize) {
    let run = |fault: Option<Fault>, is_post: bool| {
        let sim = Sim::with_config(0, SimConfig::calm());
        let port = if is_tls { 443 } else { 80 };
        let server = sim.listen_h2("a.test", port, |_: SimRequest| SimResponse::ok("ok"));
        let server = if is_tls { server.behind_tls() } else { server };
        if let Some(fault) = fault {
            server.fail_next(fault);
        }
        let mut config = Http2Config::default();
        config.reset_memory = Duration::MAX;
        let protocols = if is_tls { Protocols::Negotiated } else { Protocols::Http2 };
        let client = trusting(&sim, |builder| builder.protocols(protocols).http2(config).replay(false));
        let request = if is_post {
            client.post(url(is_tls)).body(vec![b'x'; content])
        } else {
            client.get(url(is_tls))
        };
        let sent = sim.block_on(request.send()).expect("no dead-lock").map(drop);
        settle(&sim);
        (sent, server.log(), written(&sim.trace()))
    };
    for is_post in [false, true] {
        let (sent, _, writes) = run(None, is_post);
        sent.expect("nothing fails");
        let shaken: u64 = writes.iter().take(if is_tls { 2 } else { 0 }).sum();
        let all: u64 = writes.iter().sum();
        let mut unknown = 0;
        for taken in (shaken..all).step_by(step) {
            let (sent, log, _) = run(Some(Fault::Break(Point::Request(taken))), is_post);
            let Err(e) = sent else { continue };
            let has_head = log.iter().any(|seen| seen.head_complete);
            assert!(e.delivery() > Delivery::NotSent || !has_head, "{taken} of {all}: {e:?}");
            unknown += usize::from(has_head);
            assert!(!matches!(e.kind(), Kind::Timeout(_)), "{taken} of {all}: {e:?}");
        }
        assert!(unknown > 0 || !is_post);
    }
}

#[test]
fn by_http2_a_write_that_fails_behind_any_octet() {
    check_h2(false, 20, 1);
}

#[test]
fn by_http2_under_tls_a_write_that_fails_behind_any_octet_of_the_wire() {
    check_h2(true, 20, 1);
    check_h2(true, 40_000, 397);
}

/// Frames of several requests go out in one write, and in several records.
#[test]
fn by_http2_under_tls_requests_that_share_a_write_that_fails() {
    let mut shared = 0;
    for taken in (300..40_000).step_by(211) {
        let sim = Sim::with_config(0, SimConfig::calm());
        let server = sim.listen_h2("a.test", 443, |_: SimRequest| SimResponse::ok("ok")).behind_tls();
        let mut config = Http2Config::default();
        config.reset_memory = Duration::MAX;
        let client = trusting(&sim, |builder| builder.max_connections(1).http2(config).replay(false));
        server.fail_next(Fault::Break(Point::Request(taken)));
        // The heads alone take more than a record.
        let big = "~".repeat(9_000);
        let post = |n: usize| client.post(format!("{}{n}", url(true))).header("x-big", &big).send();
        let sent: Vec<_> = (0..4).map(|n| sim.spawn(post(n))).collect();
        settle(&sim);
        let log = server.log();
        for (n, sent) in sent.into_iter().enumerate() {
            let Some(Err(e)) = sim.block_on(sent).expect("no dead-lock") else { continue };
            let target = format!("/{n}");
            let has_head = log.iter().any(|seen| seen.head_complete && seen.target == target);
            assert!(e.delivery() > Delivery::NotSent || !has_head, "{n} behind {taken}: {e:?}");
            shared += usize::from(has_head);
        }
    }
    assert!(shared > 100, "{shared}");
}
