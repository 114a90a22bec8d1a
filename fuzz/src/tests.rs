//! Every body over its corpus, over the conformance corpus, and over seeded mutations of both.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

const MUTATIONS: usize = 20_000;

const WORDS: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\r\n ",
    b":",
    b";",
    b",",
    b"0",
    b"0\r\n\r\n",
    b"ffffffffffffffff",
    b"HTTP/1.1 ",
    b"HTTP/1.0 ",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Host: a\r\n",
    b"101",
    b"204",
    b"\0",
    b"\xff",
];

#[test]
fn client_recv() {
    run("client_recv", crate::client_recv, &responses(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn server_recv() {
    run("server_recv", crate::server_recv, &[]);
}

#[test]
fn pair_ops() {
    run("pair_ops", crate::pair_ops, &[]);
}

#[test]
fn head() {
    run("head", crate::head, &responses(&[0]));
}

#[test]
fn chunked() {
    run("chunked", crate::chunked, &[]);
}

#[test]
fn request_round_trip() {
    run("request_round_trip", crate::request_round_trip, &[]);
}

#[test]
fn inputs_of_the_corpus_get_past_the_first_checks_of_their_bodies() {
    let responses = |input: &Vec<u8>| crate::pair_ops::drive(input);
    assert!(corpus("pair_ops").iter().map(responses).sum::<usize>() >= 10);
    let taken =
        corpus("request_round_trip").iter().filter(|input| crate::round_trip::round_trip(input)).count();
    assert!(taken >= 4);
}

fn run(name: &str, body: fn(&[u8]), more: &[Vec<u8>]) {
    run_mutations(name, body, more, MUTATIONS);
}

pub(crate) fn run_mutations(name: &str, body: fn(&[u8]), more: &[Vec<u8>], mutations: usize) {
    let mut seeds = [more, &corpus(name)].concat();
    for seed in &seeds {
        check(body, seed, "an input of the corpus");
    }
    seeds.retain(|seed| seed.len() < 2_000);
    let mut random = Random(1);
    for turn in 0..mutations {
        let input = mutated(&seeds, &mut random);
        check(body, &input, &format!("mutation {turn}"));
    }
}

/// The committed inputs of a body.
pub(crate) fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // What cargo-fuzz puts beside the committed files has names of 40 digits.
    paths.retain(|path| path.file_name().is_some_and(|name| name.len() != 40));
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn check(body: fn(&[u8]), input: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| body(input))).is_err() {
        panic!("{what}: b\"{}\"", input.escape_ascii());
    }
}

/// The inputs of the response cases of the conformance corpus, behind the octets that choose a setting.
fn responses(setting: &[u8]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in fs::read_to_string(path).unwrap().lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(input) = case["input"].as_str() {
                inputs.push([setting, &unescaped(input)].concat());
            }
        }
    }
    inputs.sort();
    assert!(inputs.len() > 50);
    inputs
}

/// `\xNN` is the octet with that number.
fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut parts = text.split("\\x");
    octets.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        octets.push(u8::from_str_radix(&part[..2], 16).unwrap());
        octets.extend_from_slice(&part.as_bytes()[2..]);
    }
    octets
}

fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        match random.below(6) {
            0 => drop(input.splice(at..at, WORDS[random.below(WORDS.len())].iter().copied())),
            1 => {
                let end = (at + 1 + random.below(8)).min(input.len());
                drop(input.drain(at..end));
            }
            2 if at < input.len() => input[at] = random.next() as u8,
            3 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                drop(input.splice(at.., other[from..].iter().copied()));
            }
            4 => {
                let end = (at + random.below(20)).min(input.len());
                let again = input[at..end].to_vec();
                drop(input.splice(at..at, again));
            }
            _ => input.insert(at, random.next() as u8),
        }
    }
    input
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}
