//! Both ends over a link that cuts, delays and breaks: what one side sent is what the other saw, or a prefix of it
//! and an error. A seed decides everything; `MARTLET_SEED=n` replays one.

mod common;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, StatusCode, Version};
use martlet_core::h1::{
    ClientConn, Disposition, Fields, Item, RequestContent, ResponseContent, ServerConn, ServerItem, Target,
    WaitingOn,
};
use martlet_core::{Delivery, Ending, Error, Limits, Misuse};

use common::{Random, fields, request};

const SEEDS: u64 = 2_000;

#[test]
fn what_one_side_sent_is_what_the_other_saw_or_a_prefix_and_an_error() {
    #[allow(clippy::disallowed_methods, reason = "the test replays a seed that is named outside")]
    let seeds = match std::env::var("MARTLET_SEED") {
        Ok(seed) => vec![seed.parse().expect("MARTLET_SEED is a number")],
        Err(_) => (0..SEEDS).collect(),
    };
    let mut tally = Tally::default();
    for seed in seeds {
        let run = AssertUnwindSafe(|| Pair::new(seed).run(&mut tally));
        if let Err(panic) = catch_unwind(run) {
            let message = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            match message {
                Some(message) => panic!("MARTLET_SEED={seed}: {message}"),
                None => resume_unwind(panic),
            }
        }
    }
    if tally.runs == SEEDS {
        // A simulation in which nothing happens proves nothing.
        assert!(tally.exchanges > 3 * SEEDS / 2, "{tally:?}");
        let rare = [tally.reused, tally.errors, tally.tunnels, tally.continued, tally.early, tally.not_sent];
        assert!(rare.iter().all(|&n| n > SEEDS / 50), "{tally:?}");
    }
}

/// What happened over all runs.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    exchanges: u64,
    reused: u64,
    errors: u64,
    tunnels: u64,
    continued: u64,
    early: u64,
    not_sent: u64,
}

/// One message, as it was sent or seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Message {
    start: String,
    interim: Vec<u16>,
    content: Vec<u8>,
    trailers: Vec<(String, String)>,
    ended: bool,
}

/// What both sides are to do in one exchange.
#[derive(Clone, Debug)]
struct Plan {
    method: Method,
    version: Version,
    upgrade: bool,
    expect: bool,
    request: Body,
    request_closes: bool,
    interim: usize,
    early: bool,
    abandon: bool,
    status: u16,
    response: Body,
    response_closes: bool,
}

#[derive(Clone, Debug)]
enum Body {
    None,
    Sized(Vec<u8>),
    Chunked(Vec<u8>, bool),
}

impl Body {
    fn content(&self) -> &[u8] {
        match self {
            Self::None => b"",
            Self::Sized(content) | Self::Chunked(content, _) => content,
        }
    }

    fn random(random: &mut Random, may_chunk: bool) -> Self {
        let len = *random.pick(&[0, 1, 15, 16, 17, 70, 300]);
        let content = (0..len).map(|_| *random.pick(b"\r\n0a;HTP/1. ")).collect();
        match random.below(3) {
            0 => Self::None,
            1 if may_chunk => {
                let trailers = random.one_in(2);
                Self::Chunked(content, trailers)
            }
            _ => Self::Sized(content),
        }
    }
}

impl Plan {
    fn random(random: &mut Random) -> Self {
        let upgrade = random.one_in(12);
        let method = if upgrade {
            Method::POST
        } else {
            let often = [Method::GET, Method::GET, Method::HEAD, Method::POST, Method::POST, Method::PUT];
            if random.one_in(12) { Method::CONNECT } else { random.pick(&often).clone() }
        };
        let version = if !upgrade && random.one_in(10) { Version::HTTP_10 } else { Version::HTTP_11 };
        let may_send = [Method::POST, Method::PUT].contains(&method);
        let request = if may_send { Body::random(random, version == Version::HTTP_11) } else { Body::None };
        let has_content = matches!(request, Body::Chunked(..)) || !request.content().is_empty();
        let status = *random.pick(&[200, 200, 200, 404, 204, 304]);
        let switches = upgrade || (method == Method::CONNECT && (200..300).contains(&status));
        let response =
            if switches || matches!(status, 204 | 304) { Body::None } else { Body::random(random, true) };
        Self {
            upgrade,
            expect: has_content && random.one_in(3),
            request_closes: random.one_in(10),
            interim: if version == Version::HTTP_10 { 0 } else { random.below(3) },
            early: random.one_in(4),
            abandon: random.one_in(4),
            status: if upgrade { 101 } else { status },
            response_closes: !switches && random.one_in(10),
            method,
            version,
            request,
            response,
        }
    }
}

/// One direction of the link.
#[derive(Debug, Default)]
struct Pipe {
    queue: VecDeque<u8>,
    accepted: usize,
    /// After so many octets the direction ends like this.
    cut: Option<(usize, Ending)>,
    end: Option<Ending>,
    end_told: bool,
}

impl Pipe {
    /// Takes octets; those behind the cut are lost.
    fn write(&mut self, octets: &[u8]) {
        for &b in octets {
            if let Some((at, by)) = self.cut {
                if self.accepted >= at {
                    self.end.get_or_insert(by);
                }
            }
            if self.end.is_none() {
                self.queue.push_back(b);
                self.accepted += 1;
            }
        }
    }

    fn finish(&mut self) {
        self.end.get_or_insert(Ending::Fin);
    }

    fn read(&mut self, most: usize) -> Vec<u8> {
        let n = most.min(self.queue.len());
        self.queue.drain(..n).collect()
    }

    /// The end, once, when all octets before it are read.
    fn poll_end(&mut self) -> Option<Ending> {
        if !self.queue.is_empty() || self.end_told {
            return None;
        }
        self.end_told = self.end.is_some();
        self.end
    }
}

struct Pair {
    random: Random,
    plans: Vec<Plan>,
    faulty: bool,
    to_server: Pipe,
    to_client: Pipe,
    client: Client,
    server: Server,
}

struct Client {
    conn: ClientConn,
    inbox: Vec<u8>,
    turn: usize,
    begun: bool,
    handed_over: usize,
    sent: Vec<Message>,
    seen: Vec<Message>,
    response_octets: usize,
    write_error_at: Option<usize>,
    written: usize,
    error: Option<Error>,
    done: bool,
    tunnel_sent: bool,
}

struct Server {
    conn: ServerConn,
    inbox: Vec<u8>,
    turn: usize,
    responded: bool,
    interim: usize,
    handed_over: usize,
    sent: Vec<Message>,
    seen: Vec<Message>,
    error: Option<Error>,
    done: bool,
    tunnel_sent: bool,
}

const TO_SERVER: &[u8] = b"GET /tunnelled HTTP/1.1\r\n\r\n\x00\xff";
const TO_CLIENT: &[u8] = b"HTTP/1.1 666 tunnelled\r\n\r\n\x00\xff";

impl Pair {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let turns = 1 + random.below(5);
        let plans: Vec<Plan> = (0..turns).map(|_| Plan::random(&mut random)).collect();
        let by = *random.pick(&[Ending::Fin, Ending::Reset]);
        let at = if random.one_in(2) { random.below(120) } else { random.below(1_500) };
        let fault = random.below(6);
        let pipe = |cut| Pipe { cut, ..Pipe::default() };
        Self {
            plans,
            faulty: fault < 3,
            to_server: pipe((fault == 0).then_some((at, by))),
            to_client: pipe((fault == 1).then_some((at, by))),
            client: Client {
                conn: ClientConn::new(Limits::default()),
                inbox: Vec::new(),
                turn: 0,
                begun: false,
                handed_over: 0,
                sent: Vec::new(),
                seen: Vec::new(),
                response_octets: 0,
                write_error_at: (fault == 2).then_some(at),
                written: 0,
                error: None,
                done: false,
                tunnel_sent: false,
            },
            server: Server {
                conn: ServerConn::new(Limits::default()),
                inbox: Vec::new(),
                turn: 0,
                responded: false,
                interim: 0,
                handed_over: 0,
                sent: Vec::new(),
                seen: Vec::new(),
                error: None,
                done: false,
                tunnel_sent: false,
            },
            random,
        }
    }

    fn run(mut self, tally: &mut Tally) {
        let acts: [fn(&mut Self) -> bool; 6] = [
            Self::client_acts,
            Self::client_transmits,
            Self::client_receives,
            Self::server_acts,
            Self::server_transmits,
            Self::server_receives,
        ];
        for _ in 0..100_000 {
            let act = *self.random.pick(&acts);
            if act(&mut self) || (0..60).any(|_| acts.iter().any(|act| act(&mut self))) {
                self.check_always();
                continue;
            }
            self.check_at_the_end(tally);
            return;
        }
        panic!("the exchange goes on for ever");
    }

    fn client_acts(&mut self) -> bool {
        let plan = self.plans.get(self.client.turn).cloned();
        let c = &mut self.client;
        if c.done {
            return false;
        }
        match c.conn.disposition() {
            Disposition::Close(_) => {
                c.done = true;
                self.to_server.finish();
                return true;
            }
            Disposition::Switched if !c.tunnel_sent => {
                c.tunnel_sent = true;
                self.to_server.write(TO_SERVER);
                return true;
            }
            Disposition::Switched => return false,
            Disposition::Reusable if c.begun => {
                c.conn.start_next_exchange().unwrap();
                c.turn += 1;
                c.begun = false;
                return true;
            }
            _ => {}
        }
        let Some(plan) = plan else {
            c.done = true;
            self.to_server.finish();
            return true;
        };
        if !c.begun {
            c.begin(&plan);
            return true;
        }
        if plan.abandon && c.seen.get(c.turn).is_some_and(|m| m.ended) && self.random.one_in(2) {
            let before = c.conn.disposition();
            c.conn.abandon_content();
            return c.conn.disposition() != before;
        }
        if c.conn.waiting_on() == WaitingOn::PeerToContinue && self.random.one_in(10) {
            c.conn.stop_awaiting_continue();
            return true;
        }
        c.send_content(&plan, &mut self.random)
    }

    fn client_transmits(&mut self) -> bool {
        let c = &mut self.client;
        let most = 1 + self.random.below(200);
        let octets = some_of(c.conn.transmit(), most);
        if octets.is_empty() {
            return false;
        }
        if c.write_error_at.is_some_and(|at| c.written + octets.len() > at) {
            let accepted = c.write_error_at.take().unwrap_or(0) - c.written;
            c.conn.transmit().advance(accepted);
            self.to_server.write(&octets[..accepted]);
            c.conn.handle_write_error();
            self.to_server.end.get_or_insert(Ending::Reset);
            assert!(c.conn.transmit().is_empty());
            return true;
        }
        c.conn.transmit().advance(octets.len());
        c.written += octets.len();
        self.to_server.write(&octets);
        true
    }

    fn client_receives(&mut self) -> bool {
        let most = 1 + self.random.below(150);
        let mut octets = self.to_client.read(most);
        let end = if octets.is_empty() { self.to_client.poll_end() } else { None };
        if octets.is_empty() && end.is_none() {
            return false;
        }
        let c = &mut self.client;
        if c.begun && c.error.is_none() && !c.seen.get(c.turn).is_some_and(|m| m.ended) {
            c.response_octets += octets.len();
        }
        if c.inbox.is_empty() && self.random.one_in(2) {
            let n = c.conn.recv_passthrough().unwrap_or(0).min(octets.len() as u64) as usize;
            c.conn.handle_passthrough(n as u64).unwrap();
            if n > 0 {
                c.seen[c.turn].content.extend(octets.drain(..n));
            }
        }
        c.inbox.extend(octets);
        match end {
            Some(Ending::Fin) => c.conn.handle_eof(),
            Some(Ending::Reset) => c.conn.handle_reset(),
            None => {}
        }
        c.pull();
        true
    }

    fn server_acts(&mut self) -> bool {
        let s = &mut self.server;
        if s.done {
            return false;
        }
        match s.conn.disposition() {
            Disposition::Close(_) if s.conn.transmit().is_empty() || s.error.is_some() => {
                s.done = true;
                self.to_client.finish();
                return true;
            }
            Disposition::Switched if !s.tunnel_sent => {
                s.tunnel_sent = true;
                self.to_client.write(TO_CLIENT);
                return true;
            }
            Disposition::Switched => return false,
            Disposition::Reusable if s.responded => {
                s.conn.start_next_exchange().unwrap();
                s.turn += 1;
                s.responded = false;
                s.pull();
                return true;
            }
            _ => {}
        }
        let (Some(plan), Some(asked)) = (self.plans.get(s.turn), s.seen.get(s.turn)) else { return false };
        if s.error.is_some() {
            return false;
        }
        if !s.responded {
            if s.interim < plan.interim {
                s.interim += 1;
                let status = *self.random.pick(&[100, 103]);
                s.conn.send_interim(StatusCode::from_u16(status).unwrap(), &HeaderMap::new()).unwrap();
                s.sent[s.turn].interim.push(status);
                return true;
            }
            if !asked.ended && !plan.early {
                if s.conn.expects_continue() && plan.version == Version::HTTP_11 && self.random.one_in(2) {
                    assert_eq!(s.conn.transmit().is_empty(), s.conn.waiting_on() == WaitingOn::Application);
                    s.conn.send_interim(StatusCode::CONTINUE, &HeaderMap::new()).unwrap();
                    s.sent[s.turn].interim.push(100);
                    return true;
                }
                return false;
            }
            s.respond(plan);
            return true;
        }
        s.send_content(plan, &mut self.random)
    }

    fn server_transmits(&mut self) -> bool {
        let s = &mut self.server;
        let most = 1 + self.random.below(200);
        let octets = some_of(s.conn.transmit(), most);
        s.conn.transmit().advance(octets.len());
        self.to_client.write(&octets);
        !octets.is_empty()
    }

    fn server_receives(&mut self) -> bool {
        let most = 1 + self.random.below(150);
        let octets = self.to_server.read(most);
        let end = if octets.is_empty() { self.to_server.poll_end() } else { None };
        let s = &mut self.server;
        s.inbox.extend(&octets);
        match end {
            Some(Ending::Fin) => s.conn.handle_eof(),
            Some(Ending::Reset) => s.conn.handle_reset(),
            None => {}
        }
        if octets.is_empty() && end.is_none() {
            return false;
        }
        s.pull();
        true
    }

    /// What holds after every step.
    fn check_always(&self) {
        let (c, s) = (&self.client, &self.server);
        if c.conn.disposition() == Disposition::Reusable && c.begun {
            let (sent, seen) = (&c.sent[c.turn], &c.seen[c.turn]);
            assert!(sent.ended && seen.ended, "the client is reusable inside an exchange");
            assert!(c.conn.clone().transmit().is_empty());
            assert!(c.inbox.is_empty(), "reusable with octets left over");
        }
        if s.conn.disposition() == Disposition::Reusable && s.responded {
            assert!(
                s.sent[s.turn].ended && s.seen[s.turn].ended,
                "the server is reusable inside an exchange"
            );
            assert!(s.conn.clone().transmit().is_empty());
        }
        if c.begun {
            match c.conn.delivery() {
                Delivery::NotSent => assert!(s.seen.len() <= c.turn, "not sent, but the server saw its head"),
                Delivery::Unknown => assert_eq!(c.response_octets, 0, "an answer came"),
                Delivery::Answered => assert!(c.response_octets > 0, "answered by nobody"),
                Delivery::Refused => panic!("HTTP/1.1 has no such promise"),
            }
        }
        for error in [&c.error, &s.error].into_iter().flatten() {
            assert!(matches!(error, Error::Closed(_)), "nobody broke the protocol: {error}");
        }
        if let Some(error) = &c.error {
            let mut conn = c.conn.clone();
            assert_eq!(conn.recv(b"HTTP/1.1 200 OK\r\n\r\n"), Err(error.clone()));
            assert_eq!(conn.send_data(Bytes::from_static(b"x")), Err(Misuse::Finished));
        }
    }

    fn check_at_the_end(self, tally: &mut Tally) {
        let (c, s) = (&self.client, &self.server);
        let mut whole = 0;
        for (turn, plan) in self.plans.iter().enumerate() {
            let (Some(sent), Some(seen)) = (c.sent.get(turn), s.seen.get(turn)) else { break };
            same_or_prefix(sent, &plan.request, seen);
            let Some(seen) = c.seen.get(turn) else { break };
            if plan.version == Version::HTTP_10 && matches!(plan.response, Body::Chunked(..)) {
                // The end of the connection is the end of the content, whoever made it.
                same_or_prefix(&s.sent[turn], &plan.response, &Message { ended: false, ..seen.clone() });
            } else {
                same_or_prefix(&s.sent[turn], &plan.response, seen);
            }
            whole += usize::from(seen.ended && s.seen[turn].ended);
            tally.exchanges += 1;
            tally.reused += u64::from(turn > 0);
            tally.early += u64::from(plan.early);
            tally.continued += u64::from(seen.interim.contains(&100));
        }
        assert!(c.seen.len() <= s.sent.len(), "the client saw a response that nobody sent");
        assert!(s.seen.len() <= c.sent.len(), "the server saw a request that nobody sent");
        let switched = c.conn.disposition() == Disposition::Switched;
        if switched && s.conn.disposition() == Disposition::Switched {
            tally.tunnels += 1;
            assert!(TO_SERVER.starts_with(&s.inbox) && TO_CLIENT.starts_with(&c.inbox));
            if !self.faulty {
                assert_eq!((s.inbox.as_slice(), c.inbox.as_slice()), (TO_SERVER, TO_CLIENT));
            }
        }
        if !self.faulty {
            let last = c.sent.len();
            assert!(switched || c.done, "stuck: {:?} and {:?}", c.conn.waiting_on(), s.conn.waiting_on());
            assert_eq!(c.error, None);
            assert!(c.seen.iter().all(|m| m.ended || switched), "a response is not complete");
            // Only the exchange that closes the connection may leave a request unfinished.
            assert!(whole + 1 >= last, "{whole} of {last} exchanges are complete");
        }
        tally.runs += 1;
        tally.errors += u64::from(c.error.is_some());
        tally.not_sent += u64::from(c.begun && c.conn.delivery() == Delivery::NotSent);
    }
}

impl Client {
    fn begin(&mut self, plan: &Plan) {
        let mut head = request(plan.method.clone()).version(plan.version).content(match &plan.request {
            Body::None => RequestContent::None,
            Body::Sized(content) => RequestContent::Sized(content.len() as u64),
            Body::Chunked(..) => RequestContent::Chunked,
        });
        let target = format!("/{}", self.turn);
        if plan.method != Method::CONNECT {
            head = head.target(Target::Origin(target.into_bytes().leak()));
        }
        if plan.upgrade {
            head = head.with("upgrade", "tunnel");
        }
        if plan.expect {
            head = head.with("expect", "100-continue");
        }
        if plan.request_closes {
            head = head.with("connection", "close");
        } else if plan.version == Version::HTTP_10 {
            head = head.with("connection", "keep-alive");
        }
        head.send(&mut self.conn).unwrap();
        let start = if plan.method == Method::CONNECT {
            "CONNECT example.test:443".to_owned()
        } else {
            format!("{} /{}", plan.method, self.turn)
        };
        let has_content = match &plan.request {
            Body::None => false,
            Body::Sized(content) => !content.is_empty(),
            Body::Chunked(..) => true,
        };
        self.sent.push(Message { start, ended: !has_content, ..Message::default() });
        self.begun = true;
        self.handed_over = 0;
        self.response_octets = 0;
    }

    fn send_content(&mut self, plan: &Plan, random: &mut Random) -> bool {
        let content = plan.request.content();
        let sent = &mut self.sent[self.turn];
        if sent.ended || self.error.is_some() {
            return false;
        }
        let (n, last) = piece(content.len() - self.handed_over, random);
        let data = Bytes::copy_from_slice(&content[self.handed_over..self.handed_over + n]);
        let trailers = fields(&[("x-sum", "1"), ("x-more", "2")]);
        let result = match (&plan.request, last) {
            (_, false) => self.conn.send_data(data.clone()),
            (Body::Chunked(_, true), true) if n == 0 => self.conn.send_trailers(&trailers),
            (Body::Chunked(_, true), true) => self.conn.send_data(data.clone()),
            (_, true) => self.conn.send_last_data(data.clone()),
        };
        match result {
            Ok(()) => {
                self.handed_over += n;
                sent.content.extend_from_slice(&data);
                let with_trailers = matches!(plan.request, Body::Chunked(_, true));
                sent.ended = last && (!with_trailers || n == 0);
                if sent.ended && with_trailers {
                    sent.trailers = vec![("x-sum".into(), "1".into()), ("x-more".into(), "2".into())];
                }
                n > 0 || sent.ended
            }
            Err(Misuse::Backpressure) => false,
            Err(Misuse::Finished | Misuse::OutOfTurn) => {
                assert_ne!(self.conn.waiting_on(), WaitingOn::Application, "content is wanted and refused");
                false
            }
            Err(e) => panic!("{e}"),
        }
    }

    fn pull(&mut self) {
        loop {
            let received = match self.conn.recv(&self.inbox) {
                Ok(received) => received,
                Err(e) => {
                    self.error = Some(e);
                    return;
                }
            };
            let octets: Vec<u8> = self.inbox.drain(..received.consumed).collect();
            while self.begun && self.seen.len() <= self.turn {
                self.seen.push(Message::default());
            }
            match received.item {
                Item::NeedInput | Item::Paused | Item::Closed => return,
                Item::Continue => self.seen[self.turn].interim.push(100),
                Item::Interim(head) => self.seen[self.turn].interim.push(head.status()),
                Item::Response(head) => {
                    self.seen[self.turn].start = head.status().to_string();
                    if self.conn.disposition() == Disposition::Switched {
                        self.seen[self.turn].ended = true;
                    }
                }
                Item::Data(range) => self.seen[self.turn].content.extend_from_slice(&octets[range]),
                Item::Trailers(spans) => self.seen[self.turn].trailers = strings(&octets, spans),
                Item::End => self.seen[self.turn].ended = true,
            }
        }
    }
}

impl Server {
    fn respond(&mut self, plan: &Plan) {
        let status = StatusCode::from_u16(plan.status).unwrap();
        let mut lines = HeaderMap::new();
        if plan.upgrade {
            lines = fields(&[("upgrade", "tunnel"), ("connection", "upgrade")]);
        } else if plan.response_closes {
            lines = fields(&[("connection", "close")]);
        }
        let content = match &plan.response {
            Body::None => ResponseContent::None,
            Body::Sized(content) => ResponseContent::Sized(content.len() as u64),
            Body::Chunked(..) => ResponseContent::Chunked,
        };
        self.conn.send_response(status, None, &lines, content).unwrap();
        self.responded = true;
        self.handed_over = 0;
        self.sent[self.turn].start = plan.status.to_string();
        let empty = match &plan.response {
            Body::None => true,
            Body::Sized(content) => content.is_empty(),
            Body::Chunked(..) => false,
        };
        self.sent[self.turn].ended = empty || plan.method == Method::HEAD;
    }

    fn send_content(&mut self, plan: &Plan, random: &mut Random) -> bool {
        let content = plan.response.content();
        let sent = &mut self.sent[self.turn];
        if sent.ended {
            return false;
        }
        let (n, last) = piece(content.len() - self.handed_over, random);
        let data = Bytes::copy_from_slice(&content[self.handed_over..self.handed_over + n]);
        // Where the end of the connection ends the content, there are no trailers.
        let trailers = matches!(plan.response, Body::Chunked(_, true)) && plan.version == Version::HTTP_11;
        let result = match last {
            true if trailers && n == 0 => self.conn.send_trailers(&fields(&[("x-end", "3")])),
            true if !trailers => self.conn.send_last_data(data.clone()),
            _ => self.conn.send_data(data.clone()),
        };
        match result {
            Ok(()) => {
                self.handed_over += n;
                sent.content.extend_from_slice(&data);
                sent.ended = last && (!trailers || n == 0);
                if sent.ended && trailers {
                    sent.trailers = vec![("x-end".into(), "3".into())];
                }
                n > 0 || sent.ended
            }
            Err(Misuse::Backpressure | Misuse::Finished) => false,
            Err(e) => panic!("{e}"),
        }
    }

    fn pull(&mut self) {
        while self.error.is_none() {
            let received = match self.conn.recv(&self.inbox) {
                Ok(received) => received,
                Err(e) => {
                    self.error = Some(e);
                    return;
                }
            };
            let octets: Vec<u8> = self.inbox.drain(..received.consumed).collect();
            match received.item {
                ServerItem::NeedInput | ServerItem::Paused | ServerItem::Closed => return,
                ServerItem::Request(head) => {
                    let text = |octets| String::from_utf8_lossy(octets).into_owned();
                    let start = format!("{} {}", text(head.method(&octets)), text(head.target(&octets)));
                    self.seen.push(Message { start, ..Message::default() });
                    self.sent.push(Message::default());
                    self.interim = 0;
                }
                ServerItem::Data(range) => self.seen[self.turn].content.extend_from_slice(&octets[range]),
                ServerItem::Trailers(spans) => self.seen[self.turn].trailers = strings(&octets, spans),
                ServerItem::End => self.seen[self.turn].ended = true,
            }
        }
    }
}

/// Up to `most` octets, of which none is taken.
fn some_of(out: impl Buf, most: usize) -> Vec<u8> {
    let mut slices = [std::io::IoSlice::new(b""); 6];
    let n = out.chunks_vectored(&mut slices);
    let mut octets = slices[..n].iter().map(|slice| &slice[..]).collect::<Vec<_>>().concat();
    assert_eq!(octets.len(), out.remaining());
    octets.truncate(most);
    octets
}

/// How much of what is left goes next, and whether it is announced as the last.
fn piece(left: usize, random: &mut Random) -> (usize, bool) {
    let n = if random.one_in(3) { left } else { (1 + random.below(60)).min(left) };
    (n, n == left && (left == 0 || random.one_in(2)))
}

fn strings(octets: &[u8], spans: martlet_core::h1::FieldSpans) -> Vec<(String, String)> {
    let text = |octets| String::from_utf8_lossy(octets).into_owned();
    Fields::copy_from(octets, spans).iter().map(|(name, value)| (text(name), text(value))).collect()
}

/// What was seen is all of what was sent, or a prefix of it.
fn same_or_prefix(sent: &Message, planned: &Body, seen: &Message) {
    if seen.ended {
        // Content of a declared length is complete with its last octet, before its sender has said so.
        let ended = sent.ended || matches!(planned, Body::Sized(content) if *content == sent.content);
        assert_eq!(Message { ended, ..sent.clone() }, *seen, "complete, but not what was sent");
        return;
    }
    assert!(seen.start.is_empty() || seen.start == sent.start, "{seen:?} of {sent:?}");
    assert!(sent.interim.starts_with(&seen.interim), "{seen:?} of {sent:?}");
    assert!(sent.content.starts_with(&seen.content), "{seen:?} of {sent:?}");
    assert!(seen.trailers.is_empty() || seen.trailers == sent.trailers, "{seen:?} of {sent:?}");
}
