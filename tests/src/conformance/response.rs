//! Octets of a server, and what the client's machine makes of them.

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use martlet_core::h1::{
    ClientConn, ClientEvent, Disposition, Fields, Item, Recv, RequestContent, RequestHead, ResponseHead,
    TargetForm,
};
use martlet_core::{Closed, Error, Limits};
use serde_json::Value;

use super::case::{field_value, fields, member, octets};
use super::splits::splits;
use super::{Verdict, outcomes};

/// All that a run showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outcome {
    kind: &'static str,
    error_class: &'static str,
    head: Option<(u16, Version, Vec<u8>)>,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    informational: Vec<u16>,
    keep_alive: bool,
    leftover: usize,
    upgraded: bool,
}

/// Through which of its methods the machine is fed.
#[derive(Clone, Copy, Debug)]
enum Way {
    Ranges,
    Bytes,
    Passthrough,
}

pub(super) fn run(case: &Value) -> Result<Verdict, String> {
    let input = member(case, "input").ok_or("no input")?;
    let mut first: Option<Outcome> = None;
    for (name, cuts) in splits(input.len()) {
        let ways: &[Way] = match name {
            "cut" => &[Way::Ranges],
            _ => &[Way::Ranges, Way::Bytes, Way::Passthrough],
        };
        for way in ways {
            let outcome = feed(case, &input, &cuts, *way)?;
            match &first {
                None => first = Some(outcome),
                Some(first) if *first == outcome => {}
                Some(first) => {
                    let at = cuts.first().copied().unwrap_or(0);
                    return Ok(Verdict::Failed(format!(
                        "{name} (first cut at {at}, {way:?}) differs: {} instead of {}",
                        brief(&outcome),
                        brief(first)
                    )));
                }
            }
        }
    }
    let outcome = first.ok_or("no run")?;
    Ok(judge(case, &outcome))
}

fn feed(case: &Value, input: &[u8], cuts: &[usize], way: Way) -> Result<Outcome, String> {
    let mut run = Run { conn: prepare(case)?, seen: Outcome::default(), rest: Vec::new(), over: false };
    let mut start = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        // Large pieces come in reads of ordinary size.
        for piece in input[start..end].chunks(256 * 1024) {
            run.piece(piece, way);
        }
        if run.over {
            break;
        }
        start = end;
    }
    match &case["eof"] {
        Value::Bool(true) => run.conn.handle_eof(),
        Value::String(_) => run.conn.handle_reset(),
        _ => {}
    }
    run.piece(b"", way);
    Ok(run.finish())
}

struct Run {
    conn: ClientConn,
    seen: Outcome,
    rest: Vec<u8>,
    over: bool,
}

impl Run {
    fn piece(&mut self, mut piece: &[u8], way: Way) {
        if self.over {
            return;
        }
        if let (Way::Passthrough, true) = (way, self.rest.is_empty()) {
            let n = self.conn.recv_passthrough().unwrap_or(0).min(piece.len() as u64) as usize;
            if self.conn.handle_passthrough(n as u64).is_ok() {
                self.seen.body.extend_from_slice(&piece[..n]);
                piece = &piece[n..];
            }
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(piece);
        let left = match way {
            Way::Bytes => self.by_bytes(Bytes::from(rest)),
            Way::Ranges | Way::Passthrough => self.by_ranges(&rest),
        };
        self.rest = left;
    }

    fn by_ranges(&mut self, mut input: &[u8]) -> Vec<u8> {
        loop {
            let received = match self.conn.recv(input) {
                Ok(received) => received,
                Err(e) => return self.failed(&e, input),
            };
            match received.item {
                Item::NeedInput | Item::Paused => return input[received.consumed..].to_vec(),
                Item::Continue => self.seen.informational.push(100),
                Item::Interim(head) => self.seen.informational.push(head.status()),
                Item::Response(head) => self.response(&ResponseHead::copy_from(input, head)),
                Item::Data(range) => self.seen.body.extend_from_slice(&input[range]),
                Item::Trailers(spans) => self.trailers(&Fields::copy_from(input, spans)),
                Item::End => self.seen.kind = "ok",
                Item::Closed => return self.closed(input),
            }
            input = &input[received.consumed..];
        }
    }

    fn by_bytes(&mut self, mut input: Bytes) -> Vec<u8> {
        loop {
            match self.conn.recv_bytes(&mut input) {
                Err(e) => return self.failed(&e, &input),
                Ok(Recv::NeedInput | Recv::Paused) => return input.to_vec(),
                Ok(Recv::Event(event)) => match event {
                    ClientEvent::Continue => self.seen.informational.push(100),
                    ClientEvent::Interim(head) => self.seen.informational.push(head.status().as_u16()),
                    ClientEvent::Response(head) => self.response(&head),
                    ClientEvent::Data(data) => self.seen.body.extend_from_slice(&data),
                    ClientEvent::Trailers(fields) => self.trailers(&fields),
                    ClientEvent::End => self.seen.kind = "ok",
                    ClientEvent::Closed => return self.closed(&input),
                },
            }
        }
    }

    fn response(&mut self, head: &ResponseHead) {
        self.seen.head = Some((head.status().as_u16(), head.version(), head.reason().to_vec()));
        self.seen.fields = head.fields().iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
        if self.conn.disposition() == Disposition::Switched {
            self.seen.kind = "ok";
            self.seen.upgraded = true;
        }
    }

    fn trailers(&mut self, fields: &Fields) {
        self.seen.trailers = fields.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
    }

    fn closed(&mut self, input: &[u8]) -> Vec<u8> {
        if self.seen.kind != "ok" {
            self.seen.kind = "error";
            self.seen.error_class = "closed_clean";
        }
        self.over = true;
        input.to_vec()
    }

    fn failed(&mut self, e: &Error, input: &[u8]) -> Vec<u8> {
        self.over = true;
        self.seen.kind = "error";
        self.seen.error_class = match e {
            Error::Closed(Closed::BeforeResponse { interim: false, .. }) => "closed_clean",
            Error::Closed(_) => "closed_mid_message",
            Error::Peer(e) if e.is_limit() => "too_large",
            Error::Peer(_) | Error::Misuse(_) => "protocol",
        };
        // Errors are sticky.
        if self.conn.recv(b"") != Err(e.clone()) || self.conn.start_next_exchange().is_ok() {
            self.seen.error_class = "NOT STICKY";
        }
        input.to_vec()
    }

    fn finish(mut self) -> Outcome {
        if self.seen.kind.is_empty() {
            self.seen.kind = "incomplete";
        }
        if self.seen.kind == "ok" {
            // What is left is shown, so the machine knows of it.
            self.seen.leftover = self.rest.len();
            self.seen.keep_alive = self.conn.start_next_exchange().is_ok();
        }
        self.seen
    }
}

/// A machine in the state that the case begins with.
fn prepare(case: &Value) -> Result<ClientConn, String> {
    let mut limits = Limits::default();
    let limit = |name: &str| case["config"][name].as_u64().map(|n| n as usize);
    limits.max_fields = limit("max_headers").unwrap_or(limits.max_fields);
    limits.max_head_size = limit("max_head_bytes").unwrap_or(limits.max_head_size);
    limits.max_interim = limit("max_informational").unwrap_or(limits.max_interim);
    let mut conn = ClientConn::new(limits);
    if case["phase"] == "idle" {
        send(&mut conn, &Method::GET, &Value::Null)?;
        let mut rest = &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..];
        for _ in 0..2 {
            let received = conn.recv(rest).map_err(|e| e.to_string())?;
            rest = &rest[received.consumed..];
        }
        conn.start_next_exchange().map_err(|e| e.to_string())?;
        return Ok(conn);
    }
    let method = octets(case["request_method"].as_str().ok_or("no request_method")?);
    let method = Method::from_bytes(&method).map_err(|e| e.to_string())?;
    send(&mut conn, &method, &case["request"])?;
    Ok(conn)
}

fn send(conn: &mut ClientConn, method: &Method, asked: &Value) -> Result<(), String> {
    let mut map = HeaderMap::new();
    for (name, value) in fields(&asked["headers"]).unwrap_or_default() {
        let name = HeaderName::from_bytes(&name).map_err(|e| e.to_string())?;
        map.append(name, HeaderValue::from_bytes(&value).map_err(|e| e.to_string())?);
    }
    let length = map.get("content-length").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let body = asked["body"].as_str();
    let content = match (body, length) {
        (None, _) => RequestContent::None,
        (Some(_), Some(length)) => RequestContent::Sized(length),
        (Some(_), None) => RequestContent::Chunked,
    };
    let uri = if *method == Method::CONNECT { "h.test:443" } else { "http://h.test/" };
    let version = if asked["version"] == "1.0" { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut request =
        Request::builder().method(method).uri(uri).version(version).body(()).map_err(|e| e.to_string())?;
    *request.headers_mut() = map;
    let form = if *method == Method::CONNECT { TargetForm::Authority } else { TargetForm::Origin };
    let head = RequestHead::from_http(&request, form).map_err(|e| e.to_string())?;
    conn.send_request(head, content).map_err(|e| e.to_string())?;
    let sent = conn.transmit().remaining();
    conn.transmit().advance(sent);
    if body == Some("complete") {
        conn.stop_awaiting_continue();
        let data = match length {
            Some(3) | None => Bytes::from_static(b"abc"),
            Some(n) => Bytes::from(vec![b'x'; n as usize]),
        };
        conn.send_last_data(data).map_err(|e| e.to_string())?;
        let sent = conn.transmit().remaining();
        conn.transmit().advance(sent);
    }
    Ok(())
}

fn judge(case: &Value, outcome: &Outcome) -> Verdict {
    let mut best = Verdict::Failed("no outcome is expected".to_owned());
    for expected in outcomes(case) {
        match compare(case, expected, outcome) {
            Verdict::Passed => return Verdict::Passed,
            minor @ Verdict::Minor(_) => best = minor,
            failed @ Verdict::Failed(_) if matches!(best, Verdict::Failed(_)) => best = failed,
            Verdict::Failed(_) => {}
        }
    }
    best
}

fn compare(case: &Value, expected: &Value, outcome: &Outcome) -> Verdict {
    let failed = |what: &str| Verdict::Failed(format!("{what}; got {}", brief(outcome)));
    if expected["kind"] != outcome.kind {
        return failed(&format!("expected {}", expected["kind"]));
    }
    if let Some(prefix) = member(expected, "body_prefix") {
        if !prefix.starts_with(&outcome.body) {
            return failed("content is no prefix of body_prefix");
        }
    }
    if let Some(list) = expected["informational"].as_array() {
        let expected: Vec<_> = list.iter().filter_map(Value::as_u64).collect();
        if outcome.informational.iter().map(|&s| u64::from(s)).ne(expected) {
            return failed("informational differs");
        }
    }
    let status = outcome.head.as_ref().map(|(status, ..)| u64::from(*status));
    if expected["kind"] != "error" && expected["status"].is_u64() && expected["status"].as_u64() != status {
        return failed("status differs");
    }
    if expected["kind"] == "error" && expected["error_class"] != outcome.error_class {
        return Verdict::Minor(format!("{} instead of {}", outcome.error_class, expected["error_class"]));
    }
    if expected["kind"] != "ok" {
        return Verdict::Passed;
    }
    let Some((_, version, reason)) = &outcome.head else {
        return failed("no head");
    };
    if let Some(expected) = expected["version"].as_str() {
        if *version != (if expected == "1.0" { Version::HTTP_10 } else { Version::HTTP_11 }) {
            return failed("version differs");
        }
    }
    if expected["reason"].as_str().is_some_and(|r| octets(r) != *reason) {
        return failed("reason differs");
    }
    if expected["headers"].is_array() && !same_fields(case, &expected["headers"], &outcome.fields) {
        return failed("fields differ");
    }
    if expected["trailers"].is_array() && !same_fields(case, &expected["trailers"], &outcome.trailers) {
        return failed("trailers differ");
    }
    if member(expected, "body").is_some_and(|body| body != outcome.body) {
        return failed("content differs");
    }
    if expected["leftover_len"].as_u64().is_some_and(|n| n != outcome.leftover as u64) {
        return failed("leftover differs");
    }
    if expected["upgraded"].as_bool().unwrap_or(false) != outcome.upgraded {
        return failed("upgraded differs");
    }
    match (expected["keep_alive_after"].as_bool(), outcome.keep_alive) {
        (Some(false), true) => failed("the connection must not be kept"),
        (Some(true), false) => Verdict::Minor("the connection could have been kept".to_owned()),
        _ => Verdict::Passed,
    }
}

/// Names compare exactly: this core keeps their case. In a folded value, runs of SP count as one.
fn same_fields(case: &Value, expected: &Value, got: &[(Vec<u8>, Vec<u8>)]) -> bool {
    let Some(lines) = expected.as_array() else {
        return false;
    };
    let folds = member(case, "input").unwrap_or_default().windows(2).any(|w| w == b"\n " || w == b"\n\t");
    lines.len() == got.len()
        && lines.iter().zip(got).all(|(line, (name, value))| {
            let expected_value = field_value(&line[1]).unwrap_or_default();
            let same_value =
                *value == expected_value || (folds && squeeze(value) == squeeze(&expected_value));
            line[0].as_str().is_some_and(|n| octets(n) == *name) && same_value
        })
}

fn squeeze(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &b in value {
        let b = if b == b'\t' { b' ' } else { b };
        if b != b' ' || out.last() != Some(&b' ') {
            out.push(b);
        }
    }
    out
}

fn brief(outcome: &Outcome) -> String {
    let body = &outcome.body[..outcome.body.len().min(60)];
    format!(
        "{} {} {:?} fields {:?} 1xx {:?} content[{}] {:?} trailers {} kept {} left {} upgraded {}",
        outcome.kind,
        outcome.error_class,
        outcome.head.as_ref().map(|(s, v, r)| (s, v, String::from_utf8_lossy(r).into_owned())),
        outcome
            .fields
            .iter()
            .take(4)
            .map(|(n, v)| format!("{}: {}", n.escape_ascii(), v[..v.len().min(40)].escape_ascii()))
            .collect::<Vec<_>>(),
        outcome.informational,
        outcome.body.len(),
        String::from_utf8_lossy(body),
        outcome.trailers.len(),
        outcome.keep_alive,
        outcome.leftover,
        outcome.upgraded
    )
}
