//! Octets of a client, and what the server's machine makes of them.

use bytes::{Buf, Bytes};
use http::{HeaderMap, StatusCode};
use martlet_core::h1::{Fields, ReceivedRequest, Recv, ResponseContent, ServerConn, ServerEvent, ServerItem};
use martlet_core::{Closed, Error, Limits};
use serde_json::Value;

use super::Verdict;
use super::case::{fields, member, octets};
use super::splits::splits;

type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// A request that came whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Request {
    method: Vec<u8>,
    target: Vec<u8>,
    version: &'static str,
    fields: Lines,
    body: Vec<u8>,
    trailers: Lines,
    expects_continue: bool,
}

/// All that a run showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outcome {
    requests: Vec<Request>,
    then: &'static str,
    error_class: &'static str,
    leftover: usize,
}

/// Through which of its methods the machine is fed.
#[derive(Clone, Copy, Debug)]
enum Way {
    Ranges,
    Bytes,
}

pub(super) fn run(case: &Value) -> Result<Verdict, String> {
    let input = member(case, "received").ok_or("nothing received")?;
    let mut first: Option<Outcome> = None;
    for (name, cuts) in splits(input.len()) {
        let ways: &[Way] = if name == "cut" { &[Way::Ranges] } else { &[Way::Ranges, Way::Bytes] };
        for way in ways {
            let outcome = feed(case, &input, &cuts, *way);
            match &first {
                None => first = Some(outcome),
                Some(first) if *first == outcome => {}
                Some(first) => {
                    let at = cuts.first().copied().unwrap_or(0);
                    return Ok(Verdict::Failed(format!(
                        "{name} (first cut at {at}, {way:?}) differs: {outcome:?} instead of {first:?}"
                    )));
                }
            }
        }
    }
    compare(case, &first.ok_or("no run")?)
}

fn feed(case: &Value, input: &[u8], cuts: &[usize], way: Way) -> Outcome {
    let mut limits = Limits::default();
    let limit = |name: &str| case["config"][name].as_u64().map(|n| n as usize);
    limits.max_fields = limit("max_headers").unwrap_or(limits.max_fields);
    limits.max_head_size = limit("max_head_bytes").unwrap_or(limits.max_head_size);
    let mut run = Run {
        conn: ServerConn::new(limits),
        seen: Outcome::default(),
        request: None,
        rest: Vec::new(),
        over: false,
    };
    let mut start = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        run.piece(&input[start..end], way);
        start = end;
    }
    match &case["eof"] {
        Value::Bool(true) => run.conn.handle_eof(),
        Value::String(_) => run.conn.handle_reset(),
        _ => {}
    }
    run.piece(b"", way);
    run.finish()
}

struct Run {
    conn: ServerConn,
    seen: Outcome,
    /// The one whose head is there.
    request: Option<Request>,
    rest: Vec<u8>,
    over: bool,
}

impl Run {
    fn piece(&mut self, piece: &[u8], way: Way) {
        self.rest.extend_from_slice(piece);
        if self.over {
            return;
        }
        let rest = std::mem::take(&mut self.rest);
        self.rest = match way {
            Way::Ranges => self.by_ranges(&rest),
            Way::Bytes => self.by_bytes(Bytes::from(rest)),
        };
    }

    fn by_ranges(&mut self, mut input: &[u8]) -> Vec<u8> {
        while !self.over {
            let received = match self.conn.recv(input) {
                Ok(received) => received,
                Err(e) => {
                    self.failed(&e);
                    break;
                }
            };
            match received.item {
                ServerItem::NeedInput | ServerItem::Paused => return input[received.consumed..].to_vec(),
                ServerItem::Request(head) => self.begin(&ReceivedRequest::copy_from(input, head)),
                ServerItem::Data(range) => self.data(&input[range]),
                ServerItem::Trailers(spans) => self.trailers(&Fields::copy_from(input, spans)),
                ServerItem::End => self.end(),
                ServerItem::Closed => self.over = true,
            }
            input = &input[received.consumed..];
        }
        input.to_vec()
    }

    fn by_bytes(&mut self, mut input: Bytes) -> Vec<u8> {
        while !self.over {
            match self.conn.recv_bytes(&mut input) {
                Err(e) => self.failed(&e),
                Ok(Recv::NeedInput | Recv::Paused) => break,
                Ok(Recv::Event(event)) => match event {
                    ServerEvent::Request(head) => self.begin(&head),
                    ServerEvent::Data(data) => self.data(&data),
                    ServerEvent::Trailers(fields) => self.trailers(&fields),
                    ServerEvent::End => self.end(),
                    ServerEvent::Closed => self.over = true,
                },
            }
        }
        input.to_vec()
    }

    fn begin(&mut self, head: &ReceivedRequest) {
        self.request = Some(Request {
            method: head.method().to_vec(),
            target: head.target().to_vec(),
            version: if head.version() == http::Version::HTTP_10 { "1.0" } else { "1.1" },
            fields: head.fields().iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect(),
            expects_continue: self.conn.expects_continue(),
            ..Request::default()
        });
    }

    fn data(&mut self, data: &[u8]) {
        if let Some(request) = &mut self.request {
            request.body.extend_from_slice(data);
        }
    }

    fn trailers(&mut self, trailers: &Fields) {
        if let Some(request) = &mut self.request {
            request.trailers = trailers.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
        }
    }

    /// Each request is answered at once, by nothing.
    fn end(&mut self) {
        self.seen.requests.extend(self.request.take());
        let answered =
            self.conn.send_response(StatusCode::NO_CONTENT, None, &HeaderMap::new(), ResponseContent::None);
        let length = self.conn.transmit().remaining();
        self.conn.transmit().advance(length);
        if answered.is_err() || self.conn.start_next_exchange().is_err() {
            self.seen.then = "closed";
            self.over = true;
        }
    }

    fn failed(&mut self, e: &Error) {
        self.over = true;
        self.seen.then = "error";
        self.seen.error_class = match e {
            Error::Closed(Closed::BeforeResponse { .. }) => "closed_clean",
            Error::Closed(_) => "closed_mid_message",
            Error::Peer(e) if e.is_limit() => "too_large",
            Error::Peer(_) | Error::Misuse(_) => "protocol",
        };
        // Errors are sticky, and nothing can be answered behind one.
        if self.conn.recv(b"") != Err(e.clone()) || self.conn.start_next_exchange().is_ok() {
            self.seen.error_class = "NOT STICKY";
        }
    }

    fn finish(mut self) -> Outcome {
        let is_between = self.request.is_none() && self.rest.iter().all(|b| matches!(b, b'\r' | b'\n'));
        match self.seen.then {
            "" if is_between => self.seen.then = "next",
            "" => self.seen.then = "incomplete",
            "closed" => self.seen.leftover = self.rest.len(),
            _ => {}
        }
        self.seen
    }
}

fn compare(case: &Value, outcome: &Outcome) -> Result<Verdict, String> {
    let expected = &case["expect"];
    let failed = |what: &str| Ok(Verdict::Failed(format!("{what}; got {outcome:?}")));
    let requests = expected["requests"].as_array().ok_or("no list of requests")?;
    if requests.len() != outcome.requests.len() {
        return failed("the number of requests differs");
    }
    for (expected, got) in requests.iter().zip(&outcome.requests) {
        let text = |name: &str| expected[name].as_str().map(octets);
        let lines = |name: &str| if expected[name].is_array() { fields(&expected[name]) } else { None };
        if text("method").is_some_and(|method| method != got.method)
            || text("target").is_some_and(|target| target != got.target)
        {
            return failed("method or target differs");
        }
        if expected["version"].as_str().is_some_and(|version| version != got.version) {
            return failed("version differs");
        }
        if lines("headers").is_some_and(|lines| lines != got.fields) {
            return failed("fields differ");
        }
        if member(expected, "body").unwrap_or_default() != got.body {
            return failed("content differs");
        }
        if lines("trailers").unwrap_or_default() != got.trailers {
            return failed("trailers differ");
        }
        if expected["expects_continue"].as_bool().unwrap_or(false) != got.expects_continue {
            return failed("expects_continue differs");
        }
    }
    if expected["then"] != outcome.then {
        return failed(&format!("expected {} behind the requests", expected["then"]));
    }
    if expected["leftover_len"].as_u64().is_some_and(|n| n != outcome.leftover as u64) {
        return failed("leftover differs");
    }
    if expected["then"] == "error" && expected["error_class"] != outcome.error_class {
        return Ok(Verdict::Minor(format!("{} instead of {}", outcome.error_class, expected["error_class"])));
    }
    Ok(Verdict::Passed)
}
