//! The mistakes that a fuzz target must find.

use super::list::Mutant;

/// A mistake, and the target that is to find it.
#[derive(Clone, Copy, Debug)]
pub(super) struct FuzzMutant {
    pub(super) target: &'static str,
    pub(super) mutant: Mutant,
}

const CHUNK_READ: &str = "crates/core/src/framing/chunk_read.rs";
const SCAN: &str = "crates/core/src/syntax/scan.rs";
const SERVE: &str = "crates/core/src/pool/serve.rs";
const DEADLINES: &str = "crates/core/src/time/deadlines.rs";

pub(super) const FUZZ_MUTANTS: &[FuzzMutant] = &[
    FuzzMutant {
        target: "chunked",
        mutant: Mutant {
            name: "chunk-size-sign",
            breaks: "a chunk size may have a sign",
            file: CHUNK_READ,
            find: "(None, _) if self.place == Place::Size => return Err(PeerError::ChunkSize),",
            replace: "(None, b'+') if self.place == Place::Size => {}\n                (None, _) if self.place == Place::Size => return Err(PeerError::ChunkSize),",
        },
    },
    FuzzMutant {
        target: "number",
        mutant: Mutant {
            name: "chunk-size-wraps",
            breaks: "a chunk size above 64 bits begins anew",
            file: CHUNK_READ,
            find: ".checked_mul(16)\n                        .ok_or(PeerError::ChunkSizeOverflow)?",
            replace: ".wrapping_mul(16)",
        },
    },
    FuzzMutant {
        target: "client_recv",
        mutant: Mutant {
            name: "split-before-lf",
            breaks: "a head whose last LF comes alone is never at its end",
            file: SCAN,
            find: "[] | [b'\\r'] => {",
            replace: "[] => {",
        },
    },
    FuzzMutant {
        target: "server_recv",
        mutant: Mutant {
            name: "split-behind-line",
            breaks: "a head that is cut between two lines is never at its end",
            file: SCAN,
            find: "self.scanned += line_end;",
            replace: "self.scanned += line_end + 1;",
        },
    },
    FuzzMutant {
        target: "framing",
        mutant: Mutant {
            name: "reuse-ambiguous",
            breaks: "a connection is used again behind a response with both framing fields",
            file: "crates/core/src/h1/asked.rs",
            find: "            _ if notes.framing.is_ambiguous() => Some(CloseReason::AmbiguousFraming),\n",
            replace: "",
        },
    },
    FuzzMutant {
        target: "framing",
        mutant: Mutant {
            name: "reuse-http10",
            breaks: "a connection of HTTP/1.0 is used again though nobody has asked for it",
            file: "crates/core/src/h1/persistence.rs",
            find: "version == Version::HTTP_10 && !self.keep_alive",
            replace: "version == Version::HTTP_10 && self.close",
        },
    },
    FuzzMutant {
        target: "pair_ops",
        mutant: Mutant {
            name: "reuse-uploading",
            breaks: "a connection is used again while the request is still going out",
            file: "crates/core/src/h1/cycle.rs",
            find: "| (Half::Done, Half::Done, None) =>",
            replace: "| (Half::Content | Half::Done, Half::Done, None) =>",
        },
    },
    FuzzMutant {
        target: "pool_ops",
        mutant: Mutant {
            name: "pool-slot-leaks",
            breaks: "a connection that has gone keeps its place under the limit of its origin",
            file: "crates/core/src/pool/demand.rs",
            find: "            origin.taken -= 1;\n",
            replace: "",
        },
    },
    FuzzMutant {
        target: "pool_ops",
        mutant: Mutant {
            name: "pool-served-unused",
            breaks: "a connection that came back unused has served a request",
            file: SERVE,
            find: "entry.served = entry.served.saturating_sub(1);",
            replace: "entry.served = entry.served.saturating_sub(0);",
        },
    },
    FuzzMutant {
        target: "request_round_trip",
        mutant: Mutant {
            name: "inject-target",
            breaks: "a request target may hold any octets",
            file: "crates/core/src/syntax/target.rs",
            find: "matches!(path, [b'/' | b'?', ..]) && is_target_text(path)",
            replace: "matches!(path, [b'/' | b'?', ..])",
        },
    },
    FuzzMutant {
        target: "request_round_trip",
        mutant: Mutant {
            name: "default-field-twice",
            breaks: "a default field is written beside the request's own of that name",
            file: "crates/core/src/syntax/write.rs",
            find: "if !fields.contains_key(name) {",
            replace: "if *end > 0 {",
        },
    },
    FuzzMutant {
        target: "head",
        mutant: Mutant {
            name: "version-one-of-two",
            breaks: "a response says HTTP/1.1 whatever its version",
            file: "crates/core/src/syntax/start_line.rs",
            find: "if minor == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 }",
            replace: "if minor.is_none() { Version::HTTP_10 } else { Version::HTTP_11 }",
        },
    },
    FuzzMutant {
        target: "eyeballs",
        mutant: Mutant {
            name: "race-one-too-many",
            breaks: "one more attempt is in flight than allowed",
            file: "crates/core/src/connect/eyeballs.rs",
            find: "if self.live >= self.max_concurrent {",
            replace: "if self.live > self.max_concurrent {",
        },
    },
    FuzzMutant {
        target: "eyeballs",
        mutant: Mutant {
            name: "race-head-start",
            breaks: "a family that was stepped in for gets what is left of its head start",
            file: "crates/core/src/connect/order.rs",
            find: "        self.turn_left = 1;\n        Some(address)",
            replace: "        Some(address)",
        },
    },
    FuzzMutant {
        target: "deadlines",
        mutant: Mutant {
            name: "deadline-set-back",
            breaks: "a clock that is set back moves a deadline to the past",
            file: DEADLINES,
            find: "running.progress = running.progress.max(now);",
            replace: "running.progress = now;",
        },
    },
    FuzzMutant {
        target: "deadlines",
        mutant: Mutant {
            name: "deadline-anew",
            breaks: "resolving, connecting and TLS have the time for connecting each",
            file: DEADLINES,
            find: "*self.connect_since.get_or_insert(now)",
            replace: "*self.connect_since.insert(now)",
        },
    },
];
