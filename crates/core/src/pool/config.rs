//! Keys, limits and policies of a pool.

use std::hash::Hash;
use std::time::Duration;

/// What makes connections interchangeable.
///
/// Two requests may share a connection if their keys are equal: the origin and everything else that distinguishes
/// connections to it, such as a proxy, TLS settings or the runtime that polls them.
pub trait PoolKey: Clone + Eq + Hash {
    /// What limits per origin count by: scheme, host and port.
    type Origin: Clone + Eq + Hash;

    /// The origin.
    fn origin(&self) -> &Self::Origin;

    /// Whether a connection under this key may turn out to carry several requests at a time (HTTP/2). The first dial is
    /// then shared by all waiters until it is known.
    fn may_multiplex(&self) -> bool;
}

/// Limits and policies. The defaults are httpx's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolConfig {
    /// Connections in total, those that are being dialled included, those that are being closed not. Default 100. With 0
    /// every request waits in vain.
    pub max_connections: usize,
    /// The same per origin. Default none.
    pub max_connections_per_origin: Option<usize>,
    /// Idle connections that are kept; beyond it the one that was idle for longest is closed. Default 20.
    pub max_keepalive_connections: usize,
    /// How long a connection stays idle; with zero it only goes to requests that wait already. A server's `Keep-Alive:
    /// timeout` can shorten it. Default 5 s.
    pub keepalive_expiry: Option<Duration>,
    /// How old a connection may be to be used again. One that carries several requests takes no more of them then, and is
    /// closed when the last has ended. Default none.
    pub max_age: Option<Duration>,
    /// Requests on one connection; 0 counts as 1. Default none.
    pub max_requests_per_connection: Option<u64>,
    /// What a request does whose key has connections that are all busy. Default [`DialPolicy::Race`].
    pub dial_policy: DialPolicy,
    /// Whether a further connection is opened when an HTTP/2 connection has no stream free (RFC 9113 §9.1 is a SHOULD
    /// NOT). Default true.
    pub second_shared_connection: bool,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_connections: 100,
            max_connections_per_origin: None,
            max_keepalive_connections: 20,
            keepalive_expiry: Some(Duration::from_secs(5)),
            max_age: None,
            max_requests_per_connection: None,
            dial_policy: DialPolicy::Race,
            second_shared_connection: true,
        }
    }
}

/// What a request does whose key has connections that are all busy, and limits would allow another one.
///
/// It is about connections that carry one request at a time. Where requests share their dials,
/// [`second_shared_connection`](PoolConfig::second_shared_connection) decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialPolicy {
    /// Dials at once; whatever becomes free first, a connection or the dial, serves it.
    Race,
    /// Waits so long for a connection to become free, then dials; no longer than there is one to wait for.
    PreferIdle {
        /// The wait.
        wait: Duration,
    },
}

/// Which connections serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Any.
    Any,
    /// One whose dial began after the request queued, and that has served nobody else if it serves one at a time: not one
    /// that may be as stale as the last. Where requests share their dials, those that come too late for the one under way
    /// share the next.
    Fresh,
}

/// How many requests a connection can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// One at a time.
    Exclusive,
    /// So many at a time, 0 included.
    Streams(u32),
    /// None for now: the peer is being asked whether it is still there.
    Suspect,
    /// None any more: the peer said that it goes away.
    Retiring,
}

/// How a lease ends.
#[derive(Debug)]
pub enum Returned<X> {
    /// The exchange is finished and the connection at a message boundary. The server's hint how long it keeps the
    /// connection, less a margin, may come with it.
    Finished(X, Option<Duration>),
    /// Nothing was sent on it. It goes back with the expiry it had, and is closed if that is past.
    Unused(X),
    /// A stream of a shared connection has ended.
    StreamDone,
    /// A stream of a shared connection was never opened. The connection keeps the expiry it had.
    StreamUnused,
    /// The connection is gone.
    Gone,
}

/// Why a dial has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFailure {
    /// It was tried and there is no connection. The request that it was for fails; if it was shared, all that it could
    /// have served and that have no dial of their own.
    Failed,
    /// Nobody went on with it. Whoever it was for dials anew, the one that began it included unless it was cancelled
    /// before.
    Abandoned,
}
