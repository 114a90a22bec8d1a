//! The deadlines of a request, on a clock of the test's own.

use std::time::{Duration, Instant};

use martlet_core::time::{Deadlines, Expired, Phase, Timeouts};
use proptest::prelude::*;

/// Some instant; all others are counted from it.
#[expect(
    clippy::disallowed_methods,
    reason = "an instant cannot be made otherwise, and none is compared with the clock"
)]
fn epoch() -> Instant {
    Instant::now()
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn timeouts(change: impl FnOnce(&mut Timeouts)) -> Timeouts {
    let mut timeouts = Timeouts::none();
    change(&mut timeouts);
    timeouts
}

#[test]
fn without_limits_there_is_no_deadline() {
    let now = epoch();
    for phase in [Phase::Pool, Phase::Resolve, Phase::Send, Phase::ReceiveHead, Phase::ReceiveContent] {
        let mut deadlines = Deadlines::new(Timeouts::none(), now);
        deadlines.enter(phase, now);
        assert_eq!(deadlines.poll_timeout(), None, "{phase:?}");
        assert_eq!(deadlines.expired(now + secs(1_000_000)), None, "{phase:?}");
    }
}

#[test]
fn the_defaults_are_five_seconds_for_pool_connect_read_and_write_and_one_for_continue() {
    let now = epoch();
    for (phase, allowed) in [
        (Phase::Pool, 5),
        (Phase::Resolve, 5),
        (Phase::Connect, 5),
        (Phase::Tls, 5),
        (Phase::Send, 5),
        (Phase::Continue, 1),
        (Phase::ReceiveHead, 5),
        (Phase::ReceiveContent, 5),
    ] {
        let mut deadlines = Deadlines::new(Timeouts::default(), now);
        deadlines.enter(phase, now);
        assert_eq!(deadlines.poll_timeout(), Some(now + secs(allowed)), "{phase:?}");
    }
}

#[test]
fn resolve_connect_and_tls_share_one_allowance() {
    let now = epoch();
    let mut deadlines = Deadlines::new(Timeouts::default(), now);
    deadlines.enter(Phase::Resolve, now);
    deadlines.leave(Phase::Resolve);
    deadlines.enter(Phase::Connect, now + secs(3));
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(5)));
    let expired = deadlines.expired(now + secs(5));
    assert_eq!(expired, Some(Expired { phase: Phase::Connect, elapsed: secs(5) }));
}

#[test]
fn waiting_for_a_connection_starts_anew_when_a_dial_is_given_up_and_has_taken_the_whole_time_when_it_expires()
{
    let now = epoch();
    let mut deadlines = Deadlines::new(timeouts(|t| t.pool = Some(secs(5))), now);
    deadlines.enter(Phase::Pool, now);
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(5)));
    deadlines.progress(Phase::Pool, now + secs(4));
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(9)));
    assert_eq!(deadlines.expired(now + secs(8)), None);
    let expired = deadlines.expired(now + secs(9));
    assert_eq!(expired, Some(Expired { phase: Phase::Pool, elapsed: secs(9) }));
}

#[test]
fn having_had_a_connection_ends_the_wait_for_one_and_the_next_wait_is_another() {
    let now = epoch();
    let mut deadlines = Deadlines::new(Timeouts::default(), now);
    deadlines.enter(Phase::Pool, now);
    deadlines.leave(Phase::Pool);
    assert_eq!(deadlines.poll_timeout(), None);
    deadlines.enter(Phase::Pool, now + secs(3));
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(8)));
}

#[test]
fn what_runs_at_a_time_after_the_wait_for_a_connection_has_all_its_deadlines() {
    let now = epoch();
    let all = timeouts(|t| (t.read, t.write, t.pool) = (Some(secs(3)), Some(secs(4)), Some(secs(1))));
    let mut deadlines = Deadlines::new(all, now);
    deadlines.enter(Phase::Pool, now);
    deadlines.leave(Phase::Pool);
    let together = [Phase::KeepAlive, Phase::Continue, Phase::Send, Phase::ReceiveHead];
    for phase in together {
        deadlines.enter(phase, now);
    }
    assert!(together.iter().all(|phase| deadlines.is_in(*phase)));
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(1)), "that of Continue");
}

#[test]
fn any_number_of_phases_run_at_a_time_and_none_loses_its_deadline() {
    let now = epoch();
    let mut deadlines = Deadlines::new(timeouts(|t| t.read = Some(secs(3))), now);
    let others = || Phase::ALL.iter().filter(|phase| **phase != Phase::ReceiveContent);
    for phase in others() {
        deadlines.enter(*phase, now);
    }
    deadlines.enter(Phase::ReceiveContent, now - secs(1));
    assert!(others().all(|phase| deadlines.is_in(*phase)));
    assert_eq!(deadlines.silence(Phase::ReceiveContent, now), Some(secs(1)));
    deadlines.leave(Phase::Continue);
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(2)));
}

#[test]
fn progress_moves_the_deadline_of_reading_and_writing_but_not_that_of_the_head() {
    let now = epoch();
    let mut deadlines = Deadlines::new(timeouts(|t| (t.read, t.head) = (Some(secs(5)), Some(secs(8)))), now);
    deadlines.enter(Phase::ReceiveHead, now);
    deadlines.progress(Phase::ReceiveHead, now + secs(2));
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(7)));
    deadlines.progress(Phase::ReceiveHead, now + secs(6));
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(8)));
    let expired = deadlines.expired(now + secs(8));
    assert_eq!(expired, Some(Expired { phase: Phase::ReceiveHead, elapsed: secs(8) }));
}

#[test]
fn a_clock_that_goes_backwards_moves_no_deadline() {
    let now = epoch() + secs(100);
    let mut deadlines = Deadlines::new(Timeouts::default(), now);
    deadlines.enter(Phase::Send, now);
    deadlines.progress(Phase::Send, now - secs(50));
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(5)));
}

#[test]
fn a_phase_that_was_left_expires_no_more_and_entering_twice_begins_once() {
    let now = epoch();
    let mut deadlines = Deadlines::new(Timeouts::default(), now);
    deadlines.enter(Phase::Send, now);
    deadlines.enter(Phase::Send, now + secs(3));
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(5)));
    deadlines.leave(Phase::Send);
    assert_eq!(deadlines.poll_timeout(), None);
}

#[test]
fn the_total_names_the_phase_that_it_hit() {
    let now = epoch();
    let mut deadlines = Deadlines::new(timeouts(|t| t.total = Some(secs(10))), now);
    deadlines.enter(Phase::Send, now + secs(1));
    deadlines.leave(Phase::Send);
    deadlines.enter(Phase::ReceiveContent, now + secs(4));
    assert_eq!(deadlines.poll_timeout(), Some(now + secs(10)));
    let expired = deadlines.expired(now + secs(11));
    assert_eq!(expired, Some(Expired { phase: Phase::ReceiveContent, elapsed: secs(11) }));
    assert!(!deadlines.is_total_over(now + secs(9)));
    assert!(deadlines.is_total_over(now + secs(10)));
    assert!(!Deadlines::new(Timeouts::default(), now).is_total_over(now + secs(1_000_000)));
}

#[test]
fn the_earliest_of_several_deadlines_is_the_one_that_expires() {
    let now = epoch();
    let mut deadlines = Deadlines::new(timeouts(|t| (t.read, t.write) = (Some(secs(3)), Some(secs(2)))), now);
    deadlines.enter(Phase::ReceiveContent, now);
    deadlines.enter(Phase::Send, now);
    let expired = deadlines.expired(now + secs(9));
    assert_eq!(expired.map(|e| e.phase), Some(Phase::Send));
}

#[test]
fn allowances_beyond_all_time_are_no_limit() {
    let now = epoch();
    let mut deadlines = Deadlines::new(timeouts(|t| t.read = Some(Duration::MAX)), now);
    deadlines.enter(Phase::ReceiveContent, now);
    assert_eq!(deadlines.poll_timeout(), None);
}

#[test]
fn every_phase_has_words_of_its_own() {
    let mut texts = Phase::ALL.iter().map(Phase::to_string).collect::<Vec<_>>();
    texts.sort();
    assert!(texts.windows(2).all(|pair| pair[0] != pair[1] && !pair[0].is_empty()));
}

#[test]
fn silence_is_counted_from_the_last_progress_of_a_phase_that_runs() {
    let now = epoch();
    let mut deadlines = Deadlines::new(Timeouts::default(), now);
    assert_eq!(deadlines.silence(Phase::Send, now + secs(9)), None);
    deadlines.enter(Phase::Send, now + secs(1));
    assert_eq!(deadlines.silence(Phase::Send, now + secs(3)), Some(secs(2)));
    deadlines.progress(Phase::Send, now + secs(3));
    deadlines.progress(Phase::ReceiveHead, now + secs(4));
    assert_eq!(deadlines.silence(Phase::Send, now + secs(4)), Some(secs(1)));
    assert_eq!(deadlines.silence(Phase::Send, now), Some(Duration::ZERO), "time does not go backwards");
    assert_eq!(deadlines.started(), now);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(Phase),
    Progress(Phase),
    Leave(Phase),
}

fn step() -> impl Strategy<Value = Step> {
    let phase = || prop::sample::select(Phase::ALL);
    prop_oneof![
        3 => phase().prop_map(Step::Enter),
        2 => phase().prop_map(Step::Progress),
        1 => phase().prop_map(Step::Leave),
    ]
}

fn any_timeouts() -> impl Strategy<Value = Timeouts> {
    let setting = || prop::option::weighted(0.7, (1..8_u64).prop_map(secs));
    let all = (
        setting(),
        setting(),
        setting(),
        setting(),
        setting(),
        setting(),
        prop::option::of((5..15_u64).prop_map(secs)),
    );
    all.prop_map(|(pool, connect, write, read, head, continue_, total)| {
        timeouts(|t| {
            (t.pool, t.connect, t.write, t.read, t.head, t.continue_, t.total) =
                (pool, connect, write, read, head, continue_, total)
        })
    })
}

/// A phase that runs, with the second in which it began and that of its last progress.
type Runs = (Phase, u64, u64);

/// The seconds in which a phase is too late, by the table in the documentation of `Timeouts`.
fn deadlines_of(timeouts: &Timeouts, (phase, since, progress): Runs) -> Vec<u64> {
    let at = |from: u64, allowed: Option<Duration>| allowed.map(|allowed| from + allowed.as_secs());
    let both = match phase {
        Phase::Pool => [at(progress, timeouts.pool), None],
        Phase::Resolve | Phase::Connect | Phase::Tls => [at(since, timeouts.connect), None],
        Phase::Send => [at(progress, timeouts.write), None],
        Phase::Continue => [at(since, timeouts.continue_), None],
        Phase::ReceiveHead => [at(progress, timeouts.read), at(since, timeouts.head)],
        Phase::ReceiveContent => [at(progress, timeouts.read), None],
        _ => [None, None],
    };
    both.into_iter().flatten().collect()
}

proptest! {
    #[test]
    fn whatever_runs_the_deadlines_are_those_of_the_table(
        timeouts in any_timeouts(),
        steps in prop::collection::vec((step(), 0..3_u64), 0..24),
        later in 0..20_u64,
    ) {
        let epoch = epoch();
        let at = |second: u64| epoch + secs(second);
        let mut deadlines = Deadlines::new(timeouts.clone(), epoch);
        let (mut running, mut connecting, mut now): (Vec<Runs>, Option<u64>, u64) = (Vec::new(), None, 0);
        for (step, pause) in steps {
            now += pause;
            match step {
                Step::Enter(phase) => {
                    let connects = matches!(phase, Phase::Resolve | Phase::Connect | Phase::Tls);
                    if !running.iter().any(|(other, ..)| *other == phase) {
                        let since = if connects { *connecting.get_or_insert(now) } else { now };
                        running.push((phase, since, now));
                    }
                    deadlines.enter(phase, at(now));
                }
                Step::Progress(phase) => {
                    running.iter_mut().filter(|(other, ..)| *other == phase).for_each(|runs| runs.2 = now);
                    deadlines.progress(phase, at(now));
                }
                Step::Leave(phase) => {
                    running.retain(|(other, ..)| *other != phase);
                    deadlines.leave(phase);
                }
            }
            for phase in Phase::ALL {
                let runs = running.iter().find(|(other, ..)| other == phase);
                prop_assert_eq!(deadlines.is_in(*phase), runs.is_some());
                prop_assert_eq!(deadlines.silence(*phase, at(now)), runs.map(|(.., progress)| secs(now - progress)));
            }
        }
        let total = timeouts.total.map(|total| total.as_secs());
        let first = |runs: &Runs| deadlines_of(&timeouts, *runs).into_iter().min();
        let of_phases = running.iter().filter_map(first).min();
        prop_assert_eq!(deadlines.poll_timeout(), of_phases.into_iter().chain(total).min().map(at));

        let now = now + later;
        prop_assert_eq!(deadlines.is_total_over(at(now)), total.is_some_and(|total| total <= now));
        match deadlines.expired(at(now)) {
            None => prop_assert!(of_phases.into_iter().chain(total).all(|due| due > now)),
            // When both are due at once it is the phase that is named, with its own time.
            Some(Expired { elapsed, .. }) if total.is_some_and(|total| of_phases.is_none_or(|due| total < due)) => {
                prop_assert_eq!(elapsed, secs(now));
            }
            Some(Expired { phase, elapsed }) => {
                let runs = running.iter().find(|(other, ..)| *other == phase).expect("it runs");
                prop_assert_eq!(first(runs), of_phases, "another phase was due before");
                prop_assert!(of_phases.is_some_and(|due| due <= now));
                prop_assert_eq!(elapsed, secs(now - runs.1));
            }
        }
    }
}
