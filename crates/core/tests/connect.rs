//! The race between the addresses of a host, seen from outside.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::panic;
use std::time::{Duration, Instant};

use martlet_core::connect::{
    AttemptId, Eyeballs, EyeballsAction, EyeballsConfig, EyeballsOutcome, interleave,
};

const DELAY: Duration = Duration::from_millis(250);

// ---- the start of a race

#[test]
fn a_race_without_addresses_is_exhausted_at_once() {
    let mut race = race([], epoch());
    assert_eq!(race.outcome(), EyeballsOutcome::Exhausted);
    assert_eq!(race.poll_action(), None);
    assert_eq!(race.poll_timeout(), None);
}

#[test]
fn the_first_address_starts_at_once_and_alone() {
    let mut race = race([six(1), four(1)], epoch());
    assert_eq!(race.outcome(), EyeballsOutcome::Pending);
    assert_eq!(started(&mut race), [six(1)]);
}

#[test]
fn an_ip_literal_is_a_race_of_one_that_never_waits_for_time() {
    let t0 = epoch();
    let mut race = race([four(1)], t0);
    let attempt = start(&mut race, four(1));
    assert_eq!(race.poll_timeout(), None);
    race.handle_timeout(t0 + DELAY * 100);
    assert_eq!(race.poll_action(), None);
    race.handle_failed(attempt, t0 + DELAY * 100);
    assert_eq!(race.outcome(), EyeballsOutcome::Exhausted);
}

#[test]
fn numbers_of_attempts_count_from_zero_in_order_of_start() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    assert_eq!(start(&mut race, six(1)).index(), 0);
    race.handle_timeout(t0 + DELAY);
    assert_eq!(start(&mut race, four(1)).index(), 1);
}

// ---- the delay

#[test]
fn the_next_attempt_starts_beside_the_others_when_the_delay_has_passed() {
    let t0 = epoch();
    let mut race = race([six(1), six(2), four(1)], t0);
    assert_eq!(started(&mut race), [six(1)]);
    assert_eq!(race.poll_timeout(), Some(t0 + DELAY));
    race.handle_timeout(t0 + DELAY);
    assert_eq!(started(&mut race), [four(1)]);
    assert_eq!(race.poll_timeout(), Some(t0 + DELAY * 2));
    race.handle_timeout(t0 + DELAY * 2);
    assert_eq!(started(&mut race), [six(2)]);
    assert_eq!(race.poll_timeout(), None);
}

#[test]
fn a_timeout_that_is_handled_early_starts_nothing() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    assert_eq!(started(&mut race), [six(1)]);
    race.handle_timeout(t0 + DELAY - Duration::from_nanos(1));
    assert_eq!(race.poll_action(), None);
    assert_eq!(race.poll_timeout(), Some(t0 + DELAY));
}

#[test]
fn a_timeout_that_is_handled_late_starts_one_attempt_and_counts_the_delay_from_there() {
    let t0 = epoch();
    let mut race = race([six(1), four(1), six(2)], t0);
    assert_eq!(started(&mut race), [six(1)]);
    let late = t0 + DELAY * 5;
    race.handle_timeout(late);
    assert_eq!(started(&mut race), [four(1)]);
    assert_eq!(race.poll_timeout(), Some(late + DELAY));
}

#[test]
fn a_delay_below_ten_milliseconds_counts_as_ten() {
    let t0 = epoch();
    let mut config = EyeballsConfig::default();
    config.attempt_delay = Duration::ZERO;
    let race = Eyeballs::new([six(1), four(1)], &config, t0);
    assert_eq!(race.poll_timeout(), Some(t0 + Duration::from_millis(10)));
}

#[test]
fn a_delay_beyond_all_time_tries_one_address_after_the_other() {
    let t0 = epoch();
    let mut config = EyeballsConfig::default();
    config.attempt_delay = Duration::MAX;
    let mut race = Eyeballs::new([six(1), four(1)], &config, t0);
    let first = start(&mut race, six(1));
    assert_eq!(race.poll_timeout(), None);
    race.handle_timeout(t0 + Duration::from_secs(86_400));
    assert_eq!(race.poll_action(), None);
    race.handle_failed(first, t0);
    assert_eq!(started(&mut race), [four(1)]);
}

#[test]
fn the_defaults_are_250_ms_one_address_and_six_attempts() {
    let config = EyeballsConfig::default();
    assert_eq!(config.attempt_delay, Duration::from_millis(250));
    assert_eq!(config.first_family_count, 1);
    assert_eq!(config.max_concurrent, 6);
}

#[test]
fn the_first_family_count_gives_the_first_family_a_head_start() {
    let t0 = epoch();
    let mut config = EyeballsConfig::default();
    config.first_family_count = 2;
    let mut race = Eyeballs::new([six(1), six(2), six(3), four(1)], &config, t0);
    for n in 1..=3 {
        race.handle_timeout(t0 + DELAY * n);
    }
    assert_eq!(started(&mut race), [six(1), six(2), four(1), six(3)]);
}

// ---- failure

#[test]
fn a_failed_attempt_starts_the_next_at_once_and_the_delay_anew() {
    let t0 = epoch();
    let mut race = race([six(1), four(1), six(2)], t0);
    let first = start(&mut race, six(1));
    let failed = t0 + Duration::from_millis(3);
    race.handle_failed(first, failed);
    assert_eq!(started(&mut race), [four(1)]);
    assert_eq!(race.poll_timeout(), Some(failed + DELAY));
}

#[test]
fn each_of_several_failures_starts_one_attempt() {
    let t0 = epoch();
    let mut race = race([six(1), four(1), six(2), four(2), six(3)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    let second = start(&mut race, four(1));
    race.handle_failed(second, t0 + DELAY);
    race.handle_failed(first, t0 + DELAY);
    assert_eq!(started(&mut race), [six(2), four(2)]);
}

#[test]
fn the_race_is_exhausted_only_when_the_last_attempt_has_failed() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    let second = start(&mut race, four(1));
    race.handle_failed(second, t0 + DELAY);
    assert_eq!(race.outcome(), EyeballsOutcome::Pending);
    race.handle_failed(first, t0 + DELAY);
    assert_eq!(race.outcome(), EyeballsOutcome::Exhausted);
    assert_eq!(race.poll_action(), None);
    assert_eq!(race.poll_timeout(), None);
}

#[test]
fn a_race_whose_next_start_was_not_polled_is_pending() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    race.handle_failed(first, t0);
    assert_eq!(race.outcome(), EyeballsOutcome::Pending);
}

// ---- the bound on attempts in flight

#[test]
fn no_more_attempts_than_the_bound_are_in_flight_and_the_race_then_waits_for_no_time() {
    let t0 = epoch();
    let mut race = bounded(2, [six(1), four(1), six(2)], t0);
    assert_eq!(started(&mut race), [six(1)]);
    race.handle_timeout(t0 + DELAY);
    assert_eq!(started(&mut race), [four(1)]);
    assert_eq!(race.poll_timeout(), None);
    race.handle_timeout(t0 + DELAY * 2);
    assert_eq!(race.poll_action(), None);
}

#[test]
fn a_failure_makes_room_below_the_bound_for_the_next() {
    let t0 = epoch();
    let mut race = bounded(2, [six(1), four(1), six(2), four(2)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    assert_eq!(started(&mut race), [four(1)]);
    race.handle_failed(first, t0 + DELAY * 3);
    assert_eq!(started(&mut race), [six(2)]);
    assert_eq!(race.poll_timeout(), None);
}

#[test]
fn a_bound_of_zero_counts_as_one() {
    let t0 = epoch();
    let mut race = bounded(0, [six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    assert_eq!(race.poll_action(), None);
    race.handle_failed(first, t0 + DELAY);
    assert_eq!(started(&mut race), [four(1)]);
}

// ---- the winner

#[test]
fn the_first_to_connect_wins_and_all_others_are_aborted() {
    let t0 = epoch();
    let mut race = race([six(1), four(1), six(2), four(2)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    let second = start(&mut race, four(1));
    race.handle_timeout(t0 + DELAY * 2);
    let third = start(&mut race, six(2));
    race.handle_connected(second, t0 + DELAY * 2);
    assert_eq!(race.outcome(), EyeballsOutcome::Connected { attempt: second, to: four(1) });
    assert_eq!(aborted(&mut race), [first, third]);
    assert_eq!(race.poll_timeout(), None);
}

#[test]
fn nothing_starts_after_the_win() {
    let t0 = epoch();
    let mut race = race([six(1), four(1), six(2)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    let second = start(&mut race, four(1));
    race.handle_connected(first, t0 + DELAY);
    race.handle_failed(second, t0 + DELAY);
    race.handle_timeout(t0 + DELAY * 2);
    race.add([four(9)], t0 + DELAY * 2);
    assert_eq!(race.poll_action(), None);
    assert_eq!(race.outcome(), EyeballsOutcome::Connected { attempt: first, to: six(1) });
}

#[test]
fn a_start_that_the_winner_overtook_is_never_polled() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    race.handle_connected(first, t0 + DELAY);
    assert_eq!(race.poll_action(), None);
}

#[test]
fn a_failed_attempt_is_not_aborted() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    race.handle_failed(first, t0);
    let second = start(&mut race, four(1));
    race.handle_connected(second, t0);
    assert_eq!(race.poll_action(), None);
}

#[test]
fn an_abort_is_withdrawn_when_the_loser_has_failed_before_it_was_polled() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    let second = start(&mut race, four(1));
    race.handle_connected(second, t0 + DELAY);
    race.handle_failed(first, t0 + DELAY);
    assert_eq!(race.poll_action(), None);
}

#[test]
fn a_loser_that_connects_before_its_abort_was_polled_is_still_aborted() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    let second = start(&mut race, four(1));
    race.handle_connected(second, t0 + DELAY);
    race.handle_connected(first, t0 + DELAY);
    assert_eq!(race.outcome(), EyeballsOutcome::Connected { attempt: second, to: four(1) });
    assert_eq!(aborted(&mut race), [first]);
}

#[test]
fn a_loser_that_connects_after_its_abort_is_ignored() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    race.handle_timeout(t0 + DELAY);
    let second = start(&mut race, four(1));
    race.handle_connected(second, t0 + DELAY);
    assert_eq!(aborted(&mut race), [first]);
    race.handle_connected(first, t0 + DELAY);
    assert_eq!(race.poll_action(), None);
    assert_eq!(race.outcome(), EyeballsOutcome::Connected { attempt: second, to: four(1) });
}

#[test]
fn the_winner_stays_the_winner_whatever_is_said_of_it_later() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    race.handle_connected(first, t0);
    race.handle_connected(first, t0);
    race.handle_failed(first, t0);
    assert_eq!(race.outcome(), EyeballsOutcome::Connected { attempt: first, to: six(1) });
    assert_eq!(race.poll_action(), None);
}

// ---- what is ignored

#[test]
fn a_second_report_of_a_failed_attempt_is_ignored() {
    let t0 = epoch();
    let mut race = race([six(1), four(1), six(2)], t0);
    let first = start(&mut race, six(1));
    race.handle_failed(first, t0);
    assert_eq!(started(&mut race), [four(1)]);
    race.handle_failed(first, t0);
    race.handle_connected(first, t0);
    assert_eq!(race.poll_action(), None);
    assert_eq!(race.outcome(), EyeballsOutcome::Pending);
}

#[test]
fn an_attempt_whose_start_was_not_polled_can_neither_fail_nor_connect() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    race.handle_failed(ids()[0], t0);
    race.handle_connected(ids()[0], t0);
    assert_eq!(race.outcome(), EyeballsOutcome::Pending);
    assert_eq!(started(&mut race), [six(1)]);
}

#[test]
fn an_attempt_that_the_race_never_had_is_ignored() {
    let t0 = epoch();
    let mut race = race([six(1)], t0);
    assert_eq!(started(&mut race), [six(1)]);
    race.handle_failed(ids()[7], t0);
    race.handle_connected(ids()[7], t0);
    assert_eq!(race.outcome(), EyeballsOutcome::Pending);
    assert_eq!(race.poll_action(), None);
}

#[test]
fn time_that_goes_backwards_counts_as_no_time_passed() {
    let t0 = epoch();
    let mut race = race([six(1), four(1), six(2)], t0);
    let first = start(&mut race, six(1));
    let latest = t0 + Duration::from_millis(100);
    race.handle_timeout(latest);
    race.handle_failed(first, t0);
    assert_eq!(started(&mut race), [four(1)]);
    assert_eq!(race.poll_timeout(), Some(latest + DELAY));
    race.handle_timeout(t0);
    assert_eq!(race.poll_action(), None);
    assert_eq!(race.poll_timeout(), Some(latest + DELAY));
}

#[test]
fn an_ignored_report_moves_time_forward_all_the_same() {
    let t0 = epoch();
    let mut race = race([six(1), four(1)], t0);
    let first = start(&mut race, six(1));
    let latest = t0 + Duration::from_millis(100);
    race.handle_connected(ids()[7], latest);
    race.handle_failed(first, t0);
    race.add([six(2)], t0);
    assert_eq!(race.poll_timeout(), Some(latest + DELAY));
}

// ---- addresses that come later

#[test]
fn a_family_that_is_resolved_later_is_next_and_keeps_to_the_delay() {
    let t0 = epoch();
    let mut race = race([four(1), four(2)], t0);
    assert_eq!(started(&mut race), [four(1)]);
    race.add([six(1), six(2)], t0 + Duration::from_millis(20));
    assert_eq!(race.poll_action(), None);
    assert_eq!(race.poll_timeout(), Some(t0 + DELAY));
    for n in 1..=3 {
        race.handle_timeout(t0 + DELAY * n);
    }
    assert_eq!(started(&mut race), [six(1), four(2), six(2)]);
}

#[test]
fn an_address_that_comes_after_the_delay_has_passed_starts_at_once() {
    let t0 = epoch();
    let mut race = race([four(1)], t0);
    assert_eq!(started(&mut race), [four(1)]);
    race.add([six(1), six(2)], t0 + DELAY);
    assert_eq!(started(&mut race), [six(1)]);
    assert_eq!(race.poll_timeout(), Some(t0 + DELAY * 2));
}

#[test]
fn an_address_that_comes_to_an_exhausted_race_starts_at_once() {
    let t0 = epoch();
    let mut race = race([four(1)], t0);
    let first = start(&mut race, four(1));
    race.handle_failed(first, t0);
    assert_eq!(race.outcome(), EyeballsOutcome::Exhausted);
    race.add([six(1)], t0);
    assert_eq!(race.outcome(), EyeballsOutcome::Pending);
    assert_eq!(started(&mut race), [six(1)]);
}

#[test]
fn an_address_that_comes_again_is_not_tried_again() {
    let t0 = epoch();
    let mut race = race([four(1), four(2)], t0);
    let first = start(&mut race, four(1));
    race.handle_failed(first, t0);
    let second = start(&mut race, four(2));
    race.handle_failed(second, t0);
    race.add([four(1), four(2)], t0 + DELAY);
    assert_eq!(race.outcome(), EyeballsOutcome::Exhausted);
    assert_eq!(race.poll_action(), None);
}

#[test]
fn adding_nothing_starts_nothing_ahead_of_time() {
    let t0 = epoch();
    let mut race = race([four(1), four(2)], t0);
    assert_eq!(started(&mut race), [four(1)]);
    race.add([], t0 + Duration::from_millis(1));
    assert_eq!(race.poll_action(), None);
}

#[test]
fn an_address_that_comes_while_the_bound_is_reached_waits_for_a_failure() {
    let t0 = epoch();
    let mut race = bounded(1, [four(1)], t0);
    let first = start(&mut race, four(1));
    race.add([six(1)], t0 + DELAY);
    assert_eq!(race.poll_action(), None);
    assert_eq!(race.poll_timeout(), None);
    race.handle_failed(first, t0 + DELAY);
    assert_eq!(started(&mut race), [six(1)]);
}

// ---- everything, in any order

#[test]
fn a_race_can_be_shared_sent_and_moved() {
    fn is_plain<T: Send + Sync + Unpin + Clone + 'static>() {}
    is_plain::<Eyeballs>();
}

#[test]
fn every_invariant_holds_under_random_operations() {
    let t0 = epoch();
    let ids = ids();
    for seed in 1..=3000 {
        let run = panic::catch_unwind(|| Run::new(seed, t0).play(&ids));
        assert!(run.is_ok(), "failed with seed {seed}");
    }
}

#[test]
fn the_same_inputs_yield_the_same_outputs() {
    let t0 = epoch();
    let ids = ids();
    for seed in 1..=100 {
        let [here, later] =
            [t0, t0 + Duration::from_secs(3600)].map(|begin| Run::new(seed, begin).play(&ids));
        assert_eq!(here, later, "seed {seed}");
    }
}

/// How an attempt that was started has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Failed,
    Aborted,
    Connected,
}

/// A race that is played at random, beside what is expected of it.
struct Run {
    random: Xorshift,
    race: Eyeballs,
    begin: Instant,
    /// Whether each action is polled as soon as it may be there.
    eager: bool,
    first_family_count: usize,
    max_concurrent: usize,
    delay: Duration,
    /// The latest time the race was told, and the one that is told next.
    clock: Instant,
    now: Instant,
    last_start: Instant,
    /// All addresses in order of arrival, without repetitions, and whether all came at the beginning.
    addresses: Vec<SocketAddr>,
    all_at_once: bool,
    /// How many of them have not begun to start, and how many starts were not polled.
    waiting: usize,
    due: usize,
    started: Vec<(AttemptId, SocketAddr)>,
    ends: Vec<Option<End>>,
    winner: Option<AttemptId>,
    trace: Vec<String>,
}

impl Run {
    fn new(seed: u64, begin: Instant) -> Self {
        let mut random = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut config = EyeballsConfig::default();
        config.attempt_delay = Duration::from_millis(random.below(400));
        config.first_family_count = random.below(4) as usize;
        config.max_concurrent = random.below(5) as usize;
        let addresses = random_addresses(&mut random);
        let race = Eyeballs::new(addresses.iter().copied(), &config, begin);
        let mut run = Self {
            eager: random.below(2) == 0,
            random,
            race,
            begin,
            first_family_count: config.first_family_count,
            max_concurrent: config.max_concurrent.max(1),
            delay: config.attempt_delay.max(Duration::from_millis(10)),
            clock: begin,
            now: begin,
            last_start: begin,
            addresses: Vec::new(),
            all_at_once: true,
            waiting: 0,
            due: 0,
            started: Vec::new(),
            ends: Vec::new(),
            winner: None,
            trace: Vec::new(),
        };
        run.expect_added(addresses);
        run.all_at_once = true;
        run.check();
        run
    }

    fn play(mut self, ids: &[AttemptId]) -> Vec<String> {
        for _ in 0..self.random.below(60) {
            self.operate(ids);
            self.check();
            if self.eager {
                self.poll_all();
            }
        }
        self.finish();
        self.trace
    }

    fn operate(&mut self, ids: &[AttemptId]) {
        // Mostly an attempt that exists, of whatever state; at times one that does not.
        let attempt = ids[self.random.below(self.started.len() as u64 + 2) as usize];
        match self.random.below(12) {
            0 => self.now += Duration::from_millis(self.random.below(300)),
            1 => self.now = self.begin + Duration::from_millis(self.random.below(300)),
            2 | 3 => self.now = self.race.poll_timeout().unwrap_or(self.now),
            4 | 5 => self.timeout(),
            6 if self.random.below(3) == 0 => self.add(),
            7 | 8 => self.failed(attempt),
            9 if self.random.below(3) == 0 => self.connected(attempt),
            _ => {
                self.poll();
            }
        }
    }

    fn timeout(&mut self) {
        self.clock = self.clock.max(self.now);
        self.race.handle_timeout(self.now);
        self.expect_start_if_due();
    }

    fn add(&mut self) {
        self.clock = self.clock.max(self.now);
        let addresses = random_addresses(&mut self.random);
        self.race.add(addresses.iter().copied(), self.now);
        self.expect_added(addresses);
    }

    fn failed(&mut self, attempt: AttemptId) {
        self.clock = self.clock.max(self.now);
        self.race.handle_failed(attempt, self.now);
        if self.is_in_flight(attempt) {
            self.ends[attempt.index()] = Some(End::Failed);
            if self.winner.is_none() {
                self.expect_start();
            }
        }
    }

    fn connected(&mut self, attempt: AttemptId) {
        self.clock = self.clock.max(self.now);
        self.race.handle_connected(attempt, self.now);
        if self.winner.is_none() && self.is_in_flight(attempt) {
            self.ends[attempt.index()] = Some(End::Connected);
            self.winner = Some(attempt);
            self.due = 0;
        }
    }

    /// Polls once; returns whether there was an action.
    fn poll(&mut self) -> bool {
        let action = self.race.poll_action();
        self.trace.push(format!("{action:?}"));
        match action {
            Some(EyeballsAction::Start { attempt, to }) => {
                assert_eq!(self.winner, None, "a start after the win");
                assert_eq!(attempt.index(), self.started.len());
                self.due = self.due.checked_sub(1).expect("a start that nothing called for");
                self.started.push((attempt, to));
                self.ends.push(None);
            }
            Some(EyeballsAction::Abort { attempt }) => {
                assert_ne!(self.winner, None, "an abort before the win");
                assert!(self.is_in_flight(attempt), "an abort of what is over");
                self.ends[attempt.index()] = Some(End::Aborted);
            }
            None => {
                assert_eq!(self.due, 0, "a start is missing");
                assert!(self.winner.is_none() || self.in_flight() == 0, "an abort is missing");
            }
        }
        action.is_some()
    }

    fn poll_all(&mut self) {
        while self.poll() {
            self.check();
        }
    }

    /// Brings the race to its end: lets what is in flight fail until nothing is left.
    fn finish(&mut self) {
        self.poll_all();
        while let Some(attempt) = self.started.iter().map(|s| s.0).find(|id| self.is_in_flight(*id)) {
            assert!(self.started.len() <= self.addresses.len());
            self.failed(attempt);
            self.check();
            self.poll_all();
        }
        let won = self.ends.iter().filter(|end| **end == Some(End::Connected)).count();
        assert!(self.ends.iter().all(Option::is_some), "an attempt without an end");
        match self.race.outcome() {
            EyeballsOutcome::Pending => panic!("the race did not end"),
            EyeballsOutcome::Connected { .. } => assert_eq!(won, 1),
            EyeballsOutcome::Exhausted => {
                assert!(self.ends.iter().all(|end| *end == Some(End::Failed)));
                assert_eq!(self.started.len(), self.addresses.len(), "an address was not tried");
            }
        }
        if self.all_at_once {
            let order = interleave(self.addresses.iter().copied(), self.first_family_count);
            let started: Vec<_> = self.started.iter().map(|s| s.1).collect();
            assert_eq!(started, order[..started.len()]);
        }
    }

    fn check(&self) {
        let live = self.in_flight() + self.due;
        assert!(live <= self.max_concurrent || self.winner.is_some(), "more in flight than the bound");
        let pending = self.winner.is_none() && live > 0;
        match self.race.outcome() {
            EyeballsOutcome::Pending => assert!(pending),
            EyeballsOutcome::Connected { attempt, to } => {
                assert_eq!(Some(attempt), self.winner);
                assert_eq!(to, self.started[attempt.index()].1);
            }
            EyeballsOutcome::Exhausted => assert!(self.winner.is_none() && live == 0 && self.waiting == 0),
        }
        let waits = pending && self.waiting > 0 && live < self.max_concurrent;
        assert_eq!(self.race.poll_timeout(), waits.then(|| self.last_start + self.delay));

        let unique: BTreeSet<_> = self.started.iter().map(|s| s.1).collect();
        assert_eq!(unique.len(), self.started.len(), "an address was started twice");
        for is_family in [SocketAddr::is_ipv4, SocketAddr::is_ipv6] {
            let arrived = self.addresses.iter().filter(|a| is_family(a));
            let started = self.started.iter().map(|s| &s.1).filter(|a| is_family(a));
            assert!(started.zip(arrived).all(|(s, a)| s == a), "the order within a family was not kept");
        }
    }

    fn expect_added(&mut self, addresses: Vec<SocketAddr>) {
        if self.winner.is_some() {
            return;
        }
        for address in addresses {
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
                self.waiting += 1;
                self.all_at_once = false;
            }
        }
        self.expect_start_if_due();
    }

    fn expect_start_if_due(&mut self) {
        let due = self.clock >= self.last_start + self.delay || self.in_flight() + self.due == 0;
        if self.winner.is_none() && due {
            self.expect_start();
        }
    }

    fn expect_start(&mut self) {
        if self.waiting > 0 && self.in_flight() + self.due < self.max_concurrent {
            self.waiting -= 1;
            self.due += 1;
            self.last_start = self.clock;
        }
    }

    fn is_in_flight(&self, attempt: AttemptId) -> bool {
        self.ends.get(attempt.index()) == Some(&None)
    }

    fn in_flight(&self) -> usize {
        self.ends.iter().filter(|end| end.is_none()).count()
    }
}

fn random_addresses(random: &mut Xorshift) -> Vec<SocketAddr> {
    let count = random.below(8);
    (0..count)
        .map(|_| match random.below(2) {
            0 => four(random.below(12) as u8),
            _ => six(random.below(12) as u16),
        })
        .collect()
}

struct Xorshift(u64);

impl Xorshift {
    /// A number from 0 to `bound` - 1.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

// ---- builders

/// The one place where these tests take an `Instant`; all other times are counted from it.
#[allow(clippy::disallowed_methods)]
fn epoch() -> Instant {
    Instant::now()
}

/// An IPv6 address, told from others by its last segment.
fn six(n: u16) -> SocketAddr {
    SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], 443))
}

/// An IPv4 address, told from others by its last octet.
fn four(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 443))
}

fn race<const N: usize>(addresses: [SocketAddr; N], now: Instant) -> Eyeballs {
    Eyeballs::new(addresses, &EyeballsConfig::default(), now)
}

fn bounded<const N: usize>(max_concurrent: usize, addresses: [SocketAddr; N], now: Instant) -> Eyeballs {
    let mut config = EyeballsConfig::default();
    config.max_concurrent = max_concurrent;
    Eyeballs::new(addresses, &config, now)
}

/// Polls the one action there is: a start to `to`.
fn start(race: &mut Eyeballs, to: SocketAddr) -> AttemptId {
    let action = race.poll_action();
    let Some(EyeballsAction::Start { attempt, to: actual }) = action else {
        panic!("a start was expected, not {action:?}")
    };
    assert_eq!(actual, to);
    assert_eq!(race.poll_action(), None);
    attempt
}

/// Polls all actions, which are starts.
fn started(race: &mut Eyeballs) -> Vec<SocketAddr> {
    std::iter::from_fn(|| race.poll_action())
        .map(|action| match action {
            EyeballsAction::Start { to, .. } => to,
            EyeballsAction::Abort { .. } => panic!("a start was expected, not {action:?}"),
        })
        .collect()
}

/// Polls all actions, which are aborts.
fn aborted(race: &mut Eyeballs) -> Vec<AttemptId> {
    std::iter::from_fn(|| race.poll_action())
        .map(|action| match action {
            EyeballsAction::Abort { attempt } => attempt,
            EyeballsAction::Start { .. } => panic!("an abort was expected, not {action:?}"),
        })
        .collect()
}

/// The first 32 attempts of any race.
fn ids() -> Vec<AttemptId> {
    let now = epoch();
    let mut race = race(std::array::from_fn::<_, 32, _>(|n| six(n as u16)), now);
    let mut ids = Vec::new();
    while let Some(EyeballsAction::Start { attempt, .. }) = race.poll_action() {
        ids.push(attempt);
        race.handle_failed(attempt, now);
    }
    ids
}
