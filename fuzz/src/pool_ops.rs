//! The pool against the reference model that the core's own random test uses, with the choices in the input's hand.

#[path = "../../crates/core/tests/pool_model/mod.rs"]
mod pool_model;

use std::fmt;
use std::sync::OnceLock;
use std::time::Instant;

use martlet_core::pool::{ConnId, DialId, WaiterId};

use self::pool_model::{Choices, Run, foreign_ids};

/// No input leads to more steps than this.
const MOST_STEPS: usize = 400;

/// Each octet is a decision, as far as they go.
struct Octets<'a>(&'a [u8]);

impl Choices for Octets<'_> {
    fn below(&mut self, n: usize) -> usize {
        let mut choice = 0;
        // One octet chooses among as many as it can tell apart.
        let mut told = 1;
        while told < n {
            let Some((&octet, rest)) = self.0.split_first() else { break };
            (choice, told, self.0) = (choice << 8 | usize::from(octet), told << 8, rest);
        }
        choice % n.max(1)
    }

    fn say(&self, _: fmt::Arguments<'_>) {}
}

/// Drives the pool and its model by the same operations, and compares what they do after each.
pub fn pool_ops(data: &[u8]) {
    static BEGIN: OnceLock<(Instant, (WaiterId, DialId, ConnId))> = OnceLock::new();
    let &(epoch, foreign) = BEGIN.get_or_init(|| {
        let epoch = Instant::now();
        (epoch, foreign_ids(epoch))
    });
    let mut run = Run::new(Octets(data), epoch, foreign);
    for _ in 0..MOST_STEPS {
        if run.random.0.is_empty() {
            break;
        }
        run.step();
    }
    run.finish();
}
