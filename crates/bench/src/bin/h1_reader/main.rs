//! What hyper sees: a message a line on standard input, an outcome a line on standard output.
//!
//! Each character of a string is an octet. Its connections stand on a wire in memory, which carries an octet at a time,
//! so that it shows behind which of them a message was complete.

#![forbid(unsafe_code)]

mod client;
mod server;
mod wire;

use std::error::Error;
use std::io::{self, BufRead, Write};

use http_body_util::BodyExt;
use hyper::{HeaderMap, Version, body::Incoming};
use serde_json::{Value, json};

/// What is read, as it came.
struct Message {
    method: String,
    upgrade: bool,
    octets: Vec<u8>,
    eof: bool,
}

/// The content of a message and its trailer section.
type Content = (Vec<u8>, HeaderMap);

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let value: Value = serde_json::from_str(&line?)?;
        let octets = value["octets"].as_str().ok_or("no octets")?;
        let message = Message {
            method: value["method"].as_str().ok_or("no method")?.to_owned(),
            upgrade: value["upgrade"] == true,
            octets: octets.chars().map(u8::try_from).collect::<Result<_, _>>()?,
            eof: value["eof"] == true,
        };
        let outcome =
            if value["role"] == "client" { client::read(&message)? } else { server::read(&message) };
        writeln!(out, "{outcome}")?;
    }
    Ok(())
}

async fn content(mut body: Incoming) -> Result<Content, hyper::Error> {
    let (mut data, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(octets) => data.extend_from_slice(&octets),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    Ok((data, trailers))
}

fn seen(start: &str, version: Version, fields: &HeaderMap, content: &Content, ended: Option<usize>) -> Value {
    json!({
        "start": start,
        "version": if version == Version::HTTP_10 { "1.0" } else { "1.1" },
        "fields": lines(fields),
        "content": text(&content.0),
        "trailers": lines(&content.1),
        "ended": ended,
    })
}

fn lines(fields: &HeaderMap) -> Vec<[String; 2]> {
    fields.iter().map(|(name, value)| [name.to_string(), text(value.as_bytes())]).collect()
}

fn text(octets: &[u8]) -> String {
    octets.iter().map(|&b| b as char).collect()
}

/// The error and its causes.
fn why(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", why(source)),
        None => error.to_string(),
    }
}
