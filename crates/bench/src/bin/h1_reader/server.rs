//! Requests, read by hyper's server.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::wire::{Task, Wire, settle};
use crate::{Message, content, seen, why};

pub(crate) fn read(message: &Message) -> Value {
    let wire = Wire::default();
    let messages = Arc::new(Mutex::new(Vec::new()));
    let (carrier, all) = (wire.clone(), Arc::clone(&messages));
    let answer = service_fn(move |request: Request<Incoming>| {
        let (carrier, all) = (carrier.clone(), Arc::clone(&all));
        async move {
            let (parts, body) = request.into_parts();
            let content = content(body).await?;
            let start = format!("{} {}", parts.method, parts.uri);
            let seen = seen(&start, parts.version, &parts.headers, &content, Some(carrier.carried()));
            all.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
            let mut response = Response::new(Empty::<Bytes>::new());
            if parts.method == Method::CONNECT {
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            }
            Ok::<_, hyper::Error>(response)
        }
    });
    let mut builder = Builder::new();
    builder.header_read_timeout(None);
    let mut connection = Task::new(builder.serve_connection(wire.clone(), answer));
    settle(|cx| connection.turn(cx));
    for &octet in &message.octets {
        wire.carry(octet);
        settle(|cx| connection.turn(cx));
    }
    let messages = messages.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (end, why) = match connection.output() {
        None => ("waiting", String::new()),
        Some(Ok(())) => ("closed", String::new()),
        Some(Err(error)) => ("refused", why(error)),
    };
    json!({ "interim": [], "messages": messages, "end": end, "why": why })
}
