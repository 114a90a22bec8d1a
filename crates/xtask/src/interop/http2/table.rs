//! What was checked, server by server.

use std::{collections::BTreeMap, fmt};

use super::{CHECKS, Endpoint};

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// With what is to be told besides.
    Passed(String),
    Failed(String),
}

/// A row for each server and endpoint; what failed on one runtime has failed.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    peer: &'static str,
    endpoint: Endpoint,
    /// Whether each check that was run has passed.
    passed: BTreeMap<&'static str, bool>,
}

impl Table {
    pub(super) fn add(
        &mut self,
        peer: &'static str,
        endpoint: Endpoint,
        check: &'static str,
        outcome: &Outcome,
    ) {
        let at = self.rows.iter().position(|row| row.peer == peer && row.endpoint == endpoint);
        let at = at.unwrap_or_else(|| {
            self.rows.push(Row { peer, endpoint, passed: BTreeMap::new() });
            self.rows.len() - 1
        });
        *self.rows[at].passed.entry(check).or_insert(true) &= matches!(outcome, Outcome::Passed(_));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10} {:<10}", "HTTP/2", "")?;
        for (_, title) in CHECKS {
            write!(f, "  {title}")?;
        }
        writeln!(f)?;
        for row in &self.rows {
            write!(f, "{:<10} {:<10}", row.peer, row.endpoint)?;
            for (check, title) in CHECKS {
                let told = match row.passed.get(check) {
                    Some(true) => "ok",
                    Some(false) => "FAILED",
                    None => "-",
                };
                write!(f, "  {told:<width$}", width = title.len())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
