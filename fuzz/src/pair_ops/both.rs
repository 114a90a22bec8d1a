//! Both ends, the link between them, and what must hold after every step.

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use martlet_core::h1::{
    ClientConn, Disposition, FieldBlock, Item, RequestContent, RequestHead, ResponseContent, ServerConn,
    ServerItem, Target, WaitingOn,
};
use martlet_core::{Delivery, Error, Limits, PeerError};

use super::Op;
use super::exchange::{Closing, Content, Link, Request, Response};
use crate::feed::Machine;

/// More interim responses than a client takes are an error of the server's.
const MOST_INTERIM: usize = 32;

pub(super) struct Both {
    client: ClientConn,
    server: ServerConn,
    to_server: Link,
    to_client: Link,
    at_server: Vec<u8>,
    at_client: Vec<u8>,
    requests: Vec<Request>,
    responses: Vec<Response>,
    requests_seen: usize,
    responses_seen: usize,
    interim_sent: usize,
    interim_seen: usize,
    /// Whether the request that is being answered is one of HTTP/1.0.
    asked_http10: bool,
    /// Whether an octet was shown to the client since it has asked.
    shown: bool,
    client_closing: Closing,
    server_closing: Closing,
    client_error: Option<Error>,
    server_error: Option<Error>,
    next: u8,
}

impl Default for Both {
    fn default() -> Self {
        Self {
            client: ClientConn::new(Limits::default()),
            server: ServerConn::new(Limits::default()),
            to_server: Link::default(),
            to_client: Link::default(),
            at_server: Vec::new(),
            at_client: Vec::new(),
            requests: Vec::new(),
            responses: Vec::new(),
            requests_seen: 0,
            responses_seen: 0,
            interim_sent: 0,
            interim_seen: 0,
            asked_http10: false,
            shown: false,
            client_closing: Closing::No,
            server_closing: Closing::No,
            client_error: None,
            server_error: None,
            next: 0,
        }
    }
}

impl Both {
    pub(super) fn responses_read(&self) -> usize {
        self.responses.iter().filter(|response| response.content.seen_end).count()
    }

    pub(super) fn run(&mut self, op: Op) {
        match op {
            Op::Request { method, http10, upgrade, expect, close, content } => {
                self.request(method, http10, [upgrade, expect, close], content);
            }
            Op::ClientData(n) => {
                let piece = self.piece(n);
                if self.client.send_data(piece.clone()).is_ok() {
                    self.asked().sends(&piece, false);
                }
            }
            Op::ClientLast(n) => {
                let piece = self.piece(n);
                if self.client.send_last_data(piece.clone()).is_ok() {
                    self.asked().sends(&piece, true);
                }
            }
            Op::ClientTrailers => {
                if self.client.send_trailers(&one("x-sum", "1")).is_ok() {
                    self.asked().sends_trailers();
                }
            }
            Op::ClientWrites(n) => self.to_server.takes(first(self.client.transmit(), n)),
            Op::ClientNext => {
                let reusable = self.client.disposition() == Disposition::Reusable;
                assert_eq!(self.client.start_next_exchange().is_ok(), reusable);
            }
            Op::Abandon => {
                self.client.abandon_content();
                self.client_closing.note(Closing::Maybe);
            }
            Op::StopAwaiting => self.client.stop_awaiting_continue(),
            Op::ToServer(n) => {
                self.at_server.extend(self.to_server.gives(n));
                self.server_reads();
            }
            Op::ToClient(n) => {
                self.at_client.extend(self.to_client.gives(n));
                self.client_reads();
            }
            Op::Interim(go_on) => {
                let status = if go_on { StatusCode::CONTINUE } else { StatusCode::PROCESSING };
                if self.server.send_interim(status, &HeaderMap::new()).is_ok() {
                    self.interim_sent += 1;
                }
            }
            Op::Respond { status, close, content } => self.respond(status, close, content),
            Op::ServerData(n) => {
                let piece = self.piece(n);
                if self.server.send_data(piece.clone()).is_ok() {
                    self.answered().sends(&piece, false);
                }
            }
            Op::ServerLast(n) => {
                let piece = self.piece(n);
                if self.server.send_last_data(piece.clone()).is_ok() {
                    self.answered().sends(&piece, true);
                }
            }
            Op::ServerTrailers => {
                if self.server.send_trailers(&one("x-sum", "1")).is_ok() {
                    self.answered().sends_trailers();
                }
            }
            Op::ServerWrites(n) => self.to_client.takes(first(self.server.transmit(), n)),
            Op::ServerNext => {
                let reusable = self.server.disposition() == Disposition::Reusable;
                assert_eq!(self.server.start_next_exchange().is_ok(), reusable);
                if reusable {
                    self.server_reads();
                }
            }
            Op::ClientWriteError => {
                self.client.handle_write_error();
                assert!(self.client.transmit().is_empty(), "octets for a transport that takes none");
                self.client_closing.note(Closing::Yes);
                self.to_server.closed = true;
            }
            Op::ServerWriteError => {
                self.server.handle_write_error();
                assert!(self.server.transmit().is_empty(), "octets for a transport that takes none");
                self.server_closing.note(Closing::Yes);
                self.to_client.closed = true;
            }
            Op::ServerGone { reset, lost } => {
                self.at_client.extend(self.to_client.ends(lost));
                self.client.end(ending(reset));
                self.client_closing.note(Closing::Yes);
                self.client_reads();
            }
            Op::ClientGone { reset, lost } => {
                self.at_server.extend(self.to_server.ends(lost));
                self.server.end(ending(reset));
                self.server_closing.note(Closing::Yes);
                self.server_reads();
            }
        }
    }

    /// Lets everything that is under way arrive.
    pub(super) fn settle(&mut self) {
        for op in [Op::ClientWrites(255), Op::ToServer(255), Op::ServerWrites(255), Op::ToClient(255)] {
            self.run(op);
            self.check();
        }
        self.run(Op::ClientNext);
        self.run(Op::ServerNext);
        self.check();
    }

    fn request(&mut self, method: u8, http10: bool, options: [bool; 3], content: Option<Option<u8>>) {
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::CONNECT, Method::PUT];
        let method = &methods[usize::from(method) % methods.len()];
        let mut fields = HeaderMap::new();
        let lines = [("upgrade", "x"), ("expect", "100-continue"), ("connection", "close")];
        for ((name, value), _) in lines.into_iter().zip(options).filter(|(_, on)| *on) {
            fields.extend(one(name, value));
        }
        let target =
            if *method == Method::CONNECT { Target::Authority(b"a:1") } else { Target::Origin(b"/") };
        let head = RequestHead {
            method,
            target,
            version: if http10 { Version::HTTP_10 } else { Version::HTTP_11 },
            host: b"a",
            fields: &fields,
            block: &FieldBlock::empty(),
        };
        let (content, declared) = match content {
            None => (RequestContent::None, Some(0)),
            Some(None) => (RequestContent::Chunked, None),
            Some(Some(n)) => (RequestContent::Sized(n.into()), Some(n.into())),
        };
        if self.client.send_request(head, content).is_ok() {
            let sent_end = declared == Some(0);
            let content = Content { declared, sent_end, ..Content::default() };
            self.requests.push(Request { method: method.to_string(), http10, content });
            self.shown = false;
            let [_, expect, close] = options;
            self.client_closing.note(match (close || http10, expect) {
                (true, _) => Closing::Yes,
                // A final response instead of the go-ahead leaves the content unsent.
                (false, true) => Closing::Maybe,
                (false, false) => Closing::No,
            });
        }
    }

    fn respond(&mut self, status: u8, close: bool, content: Option<Option<u8>>) {
        let statuses = [200, 204, 304, 404, 101, 299];
        let status = statuses[usize::from(status) % statuses.len()];
        let mut fields = if close { one("connection", "close") } else { HeaderMap::new() };
        if status == 101 {
            fields = one("upgrade", "x");
        }
        let (content, declared) = match content {
            None => (ResponseContent::None, Some(0)),
            Some(None) => (ResponseContent::Chunked, None),
            Some(Some(n)) => (ResponseContent::Sized(n.into()), Some(n.into())),
        };
        let Ok(code) = StatusCode::from_u16(status) else { return };
        if self.server.send_response(code, None, &fields, content).is_ok() {
            let asked = &self.requests[self.requests_seen - 1].method;
            let switches = status == 101 || asked == "CONNECT" && code.is_success();
            let bodiless = asked == "HEAD" || declared == Some(0);
            let ends_with_connection = self.asked_http10 && declared.is_none() && !bodiless;
            let content =
                Content { declared, sent_end: bodiless, ends_with_connection, ..Content::default() };
            self.responses.push(Response { status, switches, content });
            if close && status != 101 || ends_with_connection {
                self.server_closing.note(Closing::Yes);
            }
        }
    }

    /// Octets that never repeat within a message, so that a loss or a doubling shows.
    fn piece(&mut self, n: u8) -> Bytes {
        let octets: Vec<u8> = (0..n).map(|i| self.next.wrapping_add(i)).collect();
        self.next = self.next.wrapping_add(n);
        octets.into()
    }

    fn asked(&mut self) -> &mut Content {
        &mut self.requests.last_mut().expect("content of a request").content
    }

    fn answered(&mut self) -> &mut Content {
        &mut self.responses.last_mut().expect("content of a response").content
    }

    fn server_reads(&mut self) {
        for _ in 0..10_000 {
            let received = match self.server.recv(&self.at_server) {
                Ok(received) => received,
                Err(e) => {
                    assert!(matches!(e, Error::Closed(_)), "the client broke the protocol: {e}");
                    let before = self.server_error.get_or_insert_with(|| e.clone());
                    assert_eq!(*before, e, "errors are sticky");
                    self.server_closing.note(Closing::Yes);
                    return self.server.clone().refuse_all();
                }
            };
            assert_eq!(self.server_error, None, "errors are sticky");
            let octets: Vec<u8> = self.at_server.drain(..received.consumed).collect();
            match received.item {
                ServerItem::NeedInput | ServerItem::Paused | ServerItem::Closed => return,
                ServerItem::Request(head) => {
                    let sent = self.requests.get(self.requests_seen).expect("a request that nobody sent");
                    assert_eq!(head.method(&octets), sent.method.as_bytes());
                    assert_eq!(head.version() == Version::HTTP_10, sent.http10);
                    let close = says_close(head.fields().iter(&octets));
                    if close || sent.http10 {
                        self.server_closing.note(Closing::Yes);
                    }
                    self.asked_http10 = sent.http10;
                    self.requests_seen += 1;
                }
                ServerItem::Data(range) => self.read_request().sees(&octets[range]),
                ServerItem::Trailers(fields) => {
                    assert_eq!(fields.len(), 1);
                    self.read_request().sees_trailers();
                }
                ServerItem::End => self.read_request().sees_end(),
            }
        }
        panic!("the server reads for ever");
    }

    fn read_request(&mut self) -> &mut Content {
        &mut self.requests[self.requests_seen - 1].content
    }

    fn client_reads(&mut self) {
        self.shown |= !self.at_client.is_empty();
        for _ in 0..10_000 {
            let received = match self.client.recv(&self.at_client) {
                Ok(received) => received,
                Err(e) => {
                    let many = matches!(e, Error::Peer(PeerError::TooManyInterim { .. }));
                    let patient = many && self.interim_seen >= MOST_INTERIM;
                    assert!(patient || matches!(e, Error::Closed(_)), "the server broke the protocol: {e}");
                    let before = self.client_error.get_or_insert_with(|| e.clone());
                    assert_eq!(*before, e, "errors are sticky");
                    self.client_closing.note(Closing::Yes);
                    return self.client.clone().refuse_all();
                }
            };
            assert_eq!(self.client_error, None, "errors are sticky");
            let octets: Vec<u8> = self.at_client.drain(..received.consumed).collect();
            match received.item {
                Item::NeedInput | Item::Paused | Item::Closed => return,
                Item::Continue | Item::Interim(_) => {
                    self.interim_seen += 1;
                    assert!(self.interim_seen <= self.interim_sent, "an interim response that nobody sent");
                }
                Item::Response(head) => {
                    let sent = self.responses.get(self.responses_seen).expect("a response that nobody sent");
                    assert_eq!(head.status(), sent.status);
                    if says_close(head.fields().iter(&octets)) {
                        self.client_closing.note(Closing::Yes);
                    }
                    self.responses_seen += 1;
                }
                Item::Data(range) => self.read_response().sees(&octets[range]),
                Item::Trailers(fields) => {
                    assert_eq!(fields.len(), 1);
                    self.read_response().sees_trailers();
                }
                Item::End => self.read_response().sees_end(),
            }
        }
        panic!("the client reads for ever");
    }

    fn read_response(&mut self) -> &mut Content {
        &mut self.responses[self.responses_seen - 1].content
    }

    pub(super) fn check(&mut self) {
        self.requests.iter().for_each(|request| request.content.check());
        self.responses.iter().for_each(|response| response.content.check());
        let _ = self.client.recv_passthrough();
        self.check_delivery();
        self.check_client();
        self.check_server();
        self.check_agreement();
    }

    fn check_delivery(&self) {
        let rests = self.client.disposition() == Disposition::Reusable;
        match self.client.delivery() {
            Delivery::NotSent if !rests => {
                let read = self.requests_seen == self.requests.len() && !self.requests.is_empty();
                let over = self.responses.len() == self.requests.len() && self.responses_read() > 0;
                assert!(!read || over, "a request that was read is called not sent");
            }
            Delivery::Answered => assert!(self.shown, "an answer without an octet"),
            _ => {}
        }
    }

    /// Whether the last exchange has ended for the client, if there was any: all out, all seen.
    fn is_client_done(&mut self) -> bool {
        let out = self.client.transmit().is_empty();
        let asked = self.requests.last().is_none_or(|request| request.content.sent_end);
        let read = self.responses_seen == self.requests.len();
        out && asked
            && read
            && self.responses.get(self.responses_seen.wrapping_sub(1)).is_none_or(|r| r.content.seen_end)
    }

    fn is_server_done(&mut self) -> bool {
        let out = self.server.transmit().is_empty();
        let answered = self.responses.last().is_none_or(|response| response.content.sent_end);
        let read = self.requests.get(self.requests_seen.wrapping_sub(1)).is_none_or(|r| r.content.seen_end);
        out && answered && read && self.responses.len() == self.requests_seen
    }

    fn check_client(&mut self) {
        let done = self.is_client_done();
        match self.client.disposition() {
            Disposition::Reusable => {
                assert!(done, "reusable in the midst of an exchange");
                assert_ne!(self.client_closing, Closing::Yes, "reusable though somebody closes");
                assert!(self.at_client.is_empty(), "reusable with octets left over");
            }
            Disposition::Drain { at_most } => {
                let response = &self.responses[self.responses_seen - 1].content;
                let left = response.declared.map(|declared| declared - response.seen.len() as u64);
                assert_eq!(at_most, left, "what is left of the content");
            }
            Disposition::Switched => {
                assert!(self.responses[self.responses_seen - 1].switches, "nobody has switched");
            }
            Disposition::InProgress => assert!(!done, "nothing is left of the exchange"),
            Disposition::Close(_) => assert_ne!(self.client_closing, Closing::No, "nobody closes"),
        }
        if self.client_error.is_none() {
            let reads = self.client.waiting_on() == WaitingOn::PeerToRead;
            assert_eq!(reads, !self.client.transmit().is_empty());
        }
    }

    fn check_server(&mut self) {
        let done = self.is_server_done();
        match self.server.disposition() {
            Disposition::Reusable => {
                assert!(done, "reusable in the midst of an exchange");
                assert_ne!(self.server_closing, Closing::Yes, "reusable though somebody closes");
            }
            Disposition::Switched => {
                assert!(
                    self.responses.last().is_some_and(|response| response.switches),
                    "nobody has switched"
                );
            }
            Disposition::InProgress => {}
            Disposition::Drain { .. } => panic!("a server has nothing to drain"),
            Disposition::Close(_) => assert_ne!(self.server_closing, Closing::No, "nobody closes"),
        }
    }

    /// Where all has arrived and nothing was broken, both ends say the same of the connection.
    fn check_agreement(&mut self) {
        let arrived = self.to_client.octets.is_empty() && self.to_server.octets.is_empty();
        let whole = !self.to_client.closed && !self.to_server.closed;
        let same = self.requests_seen == self.requests.len() && !self.requests.is_empty();
        let broken = self.client_error.is_some() || self.server_error.is_some();
        if !(arrived && whole && same && self.is_client_done() && self.is_server_done()) || broken {
            return;
        }
        let (client, server) = (self.client.disposition(), self.server.disposition());
        let reusable = (client == Disposition::Reusable, server == Disposition::Reusable);
        assert!(
            reusable.0 == reusable.1 || self.client_closing == Closing::Maybe,
            "the ends disagree: {client:?}, {server:?}"
        );
    }
}

fn ending(reset: bool) -> martlet_core::Ending {
    if reset { martlet_core::Ending::Reset } else { martlet_core::Ending::Fin }
}

/// Takes so many octets of what is to be transmitted.
fn first(mut out: impl Buf, n: u8) -> Vec<u8> {
    let mut slices = [std::io::IoSlice::new(b""); 6];
    let count = out.chunks_vectored(&mut slices);
    let mut octets = slices[..count].iter().map(|slice| &slice[..]).collect::<Vec<_>>().concat();
    assert_eq!(octets.len(), out.remaining());
    octets.truncate(n.into());
    out.advance(octets.len());
    octets
}

fn says_close<'a>(mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> bool {
    fields.any(|(name, value)| name.eq_ignore_ascii_case(b"connection") && value == b"close")
}

fn one(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
}
