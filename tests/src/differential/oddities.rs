//! What can be odd about a message, one thing at a time.

use martlet_sim::Rng;

use super::draft::{Body, Chunk, Draft, FieldLine};
use super::generate::pick;
use super::message::Role;

/// One way of being odd.
#[derive(Debug)]
pub(super) struct Oddity {
    pub(super) name: &'static str,
    pub(super) apply: fn(&mut Draft, &mut Rng, Role),
}

pub(super) const ODDITIES: [Oddity; 22] = [
    Oddity { name: "line end", apply: line_end },
    Oddity { name: "all line ends", apply: all_line_ends },
    Oddity { name: "lead", apply: lead },
    Oddity { name: "start line", apply: start_line },
    Oddity { name: "start octet", apply: start_octet },
    Oddity { name: "version", apply: version },
    Oddity { name: "colon", apply: colon },
    Oddity { name: "fold", apply: fold },
    Oddity { name: "framing fold", apply: framing_fold },
    Oddity { name: "first fold", apply: first_fold },
    Oddity { name: "name octet", apply: name_octet },
    Oddity { name: "value octet", apply: value_octet },
    Oddity { name: "line without colon", apply: no_colon },
    Oddity { name: "case", apply: case },
    Oddity { name: "padding", apply: padding },
    Oddity { name: "host", apply: host },
    Oddity { name: "chunk size", apply: chunk_size },
    Oddity { name: "chunk extension", apply: chunk_extension },
    Oddity { name: "chunk line end", apply: chunk_line_end },
    Oddity { name: "last chunk", apply: last_chunk },
    Oddity { name: "trailer", apply: trailer },
    Oddity { name: "length off by one", apply: length },
];

const LINE_ENDS: [&str; 6] = ["\n", "\r", "\n\r", "\r\r\n", "\r\n\r", "\0\r\n"];

/// Control octets, and what delimits something somewhere.
const ODD_OCTETS: &[u8] = b"\0\x01\x08\t\n\x0b\x0c\r\x1b\x1f \"(),/:;<=>?@[\\]{}\x7f\x80\x85\xa0\xff";

/// Replaces, inserts, removes or doubles one octet.
pub(super) fn octet(octets: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.below(octets.len() as u64) as usize;
    let odd = *pick(rng, ODD_OCTETS);
    let Some(here) = octets.get_mut(at) else { return };
    match rng.below(4) {
        0 => *here = odd,
        1 => octets.insert(at, odd),
        2 => drop(octets.remove(at)),
        _ => {
            let twice = *here;
            octets.insert(at, twice);
        }
    }
}

fn insert(octets: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.below(octets.len() as u64 + 1) as usize;
    octets.insert(at, *pick(rng, ODD_OCTETS));
}

/// The line ends of the head.
fn line_ends(draft: &mut Draft) -> Vec<&mut Vec<u8>> {
    let mut ends = vec![&mut draft.start_end, &mut draft.blank];
    ends.extend(draft.fields.iter_mut().map(|line| &mut line.end));
    ends
}

fn line_end(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let end = *pick(rng, &LINE_ENDS);
    let mut ends = line_ends(draft);
    let which = rng.below(ends.len() as u64) as usize;
    *ends[which] = end.into();
}

fn all_line_ends(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let end = *pick(rng, &["\n", "\n", "\n", "\r"]);
    for it in line_ends(draft) {
        *it = end.into();
    }
}

fn lead(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let leads = ["\r\n", "\n", "\r\n\r\n", " ", "\t", "\0", "\r", "\u{feff}", "x\r\n", " \r\n", "HTTP/1.1 "];
    draft.lead = (*pick(rng, &leads)).into();
}

/// The parts of the start line, apart and joined otherwise.
fn start_line(draft: &mut Draft, rng: &mut Rng, role: Role) {
    let text: String = draft.start.iter().map(|&b| b as char).collect();
    let parts: Vec<&str> = text.splitn(3, ' ').collect();
    let [a, b, c] = parts[..] else { return };
    let odd = match (role, rng.below(14)) {
        (_, 0) => format!("{a}  {b} {c}"),
        (_, 1) => format!("{a} {b}  {c}"),
        (_, 2) => format!("{a}\t{b} {c}"),
        (_, 3) => format!("{a} {b}\t{c}"),
        (_, 4) => format!("{a} {b}"),
        (_, 5) => format!("{a} {b} "),
        (_, 6) => format!("{a} {b} {c} "),
        (_, 7) => a.to_owned(),
        (Role::Client, 8) => format!("{a} {b}0 {c}"),
        (Role::Client, 9) => {
            format!("{a} {} {c}", pick(rng, &["20", "2", "099", "000", "2x0", "+200", "-00", "1000"]))
        }
        (Role::Client, 10) => format!("{a} {} {c}", pick(rng, &["100", "101", "102", "199", "600"])),
        (Role::Client, _) => format!("{a} {b}x"),
        (Role::Server, 8) => {
            format!("{} {b} {c}", pick(rng, &["get", "G@T", "", "GET/", "PRI", "M-SEARCH", "\u{1}"]))
        }
        (Role::Server, 9) => {
            let targets = [
                "",
                "x",
                "*",
                "h.test:80",
                "http://",
                "http:///x",
                "http://h.test?x",
                "/a b",
                "/#x",
                "/\u{e9}",
                "?x",
                "/\\",
                "h\u{7f}",
            ];
            format!("{a} {} {c}", pick(rng, &targets))
        }
        (Role::Server, 10) => format!("{a} {b} {c} x"),
        (Role::Server, _) => format!("{a} {b}{c}"),
    };
    draft.start = odd.chars().map(|c| c as u8).collect();
}

fn start_octet(draft: &mut Draft, rng: &mut Rng, _: Role) {
    insert(&mut draft.start, rng);
}

fn version(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let text: String = draft.start.iter().map(|&b| b as char).collect();
    let versions = [
        "HTTP/1.2",
        "HTTP/1.9",
        "HTTP/2.0",
        "HTTP/0.9",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/11",
        "http/1.1",
        "Http/1.1",
        "HTTP /1.1",
        "HTTP/ 1.1",
        "HTTP/1,1",
        "HTTPS/1.1",
        "HTP/1.1",
        "ICY",
    ];
    let odd = text.replace("HTTP/1.1", pick::<&str>(rng, &versions));
    draft.start = odd.chars().map(|c| c as u8).collect();
}

fn a_field<'a>(draft: &'a mut Draft, rng: &mut Rng) -> Option<&'a mut FieldLine> {
    let which = rng.below(draft.fields.len() as u64) as usize;
    draft.fields.get_mut(which)
}

/// One of those that frame the body.
fn a_framing_field<'a>(draft: &'a mut Draft, rng: &mut Rng) -> Option<&'a mut FieldLine> {
    let frames = |line: &&mut FieldLine| {
        line.name.eq_ignore_ascii_case(b"content-length")
            || line.name.eq_ignore_ascii_case(b"transfer-encoding")
    };
    let mut lines: Vec<_> = draft.fields.iter_mut().filter(frames).collect();
    let which = rng.below(lines.len() as u64) as usize;
    (which < lines.len()).then(|| lines.swap_remove(which))
}

fn colon(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let colon = *pick(
        rng,
        &[" : ", "\t: ", ":", ":\t", ": \t ", " :", "::", ": : ", "\r: ", "\n: ", "\r\n: ", "\0: ", "=", ""],
    );
    let line = if rng.percent(50) { a_framing_field(draft, rng) } else { a_field(draft, rng) };
    if let Some(line) = line {
        line.colon = colon.into();
    }
}

fn folds(rng: &mut Rng) -> &'static str {
    pick::<&str>(rng, &["\r\n ", "\r\n\t", "\n ", "\r\n \r\n ", "\r\n  \t", "\r "])
}

fn fold(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let fold = folds(rng);
    if let Some(line) = a_field(draft, rng) {
        let at = rng.below(line.value.len() as u64 + 1) as usize;
        line.value.splice(at..at, fold.bytes());
    }
}

fn framing_fold(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let fold = folds(rng);
    let place = rng.below(3);
    if let Some(line) = a_framing_field(draft, rng) {
        let at = [0, line.value.len(), line.value.len().min(1)][place as usize];
        line.value.splice(at..at, fold.bytes());
    }
}

fn first_fold(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let line = FieldLine::new(*pick(rng, &[" X", "\tX", " Content-Length", " ", " Transfer-Encoding"]), "3");
    draft.fields.insert(0, line);
}

fn name_octet(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let line = if rng.percent(50) { a_framing_field(draft, rng) } else { a_field(draft, rng) };
    if let Some(line) = line {
        insert(&mut line.name, rng);
    }
}

fn value_octet(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let line = if rng.percent(50) { a_framing_field(draft, rng) } else { a_field(draft, rng) };
    if let Some(line) = line {
        insert(&mut line.value, rng);
    }
}

fn no_colon(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let (name, colon) =
        *pick(rng, &[("x", ""), ("", ""), ("", ":"), ("Content-Length 5", ""), ("\0", ":"), ("x y", ":")]);
    let mut line = FieldLine::new(name, "");
    line.colon = colon.into();
    let at = rng.below(draft.fields.len() as u64 + 1) as usize;
    draft.fields.insert(at, line);
}

fn case(draft: &mut Draft, rng: &mut Rng, _: Role) {
    for line in &mut draft.fields {
        let upper = rng.percent(50);
        line.name = if upper { line.name.to_ascii_uppercase() } else { line.name.to_ascii_lowercase() };
    }
}

fn padding(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let behind = *pick(rng, &[" ", "\t", "   ", " \t ", "\u{b}", "\u{a0}", "\u{85}"]);
    if let Some(line) = a_field(draft, rng) {
        line.value.extend(behind.chars().map(|c| c as u8));
    }
}

fn host(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let is_host = |line: &&mut FieldLine| line.name == b"Host";
    match rng.below(4) {
        0 => draft.fields.retain(|line| line.name != b"Host"),
        1 => draft.field("Host", "h.test"),
        2 => draft.field("Host", "other.test"),
        _ => {
            let hosts = [
                "",
                "a b",
                "h.test:x",
                "h.test:80",
                "[::1]",
                "a/b",
                "u@h",
                "a,b",
                "h_t",
                "*",
                "[",
                "h.test:99999",
            ];
            let value = *pick(rng, &hosts);
            if let Some(line) = draft.fields.iter_mut().find(is_host) {
                line.value = value.into();
            }
        }
    }
}

fn a_chunk<'a>(draft: &'a mut Draft, rng: &mut Rng) -> Option<&'a mut Chunk> {
    let Body::Chunked { chunks, .. } = &mut draft.body else { return None };
    let which = rng.below(chunks.len() as u64) as usize;
    chunks.get_mut(which)
}

fn chunk_size(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let odd = rng.below(18);
    if let Some(chunk) = a_chunk(draft, rng) {
        let n = chunk.data.len();
        let size = match odd {
            0 => format!("{n:X}"),
            1 => format!("0{n:x}"),
            2 => format!("{n:020x}"),
            3 => format!("0x{n:x}"),
            4 => format!("+{n:x}"),
            5 => format!("-{n:x}"),
            6 => format!(" {n:x}"),
            7 => format!("{n:x} "),
            8 => format!("{n:x}\t"),
            9 => format!("{n:x}\u{b}"),
            10 => format!("1{n:016x}"),
            11 => format!("{n:x}g"),
            12 => format!("{n:x}_0"),
            13 => String::new(),
            14 => format!("{:x}", n + 1),
            15 => format!("{:x}", n.saturating_sub(1)),
            16 => "ffffffffffffffff".to_owned(),
            _ => format!("{n:x} {n:x}"),
        };
        chunk.size = size.into();
    }
}

fn chunk_extension(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let extensions = [
        ";",
        ";a",
        ";a=b",
        ";a=\"b\"",
        ";a=\"b;c\"",
        ";a=\"\\\"\"",
        " ;a",
        "; a = b",
        ";;",
        ";a=",
        ";=",
        ";a=\"",
        ";\n",
        ";a\nb",
        ";\r",
        ";\0",
        ";a=\"\r\n\"",
        ";\u{7f}",
        ";\u{e9}",
        " a",
        ",",
        ";a=b;c=d",
        "\t;a",
        ";\t",
        ";\r5",
    ];
    let extension = *pick(rng, &extensions);
    if let Some(chunk) = a_chunk(draft, rng) {
        chunk.extension = extension.chars().map(|c| c as u8).collect();
    }
}

fn chunk_line_end(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let end = *pick(rng, &["\n", "\r", "", "\n\r", "\r\r\n", "\r\n\r\n", "x\r\n", "\r\n ", " \r\n"]);
    let behind_data = rng.percent(50);
    if let Some(chunk) = a_chunk(draft, rng) {
        *(if behind_data { &mut chunk.data_end } else { &mut chunk.size_end }) = end.into();
    }
}

fn last_chunk(draft: &mut Draft, rng: &mut Rng, _: Role) {
    if let Body::Chunked { last, blank, .. } = &mut draft.body {
        if rng.percent(70) {
            let lasts = [
                "000\r\n",
                "0 \r\n",
                "0;a\r\n",
                "0\n",
                "0\r",
                "",
                "00000000000000000\r\n",
                "0x0\r\n",
                "-0\r\n",
                "\r\n",
                "0;\n",
                "0\r\r\n",
                "0;a=\"\r\n",
            ];
            *last = (*pick(rng, &lasts)).into();
        } else {
            *blank = (*pick(rng, &["\n", "\r", "", "\n\r", " \r\n", "\0\r\n", "\r\r\n"])).into();
        }
    }
}

fn trailer(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let line = ["X", "X ", "", " X", "X\0", "X\r", "Content-Length"];
    let value = ["y", "", "y\0", "y\r\n z", "y\rz", "y\n z", "\x7f", "y\u{80}"];
    let end = ["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"];
    let mut line =
        FieldLine::new(*pick(rng, &line), pick(rng, &value).chars().map(|c| c as u8).collect::<Vec<_>>());
    line.end = (*pick(rng, &end)).into();
    line.colon = (*pick(rng, &[": ", ":", ":", " :", ""])).into();
    if let Body::Chunked { trailers, .. } = &mut draft.body {
        trailers.push(line);
    }
}

/// A length that is one too many or too few.
fn length(draft: &mut Draft, rng: &mut Rng, _: Role) {
    let more = rng.percent(50);
    for line in &mut draft.fields {
        let number = std::str::from_utf8(&line.value).ok().and_then(|text| text.parse::<u64>().ok());
        if let (true, Some(n)) = (line.name == b"Content-Length", number) {
            let off = if more { n.saturating_add(1) } else { n.saturating_sub(1) };
            line.value = off.to_string().into();
        }
    }
}
