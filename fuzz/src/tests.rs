//! All targets of the table, over their corpora and over seeded mutations of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use crate::{TARGETS, Target};

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
fn every_body_keeps_its_word_over_its_corpus_the_conformance_corpus_and_mutations_of_both() {
    // The bodies are of unequal length, so each thread takes the next one.
    let next = AtomicUsize::new(0);
    let broken = Mutex::new(Vec::new());
    thread::scope(|threads| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            threads.spawn(|| {
                while let Some(target) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(how) = run(target) {
                        broken.lock().unwrap().push(how);
                    }
                }
            });
        }
    });
    assert_eq!(broken.into_inner().unwrap(), Vec::<String>::new());
}

#[test]
fn every_target_has_a_thin_wrapper_an_entry_a_corpus_and_a_row_in_the_documents() {
    let manifest = fs::read_to_string(here("Cargo.toml")).unwrap();
    let page = fs::read_to_string(here("../docs/fuzzing.md")).unwrap();
    let mut wrappers = files(&here("fuzz_targets"));
    let mut folders = files(&here("corpus"));
    for target in TARGETS {
        let name = target.name;
        let entry = format!("[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n");
        assert!(manifest.contains(&entry), "{name} has no entry in the manifest");
        let wrapper = fs::read_to_string(here("fuzz_targets").join(format!("{name}.rs"))).expect(name);
        let body = format!("martlet_fuzz::{name}(data)");
        assert!(
            wrapper.contains(&body) && wrapper.contains(&format!("replay(martlet_fuzz::{name})")),
            "{name}"
        );
        assert!(wrapper.lines().count() <= 11, "what {name} does belongs into its body");
        wrappers.retain(|file| *file != format!("{name}.rs"));
        assert!(!crate::corpus(name).expect(name).is_empty(), "the corpus of {name} is empty");
        folders.retain(|folder| folder != name);
        assert!(target.dictionary.is_none_or(|file| here("dictionaries").join(file).is_file()), "{name}");
        let row = format!("| `{name}` | {} |\n", target.oracle);
        assert!(page.contains(&row), "docs/fuzzing.md lacks the row\n{row}");
    }
    assert_eq!((wrappers, folders), (Vec::new(), Vec::new()), "of no target");
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}

#[test]
fn hundreds_of_conformance_cases_are_seeds() {
    for (target, least) in [("client_recv", 1_000), ("server_recv", 800), ("head", 1_500)] {
        let seeds = crate::seeds(target).unwrap();
        assert!(seeds.len() >= least, "{target} has {}", seeds.len());
    }
}

#[test]
fn inputs_of_the_corpus_get_past_the_first_checks_of_their_bodies() {
    let responses = |input: &Vec<u8>| crate::pair_ops::drive(input);
    assert!(committed("pair_ops").iter().map(responses).sum::<usize>() >= 10);
    let taken =
        committed("request_round_trip").iter().filter(|input| crate::round_trip::round_trip(input)).count();
    assert!(taken >= 4);
}

fn run(target: &Target) -> Result<(), String> {
    let mut seeds: Vec<_> = crate::seeds(target.name).unwrap().into_iter().map(|seed| seed.octets).collect();
    seeds.extend(committed(target.name));
    for seed in &seeds {
        check(target, seed, "an input of the corpus")?;
    }
    seeds.retain(|seed| seed.len() < 2_000);
    let mut random = Random(1);
    for turn in 0..target.mutations {
        let input = mutated(&seeds, &mut random);
        check(target, &input, &format!("mutation {turn}"))?;
    }
    Ok(())
}

fn check(target: &Target, input: &[u8], what: &str) -> Result<(), String> {
    let kept = catch_unwind(AssertUnwindSafe(|| (target.body)(input)));
    kept.map_err(|_| format!("{}, {what}: b\"{}\"", target.name, input.escape_ascii()))
}

/// The committed inputs of a target.
pub(crate) fn committed(target: &str) -> Vec<Vec<u8>> {
    crate::corpus(target).unwrap().iter().map(|path| fs::read(path).unwrap()).collect()
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).collect()
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
