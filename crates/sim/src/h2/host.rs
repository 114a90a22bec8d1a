//! What a server is surrounded by: a clock, and somebody who takes down what happens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use martlet_client::BoxFuture;

use super::tap::Tap;
use crate::runtime::SimRuntime;
use crate::server::LoggedRequest;
use crate::world::{Place, Shared};

/// A clock for [`serve`](super::serve).
pub trait Time: Send + Sync + 'static {
    /// How much time has passed since some beginning.
    fn now(&self) -> Duration;

    /// Waits for so long.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;
}

impl Time for SimRuntime {
    fn now(&self) -> Duration {
        self.elapsed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(Self::sleep(self, span))
    }
}

/// The surroundings of one connection.
pub(crate) trait Host: Send + Sync {
    /// The number of the connection.
    fn connection(&self) -> u64;

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;

    /// Octets were read.
    fn arrived(&self, octets: &[u8]);

    /// The service has acted on the request of a stream.
    fn processed(&self, stream: u32);

    fn note(&self, what: &str);

    fn complain(&self, what: &str);

    fn requests(&self) -> Vec<LoggedRequest>;

    fn complaints(&self) -> Vec<String>;

    /// Breaks the connection, if there is a way.
    fn reset(&self);
}

/// The simulation as surroundings.
pub(crate) struct SimHost {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: u64,
    pub(crate) place: Place,
}

impl Host for SimHost {
    fn connection(&self) -> u64 {
        self.id
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let runtime = SimRuntime { shared: Arc::clone(&self.shared) };
        Box::pin(runtime.sleep(span))
    }

    fn arrived(&self, _: &[u8]) {
        // The link takes them down, before they are read.
    }

    fn processed(&self, stream: u32) {
        self.shared.with(|world| world.mark_stream_processed(self.id, stream));
    }

    fn note(&self, what: &str) {
        self.shared.with(|world| world.note(format_args!("c{} {what}", self.id)));
    }

    fn complain(&self, what: &str) {
        self.shared.with(|world| world.complain(self.id, what));
    }

    fn requests(&self) -> Vec<LoggedRequest> {
        let mine = |request: &&LoggedRequest| request.connection == self.id;
        self.shared.with(|world| {
            let listener = world.listeners.get(&self.place);
            listener.map_or_else(Vec::new, |listener| listener.log.iter().filter(mine).cloned().collect())
        })
    }

    fn complaints(&self) -> Vec<String> {
        let prefix = format!("c{}: ", self.id);
        self.shared.with(|world| {
            let all = world.listeners.get(&self.place).map(|listener| &listener.complaints);
            all.into_iter()
                .flatten()
                .filter_map(|text| text.strip_prefix(&prefix))
                .map(str::to_owned)
                .collect()
        })
    }

    fn reset(&self) {
        self.shared.with(|world| world.reset_server(self.id));
    }
}

/// Surroundings with a clock of the caller's.
pub(super) struct OwnHost<T> {
    time: T,
    tap: Arc<Mutex<Tap>>,
    requests: Mutex<Vec<LoggedRequest>>,
    complaints: Mutex<Vec<String>>,
}

impl<T: Time> OwnHost<T> {
    pub(super) fn new(time: T, tap: Arc<Mutex<Tap>>) -> Self {
        Self { time, tap, requests: Mutex::default(), complaints: Mutex::default() }
    }
}

impl<T: Time> Host for OwnHost<T> {
    fn connection(&self) -> u64 {
        0
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.time.sleep(span)
    }

    fn arrived(&self, octets: &[u8]) {
        lock(&self.tap).feed(&mut lock(&self.requests), 0, self.time.now(), octets);
    }

    fn processed(&self, stream: u32) {
        lock(&self.tap).mark_processed(&mut lock(&self.requests), stream);
    }

    fn note(&self, _: &str) {}

    fn complain(&self, what: &str) {
        lock(&self.complaints).push(what.to_owned());
    }

    fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.requests).clone()
    }

    fn complaints(&self) -> Vec<String> {
        lock(&self.complaints).clone()
    }

    fn reset(&self) {
        // Whoever gave the transport decides what its drop does.
    }
}

pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
