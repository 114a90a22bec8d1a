//! Who is right where readers disagree.

use std::collections::BTreeMap;
use std::fmt;

use super::compare::{Kind, differences};
use super::known::{Known, known};
use super::message::{Message, Role};
use super::outcome::Outcome;

/// Takes in what readers saw, and knows which of their disagreements are known.
#[derive(Debug, Default)]
pub struct Judge {
    messages: u64,
    compared: BTreeMap<String, u64>,
    agreed: BTreeMap<String, u64>,
    met: BTreeMap<&'static str, BTreeMap<String, u64>>,
    unknown: BTreeMap<Signature, Unknown>,
}

/// What makes two unknown disagreements one.
type Signature = (String, &'static str, String, String, String);

/// A disagreement that nothing is known of.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// Who disagrees.
    pub peer: String,
    /// In what.
    pub kind: Kind,
    /// How often.
    pub count: u64,
    /// The shortest message on which it came up.
    pub message: Message,
    /// What we saw of it.
    pub ours: Outcome,
    /// What they saw of it.
    pub theirs: Outcome,
}

impl Judge {
    /// Takes in what a peer saw of a message.
    pub fn compare(&mut self, message: &Message, ours: &Outcome, peer: &str, theirs: &Outcome) {
        *self.compared.entry(peer.to_owned()).or_default() += 1;
        let found = differences(message, peer, ours, theirs);
        if found.is_empty() {
            *self.agreed.entry(peer.to_owned()).or_default() += 1;
        }
        for difference in found {
            if let Some(known) = known().find(|known| known.explains(&difference)) {
                *self.met.entry(known.name).or_default().entry(peer.to_owned()).or_default() += 1;
                continue;
            }
            let kind = difference.kind;
            let role = if message.role == Role::Client { "response" } else { "request" };
            let signature =
                (peer.to_owned(), role, format!("{kind:?}"), ours.why.clone(), theirs.why.clone());
            let unknown = self.unknown.entry(signature).or_insert_with(|| Unknown {
                peer: peer.to_owned(),
                kind,
                count: 0,
                message: message.clone(),
                ours: ours.clone(),
                theirs: theirs.clone(),
            });
            unknown.count += 1;
            if message.octets.len() < unknown.message.octets.len() {
                unknown.message = message.clone();
                unknown.ours = ours.clone();
                unknown.theirs = theirs.clone();
            }
        }
    }

    /// Counts a message that was read by everybody.
    pub fn count(&mut self) {
        self.messages += 1;
    }

    /// The disagreements that nothing is known of, one of a kind, those that split messages first.
    pub fn unknown(&self) -> Vec<&Unknown> {
        let mut all: Vec<_> = self.unknown.values().collect();
        all.sort_by_key(|unknown| (!unknown.kind.is_split(), u64::MAX - unknown.count));
        all
    }

    /// Known disagreements with these peers that did not come up.
    pub fn unmet(&self, peers: &[&str]) -> Vec<&'static Known> {
        let is_asked = |known: &&Known| known.peers.iter().any(|peer| peers.contains(peer));
        known().filter(is_asked).filter(|known| !self.met.contains_key(known.name)).collect()
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} messages", self.messages)?;
        for (peer, compared) in &self.compared {
            let agreed = self.agreed.get(peer).copied().unwrap_or(0);
            writeln!(f, "  {peer}: the same outcome for {agreed} of {compared}")?;
        }
        writeln!(f, "known differences:")?;
        for (name, peers) in &self.met {
            let counts: Vec<_> = peers.iter().map(|(peer, count)| format!("{peer} {count}")).collect();
            writeln!(f, "  {name}: {}", counts.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, kind, count, message, ours, theirs } = self;
        writeln!(
            f,
            "{peer}: {kind:?}, {count} times; the shortest message ({}):",
            message.oddities.join(", ")
        )?;
        writeln!(f, "  {}", message.to_case())?;
        writeln!(f, "  we:   {}", Brief(ours))?;
        write!(f, "  they: {}", Brief(theirs))
    }
}

/// An outcome on a line.
struct Brief<'a>(&'a Outcome);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { interim, messages, end, why } = self.0;
        write!(f, "interim {interim:?}, ")?;
        for seen in messages {
            let lines = |lines: &[(Vec<u8>, Vec<u8>)]| {
                let lines = lines
                    .iter()
                    .map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii()));
                lines.collect::<Vec<_>>().join("; ")
            };
            write!(
                f,
                "[{} ({}) {{{}}} {:?} trailers {{{}}} to {:?}], ",
                seen.start.escape_ascii(),
                seen.version,
                lines(&seen.fields),
                seen.content.escape_ascii().to_string(),
                lines(seen.trailers.as_deref().unwrap_or_default()),
                seen.ended
            )?;
        }
        write!(f, "{end:?} {why}")
    }
}
