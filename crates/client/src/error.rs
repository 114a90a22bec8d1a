//! What a request can fail with.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Uri};
use martlet_core::time::Phase;
use martlet_core::{Closed, Delivery};
#[cfg(feature = "tls")]
use rustls::pki_types::CertificateDer;

use crate::info::ConnectionInfo;
#[cfg(feature = "tls")]
use crate::tls::{HandshakeError, TlsFailure};
use crate::url::Url;

/// What went wrong with a request, and what the server can have seen of it.
///
/// [`kind`](Self::kind) tells failures apart, [`delivery`](Self::delivery) tells whether the request may have been
/// acted on, and [`source`](StdError::source) leads to the cause. The texts are for people and may change.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: Kind,
    delivery: Delivery,
    attempts: u32,
    elapsed: Option<Duration>,
    url: Option<Url>,
    uri: Option<Uri>,
    connection: Option<ConnectionInfo>,
    /// The address that was tried, if there was no connection.
    tried: Option<SocketAddr>,
    /// Shared by the errors of all requests that the same dial has failed.
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// The certificates that were turned down.
    #[cfg(feature = "tls")]
    certificates: Option<Arc<[CertificateDer<'static>]>>,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The request, or the client, was put together wrongly: a bad URL, an unknown scheme, contradicting fields. Not
    /// an octet was sent.
    Builder,
    /// There is no runtime here that the client can use. The text names what to enable.
    Runtime,
    /// The host name has no address, or the resolver failed.
    Resolve,
    /// No connection could be opened: refused, unreachable, or whatever else the system says.
    Connect,
    /// TLS failed: in the handshake, or by an alert after it.
    #[cfg(feature = "tls")]
    Tls(TlsFailure),
    /// A part of the request took longer than it may.
    Timeout(Phase),
    /// The server went away before the response was complete.
    Closed(Closed),
    /// The server ended the request with an error code of HTTP/2 (RFC 9113 §7): by RST_STREAM, or by GOAWAY before it.
    Reset(ErrorCode),
    /// The server broke the protocol or a limit; the source is the [`PeerError`](martlet_core::PeerError) that says
    /// which rule, or for HTTP/2 says it in words.
    Protocol,
    /// The source of the request's content failed, or yielded another length than was declared.
    Body,
    /// The client was drained or closed, by [`Client::drain`](crate::Client::drain),
    /// [`Client::close`](crate::Client::close) or by dropping the last of its clones.
    Shutdown,
}

/// An error code of HTTP/2 (RFC 9113 §7). Any number may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Not the result of an error.
    pub const NO_ERROR: Self = Self(0x0);
    /// A breach of the protocol that no other code describes.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// Something unexpected inside of the server.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// A breach of flow control.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// SETTINGS were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(0x4);
    /// A frame for a stream that was half closed.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame of an invalid size.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// The request was not processed at all.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The stream is not needed any more.
    pub const CANCEL: Self = Self(0x8);
    /// The state of field compression cannot be kept.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The connection of a CONNECT was lost.
    pub const CONNECT_ERROR: Self = Self(0xa);
    /// This client is too much for the server.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// The transport is not secure enough.
    pub const INADEQUATE_SECURITY: Self = Self(0xc);
    /// HTTP/1.1 is to be used instead. The request was not processed.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);

    /// The name that RFC 9113 gives it.
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        NAMES.get(usize::try_from(self.0).ok()?).copied()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

/// What is wrong with one field, by its name; its value may be a secret.
#[derive(Debug)]
pub(crate) struct FieldMistake {
    name: HeaderName,
    cause: Box<dyn StdError + Send + Sync>,
}

impl FieldMistake {
    pub(crate) fn new<E: StdError + Send + Sync + 'static>(name: HeaderName, cause: E) -> Self {
        Self { name, cause: Box::new(cause) }
    }
}

impl fmt::Display for FieldMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in the field `{}`", self.name)
    }
}

impl StdError for FieldMistake {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.cause)
    }
}

impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        let inner = Inner {
            kind,
            delivery: Delivery::NotSent,
            attempts: 1,
            elapsed: None,
            url: None,
            uri: None,
            connection: None,
            tried: None,
            source: None,
            #[cfg(feature = "tls")]
            certificates: None,
        };
        Self { inner: Box::new(inner) }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(Arc::from(source.into()));
        self
    }

    /// The same for another request.
    pub(crate) fn share(&self) -> Self {
        let mut shared = Self::new(self.inner.kind);
        shared.inner.delivery = self.inner.delivery;
        shared.inner.elapsed = self.inner.elapsed;
        shared.inner.tried = self.inner.tried;
        shared.inner.source.clone_from(&self.inner.source);
        #[cfg(feature = "tls")]
        shared.inner.certificates.clone_from(&self.inner.certificates);
        shared
    }

    pub(crate) fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.inner.delivery = delivery;
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32) -> Self {
        self.inner.attempts = attempts;
        self
    }

    pub(crate) fn with_connection(mut self, connection: &ConnectionInfo) -> Self {
        self.inner.connection = Some(connection.clone());
        self
    }

    pub(crate) fn with_connection_of(mut self, other: &Self) -> Self {
        self.inner.connection.clone_from(&other.inner.connection);
        self
    }

    pub(crate) fn with_tried(mut self, address: Option<SocketAddr>) -> Self {
        self.inner.tried = address;
        self
    }

    pub(crate) fn with_elapsed(mut self, elapsed: Duration) -> Self {
        self.inner.elapsed = Some(elapsed);
        self
    }

    pub(crate) fn with_url(mut self, url: &Url) -> Self {
        self.inner.uri = url.to_uri().ok();
        self.inner.url = Some(url.clone());
        self
    }

    pub(crate) fn builder(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Builder).with_source(source)
    }

    pub(crate) fn runtime(source: io::Error) -> Self {
        Self::new(Kind::Runtime).with_source(source)
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(e: HandshakeError) -> Self {
        let (failure, presented, source) = e.into_parts();
        let mut error = Self::new(Kind::Tls(failure)).with_source(source);
        error.inner.certificates =
            Some(presented.into()).filter(|presented: &Arc<[_]>| !presented.is_empty());
        error
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.inner.kind
    }

    /// What the server can have seen of the request; over several [attempts](Self::attempts), the most of it.
    pub fn delivery(&self) -> Delivery {
        self.inner.delivery
    }

    /// How often the request was sent, or was about to be: 1 unless it was [replayed](crate::ClientBuilder::replay), came again
    /// without its expectation, or by [`connect_retries`](crate::ClientBuilder::connect_retries) or a
    /// [`RetryPolicy`](crate::RetryPolicy).
    pub fn attempts(&self) -> u32 {
        self.inner.attempts
    }

    /// The connection that the request was sent on, over several attempts the last one: whether it was used before, and the
    /// server's address. `None` if the request had none yet.
    pub fn connection(&self) -> Option<&ConnectionInfo> {
        self.inner.connection.as_ref()
    }

    /// Whether the request was sent on a connection that had been idle or served another request: one that a server may close
    /// at any moment. One that fails on a new connection says more about the server.
    pub fn conn_reused(&self) -> bool {
        self.inner.connection.as_ref().is_some_and(ConnectionInfo::is_reused)
    }

    /// The address of the server, where it is known: that of the connection, or of the first one to fail if none could be
    /// opened.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.inner.connection.as_ref().and_then(ConnectionInfo::peer_addr).or(self.inner.tried)
    }

    /// For a timeout: how long the phase had lasted.
    pub fn elapsed(&self) -> Option<Duration> {
        self.inner.elapsed
    }

    /// The URL of the request, without credentials.
    pub fn url(&self) -> Option<&Uri> {
        self.inner.uri.as_ref()
    }

    /// The certificates that the server presented and that were turned down, its own first, in DER. Empty for any other
    /// failure, and for a `rustls::ClientConfig` of your own unless its verifier was wrapped in
    /// [`RecordChain`](crate::tls::RecordChain).
    #[cfg(feature = "tls")]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.inner.certificates.as_deref().unwrap_or_default()
    }

    /// Whether it is a timeout, in any phase.
    pub fn is_timeout(&self) -> bool {
        matches!(self.inner.kind, Kind::Timeout(_))
    }

    /// Whether no connection could be had.
    pub fn is_connect(&self) -> bool {
        match self.inner.kind {
            Kind::Resolve | Kind::Connect => true,
            Kind::Timeout(phase) => matches!(phase, Phase::Resolve | Phase::Connect | Phase::Tls),
            // An alert may come in the place of a response, too.
            #[cfg(feature = "tls")]
            Kind::Tls(_) => self.inner.delivery == Delivery::NotSent,
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inner.kind {
            Kind::Builder => f.write_str("the request cannot be made")?,
            Kind::Runtime => f.write_str("no usable runtime")?,
            Kind::Resolve => f.write_str("the host name could not be resolved")?,
            Kind::Connect => f.write_str("no connection could be opened")?,
            #[cfg(feature = "tls")]
            Kind::Tls(failure) => failure.fmt(f)?,
            Kind::Timeout(phase) => {
                write!(f, "timed out {phase}")?;
                if let Some(elapsed) = self.inner.elapsed {
                    write!(f, " after {elapsed:?}")?;
                }
            }
            Kind::Closed(closed) => closed.fmt(f)?,
            Kind::Reset(code) => write!(f, "the server ended the request with the error code {code}")?,
            Kind::Protocol => f.write_str("the server broke the protocol")?,
            Kind::Body => f.write_str("the content failed")?,
            Kind::Shutdown => f.write_str("the client was shut down")?,
        }
        if let Some(url) = &self.inner.url {
            // Prints neither credentials nor the query.
            write!(f, " for {url}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("delivery", &self.inner.delivery)
            .field("attempts", &self.inner.attempts)
            .field("elapsed", &self.inner.elapsed)
            .field("url", &self.inner.url)
            .field("source", &self.inner.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
