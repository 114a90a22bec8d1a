//! The differences that are known, with who is right and why.

mod connections;
mod framing;
mod syntax;

use std::fmt;

use super::compare::Difference;
use super::outcome::{Line, Seen};

/// A difference that is known.
#[derive(Debug)]
pub struct Known {
    /// What it is: its row in `docs/supported-http.md`.
    pub name: &'static str,
    /// Who differs from us.
    pub peers: &'static [&'static str],
    /// Why it stays.
    pub reason: &'static str,
    /// Whether a disagreement is this one.
    holds: fn(&Difference<'_>) -> bool,
}

impl Known {
    /// Whether a disagreement is this one.
    pub fn explains(&self, difference: &Difference<'_>) -> bool {
        self.peers.contains(&difference.peer) && (self.holds)(difference)
    }
}

impl fmt::Display for Known {
    /// Its row of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | {} | {} |", self.name, self.peers.join(", "), self.reason)
    }
}

/// All that are known.
pub fn known() -> impl Iterator<Item = &'static Known> {
    framing::KNOWN.iter().chain(syntax::KNOWN).chain(connections::KNOWN)
}

/// What most of them ask.
impl Difference<'_> {
    fn we_say(&self, why: &str) -> bool {
        self.ours.why.contains(why)
    }

    fn they_say(&self, why: &[&str]) -> bool {
        why.iter().any(|why| self.theirs.why.contains(why))
    }

    /// The message as it was seen by whoever took it, by us if we did.
    fn seen(&self) -> Option<&Seen> {
        self.ours.messages.get(self.at).or(self.theirs.messages.get(self.at))
    }

    /// The values of the field lines of that name.
    fn values(&self, name: &str) -> Vec<&[u8]> {
        named(self.seen().map(|seen| seen.fields.as_slice()), name)
    }

    /// The same in the trailer section.
    fn trailers(&self, name: &str) -> Vec<&[u8]> {
        named(self.seen().and_then(|seen| seen.trailers.as_deref()), name)
    }
}

fn named<'a>(lines: Option<&'a [Line]>, name: &str) -> Vec<&'a [u8]> {
    let lines = lines.unwrap_or_default().iter().filter(|line| line.0 == name.as_bytes());
    lines.map(|line| line.1.as_slice()).collect()
}
