//! Servers of the simulated network, and what they saw.

mod log;
mod message;
mod script;
mod serve;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use self::serve::serve;
use crate::fault::Fault;
use crate::tcp::Stream;
use crate::world::{Place, Shared, World};

pub use self::log::LoggedRequest;
pub(crate) use self::log::Recorder;
pub use self::message::{Service, SimRequest, SimResponse};
pub use self::script::Script;

/// What meets the connections of a listener.
#[derive(Clone)]
pub(crate) enum Handler {
    Service(Arc<Mutex<dyn Service>>),
    Scripts(Arc<[Script]>),
}

/// A connection's share of it.
pub(crate) enum Accepted {
    Service(Arc<Mutex<dyn Service>>),
    Script(Script),
}

/// What the world knows of a listener.
pub(crate) struct ListenerState {
    handler: Handler,
    listening: bool,
    accepted: usize,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
    pub(crate) log: Vec<LoggedRequest>,
    pub(crate) complaints: Vec<String>,
}

impl ListenerState {
    /// The fault for a connection that begins now.
    pub(crate) fn next_fault(&mut self) -> Option<Fault> {
        self.faults.pop_front().or_else(|| self.always.clone())
    }

    /// Takes a connection, if somebody listens.
    pub(crate) fn accept(&mut self) -> Option<Accepted> {
        if !self.listening {
            return None;
        }
        let nth = self.accepted;
        self.accepted += 1;
        Some(match &self.handler {
            Handler::Service(service) => Accepted::Service(Arc::clone(service)),
            Handler::Scripts(scripts) => {
                Accepted::Script(scripts.get(nth).or(scripts.last()).cloned().unwrap_or_default())
            }
        })
    }
}

/// Meets a connection.
pub(crate) async fn accept(stream: Stream, accepted: Accepted) {
    match accepted {
        Accepted::Service(service) => serve(stream, service).await,
        Accepted::Script(script) => script::play(stream, script).await,
    }
}

/// A server, made by [`Sim::listen`](crate::Sim::listen) or [`Sim::listen_script`](crate::Sim::listen_script). Dropping
/// the handle changes nothing; clones are the same server.
#[derive(Clone)]
pub struct Listener {
    shared: Arc<Shared>,
    place: Place,
}

impl Listener {
    pub(crate) fn new(shared: Arc<Shared>, host: &str, port: u16, handler: Handler) -> Self {
        let place = (host.to_owned(), port);
        let state = ListenerState {
            handler,
            listening: true,
            accepted: 0,
            faults: VecDeque::new(),
            always: None,
            log: Vec::new(),
            complaints: Vec::new(),
        };
        let replaced = shared.with(|world| world.listeners.insert(place.clone(), state));
        drop(replaced);
        Self { shared, place }
    }

    /// The next connection that nothing was set for meets this fault.
    pub fn fail_next(&self, fault: Fault) {
        self.state(|listener| listener.faults.push_back(fault));
    }

    /// Every connection meets this fault, until `None` is set. Those of [`fail_next`](Self::fail_next) come first.
    pub fn fail_always(&self, fault: Option<Fault>) {
        self.state(|listener| listener.always = fault);
    }

    /// Whether connections are accepted; they are in the beginning. Open connections are not touched.
    pub fn set_listening(&self, on: bool) {
        self.state(|listener| listener.listening = on);
    }

    /// Connections that were accepted so far.
    pub fn accepted(&self) -> usize {
        self.state(|listener| listener.accepted)
    }

    /// Every request of which an octet has come, in the order in which they began.
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.state(|listener| listener.log.clone())
    }

    /// What the server was asked to do and could not: a script whose client did otherwise, a response that HTTP forbids.
    /// A test should find none.
    pub fn complaints(&self) -> Vec<String> {
        self.state(|listener| listener.complaints.clone())
    }

    fn state<T: Default>(&self, act: impl FnOnce(&mut ListenerState) -> T) -> T {
        self.shared.with(|world| world.listeners.get_mut(&self.place).map(act).unwrap_or_default())
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (host, port) = &self.place;
        f.debug_struct("Listener").field("host", host).field("port", port).finish_non_exhaustive()
    }
}

impl World {
    /// The server could not do what it was told.
    fn complain(&mut self, id: u64, what: &str) {
        self.note(format_args!("c{id} complaint: {what}"));
        let Some(link) = self.links.get(&id) else { return };
        if let Some(listener) = self.listeners.get_mut(&link.place) {
            listener.complaints.push(format!("c{id}: {what}"));
        }
    }

    /// The service acts on the `nth` request of a connection.
    fn mark_processed(&mut self, id: u64, nth: usize) {
        let Some(link) = self.links.get(&id) else { return };
        if let Some(listener) = self.listeners.get_mut(&link.place) {
            link.recorder.mark_processed(&mut listener.log, nth);
        }
    }
}
