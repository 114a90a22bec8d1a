//! Settings of HTTP/2.

use std::time::Duration;

/// How HTTP/2 is spoken. The defaults are for throughput over real distances.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Http2Config {
    /// So many octets of one response may be under way or unread (SETTINGS_INITIAL_WINDOW_SIZE, RFC 9113 §6.5.2). One
    /// stream gets no more than this per round trip. Default 2 MiB; at most 2,147,483,647, at least 16,384.
    pub stream_window: u32,
    /// The same for all responses of a connection together. Default 16 MiB; at most 2,147,483,647, at least 65,535.
    pub connection_window: u32,
    /// Asks the peer by a PING whether it is still there (RFC 9113 §6.7) after so much silence, whether requests are under
    /// way or not. Less than 100 ms count as that. Default none: a peer is asked when a request has timed out in silence.
    pub keep_alive_interval: Option<Duration>,
    /// How long the answer to a PING may take, whyever it was sent. Without it the connection is closed, and requests on it
    /// fail with the kind `Timeout(KeepAlive)`. Default 5 s; less than 100 ms count as that.
    pub keep_alive_timeout: Duration,
    /// How long a stream that was given up is remembered, for what still comes for it. It is measured by the system's
    /// clock, which a simulation has no use for. Default 1 s.
    #[doc(hidden)]
    pub reset_memory: Duration,
}

impl Default for Http2Config {
    fn default() -> Self {
        Self {
            stream_window: 2 * 1024 * 1024,
            connection_window: 16 * 1024 * 1024,
            keep_alive_interval: None,
            keep_alive_timeout: Duration::from_secs(5),
            reset_memory: Duration::from_secs(1),
        }
    }
}

/// Whoever is asked more often has nothing else to do.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// The most that a window can be (RFC 9113 §6.9.1).
const LARGEST_WINDOW: u32 = 0x7fff_ffff;
/// A frame of the usual size. With less a response crawls, and with nothing it stands.
const SMALLEST_WINDOW: u32 = 16_384;
/// What a connection's window is at its beginning; it cannot be made smaller (RFC 9113 §6.9.2).
pub(super) const FIRST_WINDOW: u32 = 65_535;

impl Http2Config {
    /// After how much silence the peer is asked.
    pub(super) fn interval(&self) -> Option<Duration> {
        self.keep_alive_interval.map(|interval| interval.max(SHORTEST_INTERVAL))
    }

    /// How long an answer may take.
    pub(super) fn answer_within(&self) -> Duration {
        self.keep_alive_timeout.max(SHORTEST_INTERVAL)
    }

    /// The windows of a stream and of the connection, within what the protocol allows.
    pub(super) fn windows(&self) -> (u32, u32) {
        (
            self.stream_window.clamp(SMALLEST_WINDOW, LARGEST_WINDOW),
            self.connection_window.clamp(FIRST_WINDOW, LARGEST_WINDOW),
        )
    }
}
