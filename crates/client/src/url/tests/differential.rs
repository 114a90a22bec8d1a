//! The same generated texts for this module and for the `url` crate.
//!
//! `MARTLET_URL_CASES` sets the number of texts, `MARTLET_URL_SEED` the seed, which a failure prints.

use std::env;

use super::compare::{Judgement, absolute, compare};
use super::{Oracle, Url, UrlError};
use crate::url::scan::{Punycode, scan, scan_normal};

/// An xorshift generator (64 bits).
struct Random {
    state: u64,
    /// Whether the text in hand is to have few faults or many.
    mild: bool,
}

/// Pieces that are good at their place, and pieces that often are not.
type Pieces = (&'static [&'static str], &'static [&'static str]);

impl Random {
    fn new(seed: u64) -> Self {
        Self { state: seed.max(1), mild: false }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % bound
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn fault(&mut self, n: usize) -> bool {
        let n = if self.mild { n * 8 } else { n };
        self.one_in(n)
    }

    fn pick(&mut self, (good, bad): Pieces) -> &'static str {
        let from = if self.fault(4) { bad } else { good };
        from[self.below(from.len())]
    }

    /// Appends at least `least` and less than `least + extra` pieces.
    fn push(&mut self, out: &mut String, pieces: Pieces, least: usize, extra: usize) {
        for _ in 0..least + self.below(extra) {
            if self.fault(40) {
                out.push_str(NASTY[self.below(NASTY.len())]);
            } else if self.fault(25) {
                out.push(char::from(b' ' + self.below(95) as u8));
            } else {
                out.push_str(self.pick(pieces));
            }
        }
    }
}

const NASTY: &[&str] = &[
    " ",
    "\t",
    "\n",
    "\r",
    "\0",
    "\x0b",
    "\x1f",
    "\x7f",
    "\\",
    "\"",
    "<",
    ">",
    "^",
    "`",
    "{",
    "|",
    "}",
    "[",
    "]",
    "@",
    ":",
    "//",
    "%",
    "%2",
    "%zz",
    "%00",
    "%2f",
    "%5C",
    "%40",
    "%2e",
    "é",
    "\u{80}",
    "\u{ad}",
    "\u{fffd}",
    "\u{10ffff}",
    "。",
    "Ａ",
    "℀",
    "ß",
    "İ",
    "\u{200d}",
    "א",
    "#",
    "?",
];
const SCHEMES: Pieces = (
    &["http", "https", "HTTP", "hTtPs"],
    &["ftp", "ws", "file", "", "httpx", "h", "1", " http", "ht\ttp", "http "],
);
const SLASHES: Pieces = (&["://"], &[":/", ":", ":///", ":\\\\", ":/\\", "//", "://\t", "", ":////"]);
const USERINFO: Pieces =
    (&["u", "User", ":", "p", "%40", ";", "=", "!$&'()*+,", "-._~", "1"], &["%zz", "", "/", "@", "[", "é"]);
const LABELS: Pieces = (
    &[
        "h",
        "test",
        "Example",
        "EXAMPLE",
        "a-b",
        "-a",
        "a-",
        "a--b",
        "a_b",
        "~",
        "1",
        "3com",
        "xn--bcher-kva",
        "XN--BCHER-KVA",
        "!$&'()*+,;=",
        "c",
    ],
    &["0x1g", "xn--a", "xn--", "xn--ls8h", "bücher", "straße", "", "%41", "0x"],
);
const NUMBERS: Pieces = (
    &["0", "1", "127", "255"],
    &[
        "256",
        "01",
        "08",
        "0x7f",
        "0X",
        "0xg",
        "65535",
        "16777216",
        "4294967295",
        "4294967296",
        "",
        "+1",
        "0x10000000000000000",
    ],
);
const GROUPS: Pieces = (
    &["0", "0", "1", "db8", "DB8", "ffff", "0000"],
    &["12345", "::", "", "1.2.3.4", "1.2.3", "01.2.3.4", "g", "%25e"],
);
const PORTS: Pieces = (
    &["", "1", "80", "443", "080", "0443", "8080", "65535", "000000000000081"],
    &["0", "65536", "99999999999", "8x", "-1", "+80", " 80", "８０", "00000000", "80:80"],
);
const SEGMENTS: Pieces = (
    &[
        "a",
        "B",
        "html",
        "1",
        ".",
        "..",
        "...",
        "%2e",
        "%2E",
        ".%2e",
        "%2E%2e",
        "..a",
        "a.",
        "",
        "/",
        "/",
        "/",
        "/",
        "/",
        "%20",
        ";x=1",
        "!$&'()*+,:@-_~",
    ],
    &["%", "%zz", "é", "[]|^", "'", "C:", "C|", " ", "{", "`"],
);
const QUERY: Pieces = (
    &["a", "=", "&", "1", "?", "/", "..", "%20", "'", "+", ":@"],
    &["%", "[]", "{}", "|^`", "é", "#", "<", " "],
);
const ENDS: Pieces = (&[""], &[" ", "  ", "\n", "\0", "\x7f"]);
const HOST_ENDS: Pieces = (&["", "", "", "."], &["..", ".1", ".0x", "%2e", "%00", "%"]);

fn host(random: &mut Random, out: &mut String) {
    match random.below(8) {
        0 => {
            let count = if random.fault(3) { 1 + random.below(5) } else { 4 };
            for i in 0..count {
                if i > 0 {
                    out.push('.');
                }
                random.push(out, NUMBERS, 1, 1);
            }
        }
        1 => {
            out.push('[');
            let compressed = random.one_in(2);
            if compressed {
                out.push_str("::");
            }
            let count = if compressed || random.fault(3) { 1 + random.below(9) } else { 8 };
            for i in 0..count {
                if i > 0 {
                    out.push(':');
                }
                random.push(out, GROUPS, 1, 1);
            }
            out.push(']');
        }
        _ => {
            let count = 1 + random.below(3);
            for i in 0..count {
                if i > 0 {
                    out.push('.');
                }
                random.push(out, LABELS, 1, 2);
            }
        }
    }
    if random.one_in(6) {
        out.push_str(random.pick(HOST_ENDS));
    }
}

fn authority(random: &mut Random, out: &mut String) {
    if random.one_in(4) {
        random.push(out, USERINFO, 0, 5);
        out.push('@');
    }
    host(random, out);
    if random.one_in(3) {
        out.push(':');
        out.push_str(random.pick(PORTS));
    }
}

fn path_and_query(random: &mut Random, out: &mut String) {
    random.push(out, SEGMENTS, 0, 7);
    if random.one_in(2) {
        out.push('?');
        random.push(out, QUERY, 0, 6);
    }
    if random.one_in(4) {
        out.push('#');
        random.push(out, QUERY, 0, 4);
    }
}

fn url(random: &mut Random) -> String {
    let mut out = String::new();
    random.mild = random.below(4) > 0;
    if random.fault(10) {
        out.push_str(random.pick(ENDS));
    }
    out.push_str(random.pick(SCHEMES));
    out.push_str(random.pick(SLASHES));
    authority(random, &mut out);
    if random.below(10) > 0 {
        out.push('/');
        path_and_query(random, &mut out);
    } else if random.one_in(2) {
        path_and_query(random, &mut out);
    }
    if random.fault(10) {
        out.push_str(random.pick(ENDS));
    }
    out
}

fn reference(random: &mut Random) -> String {
    let mut out = String::new();
    random.mild = random.below(4) > 0;
    match random.below(8) {
        0 => return url(random),
        1 => {
            out.push_str("//");
            authority(random, &mut out);
            out.push('/');
            path_and_query(random, &mut out);
        }
        2 => {
            out.push('/');
            path_and_query(random, &mut out);
        }
        _ => path_and_query(random, &mut out),
    }
    out
}

/// What became of the texts, so that a generator that makes only one kind is noticed.
#[derive(Debug, Default)]
struct Tally {
    agreed: usize,
    refused_by_both: usize,
    refused_on_purpose: usize,
    needs_the_feature: usize,
    unjudged: usize,
}

impl Tally {
    fn compare(
        &mut self,
        text: &str,
        ours: Result<Url, UrlError>,
        oracle: Result<Oracle, ::url::ParseError>,
    ) {
        *match compare(text, ours, oracle) {
            Judgement::Agreed => &mut self.agreed,
            Judgement::RefusedByBoth => &mut self.refused_by_both,
            Judgement::RefusedOnPurpose => &mut self.refused_on_purpose,
            Judgement::NeedsTheFeature => &mut self.needs_the_feature,
            Judgement::Unjudged => &mut self.unjudged,
        } += 1;
    }

    fn assert_plenty_of_each(&self, cases: usize) {
        if cases < 10_000 {
            return;
        }
        let least = cases / 50;
        println!("{self:?}");
        assert!(self.agreed > least * 15, "{self:?}");
        assert!(self.refused_by_both > least, "{self:?}");
        assert!(self.refused_on_purpose > least, "{self:?}");
        assert!(cfg!(feature = "url") || self.needs_the_feature > least, "{self:?}");
    }
}

fn setting(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is not a number")),
        Err(_) => default,
    }
}

#[test]
fn a_url_is_what_the_url_crate_says_or_refused() {
    let cases = setting("MARTLET_URL_CASES", 200_000) as usize;
    let seed = setting("MARTLET_URL_SEED", 0x9e37_79b9_7f4a_7c15);
    println!("MARTLET_URL_SEED={seed}");
    let mut random = Random::new(seed);
    let mut tally = Tally::default();
    for _ in 0..cases {
        let text = url(&mut random);
        if let Some(normal) = scan_normal(&text) {
            assert_eq!(Ok(normal), scan(&text, Punycode::Unchecked), "{text:?}");
        }
        tally.compare(&text, Url::parse(&text), Oracle::parse(&text));
    }
    tally.assert_plenty_of_each(cases);
}

#[test]
fn a_reference_resolves_as_the_url_crate_says_or_is_refused() {
    let cases = setting("MARTLET_URL_CASES", 200_000) as usize / 4;
    let seed = setting("MARTLET_URL_SEED", 0x2545_f491_4f6c_dd1d);
    println!("MARTLET_URL_SEED={seed}");
    let mut random = Random::new(seed);
    let bases =
        ["http://a/b/c/d;p?q", "https://u:p@h.test:8443/", "http://[::1]/a//b/?x", "http://127.0.0.1/a/b"];
    let bases = bases.map(|base| (Url::parse(base).unwrap(), Oracle::parse(base).unwrap()));
    let mut tally = Tally::default();
    for _ in 0..cases {
        let (base, oracle) = &bases[random.below(bases.len())];
        let reference = reference(&mut random);
        let ours = base.join(&reference);
        let theirs = oracle.join(&reference);
        tally.compare(&absolute(&reference), ours, theirs);
    }
    tally.assert_plenty_of_each(cases);
}
