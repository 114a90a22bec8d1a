//! Lets the client meet a server that goes away.

use std::ops::RangeInclusive;

use http::{HeaderMap, Method};
use martlet::{Client, Error, Kind};
use martlet_sim::{Listener, Script, Sim, SimConfig};

use crate::answers::Answer;
use crate::common::leave::{Leave, said, trusting};
use crate::common::{calm, expect_pool, settle};
use crate::oracle::{Outcome, expect};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What is sent by the methods that have content.
const CONTENT: &str = "data";

/// Cuts an answer behind each of these numbers of octets, in every way, for each of its methods; under TLS for the first.
pub(crate) fn check(answer: &Answer, at: RangeInclusive<usize>) {
    for octets in at {
        for leave in Leave::ALL {
            for reused in [false, true] {
                let methods = if leave.is_tls() { &answer.methods[..1] } else { answer.methods };
                for method in methods {
                    Case { answer, octets, leave, reused, method }.check();
                }
            }
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) answer: &'a Answer,
    /// So many octets of the answer go out before the server leaves.
    pub(crate) octets: usize,
    pub(crate) leave: Leave,
    /// The connection has served a request before.
    pub(crate) reused: bool,
    pub(crate) method: &'a str,
}

impl Case<'_> {
    pub(crate) fn check(self) {
        self.check_in(&calm());
    }

    /// The same where octets come one by one.
    pub(crate) fn check_octet_by_octet(self) {
        let mut config = SimConfig::calm();
        config.segment = 1..=1;
        self.check_in(&Sim::with_config(0, config));
    }

    fn check_in(self, sim: &Sim) {
        let server = self.leave.listen(sim, [self.first(), self.spare()]);
        let client = trusting(sim, |builder| builder);
        if self.reused {
            self.fetch(sim, &client);
        }
        let (content, failed) = sim.block_on(self.receive(&client)).expect("no dead-lock");
        let outcome = Outcome {
            content,
            failed: failed.as_ref().map(|e| (e.kind(), e.delivery())),
            seen_on: self.seen_on(&server),
        };
        let expected = expect(self.answer, self.method, self.octets, self.leave, self.reused);
        assert_eq!(outcome, expected, "{self:?}\n{}", sim.trace());
        if let Some(e) = failed {
            self.check_error(&e, sim);
        }
        self.check_afterwards(sim, &server, &client);
    }

    /// What the first connection meets.
    fn first(self) -> Script {
        let script = if self.reused { Script::new().expect_head().send(OK) } else { Script::new() };
        let script = script.expect_head().read(self.content().len());
        let octets = &self.answer.octets()[..self.octets];
        self.leave.end(if octets.is_empty() { script } else { script.send(octets.to_vec()) })
    }

    /// What the second meets: the request again, if it is sent again, and the next one.
    fn spare(self) -> Script {
        let is_head = self.method == "HEAD" && self.octets == 0 && self.reused;
        let to_first = if is_head { &OK[..OK.len() - 2] } else { OK };
        // Content that comes with a request stands before the next head.
        Script::new().expect_head().send(to_first).expect_head().send(OK).read_to_end()
    }

    fn content(self) -> &'static str {
        if matches!(self.method, "POST" | "PUT" | "PATCH") { CONTENT } else { "" }
    }

    /// The content that is handed out, and what it ends with.
    async fn receive(self, client: &Client) -> (Vec<u8>, Option<Error>) {
        let method = Method::from_bytes(self.method.as_bytes()).expect("it is one");
        let mut content = Vec::new();
        let request = client.request(method, self.leave.url()).header("x-cut", "yes");
        let request = if self.content().is_empty() { request } else { request.body(self.content()) };
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(e) => return (content, Some(e)),
        };
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => content.extend_from_slice(&piece),
                Ok(None) => break,
                Err(e) => return (content, Some(e)),
            }
        }
        let trailer = response.trailers().and_then(|fields| fields.get("t"));
        let expected = self.answer.trailer.filter(|_| self.octets > 0);
        assert_eq!(trailer, expected.map(str::as_bytes), "{self:?}");
        (content, None)
    }

    /// The connections on which the server has seen the whole of the request.
    fn seen_on(self, server: &Listener) -> Vec<u64> {
        let log = server.log();
        let is_it = |headers: &HeaderMap| headers.contains_key("x-cut");
        log.iter().filter(|seen| seen.complete && is_it(&seen.headers)).map(|seen| seen.connection).collect()
    }

    fn check_error(self, e: &Error, sim: &Sim) {
        assert_eq!(e.attempts(), 1, "{self:?}");
        assert_eq!(e.conn_reused(), self.reused, "{self:?}");
        assert!(e.peer_addr().is_some());
        assert_eq!(e.url().map(ToString::to_string).as_deref(), Some(self.leave.url()));
        if let Kind::Closed(_) = e.kind() {
            assert_eq!(said(e), self.leave.said(), "{self:?}: {e:?}");
        }
        settle(sim);
        assert_eq!(sim.open_connections(), 0, "{self:?}\n{}", sim.trace());
    }

    /// Nothing has leaked, and the next request knows nothing of the connection that was cut.
    fn check_afterwards(self, sim: &Sim, server: &Listener, client: &Client) {
        settle(sim);
        let stats = client.stats();
        assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "{self:?}: {client:?}");
        self.fetch(sim, client);
        settle(sim);
        expect_pool(sim, client, [1, 0, 0, 0]);
        assert_eq!(server.accepted(), 2, "{self:?}\n{}", sim.trace());
        let log = server.log();
        let on_first = log.iter().filter(|seen| seen.connection == 1).count();
        assert_eq!(on_first, 1 + usize::from(self.reused), "{self:?}");
        assert_eq!(log.last().map(|seen| seen.connection), Some(2));
        assert_eq!(server.complaints(), Vec::<String>::new(), "{self:?}");
    }

    fn fetch(self, sim: &Sim, client: &Client) {
        let fetched = sim.block_on(async { client.get(self.leave.url()).send().await?.bytes().await });
        assert_eq!(fetched.expect("no dead-lock").expect("an answer"), "ok", "{self:?}\n{}", sim.trace());
    }
}
