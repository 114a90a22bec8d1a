//! What became of all requests.

use std::collections::BTreeMap;
use std::fmt;

use martlet::Delivery;

use crate::log::Seen;
use crate::plan::Asked;
use crate::story::{Outcome, SetUp, Story};
use crate::weather::Way;

/// Sums over a run.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<(Way, SetUp), Row>,
    /// How often there was such an error, in the order of `Way::ALL`.
    errors: BTreeMap<(String, Delivery), [usize; 6]>,
    posts: Posts,
}

#[derive(Debug, Default)]
struct Row {
    requests: usize,
    answered: usize,
    /// Those of the answered that took more than one attempt.
    replayed: usize,
    by_gateway: usize,
    failed: usize,
    given_up: usize,
}

/// POSTs that must not be acted on twice.
#[derive(Debug, Default)]
struct Posts {
    sent: usize,
    answered: usize,
    unknown: usize,
    broken_off: usize,
    by_gateway: usize,
    processed: usize,
}

impl Table {
    pub(crate) fn add(&mut self, story: &Story, seen: &Seen) {
        let row = self.rows.entry((story.way, story.set_up)).or_default();
        row.requests += 1;
        match &story.outcome {
            Outcome::Answered { attempts } => {
                row.answered += 1;
                row.replayed += usize::from(*attempts > 1);
            }
            Outcome::Gateway { .. } => row.by_gateway += 1,
            Outcome::Failed(failed) => {
                row.failed += 1;
                let key = (failed.name(), failed.delivery);
                self.errors.entry(key).or_default()[story.way as usize] += 1;
            }
            Outcome::GivenUp { .. } => row.given_up += 1,
            Outcome::Wrong(_) => row.failed += 1,
        }
        if story.id.plan().asked == Asked::Post {
            self.posts.add(&story.outcome, seen);
        }
    }

    /// What the sums alone show to be wrong: so often as POSTs were answered they were acted on, and beyond that at most so
    /// often as the client does not know.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let Posts { answered, unknown, broken_off, by_gateway, processed, .. } = self.posts;
        let most = answered + unknown + broken_off + by_gateway;
        let mut found = Vec::new();
        if !(answered..=most).contains(&processed) {
            found.push(format!("{processed} POSTs were acted on, and {answered} to {most} could be"));
        }
        // A run in which nothing went wrong has shown nothing.
        if self.rows.values().all(|row| row.failed + row.replayed == 0) {
            found.push("no request has noticed any restart".to_owned());
        }
        if self.rows.values().all(|row| row.answered == 0) {
            found.push("no request was answered".to_owned());
        }
        found
    }
}

impl Posts {
    fn add(&mut self, outcome: &Outcome, seen: &Seen) {
        self.sent += 1;
        self.processed += seen.processed as usize;
        match outcome {
            Outcome::Answered { .. } => self.answered += 1,
            Outcome::Gateway { .. } => self.by_gateway += 1,
            Outcome::Failed(failed) => self.add_unanswered(failed.delivery),
            Outcome::GivenUp { delivery, .. } => self.add_unanswered(*delivery),
            Outcome::Wrong(_) => {}
        }
    }

    fn add_unanswered(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::NotSent | Delivery::Refused => {}
            Delivery::Unknown => self.unknown += 1,
            Delivery::Answered => self.broken_off += 1,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  during  by              requests  answered  replayed  502..504  given up  failed")?;
        for ((way, set_up), row) in &self.rows {
            let Row { requests, answered, replayed, by_gateway, failed, given_up } = row;
            write!(f, "  {way:<6}  {set_up:<14}  {requests:>8}  {answered:>8}")?;
            writeln!(f, "  {replayed:>8}  {by_gateway:>8}  {given_up:>8}  {failed:>6}")?;
        }
        write!(f, "\n  {:<28}  {:<25}", "errors", "")?;
        for way in Way::ALL {
            write!(f, "  {way:>6}")?;
        }
        writeln!(f)?;
        for ((kind, delivery), times) in &self.errors {
            write!(f, "  {kind:<28}  {:<25}", delivery.to_string())?;
            for times in times {
                write!(f, "  {times:>6}")?;
            }
            writeln!(f)?;
        }
        let Posts { sent, answered, unknown, broken_off, by_gateway, processed } = self.posts;
        writeln!(
            f,
            "\n  of {sent} POSTs without key {answered} were answered, {unknown} are unknown, {broken_off} broke off, \
             {by_gateway} got 502 to 504; {processed} were acted on"
        )
    }
}

#[cfg(test)]
mod tests;
