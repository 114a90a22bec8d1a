//! What is known of a connection.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Version;

#[cfg(feature = "tls")]
pub(crate) use crate::tls::Taken;
#[cfg(feature = "tls")]
use crate::tls::TlsInfo;

/// Where there is no TLS, nothing is under it.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Debug)]
pub(crate) enum Taken {}

#[cfg(not(feature = "tls"))]
impl Taken {
    pub(crate) fn octets(&self) -> u64 {
        match *self {}
    }
}

/// The connection that a request was sent on. It stays what it was when the connection was opened, and outlives it.
#[derive(Clone)]
pub struct ConnectionInfo {
    shared: Arc<Shared>,
    is_reused: bool,
}

struct Shared {
    id: u64,
    local_addr: Option<SocketAddr>,
    peer_addr: Option<SocketAddr>,
    version: Version,
    #[cfg(feature = "tls")]
    tls: Option<TlsInfo>,
}

impl ConnectionInfo {
    pub(crate) fn new(id: u64, local_addr: Option<SocketAddr>, peer_addr: Option<SocketAddr>) -> Self {
        let shared = Shared {
            id,
            local_addr,
            peer_addr,
            version: Version::HTTP_11,
            #[cfg(feature = "tls")]
            tls: None,
        };
        Self { shared: Arc::new(shared), is_reused: false }
    }

    /// The same over TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(self, tls: TlsInfo) -> Self {
        let Shared { id, local_addr, peer_addr, version, .. } = *self.shared;
        Self { shared: Arc::new(Shared { id, local_addr, peer_addr, version, tls: Some(tls) }), ..self }
    }

    /// The same, and HTTP/2 is spoken on it.
    #[cfg(feature = "http2")]
    pub(crate) fn by_http2(&self) -> Self {
        let Shared { id, local_addr, peer_addr, .. } = *self.shared;
        let shared = Shared {
            id,
            local_addr,
            peer_addr,
            version: Version::HTTP_2,
            #[cfg(feature = "tls")]
            tls: self.shared.tls.clone(),
        };
        Self { shared: Arc::new(shared), ..*self }
    }

    /// Whether TLS is spoken on it.
    pub(crate) fn is_secure(&self) -> bool {
        #[cfg(feature = "tls")]
        let is_secure = self.shared.tls.is_some();
        #[cfg(not(feature = "tls"))]
        let is_secure = false;
        is_secure
    }

    /// What the transport under TLS has taken; `None` without TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn taken(&self) -> Option<&Taken> {
        self.shared.tls.as_ref().map(TlsInfo::taken)
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) fn taken(&self) -> Option<&Taken> {
        None
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

    /// The version of HTTP that is spoken on it.
    pub fn version(&self) -> Version {
        self.shared.version
    }

    /// What the TLS handshake showed; `None` for a connection without TLS.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.shared.tls.as_ref()
    }

    /// Whether the connection was idle before this request, or had served another one to its end.
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("ConnectionInfo");
        f.field("id", &self.id())
            .field("local_addr", &self.local_addr())
            .field("peer_addr", &self.peer_addr())
            .field("version", &self.version())
            .field("is_reused", &self.is_reused());
        #[cfg(feature = "tls")]
        f.field("tls", &self.tls());
        f.finish_non_exhaustive()
    }
}
