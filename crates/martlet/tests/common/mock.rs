//! A runtime without sockets: its clocks stand still, or are moved by the test, and nothing fires by itself.

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

use super::poll::{Woken, stall};
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

/// A task, and whether it was woken.
type Task = (BoxFuture<'static, ()>, Arc<Woken>);

struct State {
    /// Where its callers are: nowhere, or in a home of this number.
    home: Option<u64>,
    fates: BTreeMap<SocketAddr, Fate>,
    names: BTreeMap<String, Result<Vec<SocketAddr>, io::ErrorKind>>,
    /// When each attempt began, since the start.
    attempts: Vec<(SocketAddr, Duration)>,
    resolved: Vec<(String, u16)>,
    /// By the time and the number of the sleep.
    sleepers: BTreeMap<(Instant, usize), Waker>,
    /// How many sleeps were made.
    sleeps: usize,
    now: Duration,
    wall: Duration,
    /// What was spawned and has not ended. `None` where tasks are dropped.
    tasks: Option<Vec<Task>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            home: Some(7),
            fates: BTreeMap::new(),
            names: BTreeMap::new(),
            attempts: Vec::new(),
            resolved: Vec::new(),
            sleepers: BTreeMap::new(),
            sleeps: 0,
            now: Duration::ZERO,
            wall: Duration::ZERO,
            tasks: None,
        }
    }
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

    /// Keeps what is spawned from now on, for [`run_tasks`](Self::run_tasks). By default it is counted and dropped.
    pub fn keeping_tasks(self) -> Self {
        self.state().tasks = Some(Vec::new());
        self
    }

    /// Polls the tasks that were woken, until none is. How many there are left.
    pub fn run_tasks(&self) -> usize {
        loop {
            // They may spawn and sleep while they are polled.
            let tasks = self.state().tasks.replace(Vec::new()).unwrap_or_default();
            let mut ran = false;
            let mut left = Vec::new();
            for (mut task, woken) in tasks {
                let ready = woken.take() && {
                    ran = true;
                    let waker = Waker::from(woken.clone());
                    task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
                };
                if !ready {
                    left.push((task, woken));
                }
            }
            let mut state = self.state();
            let tasks = state.tasks.get_or_insert_default();
            tasks.extend(left);
            if !ran {
                return tasks.len();
            }
        }
    }

    /// Callers are in another home from now on, or in none.
    pub fn move_to(&self, home: Option<u64>) {
        self.state().home = home;
    }

    /// Both clocks go on by so much, and sleeps that are over wake their tasks.
    pub fn advance(&self, by: Duration) {
        let to = self.elapsed() + by;
        self.wake_until(to);
    }

    /// The machine sleeps: only the wall clock goes on.
    pub fn suspend(&self, by: Duration) {
        self.state().wall += by;
    }

    /// How many sleeps were made.
    pub fn sleeps(&self) -> usize {
        self.state().sleeps
    }

    fn wake_until(&self, to: Duration) {
        let due = {
            let mut state = self.state();
            let by = to.saturating_sub(state.now);
            state.now += by;
            state.wall += by;
            let last = (self.epoch + state.now, usize::MAX);
            let later = state.sleepers.split_off(&last);
            std::mem::replace(&mut state.sleepers, later)
        };
        due.into_values().for_each(Waker::wake);
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
            let next = self.state().sleepers.first_key_value().map(|((at, _), _)| *at);
            let next = next.expect("the future waits, and no timer will wake it");
            self.wake_until(next.saturating_duration_since(self.epoch));
        }
    }
}

impl Runtime for Mock {
    type Tcp = Wire;
    type Sleep = Sleep;

    fn home(&self) -> io::Result<Home> {
        let home = self.state().home.ok_or(io::ErrorKind::Unsupported)?;
        Ok(Home::new(home, Arc::new(Tasks(self.clone()))))
    }

    fn now(&self) -> Instant {
        self.epoch + self.state().now
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.state().wall
    }

    fn random(&self) -> u64 {
        4
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        let mut state = self.state();
        state.sleeps += 1;
        Sleep { runtime: self.clone(), at, number: state.sleeps }
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

/// Counts tasks, and keeps them if the test is to run them.
struct Tasks(Mock);

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawned.fetch_add(1, Ordering::SeqCst);
        let dropped = match &mut self.0.state().tasks {
            Some(tasks) => {
                tasks.push((task, Arc::new(Woken::yes())));
                None
            }
            None => Some(task),
        };
        // Its destructor may ask for a home.
        drop(dropped);
    }
}

/// A timer on the mock's clock.
pub struct Sleep {
    runtime: Mock,
    at: Instant,
    number: usize,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.at <= self.runtime.now() {
            return Poll::Ready(());
        }
        self.runtime.state().sleepers.insert((self.at, self.number), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.runtime.state().sleepers.remove(&(self.at, self.number));
        drop(waker);
    }
}
