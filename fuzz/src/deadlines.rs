//! The deadlines of a request against a list that is scanned.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use martlet_core::time::{Deadlines, Expired, Phase, Timeouts};

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    Enter(u8),
    Progress(u8),
    Leave(u8),
    Wait(u16),
    /// To the very end of what is allowed next.
    WaitForTimeout,
    /// A clock may be set back.
    GoBack(u16),
}

/// What the phases are, written down as they come.
struct Model {
    timeouts: Timeouts,
    started: Instant,
    first_connect: Option<Instant>,
    running: Vec<Running>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    phase: Phase,
    since: Instant,
    progress: Instant,
}

impl Model {
    fn enter(&mut self, phase: Phase, now: Instant) {
        if self.running.iter().any(|running| running.phase == phase) {
            return;
        }
        let shares = matches!(phase, Phase::Resolve | Phase::Connect | Phase::Tls);
        if shares && self.first_connect.is_none() {
            self.first_connect = Some(now);
        }
        let since = self.first_connect.filter(|_| shares).unwrap_or(now);
        self.running.push(Running { phase, since, progress: now });
    }

    fn progress(&mut self, phase: Phase, now: Instant) {
        for running in
            self.running.iter_mut().filter(|running| running.phase == phase && running.progress < now)
        {
            running.progress = now;
        }
    }

    /// All that may end the wait in this phase: the beginning that counts, and what is allowed from there.
    fn allowances(&self, running: &Running) -> Vec<(Instant, Option<Duration>)> {
        let timeouts = &self.timeouts;
        match running.phase {
            Phase::Pool => vec![(running.progress, timeouts.pool)],
            Phase::Resolve | Phase::Connect | Phase::Tls => vec![(running.since, timeouts.connect)],
            Phase::Send => vec![(running.progress, timeouts.write)],
            Phase::Continue => vec![(running.since, timeouts.continue_)],
            Phase::ReceiveHead => vec![(running.progress, timeouts.read), (running.since, timeouts.head)],
            Phase::ReceiveContent => vec![(running.progress, timeouts.read)],
            _ => Vec::new(),
        }
    }

    fn deadline(&self, running: &Running) -> Option<Instant> {
        let allowances = self.allowances(running).into_iter();
        allowances.filter_map(|(since, allowed)| since.checked_add(allowed?)).min()
    }

    fn total(&self) -> Option<Instant> {
        self.started.checked_add(self.timeouts.total?)
    }

    fn next(&self) -> Option<Instant> {
        self.running.iter().filter_map(|running| self.deadline(running)).chain(self.total()).min()
    }

    /// All that may be said to have expired: of several at one time any, but a phase before the whole.
    fn expired(&self, now: Instant) -> Vec<Expired> {
        let Some(first) = self.next().filter(|at| *at <= now) else { return Vec::new() };
        let of = |running: &Running| Expired {
            phase: running.phase,
            elapsed: now.saturating_duration_since(running.since),
        };
        let due: Vec<_> = self.running.iter().filter(|r| self.deadline(r) == Some(first)).map(of).collect();
        if !due.is_empty() {
            return due;
        }
        let elapsed = now.saturating_duration_since(self.started);
        let last = self.running.iter().map(|running| running.since).max();
        let phases = self.running.iter().filter(|running| Some(running.since) == last).map(|r| r.phase);
        let phases: Vec<_> = if last.is_none() { vec![Phase::ReceiveContent] } else { phases.collect() };
        phases.into_iter().map(|phase| Expired { phase, elapsed }).collect()
    }
}

/// Enters and leaves phases, and compares the next deadline and what has expired with the model's.
pub fn deadlines(data: &[u8]) {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let epoch = *BEGIN.get_or_init(Instant::now) + Duration::from_secs(1_000);
    let mut from = Unstructured::new(data);
    let Ok(allowed) = <[Option<u16>; 7]>::arbitrary(&mut from) else { return };
    let allowed = allowed.map(|allowed| match allowed? {
        u16::MAX => Some(Duration::MAX),
        millis => Some(Duration::from_millis(millis.into())),
    });
    let mut timeouts = Timeouts::none();
    [
        timeouts.pool,
        timeouts.connect,
        timeouts.write,
        timeouts.read,
        timeouts.head,
        timeouts.continue_,
        timeouts.total,
    ] = allowed;
    let mut machine = Deadlines::new(timeouts.clone(), epoch);
    let mut model = Model { timeouts, started: epoch, first_connect: None, running: Vec::new() };
    let mut now = epoch;
    for _ in 0..300 {
        if from.is_empty() {
            break;
        }
        let Ok(op) = Op::arbitrary(&mut from) else { break };
        let phase = |n: u8| Phase::ALL[usize::from(n) % Phase::ALL.len()];
        match op {
            Op::Enter(n) => {
                machine.enter(phase(n), now);
                model.enter(phase(n), now);
            }
            Op::Progress(n) => {
                machine.progress(phase(n), now);
                model.progress(phase(n), now);
            }
            Op::Leave(n) => {
                machine.leave(phase(n));
                model.running.retain(|running| running.phase != phase(n));
            }
            Op::Wait(millis) => now += Duration::from_millis(millis.into()),
            Op::WaitForTimeout => now = now.max(machine.poll_timeout().unwrap_or(now)),
            Op::GoBack(millis) => now -= Duration::from_millis(millis.into()).min(now - epoch),
        }
        compare(&machine, &model, now);
    }
}

fn compare(machine: &Deadlines, model: &Model, now: Instant) {
    let next = model.next();
    assert_eq!(machine.poll_timeout(), next, "of {:?}", model.running);
    // Just before the next deadline nothing has expired; at it something has.
    let around = next.into_iter().flat_map(|at| [at - Duration::from_nanos(1), at]);
    for now in around.chain([now]) {
        let candidates = model.expired(now);
        match machine.expired(now) {
            Some(expired) => assert!(candidates.contains(&expired), "{expired:?} is none of {candidates:?}"),
            None => assert!(candidates.is_empty(), "nothing, but {candidates:?}"),
        }
        assert_eq!(machine.is_total_over(now), model.total().is_some_and(|at| at <= now));
        for &phase in Phase::ALL {
            let running = model.running.iter().find(|running| running.phase == phase);
            assert_eq!(machine.is_in(phase), running.is_some());
            let silence = running.map(|running| now.saturating_duration_since(running.progress));
            assert_eq!(machine.silence(phase, now), silence, "{phase:?}");
        }
    }
    assert_eq!(machine.started(), model.started);
}
