//! How the simulated world behaves.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Ranges from which the seed draws, and bounds of a run.
///
/// The default is a hostile but correct network: octets come late and in arbitrary pieces, buffers are small, no
/// connection fails by itself. [`calm`](Self::calm) is one in which nothing takes time.
///
/// ```
/// use martlet_sim::{Sim, SimConfig};
///
/// let mut config = SimConfig::default();
/// config.fault_percent = 20;
/// let sim = Sim::with_config(7, config);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SimConfig {
    /// How long octets are under way, one way. Drawn for each write; what was sent first arrives first. Default 0 to
    /// 20 ms.
    pub latency: RangeInclusive<Duration>,
    /// How long a host name takes to resolve. Default 0 to 20 ms.
    pub resolve_time: RangeInclusive<Duration>,
    /// Octets that one read or write moves at most, drawn for each, small numbers more often than large ones. At least 1.
    /// Default 1 to 2,000.
    pub segment: RangeInclusive<usize>,
    /// Octets that a direction of a connection holds between the write and the read, drawn for each connection. At least
    /// 1. Default 500 to 20,000.
    pub buffer: RangeInclusive<usize>,
    /// How often, in a hundred reads or writes that could go on, the transport says "not yet" and wakes at once.
    /// Default 5.
    pub spurious_pending: u8,
    /// How often, in a hundred resets, octets that had arrived but were not read are lost with the connection. Some
    /// systems keep them, others do not. Default 50.
    pub reset_discards: u8,
    /// How many of a hundred connections get a [`Fault`](crate::Fault) of the seed's choice. Default 0.
    pub fault_percent: u8,
    /// Where, in octets of either direction, the faults that the seed chooses strike: small numbers more often than large
    /// ones. Default 0 to 1,500.
    pub fault_at: RangeInclusive<usize>,
    /// Whether the seed chooses which of several tasks that could run runs next, and how many events of one instant
    /// happen before any of them does. Otherwise tasks run in the order in which they were woken, after each event. On by
    /// default.
    pub shuffle_tasks: bool,
    /// Polls of tasks in one run after which it is reported as endless. Default 10,000,000.
    pub max_polls: u64,
    /// Whether a trace is kept. It grows with the run. On by default.
    pub trace: bool,
}

impl Default for SimConfig {
    fn default() -> Self {
        let some_time = Duration::ZERO..=Duration::from_millis(20);
        Self {
            latency: some_time.clone(),
            resolve_time: some_time,
            segment: 1..=2_000,
            buffer: 500..=20_000,
            spurious_pending: 5,
            reset_discards: 50,
            fault_percent: 0,
            fault_at: 0..=1_500,
            shuffle_tasks: true,
            max_polls: 10_000_000,
            trace: true,
        }
    }
}

impl SimConfig {
    /// A network on which nothing takes time, reads and writes are whole up to 64 KiB, a reset loses nothing that had
    /// arrived, and tasks run in the order in which they were woken. For tests that set all faults by hand.
    pub fn calm() -> Self {
        Self {
            latency: Duration::ZERO..=Duration::ZERO,
            resolve_time: Duration::ZERO..=Duration::ZERO,
            segment: 65_536..=65_536,
            buffer: 65_536..=65_536,
            spurious_pending: 0,
            reset_discards: 0,
            shuffle_tasks: false,
            ..Self::default()
        }
    }
}
