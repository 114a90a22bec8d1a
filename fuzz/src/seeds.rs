//! Inputs made of the cases in `tests/corpus`, beside those in `fuzz/corpus`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

use crate::setup;

/// An input, and the case that it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The id of the case.
    pub id: String,
    /// The input.
    pub octets: Vec<u8>,
}

/// The seeds of a target; of most there are none, since their inputs are no messages.
///
/// # Errors
///
/// A file of the conformance corpus cannot be read, or is not what it should be.
pub fn seeds(target: &str) -> io::Result<Vec<Seed>> {
    let make: fn(&Value) -> Option<Vec<u8>> = match target {
        "client_recv" => |case| Some([&client_setup(case)?[..], &response(case)?].concat()),
        "server_recv" => |case| {
            let mut octets = [0; setup::LEN];
            // Each request is answered, and the next one read.
            octets[1] = 4 | end(case);
            Some([&octets[..], &request(case)?].concat())
        },
        "head" => |case| {
            let (which, octets) = response(case).map(|r| (0, r)).or_else(|| Some((1, request(case)?)))?;
            Some([&[which], &octets[..]].concat())
        },
        "framing" => |case| {
            let (which, octets) = match response(case) {
                Some(octets) => {
                    let method = match case["request_method"].as_str()? {
                        "HEAD" => 2,
                        "CONNECT" => 4,
                        _ => 0,
                    };
                    (method, octets)
                }
                None => (1, request(case)?),
            };
            let end = [8, 16, 0][usize::from(end(case))];
            Some([&[which | end], &octets[..]].concat())
        },
        _ => return Ok(Vec::new()),
    };
    let made = cases()?
        .into_iter()
        .filter_map(|case| Some(Seed { id: case["id"].as_str()?.to_owned(), octets: make(&case)? }));
    Ok(made.collect())
}

/// The committed inputs of a target.
///
/// # Errors
///
/// A file cannot be read.
pub fn corpus(target: &str) -> io::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let paths: io::Result<Vec<_>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    // What libFuzzer puts beside the committed files has names of 40 digits.
    paths.retain(|path| path.file_name().is_some_and(|name| name.len() != 40));
    paths.sort();
    Ok(paths)
}

fn cases() -> io::Result<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    let mut cases = Vec::new();
    let entries: io::Result<Vec<_>> = fs::read_dir(folder)?.collect();
    let mut paths: Vec<_> = entries?.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    for path in paths {
        for line in fs::read_to_string(path)?.lines() {
            cases.push(serde_json::from_str(line)?);
        }
    }
    Ok(cases)
}

/// What the client of a response case asks, and whether the stream ends.
fn client_setup(case: &Value) -> Option<[u8; setup::LEN]> {
    let mut octets = [0; setup::LEN];
    octets[0] = match case["request_method"].as_str()? {
        "HEAD" => 1,
        "CONNECT" => 2,
        _ => 0,
    };
    octets[1] = end(case);
    Some(octets)
}

/// How the stream of a case ends, as a setup has it.
fn end(case: &Value) -> u8 {
    match &case["eof"] {
        Value::Bool(true) => 0,
        Value::String(_) => 1,
        _ => 2,
    }
}

/// The octets of a response case.
fn response(case: &Value) -> Option<Vec<u8>> {
    case["request_method"].as_str()?;
    Some(unescaped(case["input"].as_str()?))
}

/// The octets of a case of requests that are received, or of one that is sent.
fn request(case: &Value) -> Option<Vec<u8>> {
    let text = case["received"].as_str().or_else(|| case["expect"]["wire"].as_str())?;
    Some(unescaped(text))
}

/// `\xNN` is the octet with that number.
fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut parts = text.split("\\x");
    octets.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                octets.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => octets.extend_from_slice(&[b"\\x", part.as_bytes()].concat()),
        }
    }
    octets
}
