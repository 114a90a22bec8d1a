//! The simulation as a runtime of the client.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use martlet_client::{BoxFuture, Home, Runtime, SocketOptions, Spawn};

use crate::tcp::SimTcp;
use crate::world::{Event, EventKey, Shared};

/// The runtime of a simulation, for [`ClientBuilder::runtime`](martlet_client::ClientBuilder::runtime). Clones are the
/// same runtime.
///
/// Tasks that must be `'static` use it as their handle to the simulation: it tells the time and sleeps.
#[derive(Clone)]
pub struct SimRuntime {
    pub(crate) shared: Arc<Shared>,
}

impl SimRuntime {
    /// How much virtual time has passed since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.shared.with(|world| world.clock.now)
    }

    /// A timer that is ready after so much virtual time.
    pub fn sleep(&self, span: Duration) -> Sleep {
        Sleep::new(&self.shared, self.elapsed().saturating_add(span))
    }
}

impl std::fmt::Debug for SimRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimRuntime").finish_non_exhaustive()
    }
}

impl Runtime for SimRuntime {
    type Tcp = SimTcp;
    type Sleep = Sleep;

    fn home(&self) -> io::Result<Home> {
        let here = self.shared.with(|world| world.here);
        let id =
            here.ok_or_else(|| io::Error::other("not inside of a run: use `Sim::block_on` or `Sim::spawn`"))?;
        Ok(Home::new(id, Arc::new(Spawner { shared: Arc::clone(&self.shared), home: id })))
    }

    fn now(&self) -> Instant {
        self.shared.with(|world| world.clock.instant())
    }

    fn wall_clock(&self) -> SystemTime {
        self.shared.with(|world| world.clock.wall())
    }

    fn random(&self) -> u64 {
        self.shared.with(|world| world.random.next_u64())
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::new(&self.shared, self.shared.with(|world| world.clock.since_start(at)))
    }

    /// Of the options only the local address matters here.
    async fn connect(&self, to: SocketAddr, options: &SocketOptions) -> io::Result<SimTcp> {
        let dialling = self.shared.with(|world| world.dial(to, options.local_address));
        if !dialling.is_answered() {
            return pending().await;
        }
        self.sleep(dialling.takes).await;
        self.shared.open(dialling).map(SimTcp)
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let (takes, answer) = self.shared.with(|world| world.resolve(host, port));
        let Some(answer) = answer else {
            return pending().await;
        };
        self.sleep(takes).await;
        let count = answer.as_ref().map_or(0, Vec::len);
        self.shared.with(|world| world.note(format_args!("resolved {host}: {count}")));
        answer
    }
}

struct Spawner {
    shared: Arc<Shared>,
    home: u64,
}

impl Spawn for Spawner {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.shared.spawn(self.home, false, task);
    }
}

/// A timer on the virtual clock.
///
/// # Panics
///
/// When it is polled after the home that it was made in was shut down, as timers of real runtimes do.
#[must_use = "it does nothing unless it is awaited"]
pub struct Sleep {
    shared: Arc<Shared>,
    at: Duration,
    key: Option<EventKey>,
    home: Option<u64>,
}

impl Sleep {
    pub(crate) fn new(shared: &Arc<Shared>, at: Duration) -> Self {
        let home = shared.with(|world| world.here);
        Self { shared: Arc::clone(shared), at, key: None, home }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let (alive, ready) = this.shared.with(|world| {
            if this.home.is_some_and(|home| !world.homes.contains(&home)) {
                return (false, false);
            }
            if world.clock.now >= this.at {
                return (true, true);
            }
            match this.key {
                Some(key) => world.set_timer_waker(key, cx.waker()),
                None => this.key = Some(world.schedule(this.at, Event::Timer(cx.waker().clone()))),
            }
            (true, false)
        });
        assert!(alive, "a timer was polled after its home was shut down");
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.with(|world| world.cancel(key));
        }
    }
}

impl std::fmt::Debug for Sleep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sleep").field("at", &self.at).finish_non_exhaustive()
    }
}
