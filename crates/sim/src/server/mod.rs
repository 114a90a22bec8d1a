//! Servers of the simulated network, and what they saw.

mod log;
mod message;
mod script;
mod serve;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use self::serve::serve;
use crate::fault::Fault;
use crate::h2::{H2Link, H2Server, SimHost, serve_on};
use crate::tcp::Stream;
use crate::tls::{Front, Session};
use crate::world::{Place, Shared, World};

pub use self::log::LoggedRequest;
pub(crate) use self::log::Recorder;
pub(crate) use self::message::Part;
pub use self::message::{Ending, Service, SimRequest, SimResponse};
pub use self::script::Script;

/// What meets the connections of a listener.
#[derive(Clone)]
pub(crate) enum Handler {
    Service(Arc<Mutex<dyn Service>>),
    Http2(Arc<Mutex<dyn Service>>, Arc<H2Server>),
    Scripts(Arc<[Script]>),
    /// The same, and the client is to speak HTTP/2.
    Http2Scripts(Arc<[Script]>),
}

/// A connection's share of it.
pub(crate) enum Accepted {
    Service(Arc<Mutex<dyn Service>>),
    Http2(Arc<Mutex<dyn Service>>, Arc<H2Server>, H2Link),
    Script(Script),
    Http2Script(Script, H2Link),
}

impl Accepted {
    /// What takes down the requests.
    pub(crate) fn recorder(&self) -> Recorder {
        match self {
            Self::Service(_) | Self::Script(_) => Recorder::default(),
            Self::Http2(_, _, link) | Self::Http2Script(_, link) => Recorder::Http2(link.tap()),
        }
    }
}

/// What the world knows of a listener.
pub(crate) struct ListenerState {
    handler: Handler,
    listening: bool,
    accepted: usize,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
    /// What stands in front of it, if it speaks TLS.
    front: Option<Front>,
    /// The handles of its connections, if it speaks HTTP/2.
    links: Vec<H2Link>,
    pub(crate) log: Vec<LoggedRequest>,
    pub(crate) complaints: Vec<String>,
}

impl ListenerState {
    /// The fault for a connection that begins now.
    pub(crate) fn next_fault(&mut self) -> Option<Fault> {
        self.faults.pop_front().or_else(|| self.always.clone())
    }

    /// The handle of the `nth` connection, which may be yet to come.
    fn link(&mut self, nth: usize) -> H2Link {
        while self.links.len() <= nth {
            self.links.push(H2Link::new());
        }
        self.links[nth].clone()
    }

    /// Takes a connection, if somebody listens.
    pub(crate) fn accept(&mut self) -> Option<(Accepted, Option<Session>)> {
        if !self.listening {
            return None;
        }
        let nth = self.accepted;
        self.accepted += 1;
        let accepted = match &self.handler.clone() {
            Handler::Service(service) => Accepted::Service(Arc::clone(service)),
            Handler::Http2(service, settings) => {
                let (service, settings) = (Arc::clone(service), Arc::clone(settings));
                Accepted::Http2(service, settings, self.link(nth))
            }
            Handler::Scripts(scripts) => Accepted::Script(nth_of(scripts, nth)),
            Handler::Http2Scripts(scripts) => Accepted::Http2Script(nth_of(scripts, nth), self.link(nth)),
        };
        Some((accepted, self.front.as_ref().map(Front::session)))
    }
}

/// The script of a connection: the last one meets all further ones.
fn nth_of(scripts: &[Script], nth: usize) -> Script {
    scripts.get(nth).or(scripts.last()).cloned().unwrap_or_default()
}

/// Meets a connection.
pub(crate) async fn accept(stream: Stream, place: Place, accepted: Accepted) {
    match accepted {
        Accepted::Service(service) => serve(stream, service).await,
        Accepted::Http2(service, settings, link) => {
            let host = SimHost { shared: Arc::clone(&stream.shared), id: stream.id, place };
            serve_on(stream, service, H2Server::clone(&settings), link, Arc::new(host)).await;
        }
        Accepted::Script(script) | Accepted::Http2Script(script, _) => script::play(stream, script).await,
    }
}

/// A server, made by [`Sim::listen`](crate::Sim::listen) and its like. Dropping
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
            front: None,
            links: Vec::new(),
            log: Vec::new(),
            complaints: Vec::new(),
        };
        let replaced = shared.with(|world| world.listeners.insert(place.clone(), state));
        drop(replaced);
        Self { shared, place }
    }

    /// Speaks TLS with every connection from now on, as the host that it is. Clients trust it by
    /// [`Sim::tls_config`](crate::Sim::tls_config). It takes HTTP/2 by ALPN if it speaks that, otherwise HTTP/1.1.
    ///
    /// Points of a [`Fault`] count octets of the wire then, those of the handshake among them, and the end that a fault
    /// brings is not announced by close_notify. What is decrypted is in the log.
    ///
    /// # Panics
    ///
    /// If the name of the host cannot stand in a certificate: it must be ASCII.
    #[cfg(feature = "tls")]
    pub fn behind_tls(self) -> Self {
        let is_http2 = self.shared.with(|world| {
            let handler = world.listeners.get(&self.place).map(|listener| &listener.handler);
            matches!(handler, Some(Handler::Http2(..) | Handler::Http2Scripts(_)))
        });
        let protocol: &[u8] = if is_http2 { b"h2" } else { b"http/1.1" };
        let front = Front::new(&self.place.0, protocol);
        self.state(|listener| listener.front = Some(front));
        self
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

    /// The handle of the `nth` HTTP/2 connection, counted from 0 as they were accepted. It may be yet to come: what it is
    /// told before is done then. Of a server that does not speak HTTP/2, the handle is of nothing; of one
    /// that plays a script it has the client's frames, and gives no orders.
    pub fn h2(&self, nth: usize) -> H2Link {
        self.state(|listener| listener.link(nth))
    }

    /// What the server was asked to do and could not: a script whose client did otherwise, a response that HTTP forbids;
    /// in HTTP/2 also what the client did and must not. A test should find none.
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
    pub(crate) fn complain(&mut self, id: u64, what: &str) {
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

    /// The same for the request of an HTTP/2 stream.
    pub(crate) fn mark_stream_processed(&mut self, id: u64, stream: u32) {
        let Some(link) = self.links.get(&id) else { return };
        if let Some(listener) = self.listeners.get_mut(&link.place) {
            link.recorder.mark_stream_processed(&mut listener.log, stream);
        }
    }
}
