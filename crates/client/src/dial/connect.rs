//! Transports of the user's own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::runtime::BoxFuture;
use crate::transport::Transport;
use crate::url::Url;

/// Opens transports in place of resolving names and connecting sockets: a Unix socket, a tunnel, an in-process
/// service, scripted octets.
///
/// Everything above it stays: deadlines, HTTP, and whatever is spoken between the two ends. It is given to
/// [`ClientBuilder::connector`](crate::ClientBuilder::connector). A closure `Fn(ConnectTarget) -> impl Future` is a
/// connector, too.
pub trait Connect: Send + Sync + 'static {
    /// Opens a transport to a server.
    ///
    /// # Errors
    ///
    /// The request fails with the kind `Connect` and this error as its source.
    fn connect(&self, target: &ConnectTarget) -> impl Future<Output = io::Result<Box<dyn Transport>>> + Send;
}

impl<F, Fut> Connect for F
where
    F: Fn(ConnectTarget) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<Box<dyn Transport>>> + Send,
{
    fn connect(&self, target: &ConnectTarget) -> impl Future<Output = io::Result<Box<dyn Transport>>> + Send {
        self(target.clone())
    }
}

/// The server that a connection is wanted to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectTarget {
    scheme: &'static str,
    host: String,
    port: u16,
    address: Option<SocketAddr>,
}

impl ConnectTarget {
    pub(crate) fn new(url: &Url, address: Option<SocketAddr>) -> Self {
        Self { scheme: url.scheme().as_str(), host: url.host().to_owned(), port: url.port(), address }
    }

    /// `http` or `https`. TLS is spoken over the transport afterwards; a connector leaves it alone.
    pub fn scheme(&self) -> &str {
        self.scheme
    }

    /// The host in lower case; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's default included.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address that the request wants to be connected to in place of host and port
    /// ([`RequestBuilder::connect_to`](crate::RequestBuilder::connect_to)).
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

/// Any connector, behind a pointer.
#[derive(Clone)]
pub(crate) struct Connector(Arc<dyn Erased>);

impl Connector {
    pub(crate) fn new(connect: impl Connect) -> Self {
        Self(Arc::new(connect))
    }

    pub(crate) fn connect<'a>(
        &'a self,
        target: &'a ConnectTarget,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        self.0.connect(target)
    }
}

trait Erased: Send + Sync {
    fn connect<'a>(&'a self, target: &'a ConnectTarget) -> BoxFuture<'a, io::Result<Box<dyn Transport>>>;
}

impl<C: Connect> Erased for C {
    fn connect<'a>(&'a self, target: &'a ConnectTarget) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(Connect::connect(self, target))
    }
}
