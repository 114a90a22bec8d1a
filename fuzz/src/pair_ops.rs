//! Any sequence of commands and happenings on both ends of one link.

use arbitrary::{Arbitrary, Unstructured};
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use martlet_core::h1::{
    ClientConn, Disposition, FieldBlock, Item, RequestContent, RequestHead, ResponseContent, ServerConn,
    ServerItem, Target,
};
use martlet_core::{Delivery, Error, Limits, PeerError};

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    Request {
        method: u8,
        http10: bool,
        upgrade: bool,
        expect: bool,
        close: bool,
        content: Option<Option<u8>>,
    },
    ClientData(u8),
    ClientLast(u8),
    ClientTrailers,
    ClientWrites(u8),
    ClientNext,
    Abandon,
    StopAwaiting,
    ToServer(u8),
    ToClient(u8),
    Interim(bool),
    Respond {
        status: u8,
        close: bool,
        content: Option<Option<u8>>,
    },
    ServerData(u8),
    ServerLast(u8),
    ServerTrailers,
    ServerWrites(u8),
    ServerNext,
    ClientWriteError,
    ServerWriteError,
    ServerGone(bool),
    ClientGone(bool),
}

impl Op {
    fn ends_the_connection(self) -> bool {
        matches!(
            self,
            Self::Abandon
                | Self::ClientWriteError
                | Self::ServerWriteError
                | Self::ServerGone(_)
                | Self::ClientGone(_)
        )
    }
}

#[derive(Default)]
struct Link {
    octets: Vec<u8>,
    closed: bool,
}

/// One content, sent and seen.
#[derive(Debug, Default)]
struct Content {
    sent: Vec<u8>,
    seen: Vec<u8>,
    sent_end: bool,
    seen_end: bool,
    ends_with_connection: bool,
}

struct Both {
    client: ClientConn,
    server: ServerConn,
    to_server: Link,
    to_client: Link,
    at_server: Vec<u8>,
    at_client: Vec<u8>,
    requests: Vec<Content>,
    responses: Vec<Content>,
    requests_seen: usize,
    heads_seen: usize,
    /// Whether the request that is being answered is one of HTTP/1.0.
    asked_http10: bool,
    shown: bool,
    next: u8,
}

/// Drives both ends by a sequence of operations: no panic, and nobody sees what nobody sent.
pub fn pair_ops(data: &[u8]) {
    drive(data);
}

/// The same; how many responses were read to their end.
pub(crate) fn drive(data: &[u8]) -> usize {
    let mut from = Unstructured::new(data);
    let mut both = Both {
        client: ClientConn::new(Limits::default()),
        server: ServerConn::new(Limits::default()),
        to_server: Link::default(),
        to_client: Link::default(),
        at_server: Vec::new(),
        at_client: Vec::new(),
        requests: Vec::new(),
        responses: Vec::new(),
        requests_seen: 0,
        heads_seen: 0,
        asked_http10: false,
        shown: false,
        next: 0,
    };
    for _ in 0..400 {
        if from.is_empty() {
            break;
        }
        let Ok((how, op)) = <(u8, Op)>::arbitrary(&mut from) else { break };
        // Left to chance alone, hardly any exchange would come to its end.
        if how & 1 == 0 {
            both.settle();
        }
        if how < 32 || !op.ends_the_connection() {
            both.run(op);
            both.check();
        }
    }
    both.responses.iter().filter(|content| content.seen_end).count()
}

impl Both {
    fn run(&mut self, op: Op) {
        match op {
            Op::Request { method, http10, upgrade, expect, close, content } => {
                self.request(method, http10, [upgrade, expect, close], content);
            }
            Op::ClientData(n) => {
                let piece = self.piece(n);
                if self.client.send_data(piece.clone()).is_ok() {
                    self.sent(&piece, false);
                }
            }
            Op::ClientLast(n) => {
                let piece = self.piece(n);
                if self.client.send_last_data(piece.clone()).is_ok() {
                    self.sent(&piece, true);
                }
            }
            Op::ClientTrailers => {
                if self.client.send_trailers(&one("x-sum", "1")).is_ok() {
                    self.sent(b"", true);
                }
            }
            Op::ClientWrites(n) => {
                let mut out = self.client.transmit();
                let n = usize::from(n).min(out.remaining());
                let octets = first(&out, n);
                out.advance(n);
                if !self.to_server.closed {
                    self.to_server.octets.extend(octets);
                }
            }
            Op::ClientNext => {
                let reusable = self.client.disposition() == Disposition::Reusable;
                assert_eq!(self.client.start_next_exchange().is_ok(), reusable);
            }
            Op::Abandon => self.client.abandon_content(),
            Op::StopAwaiting => self.client.stop_awaiting_continue(),
            Op::ToServer(n) => {
                let n = usize::from(n).min(self.to_server.octets.len());
                self.at_server.extend(self.to_server.octets.drain(..n));
                self.server_reads();
            }
            Op::ToClient(n) => {
                let n = usize::from(n).min(self.to_client.octets.len());
                self.at_client.extend(self.to_client.octets.drain(..n));
                self.client_reads();
            }
            Op::Interim(go_on) => {
                let status = if go_on { StatusCode::CONTINUE } else { StatusCode::PROCESSING };
                let _ = self.server.send_interim(status, &HeaderMap::new());
            }
            Op::Respond { status, close, content } => self.respond(status, close, content),
            Op::ServerData(n) => {
                let piece = self.piece(n);
                if self.server.send_data(piece.clone()).is_ok() {
                    self.answered(&piece, false);
                }
            }
            Op::ServerLast(n) => {
                let piece = self.piece(n);
                if self.server.send_last_data(piece.clone()).is_ok() {
                    self.answered(&piece, true);
                }
            }
            Op::ServerTrailers => {
                if self.server.send_trailers(&one("x-sum", "1")).is_ok() {
                    self.answered(b"", true);
                }
            }
            Op::ServerWrites(n) => {
                let mut out = self.server.transmit();
                let n = usize::from(n).min(out.remaining());
                let octets = first(&out, n);
                out.advance(n);
                if !self.to_client.closed {
                    self.to_client.octets.extend(octets);
                }
            }
            Op::ServerNext => {
                let reusable = self.server.disposition() == Disposition::Reusable;
                assert_eq!(self.server.start_next_exchange().is_ok(), reusable);
                if reusable {
                    self.server_reads();
                }
            }
            Op::ClientWriteError => {
                self.client.handle_write_error();
                self.to_server.closed = true;
            }
            Op::ServerWriteError => {
                self.server.handle_write_error();
                self.to_client.closed = true;
            }
            Op::ServerGone(reset) => {
                self.to_client.closed = true;
                self.at_client.append(&mut self.to_client.octets);
                if reset {
                    self.client.handle_reset()
                } else {
                    self.client.handle_eof()
                }
                self.client_reads();
            }
            Op::ClientGone(reset) => {
                self.to_server.closed = true;
                self.at_server.append(&mut self.to_server.octets);
                if reset {
                    self.server.handle_reset()
                } else {
                    self.server.handle_eof()
                }
                self.server_reads();
            }
        }
    }

    /// Lets everything that is under way arrive.
    fn settle(&mut self) {
        for op in [Op::ClientWrites(255), Op::ToServer(255), Op::ServerWrites(255), Op::ToClient(255)] {
            self.run(op);
            self.check();
        }
        self.run(Op::ClientNext);
        self.run(Op::ServerNext);
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
        let content = match content {
            None => RequestContent::None,
            Some(None) => RequestContent::Chunked,
            Some(Some(n)) => RequestContent::Sized(n.into()),
        };
        if self.client.send_request(head, content).is_ok() {
            self.requests.push(Content::default());
            self.shown = false;
        }
    }

    fn respond(&mut self, status: u8, close: bool, content: Option<Option<u8>>) {
        let statuses = [200, 204, 304, 404, 101, 299];
        let status = statuses[usize::from(status) % statuses.len()];
        let mut fields = if close { one("connection", "close") } else { HeaderMap::new() };
        if status == 101 {
            fields = one("upgrade", "x");
        }
        let content = match content {
            None => ResponseContent::None,
            Some(None) => ResponseContent::Chunked,
            Some(Some(n)) => ResponseContent::Sized(n.into()),
        };
        let Ok(status) = StatusCode::from_u16(status) else { return };
        if self.server.send_response(status, None, &fields, content).is_ok() {
            // Whoever closes the connection ends such content, so its end says little.
            let ends_with_connection = self.asked_http10 && content == ResponseContent::Chunked;
            self.responses.push(Content { ends_with_connection, ..Content::default() });
        }
    }

    /// Octets that never repeat within a message, so that a loss or a doubling shows.
    fn piece(&mut self, n: u8) -> Bytes {
        let octets: Vec<u8> = (0..n).map(|i| self.next.wrapping_add(i)).collect();
        self.next = self.next.wrapping_add(n);
        octets.into()
    }

    fn sent(&mut self, octets: &[u8], end: bool) {
        if let Some(content) = self.requests.last_mut() {
            content.sent.extend_from_slice(octets);
            content.sent_end |= end;
        }
    }

    fn answered(&mut self, octets: &[u8], end: bool) {
        if let Some(content) = self.responses.last_mut() {
            content.sent.extend_from_slice(octets);
            content.sent_end |= end;
        }
    }

    fn server_reads(&mut self) {
        for _ in 0..10_000 {
            let received = match self.server.recv(&self.at_server) {
                Ok(received) => received,
                Err(e) => {
                    return assert!(matches!(e, Error::Closed(_)), "the client broke the protocol: {e}");
                }
            };
            let octets: Vec<u8> = self.at_server.drain(..received.consumed).collect();
            match received.item {
                ServerItem::NeedInput | ServerItem::Paused | ServerItem::Closed => return,
                ServerItem::Request(head) => {
                    self.asked_http10 = head.version() == Version::HTTP_10;
                    self.requests_seen += 1;
                    assert!(self.requests_seen <= self.requests.len(), "a request that nobody sent");
                }
                ServerItem::Data(range) => self.requests[self.requests_seen - 1].seen.extend(&octets[range]),
                ServerItem::Trailers(fields) => assert_eq!(fields.len(), 1),
                ServerItem::End => self.requests[self.requests_seen - 1].seen_end = true,
            }
        }
        panic!("the server reads for ever");
    }

    fn client_reads(&mut self) {
        self.shown |= !self.at_client.is_empty();
        for _ in 0..10_000 {
            let received = match self.client.recv(&self.at_client) {
                Ok(received) => received,
                Err(Error::Peer(PeerError::TooManyInterim { .. })) => return,
                Err(e) => {
                    return assert!(matches!(e, Error::Closed(_)), "the server broke the protocol: {e}");
                }
            };
            let octets: Vec<u8> = self.at_client.drain(..received.consumed).collect();
            match received.item {
                Item::NeedInput | Item::Paused | Item::Closed => return,
                Item::Continue | Item::Interim(_) => {}
                Item::Response(_) => {
                    self.heads_seen += 1;
                    assert!(self.heads_seen <= self.responses.len(), "a response that nobody sent");
                }
                Item::Data(range) => self.responses[self.heads_seen - 1].seen.extend(&octets[range]),
                Item::Trailers(fields) => assert_eq!(fields.len(), 1),
                Item::End => self.responses[self.heads_seen - 1].seen_end = true,
            }
        }
        panic!("the client reads for ever");
    }

    fn check(&mut self) {
        for content in self.requests.iter().chain(&self.responses) {
            assert!(content.sent.starts_with(&content.seen), "seen is not what was sent");
            if content.seen_end && !content.ends_with_connection {
                assert_eq!(content.sent, content.seen, "an end before the end");
            }
        }
        match self.client.delivery() {
            Delivery::NotSent if self.client.disposition() != Disposition::Reusable => {
                assert!(
                    self.requests_seen < self.requests.len() || self.requests.is_empty() || self.rested()
                );
            }
            Delivery::Answered => assert!(self.shown),
            _ => {}
        }
        let _ = (self.client.waiting_on(), self.server.waiting_on(), self.client.recv_passthrough());
    }

    /// Whether the last exchange is behind the client, so that nothing is said about it any more.
    fn rested(&self) -> bool {
        self.responses.last().is_some_and(|content| content.seen_end)
    }
}

fn first(out: &impl Buf, n: usize) -> Vec<u8> {
    let mut slices = [std::io::IoSlice::new(b""); 6];
    let count = out.chunks_vectored(&mut slices);
    let mut octets = slices[..count].iter().map(|slice| &slice[..]).collect::<Vec<_>>().concat();
    assert_eq!(octets.len(), out.remaining());
    octets.truncate(n);
    octets
}

fn one(name: &'static str, value: &'static str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    fields
}
