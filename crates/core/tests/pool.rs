//! The pool, scenario by scenario: what it does after each thing that happens to it.
//!
//! Every step answers with what the pool asks for, one line each: `dial 0: a for A`, `A on #0`, `B on #0, reused`,
//! `undial 0`, `A fails: Shutdown`, `close #0: Evicted`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use martlet_core::pool::{
    Action, Capacity, ConnId, DialFailure, DialId, DialPolicy, FailReason, Handle, Lease, Pool, PoolConfig,
    PoolKey, PoolStats, Returned, WaiterId, Want,
};

/// Some instant; all others are counted from it.
#[expect(
    clippy::disallowed_methods,
    reason = "an instant cannot be made otherwise; only the bounds on the cost of a crowd compare two"
)]
fn epoch() -> Instant {
    Instant::now()
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// An origin. Those that begin with `s` may speak HTTP/2.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Origin(String);

/// `a` and `a!` are two keys of the origin `a`.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    origin: Origin,
    name: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PoolKey for Key {
    type Origin = Origin;

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn may_multiplex(&self) -> bool {
        self.name.starts_with('s')
    }
}

fn key(name: &str) -> Key {
    Key { origin: Origin(name.trim_end_matches('!').to_owned()), name: name.to_owned() }
}

struct Rig {
    pool: Pool<Key, usize, usize, String>,
    now: Instant,
    waiters: BTreeMap<String, WaiterId>,
    dials: Vec<DialId>,
    /// By the number of the handle.
    conns: Vec<ConnId>,
    leases: BTreeMap<String, (Lease, Handle<usize, usize>)>,
}

impl Rig {
    fn new(change: impl FnOnce(&mut PoolConfig)) -> Self {
        let mut config = PoolConfig::default();
        change(&mut config);
        Self {
            pool: Pool::new(config),
            now: epoch(),
            waiters: BTreeMap::new(),
            dials: Vec::new(),
            conns: Vec::new(),
            leases: BTreeMap::new(),
        }
    }

    fn limited(max_connections: usize) -> Self {
        Self::new(|config| config.max_connections = max_connections)
    }

    /// Time passes, and nobody tells the pool.
    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn wake(&mut self) -> Vec<String> {
        self.pool.handle_timeout(self.now);
        let next = self.pool.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now), "a timer is due after it was served");
        self.done()
    }

    fn start(&mut self, who: &str, origin: &str) -> Vec<String> {
        self.ask(who, origin, Want::Any)
    }

    fn start_fresh(&mut self, who: &str, origin: &str) -> Vec<String> {
        self.ask(who, origin, Want::Fresh)
    }

    fn ask(&mut self, who: &str, origin: &str, want: Want) -> Vec<String> {
        let id = self.pool.request(&key(origin), who.to_owned(), want, self.now);
        self.waiters.insert(who.to_owned(), id);
        self.done()
    }

    fn cancel(&mut self, who: &str) -> Vec<String> {
        self.pool.cancel(self.waiters[who], self.now);
        self.done()
    }

    /// A dial leads to an HTTP/1.1 connection.
    fn h1(&mut self, dial: usize) -> Vec<String> {
        let handle = Handle::Exclusive(self.conns.len());
        self.dialed(dial, handle, Capacity::Exclusive)
    }

    /// A dial leads to an HTTP/2 connection with so many streams.
    fn h2(&mut self, dial: usize, streams: u32) -> Vec<String> {
        let handle = Handle::Shared(self.conns.len());
        self.dialed(dial, handle, Capacity::Streams(streams))
    }

    fn dialed(&mut self, dial: usize, handle: Handle<usize, usize>, capacity: Capacity) -> Vec<String> {
        let conn = self.pool.handle_dialed(self.dials[dial], handle, capacity, self.now);
        self.conns.extend(conn);
        self.done()
    }

    fn fails(&mut self, dial: usize) -> Vec<String> {
        self.pool.handle_dial_failed(self.dials[dial], DialFailure::Failed, self.now);
        self.done()
    }

    fn abandoned(&mut self, dial: usize) -> Vec<String> {
        self.pool.handle_dial_failed(self.dials[dial], DialFailure::Abandoned, self.now);
        self.done()
    }

    /// An exchange ends as it should.
    fn end(&mut self, who: &str) -> Vec<String> {
        self.end_with_hint(who, None)
    }

    fn end_with_hint(&mut self, who: &str, hint: Option<Duration>) -> Vec<String> {
        let (lease, handle) = self.leases.remove(who).expect("it has a lease");
        let returned = match handle {
            Handle::Exclusive(x) => Returned::Finished(x, hint),
            Handle::Shared(_) => Returned::StreamDone,
        };
        self.pool.release(lease, returned, self.now);
        self.done()
    }

    /// Nothing was sent.
    fn unused(&mut self, who: &str) -> Vec<String> {
        let (lease, handle) = self.leases.remove(who).expect("it has a lease");
        let returned = match handle {
            Handle::Exclusive(x) => Returned::Unused(x),
            Handle::Shared(_) => Returned::StreamUnused,
        };
        self.pool.release(lease, returned, self.now);
        self.done()
    }

    fn gone(&mut self, who: &str) -> Vec<String> {
        let (lease, _) = self.leases.remove(who).expect("it has a lease");
        self.pool.release(lease, Returned::Gone, self.now);
        self.done()
    }

    fn stale(&mut self, who: &str) -> Vec<String> {
        let (lease, _) = self.leases.remove(who).expect("it has a lease");
        let id = self.pool.release_stale(lease, self.now);
        self.waiters.extend(id.map(|id| (who.to_owned(), id)));
        self.done()
    }

    fn capacity(&mut self, conn: usize, capacity: Capacity) -> Vec<String> {
        self.pool.handle_capacity(self.conns[conn], capacity, self.now);
        self.done()
    }

    fn closed(&mut self, conn: usize) -> Vec<String> {
        self.pool.handle_closed(self.conns[conn], self.now);
        self.done()
    }

    fn expire_idle(&mut self) -> Vec<String> {
        self.expire_idle_of("")
    }

    /// Those under keys whose names begin like this.
    fn expire_idle_of(&mut self, names: &str) -> Vec<String> {
        self.pool.expire_idle(|key| key.name.starts_with(names), self.now);
        self.done()
    }

    /// For how long somebody has been waiting for the pool; `None` for one that a dial works for or that does not wait.
    fn waits(&self, who: &str) -> Option<Duration> {
        self.pool.waiting_since(self.waiters[who]).map(|since| self.now - since)
    }

    /// For how long a dial has worked for somebody.
    fn dialing(&self, who: &str) -> Option<Duration> {
        self.pool.dialing_since(self.waiters[who]).map(|since| self.now - since)
    }

    /// How soon there is something to do for somebody in particular.
    fn due(&self, who: &str) -> Option<Duration> {
        self.pool.waiter_timeout(self.waiters[who]).map(|due| due - self.now)
    }

    /// The dump, line by line.
    fn dump(&self) -> Vec<String> {
        format!("{:?}", self.pool).lines().map(str::to_owned).collect()
    }

    fn stats(&self) -> PoolStats {
        self.pool.stats()
    }

    /// Connections, idle ones, dials, waiters.
    fn counts(&self) -> (usize, usize, usize, usize) {
        let stats = self.stats();
        (stats.connections, stats.idle, stats.dialing, stats.waiting)
    }

    /// What the pool asks for.
    fn done(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(action) = self.pool.poll_action() {
            done.push(match action {
                Action::Assign { waiter, lease, conn, reused } => {
                    let (Handle::Exclusive(number) | Handle::Shared(number)) = conn;
                    let line = format!("{waiter} on #{number}{}", if reused { ", reused" } else { "" });
                    let before = self.leases.insert(waiter, (lease, conn));
                    assert!(before.is_none(), "nobody has two connections");
                    line
                }
                Action::Dial { dial, key, waiter, shared } => {
                    self.dials.push(dial);
                    let others = if shared { " and others" } else { "" };
                    format!("dial {}: {} for {waiter}{others}", self.dials.len() - 1, key.name)
                }
                Action::Undial { dial } => format!("undial {}", self.number(dial)),
                Action::Fail { waiter, why: FailReason::Dial(dial) } => {
                    format!("{waiter} fails: dial {}", self.number(dial))
                }
                Action::Fail { waiter, why } => format!("{waiter} fails: {why:?}"),
                Action::Close { handle: Handle::Exclusive(x) | Handle::Shared(x), why } => {
                    format!("close #{x}: {why:?}")
                }
            });
        }
        done
    }

    fn number(&self, dial: DialId) -> usize {
        self.dials.iter().position(|other| *other == dial).expect("it was told before")
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn s289_01_an_idle_h2_connection_is_evicted_at_once_for_another_origin() {
    let mut rig = Rig::limited(1);
    assert_eq!(rig.start("A", "sa"), ["dial 0: sa for A and others"]);
    assert_eq!(rig.h2(0, 100), ["A on #0"]);
    assert_eq!(rig.end("A"), NOTHING);
    assert_eq!(rig.start("B", "sb"), ["close #0: Evicted", "dial 1: sb for B and others"]);
    assert_eq!(rig.h2(1, 100), ["B on #1"]);
}

#[test]
fn s289_02_a_waiter_waits_while_the_only_connection_is_read() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    assert_eq!(rig.h1(0), ["A on #0"]);
    assert_eq!(rig.start("B", "b"), NOTHING);
    rig.pass(secs(5));
    assert_eq!(rig.wake(), NOTHING);
    assert_eq!(rig.cancel("B"), NOTHING);
    assert_eq!(rig.end("A"), NOTHING);
    assert_eq!(rig.counts(), (1, 1, 0, 0));
}

#[test]
fn s289_03_a_response_that_is_dropped_makes_room_without_a_timer() {
    let mut rig = Rig::limited(1);
    rig.start("A", "sa");
    rig.h2(0, 100);
    assert_eq!(rig.start("B", "sb"), NOTHING);
    assert_eq!(rig.end("A"), ["close #0: Evicted", "dial 1: sb for B and others"]);
}

#[test]
fn s289_04_the_end_of_an_exchange_starts_the_waiter_whatever_kind_of_end() {
    for how in [Rig::end, Rig::unused, Rig::gone] {
        for (origin, open) in
            [("a", Rig::h1 as fn(&mut Rig, usize) -> _), ("sa", |rig, dial| rig.h2(dial, 1))]
        {
            let mut rig = Rig::limited(1);
            rig.start("A", origin);
            open(&mut rig, 0);
            assert_eq!(rig.start("B", "b"), NOTHING);
            let done = how(&mut rig, "A");
            assert_eq!(done.last().map(String::as_str), Some("dial 1: b for B"), "{done:?}");
        }
    }
}

#[test]
fn s289_05_with_one_connection_of_one_stream_the_second_request_waits_for_the_stream() {
    let mut rig = Rig::limited(1);
    rig.start("A", "sa");
    rig.h2(0, 1);
    assert_eq!(rig.start("A2", "sa"), NOTHING);
    rig.pass(millis(900));
    assert_eq!(rig.wake(), NOTHING);
    assert_eq!(rig.end("A"), ["A2 on #0, reused"]);
}

#[test]
fn s289_06_a_second_h2_connection_is_opened_when_the_first_is_out_of_streams_and_expires_later() {
    let mut rig = Rig::limited(2);
    rig.start("A", "sa");
    rig.h2(0, 1);
    assert_eq!(rig.start("A2", "sa"), ["dial 1: sa for A2 and others"]);
    assert_eq!(rig.h2(1, 1), ["A2 on #1"]);
    rig.end("A");
    rig.end("A2");
    for second in 0..5 {
        let who = format!("later {second}");
        assert_eq!(rig.start(&who, "sa"), [format!("{who} on #0, reused")], "the older one is preferred");
        rig.pass(millis(999));
        assert_eq!(rig.end(&who), NOTHING);
    }
    rig.pass(millis(5));
    assert_eq!(rig.wake(), ["close #1: Expired"]);
}

#[test]
fn s289_06_the_flag_forbids_the_second_h2_connection() {
    let mut rig = Rig::new(|config| config.second_shared_connection = false);
    rig.start("A", "sa");
    rig.h2(0, 1);
    assert_eq!(rig.start("A2", "sa"), NOTHING);
    assert_eq!(rig.end("A"), ["A2 on #0, reused"]);
    assert_eq!(rig.start_fresh("A3", "sa"), ["dial 1: sa for A3 and others"], "no other one is fresh");
}

#[test]
fn s289_07_a_peer_lowers_its_limit_to_nothing_and_raises_it_again() {
    let mut rig = Rig::limited(1);
    rig.start("0", "sa");
    rig.h2(0, 100);
    for who in 1..10 {
        assert_eq!(rig.start(&who.to_string(), "sa").len(), 1);
    }
    assert_eq!(rig.capacity(0, Capacity::Streams(2)), NOTHING);
    for who in 10..17 {
        assert_eq!(rig.start(&who.to_string(), "sa"), NOTHING);
    }
    for who in 0..8 {
        assert_eq!(rig.end(&who.to_string()), NOTHING, "two are still in flight");
    }
    assert_eq!(rig.end("8"), ["10 on #0, reused"]);
    assert_eq!(rig.capacity(0, Capacity::Streams(0)), NOTHING);
    assert_eq!(rig.end("9"), NOTHING);
    let raised = rig.capacity(0, Capacity::Streams(5));
    assert_eq!(raised, ["11 on #0, reused", "12 on #0, reused", "13 on #0, reused", "14 on #0, reused"]);
    assert_eq!(rig.stats().streams, 5);
}

#[test]
fn s289_09_an_h2_connection_that_is_never_idle_makes_room_in_bounded_time() {
    let mut rig = Rig::limited(1);
    rig.start("A1", "sa");
    rig.h2(0, 100);
    rig.start("A2", "sa");
    assert_eq!(rig.start("B", "sb"), NOTHING);
    assert_eq!(rig.start("A3", "sa"), NOTHING, "it takes no new streams");
    rig.pass(millis(900));
    assert_eq!(rig.end("A1"), NOTHING);
    rig.pass(millis(900));
    assert_eq!(rig.wake(), NOTHING, "a stream has ended less than a second ago");
    assert_eq!(rig.end("A2"), ["close #0: Evicted", "dial 1: sb for B and others"]);
}

#[test]
fn s289_09_the_mark_is_lifted_when_the_waiter_goes() {
    let mut rig = Rig::limited(1);
    rig.start("A1", "sa");
    rig.h2(0, 100);
    rig.start("B", "sb");
    assert_eq!(rig.start("A2", "sa"), NOTHING);
    assert_eq!(rig.cancel("B"), ["A2 on #0"]);
}

#[test]
fn s289_09_the_connection_with_the_fewest_streams_is_marked_and_others_go_on() {
    let mut rig = Rig::limited(2);
    rig.start("A1", "sa");
    rig.h2(0, 100);
    rig.start("A2", "sa");
    rig.start("C1", "sc");
    rig.h2(1, 100);
    assert_eq!(rig.start("B", "b"), NOTHING);
    assert_eq!(rig.start("A3", "sa"), ["A3 on #0"], "two streams are more than one");
    assert_eq!(rig.start("C2", "sc"), NOTHING);
    assert_eq!(rig.end("C1"), ["close #1: Evicted", "dial 2: b for B"]);
}

#[test]
fn s289_09_an_endless_stream_stops_its_connection_for_a_second_only() {
    let mut rig = Rig::limited(2);
    rig.start("A1", "sa");
    rig.h2(0, 100);
    rig.start("A2", "sa");
    rig.start("A3", "sa");
    rig.start("endless", "sc");
    rig.h2(1, 100);
    rig.start("B", "b");
    assert_eq!(rig.start("C2", "sc"), NOTHING);
    rig.pass(secs(1));
    assert_eq!(rig.wake(), ["C2 on #1"], "the mark moves on");
    assert_eq!(rig.start("A4", "sa"), NOTHING);
    rig.end("A1");
    rig.end("A2");
    assert_eq!(rig.end("A3"), ["close #0: Evicted", "dial 2: b for B"]);
}

#[test]
fn s289_10_waiters_are_served_in_their_order_though_a_later_one_could_use_the_connection() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.h1(0);
    for (who, origin) in [("B1", "b"), ("C1", "c"), ("A2", "a")] {
        assert_eq!(rig.start(who, origin), NOTHING);
    }
    assert_eq!(rig.end("A"), ["close #0: Evicted", "dial 1: b for B1"]);
    assert_eq!(rig.h1(1), ["B1 on #1"]);
    assert_eq!(rig.end("B1"), ["close #1: Evicted", "dial 2: c for C1"]);
    assert_eq!(rig.h1(2), ["C1 on #2"]);
    assert_eq!(rig.end("C1"), ["close #2: Evicted", "dial 3: a for A2"]);
}

#[test]
fn s289_11_a_waiter_that_is_cancelled_leaves_the_order_of_the_rest() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.h1(0);
    rig.start("B1", "b");
    rig.start("C1", "c");
    assert_eq!(rig.cancel("B1"), NOTHING);
    assert_eq!(rig.end("A"), ["close #0: Evicted", "dial 1: c for C1"]);
    assert_eq!(rig.counts(), (0, 0, 1, 1));
}

#[test]
fn s289_12_a_connection_that_is_given_to_a_request_is_not_evicted() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    assert_eq!(rig.start("A2", "a"), ["A2 on #0, reused"]);
    assert_eq!(rig.start("B", "b"), NOTHING);
    assert_eq!(rig.end("A2"), ["close #0: Evicted", "dial 1: b for B"]);
}

#[test]
fn s289_13_exactly_one_of_two_waiters_gets_an_h1_connection() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.h1(0);
    rig.start("A2", "a");
    rig.start("A3", "a");
    assert_eq!(rig.end("A"), ["A2 on #0, reused"]);
    assert_eq!(rig.counts(), (1, 0, 0, 1));
    assert_eq!(rig.end("A2"), ["A3 on #0, reused"]);
}

#[test]
fn s289_14_a_failed_dial_gives_its_slot_to_the_next_and_each_of_its_waiters_an_end() {
    let mut rig = Rig::limited(1);
    rig.start("A1", "sa");
    rig.start("A2", "sa");
    assert_eq!(rig.start("B", "b"), NOTHING);
    assert_eq!(rig.fails(0), ["A1 fails: dial 0", "A2 fails: dial 0", "dial 1: b for B"]);
    assert_eq!(rig.counts(), (0, 0, 1, 1));
}

#[test]
fn s289_15_a_shared_dial_goes_on_without_the_request_that_began_it() {
    let mut rig = Rig::limited(10);
    assert_eq!(rig.start("1", "sa"), ["dial 0: sa for 1 and others"]);
    for who in ["2", "3", "4", "5"] {
        assert_eq!(rig.start(who, "sa"), NOTHING);
    }
    assert_eq!(rig.cancel("1"), NOTHING);
    assert_eq!(rig.h2(0, 100), ["2 on #0", "3 on #0", "4 on #0", "5 on #0"]);
}

#[test]
fn s289_15_a_shared_dial_that_nobody_waits_for_is_given_up() {
    let mut rig = Rig::limited(1);
    rig.start("1", "sa");
    rig.start("2", "sa");
    rig.cancel("1");
    assert_eq!(rig.cancel("2"), ["undial 0"]);
    assert_eq!(rig.start("B", "b"), NOTHING, "it holds its slot until it has ended");
    assert_eq!(rig.abandoned(0), ["dial 1: b for B"]);
}

#[test]
fn s289_16_alpn_answers_http_1_1_to_a_shared_dial() {
    let mut rig = Rig::limited(3);
    rig.start("1", "sa");
    for who in ["2", "3", "4"] {
        assert_eq!(rig.start(who, "sa"), NOTHING);
    }
    assert_eq!(rig.h1(0), ["1 on #0", "dial 1: sa for 2", "dial 2: sa for 3"]);
    assert_eq!(rig.counts(), (1, 0, 2, 3));
    assert_eq!(rig.h1(2), ["3 on #1"]);
    assert_eq!(rig.end("1"), ["2 on #0, reused"], "the dial for 2 is for 4 now");
    assert_eq!(rig.h1(1), ["4 on #2"]);
    for who in ["2", "3", "4"] {
        assert_eq!(rig.end(who), NOTHING);
    }
    rig.pass(secs(10));
    rig.wake();
    assert_eq!(rig.start("5", "sa"), ["dial 3: sa for 5"], "the answer is remembered");
}

#[test]
fn s289_18_an_idle_h2_connection_that_goes_away_is_not_used() {
    for what in ["goaway", "fin"] {
        let mut rig = Rig::limited(2);
        rig.start("A", "sa");
        rig.h2(0, 100);
        rig.end("A");
        match what {
            "goaway" => assert_eq!(rig.capacity(0, Capacity::Retiring), ["close #0: Retired"]),
            _ => assert_eq!(rig.closed(0), ["close #0: Closed"]),
        }
        assert_eq!(rig.closed(0), NOTHING, "GOAWAY and FIN are one end");
        assert_eq!(rig.start("B", "sa"), ["dial 1: sa for B and others"]);
    }
}

#[test]
fn s289_19_a_suspect_connection_is_not_offered_until_its_peer_has_answered() {
    let mut rig = Rig::limited(2);
    rig.start("A", "sa");
    rig.h2(0, 100);
    rig.end("A");
    assert_eq!(rig.capacity(0, Capacity::Suspect), NOTHING);
    assert_eq!(rig.start("B", "sa"), ["dial 1: sa for B and others"]);
    assert_eq!(rig.capacity(0, Capacity::Streams(100)), ["B on #0, reused", "undial 1"]);
}

#[test]
fn s289_19_a_suspect_connection_is_no_reason_not_to_open_another() {
    let mut rig = Rig::new(|config| config.second_shared_connection = false);
    rig.start("A", "sa");
    rig.h2(0, 1);
    assert_eq!(rig.start("B", "sa"), NOTHING);
    assert_eq!(rig.capacity(0, Capacity::Suspect), ["dial 1: sa for B and others"]);
}

#[test]
fn s289_19_a_suspect_connection_makes_room_where_its_origin_is_at_its_limit() {
    let mut rig = Rig::new(|config| config.max_connections_per_origin = Some(1));
    rig.start("A", "sa");
    rig.h2(0, 100);
    rig.end("A");
    rig.capacity(0, Capacity::Suspect);
    assert_eq!(rig.start("B", "sa"), ["close #0: Evicted", "dial 1: sa for B and others"]);
}

#[test]
fn s289_20_a_connection_is_idle_for_less_than_five_seconds() {
    for (origin, open) in [("a", Rig::h1 as fn(&mut Rig, usize) -> _), ("sa", |rig, dial| rig.h2(dial, 9))] {
        let mut rig = Rig::limited(9);
        rig.start("A", origin);
        open(&mut rig, 0);
        rig.end("A");
        rig.pass(millis(4_999));
        assert_eq!(rig.start("B", origin), ["B on #0, reused"]);
        rig.end("B");
        rig.pass(secs(5));
        let done = rig.start("C", origin);
        assert_eq!(done[0], "close #0: Expired", "nobody has called handle_timeout");
        assert!(done[1].starts_with("dial 1"), "{done:?}");
    }
}

#[test]
fn s289_20_a_clock_that_goes_backwards_is_no_time_passed() {
    let mut rig = Rig::limited(9);
    rig.pass(secs(100));
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    rig.now -= secs(60);
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now + secs(65)));
    assert_eq!(rig.start("B", "a"), ["B on #0, reused"]);
    rig.end("B");
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now + secs(65)));
}

#[test]
fn s289_21_only_idle_connections_count_as_idle() {
    let mut rig = Rig::new(|config| config.max_keepalive_connections = 2);
    for n in 0..5 {
        rig.start(&n.to_string(), "a");
    }
    for n in 0..5 {
        assert_eq!(rig.h1(n), [format!("{n} on #{n}")]);
    }
    assert_eq!(rig.end("0"), NOTHING);
    assert_eq!(rig.end("1"), NOTHING);
    assert_eq!(rig.end("2"), ["close #0: TooManyIdle"]);
    assert_eq!(rig.end("3"), ["close #1: TooManyIdle"]);
    assert_eq!(rig.end("4"), ["close #2: TooManyIdle"]);
    assert_eq!(rig.counts(), (2, 2, 0, 0));
}

#[test]
fn s289_22_drain_ends_what_waits_and_lets_finish_what_runs() {
    let mut rig = Rig::limited(4);
    rig.start("A", "a");
    rig.h1(0);
    rig.start("H", "sh");
    rig.h2(1, 9);
    rig.start("idle", "i");
    rig.h1(2);
    rig.end("idle");
    rig.start("D", "d");
    rig.start("W", "w");
    rig.h1(4);
    rig.start("V", "v");
    rig.pool.drain(rig.now);
    assert_eq!(rig.done(), ["undial 3", "D fails: Shutdown", "V fails: Shutdown"]);
    assert_eq!(rig.start("late", "a"), ["late fails: Shutdown"]);
    assert_eq!(rig.end("A"), ["close #0: Shutdown"]);
    assert_eq!(rig.end("H"), ["close #1: Shutdown"]);
    assert_eq!(rig.end("W"), ["close #3: Shutdown"]);
    assert_eq!(rig.h1(3), ["close #4: Shutdown"]);
    assert_eq!(rig.counts(), (0, 0, 0, 0));
    assert_eq!(rig.pool.poll_timeout(), None);
}

#[test]
fn s289_22_drain_gives_up_each_dial_once_when_the_last_whom_it_could_serve_has_failed() {
    let mut rig = Rig::limited(2);
    for (who, origin) in [("A", "a"), ("1", "sa"), ("B", "a"), ("2", "sa")] {
        rig.start(who, origin);
    }
    rig.pool.drain(rig.now);
    let all = ["A fails", "1 fails", "undial 0", "B fails", "undial 1", "2 fails"];
    assert_eq!(rig.done().iter().map(|line| line.trim_end_matches(": Shutdown")).collect::<Vec<_>>(), all);
    assert_eq!(rig.counts(), (0, 0, 2, 0), "they have not ended yet");
    assert_eq!(rig.abandoned(0), NOTHING);
    assert_eq!(rig.h2(1, 9), ["close #0: Shutdown"]);
    assert_eq!(rig.counts(), (0, 0, 0, 0));
}

#[test]
fn s289_22_close_closes_shared_connections_at_once() {
    let mut rig = Rig::limited(4);
    rig.start("A", "a");
    rig.h1(0);
    rig.start("H", "sh");
    rig.h2(1, 9);
    rig.pool.close(rig.now);
    assert_eq!(rig.done(), ["close #1: Shutdown"]);
    assert_eq!(rig.end("H"), NOTHING);
    assert_eq!(rig.end("A"), ["close #0: Shutdown"]);
}

#[test]
fn s289_22_a_stale_connection_of_a_pool_that_is_shut_down_fails_its_request() {
    let mut rig = Rig::limited(4);
    rig.start("A", "a");
    rig.h1(0);
    rig.pool.drain(rig.now);
    assert_eq!(rig.stale("A"), ["A fails: Shutdown"]);
    assert_eq!(rig.counts(), (0, 0, 0, 0));
}

#[test]
fn s289_23_a_hundred_thousand_waiters_are_served_in_their_order() {
    let began = epoch();
    let mut rig = Rig::new(|config| config.max_connections_per_origin = Some(1));
    for n in 0..1_000 {
        for origin in 0..100 {
            rig.start(&format!("{n} {origin}"), &origin.to_string());
        }
    }
    for origin in 0..100 {
        rig.h1(origin);
    }
    for n in 1..1_000 {
        for origin in 0..100 {
            let done = rig.end(&format!("{} {origin}", n - 1));
            assert_eq!(done, [format!("{n} {origin} on #{origin}, reused")]);
        }
    }
    assert!(epoch() - began < secs(30), "it takes a second where each event costs the same");
}

#[test]
fn s289_24_a_connection_that_has_served_enough_is_replaced_without_an_error() {
    let mut rig = Rig::new(|config| config.max_requests_per_connection = Some(2));
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    rig.start("B", "a");
    assert_eq!(rig.end("B"), ["close #0: MaxRequests"]);
    assert_eq!(rig.start("C", "a"), ["dial 1: a for C"]);

    rig.start("1", "sa");
    rig.h2(2, 100);
    assert_eq!(rig.start("2", "sa"), ["2 on #1"]);
    assert_eq!(rig.start("3", "sa"), ["dial 3: sa for 3 and others"], "the first one drains");
    assert_eq!(rig.end("1"), NOTHING);
    assert_eq!(rig.end("2"), ["close #1: MaxRequests"]);
    assert_eq!(rig.h2(3, 100), ["3 on #2"]);
}

#[test]
fn g_08_a_draining_connection_holds_its_slot_until_it_is_closed() {
    let mut rig = Rig::limited(1);
    rig.start("A", "sa");
    rig.h2(0, 100);
    assert_eq!(rig.capacity(0, Capacity::Retiring), NOTHING);
    assert_eq!(rig.start("A2", "sa"), NOTHING);
    assert_eq!(rig.capacity(0, Capacity::Streams(100)), NOTHING, "it does not come back");
    assert_eq!(rig.end("A"), ["close #0: Retired", "dial 1: sa for A2 and others"]);
}

#[test]
fn l055_five_origins_have_one_connection_one_after_another() {
    let mut rig = Rig::limited(1);
    let all = ["A", "B", "C", "D", "E"];
    assert_eq!(rig.start("A", "A"), ["dial 0: A for A"]);
    for who in &all[1..] {
        assert_eq!(rig.start(who, who), NOTHING);
    }
    for n in 0..5 {
        assert_eq!(rig.h1(n), [format!("{} on #{n}", all[n])]);
        let done = rig.end(all[n]);
        if let Some(next) = all.get(n + 1) {
            let expected = [format!("close #{n}: Evicted"), format!("dial {}: {next} for {next}", n + 1)];
            assert_eq!(done, expected);
        }
    }
}

#[test]
fn l057_an_origin_at_its_own_limit_blocks_no_other() {
    let mut rig = Rig::new(|config| config.max_connections_per_origin = Some(1));
    rig.start("A", "a");
    rig.h1(0);
    assert_eq!(rig.start("B", "a"), NOTHING);
    assert_eq!(rig.start("C", "c"), ["dial 1: c for C"]);
}

#[test]
fn l058_a_waiter_that_cannot_use_a_slot_leaves_it_to_one_that_can() {
    let mut rig =
        Rig::new(|config| (config.max_connections, config.max_connections_per_origin) = (2, Some(1)));
    rig.start("A", "a");
    rig.h1(0);
    assert_eq!(rig.start("B", "a!"), NOTHING, "another key, the same origin");
    assert_eq!(rig.start("C", "c"), ["dial 1: c for C"]);
    assert_eq!(rig.end("A"), ["close #0: Evicted", "dial 2: a! for B"]);
}

#[test]
fn l067_a_herd_on_a_cold_pool_shares_four_connections() {
    let mut rig = Rig::new(|config| config.max_connections_per_origin = Some(4));
    let began = rig.now;
    for n in 0..100 {
        let expected = if n < 4 { vec![format!("dial {n}: a for {n}")] } else { Vec::new() };
        assert_eq!(rig.start(&n.to_string(), "a"), expected);
    }
    for n in 0..4 {
        rig.h1(n);
    }
    for n in 0..100 {
        if n % 4 == 0 {
            rig.pass(millis(10));
        }
        let done = rig.end(&n.to_string());
        let next = n + 4;
        let expected = if next < 100 { vec![format!("{next} on #{}, reused", n % 4)] } else { Vec::new() };
        assert_eq!(done, expected);
    }
    assert_eq!(rig.now - began, millis(250));
    assert_eq!(rig.dials.len(), 4);
}

#[test]
fn l072_without_keep_alive_each_request_dials() {
    let mut rig = Rig::new(|config| config.max_keepalive_connections = 0);
    rig.start("A", "a");
    rig.h1(0);
    assert_eq!(rig.end("A"), ["close #0: TooManyIdle"]);
    assert_eq!(rig.start("B", "a"), ["dial 1: a for B"]);
}

#[test]
fn l072_connections_that_expire_at_once_still_serve_those_that_share_their_dial() {
    let mut rig = Rig::new(|config| config.keepalive_expiry = Some(Duration::ZERO));
    rig.start("A", "sa");
    rig.start("A2", "sa");
    assert_eq!(rig.h2(0, 1), ["A on #0", "dial 1: sa for A2 and others"]);
    assert_eq!(rig.end("A"), ["A2 on #0, reused", "undial 1"]);
    assert_eq!(rig.end("A2"), ["close #0: Expired"]);
}

#[test]
fn l082_ten_thousand_waiters_of_one_connection_are_served_in_their_order() {
    let mut rig = Rig::new(|config| config.max_connections_per_origin = Some(1));
    rig.start("0", "a");
    rig.h1(0);
    for n in 1..10_000 {
        rig.start(&n.to_string(), "a");
    }
    for n in 1..10_000 {
        assert_eq!(rig.end(&(n - 1).to_string()), [format!("{n} on #0, reused")]);
    }
}

#[test]
fn l103_an_idle_connection_that_is_too_old_is_closed_at_the_latest_when_it_is_looked_for() {
    let mut rig = Rig::new(|config| config.keepalive_expiry = Some(secs(10)));
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    rig.pass(secs(11));
    assert_eq!(rig.start("B", "a"), ["close #0: Expired", "dial 1: a for B"]);
}

#[test]
fn l106_busy_connections_do_not_age() {
    let mut rig = Rig::new(|config| config.keepalive_expiry = Some(secs(10)));
    rig.start("A", "a");
    rig.h1(0);
    rig.pass(secs(60));
    assert_eq!(rig.wake(), NOTHING);
    rig.end("A");
    rig.pass(secs(9));
    assert_eq!(rig.start("B", "a"), ["B on #0, reused"]);
}

#[test]
fn l107_the_servers_hint_shortens_the_expiry_and_cannot_lengthen_it() {
    let mut rig = Rig::new(|config| config.keepalive_expiry = Some(secs(90)));
    rig.start("A", "a");
    rig.h1(0);
    rig.end_with_hint("A", Some(secs(4)));
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now + secs(4)));
    rig.pass(secs(4));
    assert_eq!(rig.wake(), ["close #0: Expired"]);
    rig.start("B", "a");
    rig.h1(1);
    rig.end_with_hint("B", Some(secs(1_000)));
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now + secs(90)));
}

#[test]
fn l110_taking_a_connection_stops_its_clock_and_giving_it_back_unused_does_not_renew_it() {
    let mut rig = Rig::new(|config| config.keepalive_expiry = Some(secs(10)));
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    rig.pass(millis(9_000));
    assert_eq!(rig.start("B", "a"), ["B on #0, reused"]);
    assert_eq!(rig.unused("B"), NOTHING);
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now + secs(1)));
    rig.start("C", "a");
    rig.pass(secs(2));
    assert_eq!(rig.wake(), NOTHING, "it is not closed under C");
    assert_eq!(rig.unused("C"), ["close #0: Expired"]);
}

#[test]
fn l110_the_same_for_the_only_stream_of_an_h2_connection() {
    let mut rig = Rig::limited(1);
    rig.start("A", "sa");
    rig.h2(0, 9);
    rig.end("A");
    rig.pass(secs(4));
    rig.start("B", "sa");
    assert_eq!(rig.unused("B"), NOTHING);
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now + secs(1)));
}

#[test]
fn l118_the_third_stream_is_not_opened_where_two_are_allowed() {
    let mut rig = Rig::limited(2);
    rig.start("A", "sa");
    rig.h2(0, 2);
    assert_eq!(rig.start("B", "sa"), ["B on #0"]);
    assert_eq!(rig.start("C", "sa"), ["dial 1: sa for C and others"]);
    assert_eq!(rig.end("A"), ["C on #0, reused", "undial 1"]);
}

#[test]
fn l133_a_connection_without_stream_ids_ends_its_streams_and_closes() {
    let mut rig = Rig::limited(2);
    rig.start("A", "sa");
    rig.h2(0, 100);
    assert_eq!(rig.capacity(0, Capacity::Retiring), NOTHING);
    assert_eq!(rig.start("B", "sa"), ["dial 1: sa for B and others"]);
    assert_eq!(rig.end("A"), ["close #0: Retired"]);
}

#[test]
fn l134_an_h2_connection_counts_as_one_whatever_its_streams() {
    let mut rig = Rig::limited(1);
    for n in 0..10 {
        rig.start(&n.to_string(), "sa");
    }
    assert_eq!(rig.h2(0, 100).len(), 10);
    let stats = rig.stats();
    assert_eq!((stats.connections, stats.streams, stats.waiting), (1, 10, 0));
}

#[test]
fn a_stale_connection_puts_its_request_first_in_line_again() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    rig.start("B", "a");
    rig.start("C", "c");
    assert_eq!(rig.stale("B"), ["dial 1: a for B"], "before C");
    assert_eq!(rig.h1(1), ["B on #1"]);
}

#[test]
fn a_stale_stream_takes_the_connection_with_it_and_its_request_asks_again() {
    let mut rig = Rig::limited(1);
    rig.start("A", "sa");
    rig.h2(0, 9);
    rig.start("B", "sa");
    assert_eq!(rig.stale("A"), ["close #0: Closed"]);
    assert_eq!(rig.end("B"), NOTHING);
    assert_eq!(rig.counts(), (0, 0, 0, 0));
}

#[test]
fn a_stream_that_found_its_connection_gone_takes_it_out_of_the_pool() {
    let mut rig = Rig::limited(2);
    rig.start("A", "sa");
    rig.h2(0, 9);
    rig.start("B", "sa");
    assert_eq!(rig.gone("A"), ["close #0: Closed"]);
    assert_eq!(rig.start("C", "sa"), ["dial 1: sa for C and others"]);
}

#[test]
fn a_fresh_connection_is_one_whose_dial_began_after_the_request() {
    let mut rig = Rig::new(|config| config.max_connections_per_origin = Some(2));
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    assert_eq!(rig.start_fresh("F", "a"), ["dial 1: a for F"], "not the idle one");
    assert_eq!(rig.start_fresh("G", "a"), ["close #0: Evicted", "dial 2: a for G"]);
    assert_eq!(rig.cancel("F"), ["undial 1"], "it began before G came, but G has its own");
    assert_eq!(rig.h1(2), ["G on #1"]);
}

#[test]
fn fresh_requests_to_an_h2_origin_share_the_next_dial() {
    let mut rig = Rig::limited(9);
    assert_eq!(rig.start_fresh("1", "sa"), ["dial 0: sa for 1 and others"]);
    assert_eq!(rig.start_fresh("2", "sa"), NOTHING);
    assert_eq!(rig.start_fresh("3", "sa"), NOTHING);
    assert_eq!(rig.h2(0, 100), ["1 on #0", "dial 1: sa for 2 and others"]);
    assert_eq!(rig.h2(1, 100), ["2 on #1", "3 on #1"]);
}

#[test]
fn a_surplus_dial_goes_to_the_next_waiter_of_its_key_or_is_given_up() {
    let mut rig = Rig::limited(2);
    rig.start("A", "a");
    rig.h1(0);
    assert_eq!(rig.start("B", "a"), ["dial 1: a for B"]);
    assert_eq!(rig.start("C", "a"), NOTHING);
    assert_eq!(rig.end("A"), ["B on #0, reused"]);
    assert_eq!(rig.end("B"), ["C on #0, reused", "undial 1"]);
    assert_eq!(rig.h1(1), NOTHING, "it had ended before it heard of that");
    rig.pass(secs(1));
    assert_eq!(rig.start("D", "a"), ["D on #1, reused"], "it was idle");
}

#[test]
fn an_abandoned_dial_is_begun_anew_for_whoever_waits() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.start("B", "a");
    assert_eq!(rig.cancel("A"), NOTHING, "the dial is for B now");
    assert_eq!(rig.abandoned(0), ["dial 1: a for B"]);
    assert_eq!(rig.cancel("B"), ["undial 1"]);
    assert_eq!(rig.abandoned(1), NOTHING);
    assert_eq!(rig.counts(), (0, 0, 0, 0));
}

#[test]
fn an_abandoned_dial_evicts_nobody() {
    let mut rig = Rig::new(|config| config.max_connections_per_origin = Some(2));
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    rig.start("B", "a!");
    assert_eq!(rig.abandoned(1), ["dial 2: a! for B"], "its own slot is enough");
}

#[test]
fn with_patience_a_request_waits_for_a_connection_before_it_dials() {
    let wait = millis(500);
    let mut rig = Rig::new(|config| config.dial_policy = DialPolicy::PreferIdle { wait });
    assert_eq!(rig.start("A", "a"), ["dial 0: a for A"], "there is no connection to wait for");
    rig.h1(0);
    assert_eq!(rig.start("B", "a"), NOTHING);
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now + wait));
    assert_eq!(rig.end("A"), ["B on #0, reused"]);
    assert_eq!(rig.start("C", "a"), NOTHING);
    rig.pass(wait);
    assert_eq!(rig.wake(), ["dial 1: a for C"]);
}

#[test]
fn the_time_of_a_dial_counts_from_when_it_began_to_work_for_the_waiter() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.start("B", "a");
    rig.pass(secs(2));
    assert_eq!((rig.dialing("A"), rig.dialing("B")), (Some(secs(2)), None));
    rig.cancel("A");
    assert_eq!((rig.dialing("A"), rig.dialing("B")), (None, Some(secs(0))), "it was left to it now");
    rig.pass(secs(3));
    assert_eq!((rig.dialing("B"), rig.waits("B")), (Some(secs(3)), None));

    let mut rig = Rig::limited(1);
    rig.start("A", "sa");
    rig.pass(secs(2));
    rig.start("B", "sa");
    rig.pass(secs(1));
    assert_eq!((rig.dialing("A"), rig.dialing("B")), (Some(secs(3)), Some(secs(1))), "it came to share it");
}

#[test]
fn a_waiter_knows_when_its_own_patience_ends_and_when_its_mark_moves_on() {
    let wait = millis(500);
    let mut rig = Rig::new(|config| config.dial_policy = DialPolicy::PreferIdle { wait });
    rig.start("A", "a");
    assert_eq!(rig.due("A"), None, "its dial works for it");
    rig.h1(0);
    rig.start("B", "a");
    rig.pass(millis(100));
    rig.start("C", "a");
    assert_eq!((rig.due("B"), rig.due("C")), (Some(millis(400)), Some(wait)));

    let mut rig = Rig::limited(1);
    rig.start("A1", "sa");
    rig.h2(0, 100);
    rig.start("B", "sb");
    rig.start("C", "sc");
    assert_eq!((rig.due("B"), rig.due("C")), (Some(secs(1)), None), "room is made for the oldest");
    rig.cancel("B");
    assert_eq!((rig.due("B"), rig.due("C")), (None, Some(secs(1))));
}

#[test]
fn patience_ends_with_the_last_connection_that_it_could_be_for() {
    let wait = Duration::MAX;
    let mut rig = Rig::new(|config| config.dial_policy = DialPolicy::PreferIdle { wait });
    rig.start("A", "a");
    rig.h1(0);
    assert_eq!(rig.start("B", "a"), NOTHING);
    assert_eq!(rig.gone("A"), ["dial 1: a for B"]);
}

#[test]
fn a_shared_connection_that_is_too_old_takes_no_new_streams() {
    let mut rig = Rig::new(|config| config.max_age = Some(secs(3)));
    rig.start("A", "sa");
    rig.h2(0, 9);
    rig.pass(secs(3));
    assert_eq!(rig.start("B", "sa"), ["dial 1: sa for B and others"]);
    assert_eq!(rig.end("A"), ["close #0: MaxAge"]);
}

#[test]
fn what_the_pool_does_not_know_comes_out_to_be_closed() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.h1(0);
    assert_eq!(rig.closed(0), NOTHING, "A has the handle");
    assert_eq!(rig.end("A"), ["close #0: Unknown"]);
    assert_eq!(rig.dialed(0, Handle::Exclusive(7), Capacity::Exclusive), ["close #7: Unknown"]);
}

#[test]
fn a_lease_of_another_pool_does_no_harm() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    let mut other = Rig::limited(1);
    other.start("B", "b");
    other.h1(0);
    let (lease, _) = other.leases.remove("B").expect("it has a lease");
    rig.pool.release(lease, Returned::Finished(9, None), rig.now);
    assert_eq!(rig.done(), ["close #9: Unknown"]);
    assert_eq!(rig.counts(), (1, 1, 0, 0));
    rig.pool.close(rig.now);
    assert_eq!(rig.done(), ["close #0: Shutdown"]);
}

#[test]
fn a_request_to_a_pool_that_is_shut_down_leaves_the_books_alone() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.h1(0);
    rig.pool.drain(rig.now);
    for n in 0..3 {
        rig.start(&n.to_string(), "b");
    }
    let dump = rig.dump();
    assert_eq!(dump[2], "the pool is being shut down and serves nobody new");
    assert_eq!(dump[3..], ["connection 0.0 to a is leased by \"A\", is 0.0s old, has served 1 request"]);
    assert_eq!(rig.end("A"), ["close #0: Shutdown"]);
}

#[test]
fn a_request_waits_for_the_pool_since_it_was_put_in_line_but_not_while_a_dial_of_its_own_works_for_it() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    assert_eq!(rig.waits("A"), None, "it has a dial");
    rig.start("B", "b");
    assert_eq!(rig.waits("B"), Some(secs(0)));
    rig.pass(secs(2));
    assert_eq!(rig.waits("B"), Some(secs(2)));
    assert_eq!(rig.fails(0), ["A fails: dial 0", "dial 1: b for B"]);
    assert_eq!((rig.waits("A"), rig.waits("B")), (None, None));
    rig.h1(1);
    assert_eq!(rig.waits("B"), None, "it has a connection");
}

#[test]
fn a_waiter_that_takes_over_a_dial_is_not_waiting_for_the_pool_any_more() {
    let mut rig = Rig::limited(2);
    rig.start("A", "a");
    rig.h1(0);
    rig.start("B", "a");
    rig.start("C", "a");
    rig.pass(secs(1));
    assert_eq!((rig.waits("B"), rig.waits("C")), (None, Some(secs(1))));
    assert_eq!(rig.end("A"), ["B on #0, reused"]);
    assert_eq!(rig.waits("C"), None, "it has the dial of B");
    assert_eq!(rig.cancel("C"), ["undial 1"]);
    assert_eq!(rig.waits("C"), None, "the pool does not know it any more");
}

#[test]
fn a_waiter_whose_dial_was_abandoned_waits_since_then_and_not_since_it_came() {
    let mut rig = Rig::limited(1);
    rig.start("A", "a");
    rig.start("B", "b");
    rig.start("C", "a");
    rig.pass(secs(1));
    rig.cancel("A");
    assert_eq!(rig.waits("C"), None, "it has the dial of A");
    rig.pass(secs(2));
    assert_eq!(rig.abandoned(0), ["dial 1: b for B"]);
    assert_eq!((rig.waits("B"), rig.waits("C")), (None, Some(secs(0))));
    rig.pass(secs(1));
    assert_eq!(rig.waits("C"), Some(secs(1)));
    assert_eq!(rig.abandoned(1), ["dial 2: b for B"], "begun anew");
    assert_eq!((rig.waits("B"), rig.waits("C")), (None, Some(secs(1))));
}

#[test]
fn those_that_share_a_dial_wait_since_it_ended_without_a_stream_for_them() {
    let mut rig = Rig::limited(1);
    rig.start("1", "sa");
    rig.start("2", "sa");
    rig.start_fresh("too late", "sa");
    rig.pass(secs(3));
    assert_eq!((rig.waits("1"), rig.waits("2")), (None, None));
    assert_eq!(rig.waits("too late"), Some(secs(3)), "the dial began before it came");
    assert_eq!(rig.h2(0, 1), ["1 on #0"]);
    assert_eq!(rig.waits("2"), Some(secs(0)));
    rig.pass(secs(1));
    assert_eq!((rig.waits("2"), rig.waits("too late")), (Some(secs(1)), Some(secs(4))));
    assert_eq!(rig.closed(0), ["close #0: Closed", "dial 1: sa for 2 and others"]);
    assert_eq!((rig.waits("2"), rig.waits("too late")), (None, None));
}

#[test]
fn those_that_shared_an_abandoned_dial_wait_since_then_while_another_has_its_slot() {
    let mut rig = Rig::limited(1);
    rig.start("1", "sa");
    rig.start("B", "b");
    rig.start("2", "sa");
    rig.start("3", "sa");
    rig.cancel("1");
    rig.pass(secs(2));
    assert_eq!(rig.abandoned(0), ["dial 1: b for B"]);
    rig.start("4", "sa");
    rig.pass(secs(1));
    for who in ["2", "3", "4"] {
        assert_eq!(rig.waits(who), Some(secs(1)), "{who}");
    }
}

#[test]
fn those_that_shared_a_dial_wait_since_it_turned_out_to_be_for_one_of_them_only() {
    let mut rig = Rig::limited(2);
    for who in ["1", "2", "3"] {
        rig.start(who, "sa");
    }
    rig.start_fresh("too late", "sa");
    rig.pass(secs(2));
    assert_eq!(rig.h1(0), ["1 on #0", "dial 1: sa for 2"]);
    assert_eq!((rig.waits("2"), rig.waits("3")), (None, Some(secs(0))));
    assert_eq!(rig.waits("too late"), Some(secs(2)));
}

#[test]
fn patience_is_waiting() {
    let wait = millis(500);
    let mut rig = Rig::new(|config| config.dial_policy = DialPolicy::PreferIdle { wait });
    rig.start("A", "a");
    rig.h1(0);
    rig.start("B", "a");
    rig.pass(wait);
    assert_eq!(rig.waits("B"), Some(wait));
    assert_eq!(rig.wake(), ["dial 1: a for B"]);
    assert_eq!(rig.waits("B"), None);
}

#[test]
fn a_request_whose_connection_was_stale_waits_since_it_was_put_in_line_again() {
    let wait = Duration::MAX;
    let mut rig = Rig::new(|config| config.dial_policy = DialPolicy::PreferIdle { wait });
    rig.start("A", "a");
    rig.start("B", "a");
    rig.h1(0);
    rig.h1(1);
    rig.pass(secs(3));
    assert_eq!(rig.stale("B"), NOTHING, "it has patience");
    assert_eq!(rig.waits("B"), Some(secs(0)));
}

#[test]
fn when_idle_connections_are_not_to_be_trusted_all_leave_the_one_that_was_idle_for_longest_first() {
    let mut rig = Rig::limited(9);
    for (dial, (who, origin)) in [("A", "a"), ("B", "b"), ("L", "l")].into_iter().enumerate() {
        rig.start(who, origin);
        rig.h1(dial);
    }
    rig.start("S", "s");
    rig.h2(3, 9);
    rig.start("H", "sh");
    rig.h2(4, 9);
    rig.end("B");
    rig.end("S");
    rig.end_with_hint("A", Some(secs(1)));
    rig.pass(secs(2));
    let all = ["close #1: Expired", "close #3: Expired", "close #0: Expired"];
    assert_eq!(rig.expire_idle(), all, "whichever would have expired first");
    assert_eq!(rig.start("H2", "sh"), ["H2 on #4"], "what is in use stays");
    assert_eq!(rig.end("L"), NOTHING);
    assert_eq!(rig.counts(), (2, 1, 0, 0));
    assert_eq!(rig.expire_idle(), ["close #2: Expired"]);
    assert_eq!(rig.expire_idle(), NOTHING);
}

#[test]
fn idle_connections_of_some_keys_only_may_count_as_expired() {
    let mut rig = Rig::new(|_| {});
    for (dial, (who, origin)) in [("A", "a"), ("B", "b"), ("A2", "a")].into_iter().enumerate() {
        rig.start(who, origin);
        rig.h1(dial);
    }
    for who in ["A", "B", "A2"] {
        rig.end(who);
    }
    assert!(matches!(rig.pool.oldest_idle(), Some(Handle::Exclusive(_))));
    assert_eq!(rig.expire_idle_of("a"), ["close #0: Expired", "close #2: Expired"]);
    assert_eq!(rig.expire_idle_of("x"), NOTHING);
    assert_eq!(rig.start("B2", "b"), ["B2 on #1, reused"]);
    assert!(rig.pool.oldest_idle().is_none());
}

#[test]
fn the_slot_of_an_idle_connection_that_is_not_to_be_trusted_goes_to_whoever_can_use_it() {
    let mut rig = Rig::new(|config| config.second_shared_connection = false);
    rig.start("A", "sa");
    rig.h2(0, 1);
    rig.end("A");
    rig.capacity(0, Capacity::Streams(0));
    assert_eq!(rig.start("B", "sa"), NOTHING, "it waits for a stream");
    assert_eq!(rig.expire_idle(), ["close #0: Expired", "dial 1: sa for B and others"]);
}

#[test]
fn the_dump_tells_limits_counts_and_what_everybody_is_doing_and_for_how_long() {
    let mut rig =
        Rig::new(|config| (config.max_connections, config.max_connections_per_origin) = (5, Some(2)));
    rig.start("A", "a");
    rig.h1(0);
    rig.start("I", "i");
    rig.h1(1);
    rig.end("I");
    rig.start("H", "sh");
    rig.h2(2, 9);
    rig.pass(millis(2_800));
    rig.start("A2", "a");
    rig.start("A3", "a!");
    rig.start("D", "d");
    rig.cancel("D");
    rig.pass(millis(400));
    rig.wake();
    assert_eq!(
        rig.dump(),
        [
            "the limits are 5 connections, 2 per origin, 20 idle; dials count as connections",
            "at the last input there were 3 connections (1 idle, 1 leased, 1 stream), 2 dials and 2 waiters",
            "connection 0.0 to a is leased by \"A\", is 3.2s old, has served 1 request",
            "connection 1.0 to i is idle, expires in 1.8s, is 3.2s old, has served 1 request",
            "connection 2.0 to sh has 1 stream, is 3.2s old, has served 1 request; its peer allows 9 streams",
            "dial 0.3 to a is 0.4s old and works for \"A2\"",
            "dial 1.0 to d is 0.4s old and was given up, but has not ended yet",
            "waiter \"A2\" (turn 7) for any connection to a has dial 0.3",
            "waiter \"A3\" (turn 9) for any connection to a! has been waiting for 0.4s: its origin is at its limit",
        ]
    );
}

#[test]
fn the_dump_tells_who_makes_room_for_whom_and_what_keeps_each_waiter() {
    let mut rig = Rig::limited(1);
    rig.start("A", "sa");
    rig.h2(0, 100);
    rig.start("B", "b");
    rig.start("A2", "sa");
    rig.pass(millis(300));
    rig.wake();
    assert_eq!(
        rig.dump()[2..],
        [
            "connection 0.0 makes room for turn 3, or another one in 0.7s",
            "connection 0.0 to sa has 1 stream, is 0.3s old, has served 1 request; \
             its peer allows 100 streams; it takes no more so as to make room",
            "waiter \"B\" (turn 3) for any connection to b has been waiting for 0.3s: the pool is at its limit",
            "waiter \"A2\" (turn 4) for any connection to sa has been waiting for 0.3s: the pool is at its limit",
        ]
    );
    rig.cancel("A2");
    rig.pass(millis(700));
    rig.wake();
    assert_eq!(rig.dump()[2], "no connection made room for turn 3; asked again in 1.0s");

    rig = Rig::limited(1);
    rig.start("1", "sa");
    rig.start_fresh("2", "sa");
    assert_eq!(
        rig.dump()[2..],
        [
            "dial 0.0 to sa is 0.0s old and works for all waiters of its key",
            "waiter \"1\" (turn 1) for any connection to sa shares the dial of its key",
            "waiter \"2\" (turn 3) for a fresh connection to sa has been waiting for 0.0s: \
             the dial of its key began too early for it",
        ]
    );

    rig = Rig::new(|config| config.dial_policy = DialPolicy::PreferIdle { wait: millis(500) });
    rig.start("1", "a");
    rig.h1(0);
    rig.start("2", "a");
    let patient = "waiter \"2\" (turn 3) for any connection to a has been waiting for 0.0s: \
                   it asks for a dial in 0.5s";
    assert_eq!(rig.dump()[3..], [patient]);

    rig = Rig::new(|config| {
        config.second_shared_connection = false;
        config.keepalive_expiry = None;
    });
    rig.start("1", "sa");
    rig.h2(0, 1);
    rig.end("1");
    rig.capacity(0, Capacity::Streams(0));
    rig.start("2", "sa");
    assert_eq!(
        rig.dump()[2..],
        [
            "connection 0.0 to sa is idle, never expires, is 0.0s old, has served 1 request; \
             its peer allows 0 streams",
            "waiter \"2\" (turn 3) for any connection to sa has been waiting for 0.0s: \
             it has to make do with the shared connections there are",
        ]
    );
}

#[test]
fn the_dump_shows_the_first_twenty_of_each_kind_and_counts_the_rest() {
    let mut rig = Rig::limited(42);
    for n in 0..85 {
        rig.start(&n.to_string(), "a");
        if n < 21 {
            rig.h1(n);
        }
    }
    let dump = rig.dump();
    assert_eq!(dump.len(), 2 + 3 * 21);
    assert!(dump[2].starts_with("connection 0.0 to a is leased by \"0\""));
    assert_eq!(dump[22], "and 1 more connection");
    assert!(dump[23].ends_with("works for \"21\""));
    assert_eq!(dump[43], "and 1 more dial");
    assert!(dump[44].starts_with("waiter \"21\" (turn 43)"), "{}", dump[44]);
    assert_eq!(dump[64], "and 44 more waiters");
}

#[test]
fn whether_a_request_would_be_served_at_once_is_known_without_asking() {
    let mut rig = Rig::new(|_| {});
    let can_serve = |rig: &mut Rig, origin| rig.pool.can_serve(&key(origin), rig.now);
    assert!(!can_serve(&mut rig, "a"), "there is nothing yet");
    rig.start("A", "a");
    rig.h1(0);
    assert!(!can_serve(&mut rig, "a"), "the connection is leased");
    rig.end("A");
    assert!(can_serve(&mut rig, "a"));
    assert!(!can_serve(&mut rig, "a!"), "it is another key's");
    rig.start("B", "sb");
    rig.h2(1, 2);
    assert!(can_serve(&mut rig, "sb"), "a stream is left");
    rig.start("C", "sb");
    assert!(!can_serve(&mut rig, "sb"));
    rig.end("C");
    rig.pool.drain(rig.now);
    assert!(!can_serve(&mut rig, "sb"), "nobody new is served");
}

#[test]
fn a_waiter_is_told_of_the_dial_that_works_for_it_and_of_no_other_one() {
    let mut rig = Rig::new(|_| {});
    let dial_for = |rig: &Rig, who: &str| rig.pool.dial_for(rig.waiters[who]).map(|dial| rig.number(dial));
    assert_eq!(rig.start("A", "sa"), ["dial 0: sa for A and others"]);
    assert_eq!(rig.start_fresh("C", "sa"), NOTHING);
    assert_eq!(rig.start("B", "sa"), NOTHING);
    assert_eq!(["A", "B"].map(|who| dial_for(&rig, who)), [Some(0); 2]);
    assert_eq!(dial_for(&rig, "C"), None, "it came when the dial had begun");
    assert_eq!(rig.start("D", "d"), ["dial 1: d for D"]);
    assert_eq!(dial_for(&rig, "D"), Some(1));
    rig.h1(1);
    assert_eq!(dial_for(&rig, "D"), None, "it waits no more");
}

#[test]
fn the_time_of_the_last_input_is_known() {
    let mut rig = Rig::new(|_| {});
    assert_eq!(rig.pool.last_input(), None);
    rig.start("A", "a");
    rig.pass(secs(1));
    assert_eq!(rig.pool.last_input(), Some(rig.now - secs(1)));
    rig.h1(0);
    assert_eq!(rig.pool.last_input(), Some(rig.now));
}

#[test]
fn a_request_for_a_fresh_connection_that_comes_back_takes_one_dialled_since() {
    let mut rig = Rig::new(|_| {});
    rig.start_fresh("A", "sa");
    rig.h1(0);
    rig.start_fresh("B", "sa");
    assert_eq!(rig.h2(1, 10), ["B on #1"]);
    assert_eq!(rig.stale("A"), ["A on #1"]);
}

#[test]
fn a_request_for_a_fresh_connection_that_comes_back_takes_none_whose_dial_was_under_way_when_it_came() {
    let mut rig = Rig::new(|_| {});
    assert_eq!(rig.start("A", "sa"), ["dial 0: sa for A and others"]);
    assert_eq!(rig.start_fresh("B", "sa"), NOTHING);
    assert_eq!(rig.h2(0, 10), ["A on #0", "dial 1: sa for B and others"]);
    assert_eq!(rig.h1(1), ["B on #1"]);
    assert_eq!(rig.stale("B"), ["dial 2: sa for B"]);
}

#[test]
fn the_dump_tells_why_a_connection_takes_no_more_streams() {
    let last =
        |rig: &Rig| rig.dump().into_iter().find(|line| line.starts_with("connection")).unwrap_or_default();
    let mut rig = Rig::new(|config| config.max_age = Some(secs(60)));
    rig.start("A", "sa");
    rig.h2(0, 10);
    assert!(last(&rig).ends_with("; its peer allows 10 streams"), "{}", last(&rig));
    rig.capacity(0, Capacity::Suspect);
    assert!(last(&rig).ends_with("; its peer is being asked whether it is still there"), "{}", last(&rig));
    rig.capacity(0, Capacity::Streams(1));
    assert!(last(&rig).ends_with("; its peer allows 1 stream"), "{}", last(&rig));
    rig.pass(secs(60));
    rig.wake();
    assert!(last(&rig).ends_with("; it takes no more since it is too old"), "{}", last(&rig));
    rig.capacity(0, Capacity::Retiring);
    assert!(last(&rig).contains("; its peer goes away"), "{}", last(&rig));
}

#[test]
fn the_dump_tells_for_how_long_a_waiter_asks_for_no_dial() {
    for (wait, text) in [
        (secs(2), "it asks for a dial in 2.0s"),
        (Duration::MAX, "it asks for no dial while its key has connections"),
    ] {
        let mut rig = Rig::new(|config| config.dial_policy = DialPolicy::PreferIdle { wait });
        rig.start("A", "a");
        rig.h1(0);
        assert_eq!(rig.start("B", "a"), NOTHING);
        assert!(
            rig.dump().iter().any(|line| line.starts_with("waiter") && line.ends_with(text)),
            "{:?}",
            rig.dump()
        );
    }
}

#[test]
fn the_dump_tells_of_a_connection_that_was_idle_that_it_is_leased_again() {
    let mut rig = Rig::new(|_| {});
    rig.start("A", "a");
    rig.h1(0);
    rig.end("A");
    assert!(rig.dump()[2].contains(" is idle, expires in 5.0s, "), "{:?}", rig.dump());
    assert_eq!(rig.start("B", "a"), ["B on #0, reused"]);
    assert!(rig.dump()[2].contains(" is leased by \"B\", "), "{:?}", rig.dump());
}

#[test]
fn an_idle_connection_that_carries_several_requests_is_looked_at_in_its_turn() {
    let mut rig = Rig::new(|_| {});
    rig.start("A", "sa");
    rig.h2(0, 10);
    assert!(rig.pool.oldest_idle().is_none(), "it is busy");
    rig.end("A");
    rig.start("B", "b");
    rig.h1(1);
    rig.end("B");
    assert_eq!(rig.pool.oldest_idle(), Some(Handle::Shared(&0)));
}
