//! Responses, read by hyper's client.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::ext::on_informational;
use hyper::{HeaderMap, Request, StatusCode, Version};
use serde_json::{Value, json};

use crate::wire::{Task, Wire, settle};
use crate::{Content, Message, content, seen, why};

type Head = (StatusCode, Version, HeaderMap);

pub(crate) fn read(message: &Message) -> Result<Value, Box<dyn Error>> {
    let wire = Wire::default();
    let interim = Arc::new(Mutex::new(Vec::new()));
    let is_connect = message.method == "CONNECT";
    let mut request = Request::builder()
        .method(message.method.as_str())
        .uri(if is_connect { "h.test:443" } else { "/" })
        .header("host", "h.test");
    if message.upgrade {
        request = request.header("connection", "upgrade").header("upgrade", "x");
    }
    let body = if message.method == "POST" { "abc" } else { "" };
    let mut request = request.body(Full::new(Bytes::from_static(body.as_bytes())))?;
    let statuses = Arc::clone(&interim);
    on_informational(&mut request, move |response| {
        statuses.lock().unwrap_or_else(PoisonError::into_inner).push(response.status().as_u16());
    });

    let mut opening = Task::new(handshake(wire.clone()));
    settle(|cx| opening.turn(cx));
    let Task::Done(Ok((mut sender, connection))) = opening else { return Err("no connection".into()) };
    let mut connection = Task::new(connection);
    let head = Arc::new(Mutex::new(None::<Head>));
    let heads = Arc::clone(&head);
    let asked = sender.send_request(request);
    let mut response = Task::<Result<Content, hyper::Error>>::new(async move {
        let (parts, body) = asked.await?.into_parts();
        let seen = (parts.status, parts.version, parts.headers);
        *heads.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        content(body).await
    });
    let mut turns = || {
        settle(|cx| {
            connection.turn(cx);
            response.turn(cx);
        });
        response.output().is_some()
    };
    let mut ended = turns().then_some(0);
    for &octet in &message.octets {
        wire.carry(octet);
        if turns() && ended.is_none() {
            ended = Some(wire.carried());
        }
    }
    let truncated = message.eof && ended.is_none();
    if truncated {
        wire.end();
        turns();
        ended = Some(wire.carried());
    }
    let interim = interim.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let head = head.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let outcome = |messages: &[Value], end: &str, why: String| json!({ "interim": interim, "messages": messages, "end": end, "why": why });
    Ok(match (response.output(), head) {
        (Some(Ok(content)), Some((status, version, fields))) => {
            let is_switch = status == StatusCode::SWITCHING_PROTOCOLS || (is_connect && status.is_success());
            let end = match connection.output() {
                _ if is_switch => "switched",
                None if sender.is_ready() => "kept",
                _ => "closed",
            };
            let why = connection.output().and_then(|end| end.as_ref().err()).map(|error| why(error));
            let seen = seen(status.as_str(), version, &fields, content, ended);
            outcome(&[seen], end, why.unwrap_or_default())
        }
        (Some(Err(error)), _) => outcome(&[], if truncated { "waiting" } else { "refused" }, why(error)),
        _ => outcome(&[], "waiting", String::new()),
    })
}
