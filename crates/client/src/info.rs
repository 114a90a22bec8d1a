//! What is known of a connection.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// The connection that a response came on. It stays what it was when the connection was opened, and outlives it.
#[derive(Clone)]
pub struct ConnectionInfo {
    shared: Arc<Shared>,
    is_reused: bool,
}

struct Shared {
    id: u64,
    local_addr: Option<SocketAddr>,
    peer_addr: Option<SocketAddr>,
}

impl ConnectionInfo {
    pub(crate) fn new(id: u64, local_addr: Option<SocketAddr>, peer_addr: Option<SocketAddr>) -> Self {
        Self { shared: Arc::new(Shared { id, local_addr, peer_addr }), is_reused: false }
    }

    /// For one request on it.
    pub(crate) fn reused(&self, is_reused: bool) -> Self {
        Self { shared: Arc::clone(&self.shared), is_reused }
    }

    /// A number that no other connection of this client has.
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// The address of this end, where the transport knows it.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.local_addr
    }

    /// The address of the server, where the transport knows it.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.peer_addr
    }

    /// Whether the connection was idle before this request, or had served another one.
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionInfo")
            .field("id", &self.id())
            .field("local_addr", &self.local_addr())
            .field("peer_addr", &self.peer_addr())
            .field("is_reused", &self.is_reused())
            .finish_non_exhaustive()
    }
}
