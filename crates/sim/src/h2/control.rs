//! The handle of a connection.

use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;

use bytes::Bytes;

use super::frame::{Frame, FrameKind};
use super::gate::Gate;
use super::host::{Host, lock};
use super::tap::Tap;
use crate::server::LoggedRequest;

/// Controls the server of one HTTP/2 connection, and tells what came on it. It may be used from everywhere, inside and
/// outside of a run; clones are the same handle.
///
/// Orders may be given before the connection begins. Frames go out at the next place where a frame may stand, behind what
/// has been sent, and never before the server's first SETTINGS.
#[derive(Clone)]
pub struct H2Link {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    tap: Arc<Mutex<Tap>>,
    host: OnceLock<Arc<dyn Host>>,
}

/// What the handle and the server share.
pub(super) struct State {
    pub(super) gate: Gate,
    pub(super) is_reading: bool,
    /// Streams that the service is being asked about.
    pub(super) asking: usize,
    /// The machine has more for the wire than there is room.
    pub(super) machine_waits: bool,
    pub(super) end: Option<End>,
    /// The server's task.
    pub(super) waker: Option<Waker>,
}

/// An order to end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Fin,
    Reset,
}

impl H2Link {
    /// A handle for [`serve`](super::serve). In the simulation, [`Listener::h2`](crate::Listener::h2) has them.
    pub fn new() -> Self {
        let state = State {
            gate: Gate::new(),
            is_reading: true,
            asking: 0,
            machine_waits: false,
            end: None,
            waker: None,
        };
        let inner = Inner { state: Mutex::new(state), tap: Arc::default(), host: OnceLock::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Changes `SETTINGS_MAX_CONCURRENT_STREAMS`, and from now on refuses streams above it.
    pub fn settings_max_streams(&self, most: u32) {
        self.order(|state| state.gate.set_max_streams(most));
    }

    /// Sends a SETTINGS frame. The server itself knows nothing of it: it goes on as it was.
    pub fn settings(&self, parameters: &[(u16, u32)]) {
        self.order(|state| state.gate.send_settings(parameters));
    }

    /// Sends GOAWAY. Streams above `last_stream` that the service has not acted on are dropped, and never processed. If
    /// it has acted on a higher one, that one is announced instead, with a
    /// [complaint](crate::Listener::complaints). An announced last stream never rises. Gives what was announced.
    pub fn goaway(&self, last_stream: u32, code: u32) -> u32 {
        self.order(|state| state.gate.go_away(last_stream, code))
    }

    /// Sends GOAWAY that may deny what the service has acted on; those requests are answered still. No sound server does
    /// that.
    pub fn goaway_lying(&self, last_stream: u32, code: u32) -> u32 {
        self.order(|state| state.gate.go_away_lying(last_stream, code))
    }

    /// Sends RST_STREAM, and does nothing more about the stream. A request that the service has not acted on never is.
    pub fn reset_stream(&self, stream: u32, code: u32) {
        self.order(|state| state.gate.reset_stream(stream, code));
    }

    /// Sends PING with this payload.
    pub fn ping(&self, payload: [u8; 8]) {
        self.order(|state| state.gate.send_ping(payload));
    }

    /// Sends these octets as they are. They should be whole frames: what follows is put behind them.
    pub fn raw(&self, octets: impl Into<Bytes>) {
        let octets = octets.into();
        self.order(|state| state.gate.inject(octets));
    }

    /// Keeps back the frames of this kind that the server sends by itself from now on.
    pub fn swallow(&self, kind: FrameKind) {
        self.order(|state| state.gate.swallow(kind));
    }

    /// Reads nothing more from the connection: what the client sends fills the buffers, then it has to wait.
    pub fn stop_reading(&self) {
        self.order(|state| state.is_reading = false);
    }

    /// Reads again.
    pub fn resume_reading(&self) {
        self.order(|state| state.is_reading = true);
    }

    /// Sends nothing more, ever; it reads and acts.
    pub fn mute(&self) {
        self.order(|state| state.gate.mute());
    }

    /// Ends the connection behind what has been sent: a FIN. Nothing more is processed; what comes is taken down.
    pub fn fin(&self) {
        self.order(|state| state.end = state.end.or(Some(End::Fin)));
    }

    /// Breaks the connection at once. Over a transport of one's own, it is dropped.
    pub fn rst(&self) {
        self.order(|state| state.end = Some(End::Reset));
    }

    /// The frames that the client has sent, as they arrived.
    pub fn frames(&self) -> Vec<Frame> {
        lock(&self.inner.tap).frames()
    }

    /// The frames of one kind among them.
    pub fn frames_of(&self, kind: FrameKind) -> Vec<Frame> {
        self.frames().into_iter().filter(|frame| frame.kind == kind).collect()
    }

    /// The requests on this connection, in the order in which they began.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.inner.host.get().map_or_else(Vec::new, |host| host.requests())
    }

    /// What the client did that it must not, and what the server was asked and could not. A test should find none.
    pub fn complaints(&self) -> Vec<String> {
        self.inner.host.get().map_or_else(Vec::new, |host| host.complaints())
    }

    /// Streams that are open now, as far as the server has read and sent.
    pub fn active_streams(&self) -> usize {
        lock(&self.inner.state).gate.ledger.active()
    }

    /// Whether the service is being asked about a request at this moment: whether it acts on it is not settled.
    pub fn is_asking(&self) -> bool {
        lock(&self.inner.state).asking > 0
    }

    /// The most streams that were open at once.
    pub fn peak_streams(&self) -> usize {
        lock(&self.inner.state).gate.ledger.peak()
    }

    /// Gives an order, and tells the server.
    pub(super) fn order<T>(&self, give: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.inner.state);
        let given = give(&mut state);
        let waker = state.waker.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        given
    }

    /// For the server itself, which looks at everything whenever it runs.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut lock(&self.inner.state))
    }

    pub(super) fn set_host(&self, host: Arc<dyn Host>) -> bool {
        self.inner.host.set(host).is_ok()
    }

    pub(super) fn complain(&self, what: &str) {
        if let Some(host) = self.inner.host.get() {
            host.complain(what);
        }
    }

    pub(crate) fn tap(&self) -> Arc<Mutex<Tap>> {
        Arc::clone(&self.inner.tap)
    }
}

impl Default for H2Link {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for H2Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("H2Link").field("active_streams", &self.active_streams()).finish_non_exhaustive()
    }
}
