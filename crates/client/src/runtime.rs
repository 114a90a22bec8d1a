//! What the client asks of an asynchronous runtime.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::transport::Transport;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A runtime: sockets, time, tasks and entropy.
///
/// Implement it to run the client on a runtime that has no adapter, or in a simulator. The adapters
/// (`martlet-tokio`, `martlet-async-std`, `martlet-smol`) are implementations of this trait and nothing else.
/// All methods may be called from any thread that polls a future of the client.
pub trait Runtime: Send + Sync + 'static {
    /// A connected TCP stream.
    type Tcp: Transport;

    /// A timer that is ready at its deadline and never before.
    type Sleep: Future<Output = ()> + Send + 'static;

    /// The runtime that the caller is polled in.
    ///
    /// # Errors
    ///
    /// There is no such runtime here, or it lacks a driver that the client needs (IO, time). The error's text
    /// names what to enable. The request that asked fails with it; nothing panics.
    fn home(&self) -> io::Result<Home>;

    /// The monotonic clock that `sleep_until` follows. A paused or virtual clock is fine.
    fn now(&self) -> Instant;

    /// The wall clock, for what is compared with dates of the outside world. If it gains more than 1 s on `now`, the
    /// machine slept, and idle connections are not used again.
    fn wall_clock(&self) -> SystemTime;

    /// 64 random bits. They need not be fit for cryptography.
    fn random(&self) -> u64;

    /// A timer that fires once `now()` has reached `at`.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;

    /// Opens a TCP connection with the given options.
    ///
    /// # Errors
    ///
    /// What the system says: refused, unreachable, an option it does not know.
    fn connect(
        &self,
        to: SocketAddr,
        options: &SocketOptions,
    ) -> impl Future<Output = io::Result<Self::Tcp>> + Send;

    /// Opens a stream to a Unix socket. [`io::ErrorKind::Unsupported`] unless the runtime has them.
    fn connect_unix(&self, path: &Path) -> impl Future<Output = io::Result<Box<dyn Transport>>> + Send {
        let _ = path;
        async { Err(io::ErrorKind::Unsupported.into()) }
    }

    /// The addresses of a host name, in the order in which the system prefers them. `host` is never an IP
    /// literal.
    ///
    /// # Errors
    ///
    /// What the system's resolver says. An empty list counts as "not found".
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// One running instance of a runtime: where a connection lives and where its tasks are spawned.
///
/// A connection is never polled from another home than the one that dialled it.
#[derive(Clone)]
pub struct Home {
    id: u64,
    spawn: Arc<dyn Spawn>,
}

impl Home {
    /// A home with an identity of its own and a way to spawn into it.
    ///
    /// Two instances of a runtime whose sockets cannot be polled from one another must have different ids.
    pub fn new(id: u64, spawn: Arc<dyn Spawn>) -> Self {
        Self { id, spawn }
    }

    /// The identity of this instance.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Runs a task in this home. It may be called from any thread, also from one that is outside of it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn.spawn(Box::pin(task));
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Hands a task to an executor, from any thread.
pub trait Spawn: Send + Sync + 'static {
    /// Runs the task. An executor that has ended drops it.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// Options of a TCP socket, set before it connects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SocketOptions {
    /// `TCP_NODELAY`: send at once instead of waiting to fill a segment. On by default.
    pub nodelay: bool,
    /// TCP keep-alive probes after so much silence. None by default.
    pub keepalive: Option<Duration>,
    /// The address to connect from, where it is of the peer's family. Chosen by the system by default.
    pub local_address: Option<IpAddr>,
    /// `SO_SNDBUF`, in octets. The system's choice by default.
    pub send_buffer_size: Option<usize>,
    /// `SO_RCVBUF`, in octets. The system's choice by default.
    pub recv_buffer_size: Option<usize>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: None,
            local_address: None,
            send_buffer_size: None,
            recv_buffer_size: None,
        }
    }
}
