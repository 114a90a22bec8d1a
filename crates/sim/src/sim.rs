//! The simulation as its user sees it.

use std::fmt::Write;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use crate::config::SimConfig;
use crate::connection::ConnectionLog;
use crate::deadlock::Deadlock;
use crate::dial::SERVERS;
use crate::executor::Ended;
use crate::h2::H2Server;
use crate::hosts::Host;
use crate::rng::Rng;
use crate::runtime::{SimRuntime, Sleep};
use crate::server::{Handler, Listener, Script, Service};
use crate::world::Shared;

/// A simulated world: one clock, one network, one executor, one seed.
///
/// Everything happens in [`block_on`](Self::block_on), [`run`](Self::run) and [`advance`](Self::advance), on the thread
/// that calls them. Wakers must not be called from other threads: the run does not wait for them. When it is dropped,
/// all of its tasks are.
pub struct Sim {
    pub(crate) shared: Arc<Shared>,
    dumps: Mutex<Vec<(String, Dump)>>,
}

type Dump = Box<dyn Fn() -> String + Send>;

impl Sim {
    /// A world with the hostile network of [`SimConfig::default`].
    pub fn new(seed: u64) -> Self {
        Self::with_config(seed, SimConfig::default())
    }

    /// A world of one's own settings.
    pub fn with_config(seed: u64, config: SimConfig) -> Self {
        Self::over(Shared::new(seed, Rng::new(seed), config))
    }

    /// A world whose chance is that of a generator: of octets ([`Rng::from_octets`]), which a fuzzer chooses. From
    /// `Rng::new(seed)` it is that of [`with_config`](Self::with_config).
    ///
    /// Octets decide latencies, cuts, faults, turns and [`Runtime::random`](martlet_client::Runtime::random) in the order in
    /// which they are needed, and none is spent on the keys of TLS.
    pub fn with_rng(rng: Rng, config: SimConfig) -> Self {
        Self::over(Shared::new(0, rng, config))
    }

    fn over(shared: Arc<Shared>) -> Self {
        shared.with(|world| world.homes.insert(SERVERS));
        Self { shared, dumps: Mutex::new(Vec::new()) }
    }

    /// The seed; 0 in a world [of a generator](Self::with_rng).
    pub fn seed(&self) -> u64 {
        self.shared.with(|world| world.seed)
    }

    /// A generator for the test's own use, drawn from the seed. Each call gives another one.
    pub fn rng(&self) -> Rng {
        self.shared.with(|world| world.random.fork())
    }

    /// The runtime to build clients with.
    pub fn runtime(&self) -> SimRuntime {
        SimRuntime { shared: Arc::clone(&self.shared) }
    }

    /// The host of this name, made if there is none.
    pub fn host(&self, name: &str) -> Host {
        Host::new(Arc::clone(&self.shared), name)
    }

    /// Answers requests to a port of a host by a [`Service`], a closure for instance. The host is made if there is none;
    /// who listened there before is replaced, with its log.
    pub fn listen(&self, host: &str, port: u16, service: impl Service) -> Listener {
        let handler = Handler::Service(Arc::new(Mutex::new(service)));
        Listener::new(Arc::clone(&self.shared), self.host(host).name(), port, handler)
    }

    /// The same in HTTP/2 by prior knowledge, on every connection.
    pub fn listen_h2(&self, host: &str, port: u16, service: impl Service) -> Listener {
        self.listen_h2_with(host, port, H2Server::new(), service)
    }

    /// The same with settings of one's own.
    pub fn listen_h2_with(
        &self,
        host: &str,
        port: u16,
        settings: H2Server,
        service: impl Service,
    ) -> Listener {
        let handler = Handler::Http2(Arc::new(Mutex::new(service)), Arc::new(settings));
        Listener::new(Arc::clone(&self.shared), self.host(host).name(), port, handler)
    }

    /// Meets connections to a port of a host by scripts: the first connection by the first of them and so on, all
    /// further ones by the last.
    pub fn listen_script(
        &self,
        host: &str,
        port: u16,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Listener {
        let handler = Handler::Scripts(scripts.into_iter().collect());
        Listener::new(Arc::clone(&self.shared), self.host(host).name(), port, handler)
    }

    /// The same for clients that speak HTTP/2 by prior knowledge: what they send is taken down as frames and requests of it.
    /// The scripts send frames as octets, the server's preface among them. (The preface of a client has two empty lines:
    /// [`Script::expect_head`] reads up to the first of them.)
    pub fn listen_h2_script(
        &self,
        host: &str,
        port: u16,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Listener {
        let handler = Handler::Http2Scripts(scripts.into_iter().collect());
        Listener::new(Arc::clone(&self.shared), self.host(host).name(), port, handler)
    }

    /// Runs a future to its end, and everything else beside it. Time jumps whenever all wait for it.
    ///
    /// # Errors
    ///
    /// [`Deadlock`] when the future waits and nothing can happen any more, or the run is endless.
    ///
    /// # Panics
    ///
    /// If it is called from inside of a run.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Deadlock> {
        let mut future = pin!(future);
        let mut output = None;
        let ended = self.shared.run(None, |cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => {
                output = Some(value);
                true
            }
            Poll::Pending => false,
        });
        output.ok_or_else(|| self.deadlock(ended, true))
    }

    /// Runs until nothing can happen any more: all that was spawned is done, nothing is under way.
    ///
    /// # Errors
    ///
    /// [`Deadlock`] when a task of [`spawn`](Self::spawn) waits then, or the run is endless. Servers, and what clients
    /// leave in the background, may wait.
    ///
    /// # Panics
    ///
    /// If it is called from inside of a run.
    pub fn run(&self) -> Result<(), Deadlock> {
        let ended = self.shared.run(None, |_| false);
        let waits = self.shared.with(|world| world.tasks.values().any(|task| task.is_awaited));
        if ended == Ended::Endless || waits { Err(self.deadlock(ended, false)) } else { Ok(()) }
    }

    /// Lets so much time pass, and whatever happens in it.
    ///
    /// # Errors
    ///
    /// [`Deadlock`] when the run is endless.
    ///
    /// # Panics
    ///
    /// If it is called from inside of a run; await [`sleep`](Self::sleep) there.
    pub fn advance(&self, span: Duration) -> Result<(), Deadlock> {
        let until = self.now().saturating_add(span);
        match self.shared.run(Some(until), |_| false) {
            Ended::Endless => Err(self.deadlock(Ended::Endless, false)),
            Ended::Done | Ended::Quiet => Ok(()),
        }
    }

    /// Starts a task. A run that ends while it waits is a dead-lock; when it panics, so does the run.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        spawn_in(&self.shared, 0, future)
    }

    /// Another instance of the runtime: a thread of its own, so to speak, that may end before the others. `block_on` and
    /// `spawn` are in the first.
    pub fn new_home(&self) -> SimHome {
        let id = self.shared.with(|world| {
            let id = world.next_home;
            world.next_home += 1;
            world.homes.insert(id);
            id
        });
        SimHome { shared: Arc::clone(&self.shared), id }
    }

    /// How much virtual time has passed since the beginning.
    pub fn now(&self) -> Duration {
        self.shared.with(|world| world.clock.now)
    }

    /// A timer that is ready after so much virtual time.
    pub fn sleep(&self, span: Duration) -> Sleep {
        self.runtime().sleep(span)
    }

    /// The wall clock. It begins at the same date for every seed and runs with the virtual time, except for its jumps.
    pub fn wall_clock(&self) -> SystemTime {
        self.shared.with(|world| world.clock.wall())
    }

    /// The machine sleeps for so long: the wall clock goes on, the monotonic clock and all timers stand. Connections
    /// outlive it; [`lose_connections`](Self::lose_connections) is for those that do not.
    pub fn suspend(&self, span: Duration) {
        self.shared.with(|world| {
            world.clock.jump(span);
            world.note(format_args!("suspended for {span:?}"));
        });
    }

    /// Sets the wall clock, backwards too.
    pub fn set_wall_clock(&self, to: SystemTime) {
        self.shared.with(|world| {
            world.clock.set_wall(to);
            world.note(format_args!("wall clock set"));
        });
    }

    /// All open connections go dead without a word, as behind a router that forgot them: what is sent vanishes, no end
    /// and no reset ever arrives.
    pub fn lose_connections(&self) {
        self.shared.with(|world| world.lose_connections());
    }

    /// Connections that a client holds open now.
    pub fn open_connections(&self) -> usize {
        self.shared.with(|world| world.links.values().filter(|link| link.is_open()).count())
    }

    /// What the client was told on a connection, by the number that the trace and [`LoggedRequest`](crate::LoggedRequest)
    /// have of it.
    pub fn connection(&self, number: u64) -> ConnectionLog {
        self.shared.with(|world| world.connection(number))
    }

    /// Adds something to the report of a [`Deadlock`]: the state of a pool, for instance.
    pub fn on_deadlock(&self, name: &str, dump: impl Fn() -> String + Send + 'static) {
        let mut dumps = self.dumps.lock().unwrap_or_else(PoisonError::into_inner);
        dumps.push((name.to_owned(), Box::new(dump)));
    }

    /// Everything that has happened on the network, one line each: the virtual time in seconds, the connection (`c7`), the
    /// direction (`>` to the server, `<` to the client), and what it was. The same seed and the same program give the
    /// same text, byte for byte.
    pub fn trace(&self) -> String {
        self.shared.with(|world| world.trace().to_owned())
    }

    fn deadlock(&self, ended: Ended, main_waits: bool) -> Deadlock {
        let mut text = String::new();
        for (name, dump) in self.dumps.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name}: {}", dump());
        }
        self.shared.with(|world| Deadlock::new(ended, world, main_waits, &text))
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let cleared = self.shared.with(|world| world.clear());
        self.shared.ready.end();
        drop(cleared);
    }
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("seed", &self.seed()).field("now", &self.now()).finish_non_exhaustive()
    }
}

/// An instance of the runtime, made by [`Sim::new_home`].
pub struct SimHome {
    shared: Arc<Shared>,
    id: u64,
}

impl SimHome {
    /// What [`Home::id`](martlet_client::Home::id) is there.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Starts a task there.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        spawn_in(&self.shared, self.id, future)
    }

    /// Ends it: its tasks are dropped, its connections are never ready again, its timers panic.
    ///
    /// # Panics
    ///
    /// If it is called from a task of this home.
    pub fn shut_down(self) {
        let gone = self.shared.with(|world| {
            assert!(world.here != Some(self.id), "a home cannot be shut down from inside");
            world.homes.remove(&self.id);
            world.note(format_args!("home {} ended", self.id));
            let ids: Vec<u64> =
                world.tasks.iter().filter(|(_, task)| task.home == self.id).map(|(id, _)| *id).collect();
            ids.into_iter().filter_map(|id| world.tasks.remove(&id)).collect::<Vec<_>>()
        });
        drop(gone);
    }
}

impl std::fmt::Debug for SimHome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimHome").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Waits for a task. Dropping it leaves the task alone.
#[derive(Debug)]
pub struct JoinHandle<T> {
    slot: Arc<Mutex<Slot<T>>>,
}

#[derive(Debug)]
struct Slot<T> {
    output: Option<T>,
    over: bool,
    waker: Option<Waker>,
}

impl<T> Future for JoinHandle<T> {
    /// `None` if the task was dropped before its end, with its home.
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.over {
            return Poll::Ready(slot.output.take());
        }
        slot.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Tells the handle, whether the task ends or is dropped.
struct Report<T>(Arc<Mutex<Slot<T>>>);

impl<T> Drop for Report<T> {
    fn drop(&mut self) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.over = true;
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn spawn_in<F>(shared: &Arc<Shared>, home: u64, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let slot = Arc::new(Mutex::new(Slot { output: None, over: false, waker: None }));
    let report = Report(Arc::clone(&slot));
    let task = async move {
        let output = future.await;
        report.0.lock().unwrap_or_else(PoisonError::into_inner).output = Some(output);
    };
    shared.spawn(home, true, Box::pin(task));
    JoinHandle { slot }
}
