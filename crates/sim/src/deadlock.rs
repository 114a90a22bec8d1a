//! Runs that cannot end.

use std::error::Error;
use std::fmt::{self, Write};

use crate::executor::Ended;
use crate::world::World;

/// Lines of the trace that a report ends with.
const TRACE_TAIL: usize = 40;

/// A run that will not end, and everything there is to say about it.
///
/// `Display` and `Debug` both print the whole report: time and seed, who waits, every open connection with what lies in it,
/// what [`Sim::on_deadlock`](crate::Sim::on_deadlock) was given, complaints of servers, and the end of the trace.
#[derive(Clone, PartialEq, Eq)]
pub struct Deadlock {
    reason: DeadlockReason,
    report: String,
}

/// Why a run will not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadlockReason {
    /// Somebody waits, and nothing can happen any more: no task can run, no timer is set, nothing is under way.
    Quiet,
    /// Tasks were polled more often than [`SimConfig::max_polls`](crate::SimConfig::max_polls) allows: they wake each
    /// other for ever.
    Endless,
}

impl Deadlock {
    pub(crate) fn new(ended: Ended, world: &World, main_waits: bool, dumps: &str) -> Self {
        let reason = match ended {
            Ended::Endless => DeadlockReason::Endless,
            Ended::Done | Ended::Quiet => DeadlockReason::Quiet,
        };
        let mut report = String::new();
        // Writing to a string does not fail.
        let _ = write_report(&mut report, reason, world, main_waits, dumps);
        Self { reason, report }
    }

    /// Why the run will not end.
    pub fn reason(&self) -> DeadlockReason {
        self.reason
    }
}

fn write_report(
    out: &mut String,
    reason: DeadlockReason,
    world: &World,
    main_waits: bool,
    dumps: &str,
) -> fmt::Result {
    let what = match reason {
        DeadlockReason::Quiet => "dead-lock: somebody waits and nothing can happen any more",
        DeadlockReason::Endless => "endless run: tasks wake each other for ever",
    };
    writeln!(out, "{what}, seed {}, after {:?} of virtual time", world.seed, world.clock.now)?;
    let waiting: Vec<u64> =
        world.tasks.iter().filter(|(_, task)| task.is_awaited).map(|(id, _)| *id).collect();
    let background = world.tasks.len() - waiting.len();
    writeln!(
        out,
        "waiting: {}tasks {waiting:?}, {background} in the background, {} events to come",
        if main_waits { "the main future, " } else { "" },
        world.timers()
    )?;
    writeln!(out, "connections:")?;
    for (id, link) in &world.links {
        writeln!(out, "  {}", link.describe(*id))?;
    }
    for ((host, port), listener) in &world.listeners {
        for complaint in &listener.complaints {
            writeln!(out, "complaint of {host}:{port}: {complaint}")?;
        }
    }
    out.push_str(dumps);
    writeln!(out, "end of the trace:")?;
    let lines: Vec<&str> = world.trace().lines().collect();
    for line in &lines[lines.len().saturating_sub(TRACE_TAIL)..] {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl fmt::Debug for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl Error for Deadlock {}
