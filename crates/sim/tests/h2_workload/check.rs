//! What every run must be.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use http::Method;
use martlet::{Delivery, Kind, Phase};
use martlet_sim::LoggedRequest;

use crate::job::{End, Outcome};
use crate::plan::Plan;
use crate::run::{ELSEWHERE, REQUESTS, Run, TASKS};
use crate::site::content_of;

/// Refusals, a loss, and the first attempt.
const MOST_ATTEMPTS: u32 = 5;

/// What was seen over all seeds: a workload in which it does not happen proves nothing of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(BTreeMap<&'static str, usize>);

impl Seen {
    fn note(&mut self, what: &'static str, happened: bool) {
        *self.0.entry(what).or_default() += usize::from(happened);
    }

    pub(crate) fn rarest(&self) -> Option<(&'static str, usize)> {
        self.0.iter().map(|(what, count)| (*what, *count)).min_by_key(|(_, count)| *count)
    }
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

/// Checks a run, and gives what was seen in it.
pub(crate) fn check(run: &Run) -> Seen {
    let mut seen = Seen::default();
    let mut by_id: BTreeMap<u64, Vec<&LoggedRequest>> = BTreeMap::new();
    for request in &run.log {
        if let Ok(id) = request.target.trim_start_matches('/').parse() {
            by_id.entry(id).or_default().push(request);
        }
    }
    let mut missing: BTreeSet<u64> = (1..=TASKS * REQUESTS).collect();
    for outcome in &run.outcomes {
        assert!(missing.remove(&outcome.id), "{} has ended twice", outcome.id);
        let came = by_id.get(&outcome.id).map_or(&[][..], Vec::as_slice);
        check_one(outcome, came, &run.plan, &mut seen);
    }
    // Those that were dropped with their home.
    for id in missing.iter().filter(|_| run.home_ended) {
        let processed = by_id.get(id).map_or(0, |came| came.iter().filter(|seen| seen.processed).count());
        assert!(processed <= 2, "{id}: processed {processed} times");
    }
    seen.note("ended with its home", !missing.is_empty());
    if run.home_ended {
        missing.retain(|id| (id - 1) / REQUESTS < TASKS - ELSEWHERE);
    }
    assert!(missing.is_empty(), "these never ended: {missing:?}");
    seen
}

fn check_one(outcome: &Outcome, came: &[&LoggedRequest], plan: &Plan, seen: &mut Seen) {
    let Outcome { id, method, is_harmless, is_h2, attempts, content, end } = outcome;
    let expected = if *method == Method::HEAD { Default::default() } else { content_of(plan, *id) };
    let processed = came.iter().filter(|request| request.processed).count();
    let begun = came.iter().any(|request| request.head_complete);
    assert!(expected.starts_with(content), "{id}: not what the server sent for it");
    assert!(*attempts <= MOST_ATTEMPTS, "{id}: {attempts} attempts");
    let most = if *is_harmless { 2 } else { 1 };
    assert!(processed <= most, "{id}: processed {processed} times");
    let sent = came.iter().filter(|request| request.head_complete).count();
    let allowed = if matches!(end, End::Dropped) { MOST_ATTEMPTS } else { *attempts };
    assert!(sent <= allowed as usize, "{id}: sent {sent} times in {attempts} attempts");
    seen.note("processed twice", processed == 2);
    seen.note("sent again", *attempts > 1);
    match end {
        End::Dropped => {
            seen.note("dropped, reset", came.iter().any(|request| request.reset.is_some()));
            seen.note("dropped, unsent", came.is_empty());
        }
        End::Whole => {
            seen.note("whole", true);
            seen.note("whole in the end", *attempts > 1);
            seen.note("whole and long", *is_h2 && content.len() > 65_535);
            assert_eq!(content.len(), expected.len(), "{id}: cut short without an error");
            assert!(processed >= 1, "{id}: answered by nobody");
        }
        End::Error(e) => {
            let kind = e.kind();
            let is_ours = matches!(kind, Kind::Shutdown | Kind::Builder | Kind::Runtime | Kind::Protocol);
            assert!(!is_ours, "{id}: {e:?}");
            seen.note("closed", *is_h2 && matches!(kind, Kind::Closed(_)));
            seen.note("reset", matches!(kind, Kind::Reset(_)));
            seen.note("no stream in time", *is_h2 && kind == Kind::Timeout(Phase::Pool));
            seen.note("no answer in time", *is_h2 && kind == Kind::Timeout(Phase::ReceiveHead));
            seen.note("not sent in time", *is_h2 && kind == Kind::Timeout(Phase::Send));
            seen.note("silent", *is_h2 && kind == Kind::Timeout(Phase::KeepAlive));
            match e.delivery() {
                Delivery::NotSent => {
                    seen.note("not sent", true);
                    assert!(!begun, "{id}: not sent? {e:?}");
                }
                Delivery::Refused => {
                    seen.note("refused", true);
                    assert!(processed == 0, "{id}: refused? {e:?}");
                }
                Delivery::Answered => assert!(begun, "{id}: {e:?}"),
                _ => seen.note("unknown", true),
            }
        }
    }
}
