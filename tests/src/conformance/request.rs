//! A request as the caller states it, and the octets that the client's machine makes of it.

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use martlet_client::url::{Authority, IntoUri};
use martlet_core::h1::{ClientConn, FieldBlock, Item, RequestContent, RequestHead, Target, WaitingOn};
use martlet_core::{Limits, Misuse};
use serde_json::Value;

use super::case::{fields, member, octets};
use super::{Verdict, outcomes};

/// What became of the request.
#[derive(Debug)]
enum Outcome {
    Sent { wire: Vec<u8>, paused: bool, reusable: bool },
    Refused { class: &'static str, when: &'static str, wire: Vec<u8>, reusable: bool },
}

pub(super) fn run(case: &Value) -> Result<Verdict, String> {
    let outcome = send(&case["request"])?;
    let mut best = Verdict::Failed(String::new());
    for expected in outcomes(case) {
        match compare(&case["request"], expected, &outcome)? {
            Verdict::Passed => return Ok(Verdict::Passed),
            minor @ Verdict::Minor(_) => best = minor,
            failed @ Verdict::Failed(_) if matches!(best, Verdict::Failed(_)) => best = failed,
            Verdict::Failed(_) => {}
        }
    }
    Ok(best)
}

fn send(request: &Value) -> Result<Outcome, String> {
    let refused = |class| Ok(Outcome::Refused { class, when: "head", wire: Vec::new(), reusable: true });
    let Ok(method) = Method::from_bytes(&octets(request["method"].as_str().ok_or("no method")?)) else {
        return refused("invalid_method");
    };
    let map = match header_map(&request["headers"])? {
        Ok(map) => map,
        Err(class) => return refused(class),
    };
    let text =
        String::from_utf8(octets(request["url"].as_str().ok_or("no url")?)).map_err(|e| e.to_string())?;
    let via_proxy = request["via_http_proxy"] == true;
    let (url, authority);
    let (target, host) = if request["target_form"] == "authority" && !text.contains("://") {
        authority = match Authority::parse(&text) {
            Ok(authority) => authority.to_string(),
            Err(_) => return refused("invalid_target"),
        };
        (Target::Authority(authority.as_bytes()), authority.as_str())
    } else {
        url = match text.as_str().into_url() {
            Ok(url) => url,
            Err(_) => return refused("invalid_target"),
        };
        authority = format!("{}:{}", url.host(), url.port());
        let asterisk = request["target_form"] == "asterisk";
        let path_and_query = if asterisk { "" } else { url.path_and_query() };
        let target = match request["target_form"].as_str() {
            Some("authority") => Target::Authority(authority.as_bytes()),
            _ if via_proxy => Target::Absolute {
                scheme: url.scheme().as_str().as_bytes(),
                authority: url.authority().as_bytes(),
                path_and_query: path_and_query.as_bytes(),
            },
            _ if asterisk => Target::Asterisk,
            _ => Target::Origin(url.path_and_query().as_bytes()),
        };
        let host = if request["target_form"] == "authority" { authority.as_str() } else { url.authority() };
        (target, host)
    };

    let version = match request["version"].as_str() {
        None | Some("1.1") => Version::HTTP_11,
        Some("1.0") => Version::HTTP_10,
        Some("0.9") => Version::HTTP_09,
        Some("2.0" | "2") => Version::HTTP_2,
        Some("3.0" | "3") => Version::HTTP_3,
        // There is no such value.
        Some(_) => return refused("unsupported_version"),
    };
    let body = &request["body"];
    let data = member(body, "data").unwrap_or_default();
    let content = match body["kind"].as_str() {
        Some("empty") => RequestContent::Sized(0),
        Some("sized") => RequestContent::Sized(data.len() as u64),
        Some("stream") => RequestContent::Chunked,
        _ => RequestContent::None,
    };
    let head = RequestHead {
        method: &method,
        target,
        version,
        host: host.as_bytes(),
        fields: &map,
        block: &FieldBlock::empty(),
    };
    let mut conn = ClientConn::new(Limits::default());
    let mut wire = Vec::new();
    if let Err(e) = conn.send_request(head, content) {
        drain(&mut conn, &mut wire);
        return Ok(Outcome::Refused { class: class_of(e), when: "head", wire, reusable: true });
    }
    match send_content(&mut conn, body, data, content, &mut wire)? {
        Ok(paused) => Ok(Outcome::Sent { wire, paused, reusable: is_reusable(conn, &method) }),
        Err(class) => {
            let reusable = is_reusable(conn, &method);
            Ok(Outcome::Refused { class, when: "body", wire, reusable })
        }
    }
}

/// Sends the content as the case cuts it. Returns whether the machine paused behind the head.
fn send_content(
    conn: &mut ClientConn,
    body: &Value,
    data: Vec<u8>,
    content: RequestContent,
    wire: &mut Vec<u8>,
) -> Result<Result<bool, &'static str>, String> {
    drain(conn, wire);
    let paused = conn.waiting_on() == WaitingOn::PeerToContinue;
    let mut send = |conn: &mut ClientConn, data: Vec<u8>| {
        let sent = conn.send_data(data.into()).map_err(class_of);
        if paused && wire.ends_with(b"\r\n\r\n") && conn.waiting_on() == WaitingOn::PeerToContinue {
            // Content is held back until it is asked for.
            assert!(conn.transmit().is_empty(), "content went out before 100 (Continue)");
            conn.stop_awaiting_continue();
        }
        drain(conn, wire);
        sent
    };
    let mut pieces = vec![data];
    if let Some(list) = body["chunks"].as_array() {
        pieces = list.iter().map(|c| octets(c.as_str().unwrap_or_default())).collect();
    }
    if content != RequestContent::None && content != RequestContent::Sized(0) {
        for piece in pieces {
            if let Err(class) = send(conn, piece) {
                return Ok(Err(class));
            }
        }
    }
    conn.stop_awaiting_continue();
    let end = match body["trailers"].is_array() {
        true => match header_map(&body["trailers"])? {
            Ok(trailers) => conn.send_trailers(&trailers).map_err(class_of),
            Err(class) => Err(class),
        },
        false => conn.send_last_data(Bytes::new()).map_err(class_of),
    };
    drain(conn, wire);
    Ok(end.map(|()| paused))
}

fn drain(conn: &mut ClientConn, wire: &mut Vec<u8>) {
    let mut out = conn.transmit();
    while out.has_remaining() {
        // A short write now and then.
        let n = out.chunk().len().min(7);
        wire.extend_from_slice(&out.chunk()[..n]);
        out.advance(n);
    }
}

/// Whether the next exchange could begin after an ordinary response.
fn is_reusable(mut conn: ClientConn, method: &Method) -> bool {
    let mut rest = &b"HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n"[..];
    let _ = method;
    while let Ok(received) = conn.recv(rest) {
        rest = &rest[received.consumed..];
        if received.item == Item::End || received.item == Item::Paused {
            return conn.start_next_exchange().is_ok();
        }
    }
    false
}

type Classified<T> = Result<T, &'static str>;

fn header_map(list: &Value) -> Result<Classified<HeaderMap>, String> {
    let mut map = HeaderMap::new();
    for (name, value) in fields(list).unwrap_or_default() {
        let Ok(name) = HeaderName::from_bytes(&name) else {
            return Ok(Err("invalid_header_name"));
        };
        let Ok(value) = HeaderValue::from_bytes(&value) else {
            return Ok(Err("invalid_header_value"));
        };
        map.append(name, value);
    }
    Ok(Ok(map))
}

fn class_of(e: Misuse) -> &'static str {
    match e {
        Misuse::InvalidTarget | Misuse::InvalidHost => "invalid_target",
        Misuse::ConflictingFields | Misuse::ExpectWithoutContent => "conflicting_headers",
        Misuse::ConflictingFraming => "conflicting_framing",
        Misuse::UnsupportedVersion => "unsupported_version",
        Misuse::ContentLengthUnknown => "body_length_unknown",
        Misuse::ContentNotAllowed => "content_not_allowed",
        Misuse::ContentTooLong { .. } => "body_too_long",
        Misuse::ContentTooShort { .. } => "body_too_short",
        Misuse::TrailersNotAllowed => "trailers_not_allowed",
        _ => "other",
    }
}

fn compare(request: &Value, expected: &Value, outcome: &Outcome) -> Result<Verdict, String> {
    let failed = |what: String| Ok(Verdict::Failed(what));
    match outcome {
        Outcome::Refused { class, when, wire, reusable } => {
            let text = wire.escape_ascii();
            if expected["kind"] != "error" {
                return failed(format!("refused as {class} at the {when}: {text}"));
            }
            if expected["when"] != *when {
                return failed(format!("refused at the {when}: {text}"));
            }
            if *when == "head" && !wire.is_empty() {
                return failed(format!("octets of a refused request went out: {text}"));
            }
            if *when == "body" && (*reusable || says_it_is_complete(wire)) {
                return failed(format!("the message looks complete or the connection sound: {text}"));
            }
            if expected["error_class"] != *class {
                return Ok(Verdict::Minor(format!("{class} instead of {}", expected["error_class"])));
            }
            Ok(Verdict::Passed)
        }
        Outcome::Sent { wire, paused, reusable } => {
            if expected["kind"] != "ok" {
                return failed(format!("sent: {}", wire.escape_ascii()));
            }
            let wanted = member(expected, "wire").ok_or("no wire")?;
            if let Err(what) = same_wire(request, expected, &wanted, wire) {
                return failed(format!("{what}: {}", wire.escape_ascii()));
            }
            if expected["pause_after_head"].as_bool().is_some_and(|p| p != *paused) {
                return failed(format!("pause after the head: {paused}"));
            }
            if expected["reusable"].as_bool().is_some_and(|r| r != *reusable) {
                return failed(format!("reusable: {reusable}"));
            }
            Ok(Verdict::Passed)
        }
    }
}

/// Whether a server would take what went out for a whole message.
fn says_it_is_complete(wire: &[u8]) -> bool {
    let Some((head, body)) = split_head(wire) else {
        return false;
    };
    let lines = head_fields(head);
    let length =
        lines.iter().find(|(name, _)| name == "content-length").and_then(|(_, v)| v.parse::<usize>().ok());
    match length {
        // Exactly the declared octets may be out when more of them are offered; never more.
        Some(length) => body.len() > length,
        None => body.ends_with(b"0\r\n\r\n"),
    }
}

fn same_wire(request: &Value, expected: &Value, wanted: &[u8], got: &[u8]) -> Result<(), String> {
    let (wanted_head, wanted_body) = split_head(wanted).ok_or("no head in the expected octets")?;
    let (got_head, got_body) = split_head(got).ok_or("no head")?;
    let line = |head: &[u8]| head.split(|&b| b == b'\n').next().map(<[u8]>::to_vec);
    if line(wanted_head) != line(got_head) {
        return Err("the request line differs".to_owned());
    }
    let auto: Vec<String> = expected["auto"]
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).map(str::to_ascii_lowercase).collect())
        .unwrap_or_default();
    let group = |lines: Vec<(String, String)>| {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in lines {
            let value = if auto.contains(&name) { value.to_ascii_lowercase() } else { value };
            match groups.iter_mut().find(|(n, _)| *n == name) {
                Some((_, values)) => values.push(value),
                None => groups.push((name, vec![value])),
            }
        }
        groups.sort();
        groups
    };
    let (wanted_fields, got_fields) = (head_fields(wanted_head), head_fields(got_head));
    if expected["host_first"] == true && got_fields.first().is_none_or(|(name, _)| name != "host") {
        return Err("Host is not first".to_owned());
    }
    if group(wanted_fields) != group(got_fields) {
        return Err("the fields differ".to_owned());
    }
    if expected["framing"] == "chunked" {
        let (wanted, got) = (dechunk(wanted_body), dechunk(got_body));
        if got.is_none() || wanted != got {
            return Err("the chunked content differs".to_owned());
        }
        let canonical = request["body"]["kind"] == "stream";
        let chunks = |body: &[u8]| {
            body.windows(5).position(|w| w.starts_with(b"\r\n0\r\n")).map(|i| body[..i].to_vec())
        };
        if canonical && chunks(wanted_body) != chunks(got_body) {
            return Err("not one chunk per write".to_owned());
        }
    } else if wanted_body != got_body {
        return Err("the content differs".to_owned());
    }
    Ok(())
}

fn split_head(wire: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = wire.windows(4).position(|w| w == b"\r\n\r\n")?;
    Some((&wire[..end], &wire[end + 4..]))
}

/// Lower-cased names and values, in order. Obs-text is mapped to Latin-1.
fn head_fields(head: &[u8]) -> Vec<(String, String)> {
    let text: String = head.iter().map(|&b| b as char).collect();
    let lines = text.split("\r\n").skip(1);
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned())
        })
        .collect()
}

/// A strict chunked decoder of its own: content, and trailer lines in lower case.
fn dechunk(mut body: &[u8]) -> Option<(Vec<u8>, Vec<String>)> {
    let mut data = Vec::new();
    loop {
        let end = body.windows(2).position(|w| w == b"\r\n")?;
        let digits = std::str::from_utf8(&body[..end]).ok()?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let size = usize::from_str_radix(digits, 16).ok()?;
        body = &body[end + 2..];
        if size == 0 {
            break;
        }
        data.extend_from_slice(body.get(..size)?);
        body = body[size..].strip_prefix(b"\r\n")?;
    }
    let section = std::str::from_utf8(body).ok()?.strip_suffix("\r\n")?;
    // `HeaderMap` groups equal names; the order of values under one name stays.
    let mut lines: Vec<_> = section.split_terminator("\r\n").map(str::to_ascii_lowercase).collect();
    lines.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
    Some((data, lines))
}
