//! The pool's own dump, read back.

use std::collections::{BTreeMap, BTreeSet};

use martlet::Client;

/// Who has what in the pool, by the dump that is made for people.
pub(crate) struct Dump {
    pub(crate) waiters: BTreeSet<String>,
    pub(crate) lessees: BTreeSet<String>,
    pub(crate) dials: BTreeMap<String, String>,
}

impl Dump {
    pub(crate) fn of(client: &Client) -> Self {
        let text = format!("{client:?}");
        let mut dump = Self { waiters: BTreeSet::new(), lessees: BTreeSet::new(), dials: BTreeMap::new() };
        let word = |line: &str, after: &str| {
            let (_, rest) = line.split_once(after)?;
            rest.split([',', ' ']).next().map(str::to_owned)
        };
        for line in text.lines() {
            if line.starts_with("waiter ") {
                dump.waiters.extend(word(line, "request "));
            } else if line.starts_with("connection ") {
                dump.lessees.extend(word(line, "is leased by request "));
            } else if line.starts_with("dial ") {
                dump.dials.extend(word(line, "dial ").zip(word(line, "works for request ")));
            }
        }
        dump
    }
}
