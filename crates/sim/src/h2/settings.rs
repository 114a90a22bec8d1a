//! How an HTTP/2 server behaves.

use std::collections::BTreeSet;
use std::time::Duration;

use super::frame::FrameKind;

/// The settings of an HTTP/2 server. The default is an ordinary one that limits nothing.
#[derive(Clone, Debug)]
#[must_use]
pub struct H2Server {
    pub(super) max_streams: Option<u32>,
    pub(super) enforces: bool,
    pub(super) refuse_above: Option<u32>,
    pub(super) window: u32,
    pub(super) connection_window: u32,
    pub(super) settings_after: Duration,
    pub(super) accepts: bool,
    pub(super) extended_connect: bool,
    pub(super) swallowed: BTreeSet<FrameKind>,
    pub(super) goaway_after: Option<(usize, u32)>,
    pub(super) fin_after_goaway: bool,
}

impl H2Server {
    /// An ordinary server: windows of 1 MiB, no limit of streams.
    pub fn new() -> Self {
        Self {
            max_streams: None,
            enforces: true,
            refuse_above: None,
            window: 1 << 20,
            connection_window: 1 << 20,
            settings_after: Duration::ZERO,
            accepts: true,
            extended_connect: false,
            swallowed: BTreeSet::new(),
            goaway_after: None,
            fin_after_goaway: false,
        }
    }

    /// Announces `SETTINGS_MAX_CONCURRENT_STREAMS` and, as most servers do, refuses streams above it from the first on,
    /// acknowledged or not. A client that goes above what it has acknowledged is a
    /// [complaint](crate::Listener::complaints).
    pub fn max_streams(mut self, most: u32) -> Self {
        self.max_streams = Some(most);
        self
    }

    /// Whether it refuses streams above its limit; it does by default.
    pub fn enforce_max_streams(mut self, on: bool) -> Self {
        self.enforces = on;
        self
    }

    /// Refuses every stream beyond so many at once, and does not tell before.
    pub fn refuse_above(mut self, most: u32) -> Self {
        self.refuse_above = Some(most);
        self
    }

    /// The window of each stream, in octets: `SETTINGS_INITIAL_WINDOW_SIZE`. At most 2^31-1.
    pub fn window(mut self, octets: u32) -> Self {
        self.window = octets.min(0x7fff_ffff);
        self
    }

    /// The window of the connection, in octets. It cannot be below 65,535, where it begins, nor above 2^31-1.
    pub fn connection_window(mut self, octets: u32) -> Self {
        self.connection_window = octets.clamp(65_535, 0x7fff_ffff);
        self
    }

    /// Sends its SETTINGS, and so anything at all, only after so long. It reads and acts meanwhile.
    pub fn settings_after(mut self, delay: Duration) -> Self {
        self.settings_after = delay;
        self
    }

    /// Whether it answers requests; if not, they are neither processed nor refused.
    pub fn accept_streams(mut self, on: bool) -> Self {
        self.accepts = on;
        self
    }

    /// Whether it answers PING.
    pub fn answer_pings(mut self, on: bool) -> Self {
        if on {
            self.swallowed.remove(&FrameKind::Ping);
        } else {
            self.swallowed.insert(FrameKind::Ping);
        }
        self
    }

    /// Whether it allows extended CONNECT (RFC 8441).
    pub fn extended_connect(mut self, on: bool) -> Self {
        self.extended_connect = on;
        self
    }

    /// Keeps back the frames of this kind that it would send by itself, WINDOW_UPDATE for instance. Those of
    /// [`H2Link`](super::H2Link) go out.
    pub fn swallow(mut self, kind: FrameKind) -> Self {
        self.swallowed.insert(kind);
        self
    }

    /// Sends GOAWAY with this code once the service has acted on so many requests of a connection, for 0 at its
    /// beginning. The last stream is the highest of them; of the others only those below it are answered.
    pub fn goaway_after(mut self, requests: usize, code: u32) -> Self {
        self.goaway_after = Some((requests, code));
        self
    }

    /// Whether it ends the connection when it has sent GOAWAY and no stream is open. The default is not to.
    pub fn fin_after_goaway(mut self, on: bool) -> Self {
        self.fin_after_goaway = on;
        self
    }
}

impl Default for H2Server {
    fn default() -> Self {
        Self::new()
    }
}
