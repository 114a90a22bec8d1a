//! The race between addresses against a count of what may start when.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use martlet_core::connect::{AttemptId, Eyeballs, EyeballsAction, EyeballsConfig, EyeballsOutcome};

/// The least delay, whatever is asked for.
const LEAST_DELAY: Duration = Duration::from_millis(10);

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    Add([u8; 3]),
    Connected(u8),
    Failed(u8),
    Timeout,
    Poll,
    Wait(u16),
    WaitForTimeout,
    /// A clock may be set back.
    GoBack(u16),
}

#[derive(Arbitrary, Debug)]
struct Config {
    delay: u16,
    first_family_count: u8,
    max_concurrent: u8,
    addresses: [u8; 6],
    count: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    InFlight,
    Failed,
    Connected,
    Aborted,
}

struct Race {
    race: Eyeballs,
    delay: Duration,
    first_family_count: usize,
    max_concurrent: usize,
    /// The latest time that the race was told, and the one that it is told next.
    clock: Instant,
    now: Instant,
    last_start: Instant,
    /// All addresses in order of arrival.
    known: Vec<SocketAddr>,
    added_later: bool,
    /// Addresses whose start was called for, in order; those behind the started ones were not polled.
    begun: Vec<SocketAddr>,
    /// The family whose turn it is, and how many of it are due before the other.
    turn: Option<(bool, usize)>,
    started: Vec<(SocketAddr, Fate)>,
    winner: Option<usize>,
    ids: &'static [AttemptId],
}

/// Runs a race by any sequence of answers, waits and further addresses.
pub fn eyeballs(data: &[u8]) {
    static BEGIN: OnceLock<(Instant, Vec<AttemptId>)> = OnceLock::new();
    let (epoch, ids) = BEGIN.get_or_init(|| (Instant::now(), ids()));
    let mut from = Unstructured::new(data);
    let Ok(config) = Config::arbitrary(&mut from) else { return };
    let mut race = Race::begin(&config, *epoch + Duration::from_secs(1_000), ids);
    race.check();
    for _ in 0..200 {
        if from.is_empty() {
            break;
        }
        let Ok((how, op)) = <(u8, Op)>::arbitrary(&mut from) else { break };
        race.run(op, how & 1 == 0);
    }
    race.end();
}

impl Race {
    fn begin(config: &Config, now: Instant, ids: &'static [AttemptId]) -> Self {
        let delay = match config.delay {
            u16::MAX => Duration::MAX,
            millis => Duration::from_millis((millis % 500).into()),
        };
        let mut chosen = EyeballsConfig::default();
        chosen.attempt_delay = delay;
        chosen.first_family_count = usize::from(config.first_family_count % 4);
        chosen.max_concurrent = usize::from(config.max_concurrent % 8);
        let addresses = config.addresses.iter().take(usize::from(config.count % 7)).map(|&n| address(n));
        let addresses: Vec<_> = addresses.collect();
        let mut race = Self {
            race: Eyeballs::new(addresses.iter().copied(), &chosen, now),
            delay: delay.max(LEAST_DELAY),
            first_family_count: chosen.first_family_count.max(1),
            max_concurrent: chosen.max_concurrent.max(1),
            clock: now,
            now,
            last_start: now,
            known: Vec::new(),
            added_later: false,
            begun: Vec::new(),
            turn: None,
            started: Vec::new(),
            winner: None,
            ids,
        };
        race.adds(&addresses);
        race
    }

    fn run(&mut self, op: Op, polls: bool) {
        match op {
            Op::Wait(millis) => self.now += Duration::from_millis((millis % 1_000).into()),
            Op::WaitForTimeout => self.now = self.race.poll_timeout().unwrap_or(self.now),
            Op::GoBack(millis) => self.now -= Duration::from_millis((millis % 300).into()),
            Op::Poll => drop(self.poll()),
            Op::Add(of) => {
                let addresses = of.map(address);
                self.tell();
                self.race.add(addresses, self.now);
                let before = self.known.len();
                self.adds(&addresses);
                self.added_later |= self.known.len() > before;
            }
            Op::Timeout => {
                self.tell();
                self.race.handle_timeout(self.now);
                self.starts_if_due();
            }
            Op::Failed(n) => self.fails(usize::from(n) % (self.started.len() + 2)),
            Op::Connected(n) => {
                let attempt = usize::from(n) % (self.started.len() + 2);
                self.tell();
                self.race.handle_connected(self.ids[attempt], self.now);
                if self.winner.is_none() && self.fate(attempt) == Some(Fate::InFlight) {
                    self.started[attempt].1 = Fate::Connected;
                    self.winner = Some(attempt);
                    self.begun.truncate(self.started.len());
                }
            }
        }
        self.check();
        while polls && self.poll() {
            self.check();
        }
    }

    fn tell(&mut self) {
        self.clock = self.clock.max(self.now);
    }

    fn fate(&self, attempt: usize) -> Option<Fate> {
        self.started.get(attempt).map(|(_, fate)| *fate)
    }

    fn fails(&mut self, attempt: usize) {
        self.tell();
        self.race.handle_failed(self.ids[attempt], self.now);
        if self.fate(attempt) == Some(Fate::InFlight) {
            self.started[attempt].1 = Fate::Failed;
            if self.winner.is_none() {
                self.starts();
            }
        }
    }

    fn adds(&mut self, addresses: &[SocketAddr]) {
        if self.winner.is_some() {
            return;
        }
        for address in addresses {
            if !self.known.contains(address) {
                self.known.push(*address);
            }
        }
        self.starts_if_due();
    }

    /// Attempts that run, or are about to.
    fn live(&self) -> usize {
        self.due() + self.started.iter().filter(|(_, fate)| *fate == Fate::InFlight).count()
    }

    fn due(&self) -> usize {
        self.begun.len() - self.started.len()
    }

    /// Addresses whose start nothing has called for.
    fn left(&self) -> usize {
        self.known.len() - self.begun.len()
    }

    fn next_start(&self) -> Option<Instant> {
        self.last_start.checked_add(self.delay)
    }

    fn starts_if_due(&mut self) {
        let time = self.next_start().is_some_and(|at| at <= self.clock);
        if self.winner.is_none() && (time || self.live() == 0) {
            self.starts();
        }
    }

    fn starts(&mut self) {
        if self.left() > 0 && self.live() < self.max_concurrent {
            let next = self.next();
            self.begun.push(next);
            self.last_start = self.clock;
        }
    }

    /// Within a family in the order of arrival, and families in turns, but for the head start of the first (RFC 8305 §4). Who
    /// has nothing when its turn comes is stepped in for, and is next as soon as it has something.
    fn next(&mut self) -> SocketAddr {
        let first = |v4: bool| {
            let left = |address: &SocketAddr| !self.begun.contains(address) && is_v4(*address) == v4;
            self.known.iter().copied().find(left)
        };
        let (family, head_start) = self.turn.unwrap_or((is_v4(self.known[0]), self.first_family_count));
        let (address, turn) = match (first(family), head_start) {
            (Some(address), 2..) => (address, (family, head_start - 1)),
            (Some(address), _) => (address, (!family, 1)),
            (None, _) => (first(!family).expect("there are some left"), (family, 1)),
        };
        self.turn = Some(turn);
        address
    }

    /// Polls once; whether there was an action.
    fn poll(&mut self) -> bool {
        let action = self.race.poll_action();
        match action {
            Some(EyeballsAction::Start { attempt, to }) => {
                assert_eq!(self.winner, None, "a start behind the win");
                assert_eq!(attempt, self.ids[self.started.len()], "the number of the attempt");
                assert_eq!(
                    Some(&to),
                    self.begun.get(self.started.len()),
                    "what was called for is another start"
                );
                self.started.push((to, Fate::InFlight));
            }
            Some(EyeballsAction::Abort { attempt }) => {
                assert_ne!(self.winner, None, "an abort before the win");
                let at = self.ids.iter().position(|id| *id == attempt).expect("it was started");
                assert_eq!(self.fate(at), Some(Fate::InFlight), "an abort of what is over");
                self.started[at].1 = Fate::Aborted;
            }
            None => {
                assert_eq!(self.due(), 0, "a start is missing");
                assert!(self.winner.is_none() || self.live() == 0, "an abort is missing");
            }
        }
        action.is_some()
    }

    fn check(&self) {
        let live = self.live();
        assert!(live <= self.max_concurrent || self.winner.is_some(), "more at once than allowed");
        match self.race.outcome() {
            EyeballsOutcome::Pending => assert!(self.winner.is_none() && live > 0),
            EyeballsOutcome::Connected { attempt, to } => {
                let winner = self.winner.expect("somebody has connected");
                assert_eq!((attempt, to), (self.ids[winner], self.started[winner].0));
            }
            EyeballsOutcome::Exhausted => {
                assert!(self.winner.is_none() && live == 0 && self.left() == 0, "given up too early");
            }
        }
        if !self.added_later {
            assert!(in_turns(&self.known, self.first_family_count).starts_with(&self.begun), "not in turns");
        }
        let waits = self.winner.is_none() && self.left() > 0 && live < self.max_concurrent;
        assert_eq!(self.race.poll_timeout(), self.next_start().filter(|_| waits), "the next timeout");
    }

    /// Whatever is in flight fails: then all addresses have been tried, or one has won.
    fn end(mut self) {
        while self.poll() {
            self.check();
        }
        while let Some(attempt) = self.started.iter().position(|(_, fate)| *fate == Fate::InFlight) {
            self.fails(attempt);
            self.check();
            while self.poll() {
                self.check();
            }
        }
        let won = self.started.iter().filter(|(_, fate)| *fate == Fate::Connected).count();
        match self.race.outcome() {
            EyeballsOutcome::Pending => panic!("the race does not end"),
            EyeballsOutcome::Connected { .. } => assert_eq!(won, 1),
            EyeballsOutcome::Exhausted => assert_eq!((won, self.started.len()), (0, self.known.len())),
        }
    }
}

/// The order of RFC 8305 §4, written out: the head start of the first family, then one of each while there are some.
fn in_turns(addresses: &[SocketAddr], first_family_count: usize) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(|address| is_v4(*address)) else { return Vec::new() };
    let (ones, others): (Vec<_>, Vec<_>) = addresses.iter().partition(|address| is_v4(**address) == first);
    let ahead = ones.len().min(first_family_count);
    let mut order = ones[..ahead].to_vec();
    let (mut ones, mut others) = (ones[ahead..].iter(), others.iter());
    while order.len() < addresses.len() {
        order.extend(others.next());
        order.extend(ones.next());
    }
    order
}

/// A mapped address travels as IPv4.
fn is_v4(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_ipv4()
}

/// One of thirty addresses: IPv4, IPv6, or IPv4 as IPv6.
fn address(n: u8) -> SocketAddr {
    let host = n / 3 % 10;
    match n % 3 {
        0 => SocketAddr::from(([192, 0, 2, host], 443)),
        1 => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()], 443)),
        _ => SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0280 | u16::from(host)], 443)),
    }
}

/// The first 64 attempts of any race: there are thirty addresses.
fn ids() -> Vec<AttemptId> {
    let now = Instant::now();
    let addresses = (0..64_u16).map(|n| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 1, n], 443)));
    let mut race = Eyeballs::new(addresses, &EyeballsConfig::default(), now);
    let mut ids = Vec::new();
    while let Some(EyeballsAction::Start { attempt, .. }) = race.poll_action() {
        ids.push(attempt);
        race.handle_failed(attempt, now);
    }
    ids
}
