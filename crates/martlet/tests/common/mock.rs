//! A runtime without sockets: its clock stands still, or is moved by the test, and nothing fires by itself.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use martlet::{BoxFuture, Home, Runtime, SocketOptions, Spawn};

use super::poll::stall;
use super::wire::Wire;

/// What becomes of a connection attempt.
pub enum Fate {
    /// It never ends.
    Hangs,
    /// It fails after so long.
    Fails(Duration, io::ErrorKind),
    /// It connects after so long.
    Connects(Duration, Wire),
}

#[derive(Default)]
struct State {
    fates: BTreeMap<SocketAddr, Fate>,
    names: BTreeMap<String, Result<Vec<SocketAddr>, io::ErrorKind>>,
    /// When each attempt began, since the start.
    attempts: Vec<(SocketAddr, Duration)>,
    resolved: Vec<(String, u16)>,
    sleepers: Vec<(Instant, Waker)>,
    now: Duration,
}

/// The runtime. Clones are the same one.
#[derive(Clone)]
pub struct Mock {
    state: Arc<Mutex<State>>,
    epoch: Instant,
    spawned: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Default for Mock {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            epoch: Instant::now(),
            spawned: Arc::default(),
            dropped: Arc::default(),
        }
    }
}

impl Mock {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The name has these addresses, or the resolver fails.
    pub fn name(self, name: &str, addresses: Result<Vec<SocketAddr>, io::ErrorKind>) -> Self {
        self.state().names.insert(name.to_owned(), addresses);
        self
    }

    pub fn fate(self, address: SocketAddr, fate: Fate) -> Self {
        self.state().fates.insert(address, fate);
        self
    }

    /// The attempts there were, each with the time at which it began.
    pub fn attempts(&self) -> Vec<(SocketAddr, Duration)> {
        self.state().attempts.clone()
    }

    pub fn resolved(&self) -> Vec<(String, u16)> {
        self.state().resolved.clone()
    }

    /// Attempts that were given up.
    pub fn given_up(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }

    pub fn spawned(&self) -> usize {
        self.spawned.load(Ordering::SeqCst)
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.state().now
    }

    /// Runs a future; whenever it waits, the clock jumps to the next timer.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = stall(future.as_mut()) {
                return output;
            }
            let mut state = self.state();
            let next = state.sleepers.iter().map(|(at, _)| *at).min();
            let next = next.expect("the future waits, and no timer will wake it");
            state.now = state.now.max(next.saturating_duration_since(self.epoch));
            // Sleepers register anew at every poll.
            state.sleepers.clear();
        }
    }
}

impl Runtime for Mock {
    type Tcp = Wire;
    type Sleep = Sleep;

    fn home(&self) -> io::Result<Home> {
        Ok(Home::new(7, Arc::new(Counts(self.spawned.clone()))))
    }

    fn now(&self) -> Instant {
        self.epoch + self.state().now
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn random(&self) -> u64 {
        4
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep { runtime: self.clone(), at }
    }

    async fn connect(&self, to: SocketAddr, _: &SocketOptions) -> io::Result<Wire> {
        let fate = {
            let mut state = self.state();
            let now = state.now;
            state.attempts.push((to, now));
            state.fates.remove(&to)
        };
        let guard = Guard(Some(self.dropped.clone()));
        let result = match fate {
            None => Err(io::ErrorKind::AddrNotAvailable.into()),
            Some(Fate::Hangs) => pending().await,
            Some(Fate::Fails(after, kind)) => {
                self.sleep_until(self.now() + after).await;
                Err(kind.into())
            }
            Some(Fate::Connects(after, wire)) => {
                self.sleep_until(self.now() + after).await;
                Ok(wire)
            }
        };
        guard.done();
        result
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let mut state = self.state();
        state.resolved.push((host.to_owned(), port));
        match state.names.get(host) {
            Some(Ok(addresses)) => Ok(addresses.clone()),
            Some(Err(kind)) => Err((*kind).into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

struct Guard(Option<Arc<AtomicUsize>>);

impl Guard {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(dropped) = &self.0 {
            dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Tasks are counted and dropped.
struct Counts(Arc<AtomicUsize>);

impl Spawn for Counts {
    fn spawn(&self, _: BoxFuture<'static, ()>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A timer on the mock's clock.
pub struct Sleep {
    runtime: Mock,
    at: Instant,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.at <= self.runtime.now() {
            return Poll::Ready(());
        }
        self.runtime.state().sleepers.push((self.at, cx.waker().clone()));
        Poll::Pending
    }
}
