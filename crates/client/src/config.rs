//! What a client is built with.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use martlet_core::h1::FieldBlock;
use martlet_core::pool::{DialPolicy, PoolConfig};
use martlet_core::time::Timeouts;
use martlet_core::{Limits, Misuse};

use crate::checkout::Checkout;
use crate::client::{Client, Inner};
#[cfg(feature = "tls")]
use crate::dial::TlsSource;
use crate::dial::{Connect, Connector, DialSettings};
use crate::erased::{RuntimeChoice, RuntimeHandle};
use crate::error::{Error, FieldMistake};
#[cfg(feature = "http2")]
use crate::h2::{Http2Config, remove_of_connections};
use crate::memory::Memory;
use crate::policy::RetryPolicy;
use crate::protocols::Protocols;
use crate::runtime::{Runtime, SocketOptions};
#[cfg(feature = "tls")]
use crate::tls::TlsConfig;

/// Settings of a [`Client`]. Begin with [`Client::builder`].
#[must_use]
pub struct ClientBuilder<R> {
    fields: HeaderMap,
    timeouts: Timeouts,
    replay: bool,
    connect_retries: u32,
    retry: Option<RetryPolicy>,
    pool: PoolConfig,
    limits: Limits,
    socket: SocketOptions,
    connector: Option<Connector>,
    protocols: Protocols,
    #[cfg(feature = "http2")]
    http2: Http2Config,
    #[cfg(feature = "tls")]
    tls: TlsSource,
    runtime: Option<RuntimeHandle>,
    /// The first mistake.
    error: Option<Error>,
    choice: PhantomData<fn() -> R>,
}

/// What `User-Agent` says by default.
const USER_AGENT: &str = concat!("martlet/", env!("CARGO_PKG_VERSION"));

impl<R: RuntimeChoice> ClientBuilder<R> {
    pub(crate) fn new() -> Self {
        let mut fields = HeaderMap::new();
        fields.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        fields.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        Self {
            fields,
            timeouts: Timeouts::default(),
            replay: true,
            connect_retries: 0,
            retry: None,
            pool: PoolConfig::default(),
            limits: Limits::default(),
            socket: SocketOptions::default(),
            connector: None,
            protocols: Protocols::default(),
            #[cfg(feature = "http2")]
            http2: Http2Config::default(),
            #[cfg(feature = "tls")]
            tls: TlsSource::Described(TlsConfig::new()),
            runtime: None,
            error: None,
            choice: PhantomData,
        }
    }

    /// Sends this field with every request that does not set it itself. It takes the place of an earlier value.
    ///
    /// Fields of one message or connection (Host, Connection, Content-Length, Transfer-Encoding, TE, Trailer, Expect,
    /// Upgrade) are refused by [`build`](Self::build).
    pub fn default_header<N, V>(mut self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N, Error: Into<http::Error>>,
        HeaderValue: TryFrom<V, Error: Into<http::Error>>,
    {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                if self.fields.try_insert(name, value).is_err() {
                    self.refuse(Error::builder("too many fields"));
                }
            }
            (Err(e), _) => self.refuse(Error::builder(e.into())),
            (Ok(name), Err(e)) => self.refuse(Error::builder(FieldMistake::new(name, e.into()))),
        }
        self
    }

    /// Sends exactly these fields with every request, in place of all defaults, `User-Agent` and `Accept` included.
    pub fn default_headers(mut self, fields: HeaderMap) -> Self {
        self.fields = fields;
        self
    }

    /// What `User-Agent` says. Default `martlet/VERSION`.
    pub fn user_agent<V>(self, value: V) -> Self
    where
        HeaderValue: TryFrom<V, Error: Into<http::Error>>,
    {
        self.default_header(header::USER_AGENT, value)
    }

    /// How long the parts of a request may take; see [`Timeouts`] for the defaults.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Bounds on what a server may send; see [`Limits`] for the defaults.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long a whole request may take, up to the end of the response's content. No limit by default.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.timeouts.total = Some(total);
        self
    }

    /// Whether requests are replayed that a server has lost or refused by going away. By default they are.
    ///
    /// That is done only without an octet of a response, only if the content can be had once more
    /// ([`Body::replayable`](crate::Body::replayable)), never after a timeout, and
    ///
    /// - whatever the method is, where nobody can have acted on it: the server [refused](crate::Delivery::Refused) it (up to
    ///   three times, with a growing wait), or it was [not sent](crate::Delivery::NotSent) on a connection that was used before
    ///   or carries several requests (once);
    /// - once where somebody [may have](crate::Delivery::Unknown) on a connection that was used before, if the method is
    ///   idempotent (RFC 9110 §9.2.2) or the request carries an `Idempotency-Key` or `X-Idempotency-Key`.
    ///
    /// [`Response::attempts`](crate::Response::attempts) and [`Error::attempts`] tell of it.
    pub fn replay(mut self, on: bool) -> Self {
        self.replay = on;
        self
    }

    /// How often a connection that could not be opened is tried anew: the name could not be resolved, the server refused, was
    /// out of reach or too slow. Nothing was sent then, so this is for every method. By default 0; addresses of one host are
    /// tried side by side in any case. The first further attempt comes after up to 100 ms, each one after twice the time, no more
    /// than 10 s.
    pub fn connect_retries(mut self, most: u32) -> Self {
        self.connect_retries = most;
        self
    }

    /// When requests that failed, or were answered by a refusal, are sent again. By default never.
    pub fn retry(mut self, policy: impl Into<Option<RetryPolicy>>) -> Self {
        self.retry = policy.into();
        self
    }

    /// How many connections there may be, how long they are kept, and so on: all settings of the pool at once; see
    /// [`PoolConfig`] for the defaults. Limits of 0 connections count as 1.
    pub fn pool(self, config: PoolConfig) -> Self {
        let (most, per_origin) = (config.max_connections, config.max_connections_per_origin);
        let builder = Self { pool: config, ..self };
        builder.max_connections(most).max_connections_per_origin(per_origin)
    }

    /// Connections in total, those that are being dialled included. Default 100; 0 counts as 1.
    pub fn max_connections(mut self, most: usize) -> Self {
        self.pool.max_connections = most.max(1);
        self
    }

    /// Connections per origin (scheme, host and port). No limit by default; 0 counts as 1.
    pub fn max_connections_per_origin(mut self, most: Option<usize>) -> Self {
        self.pool.max_connections_per_origin = most.map(|most| most.max(1));
        self
    }

    /// Idle connections that are kept. Default 20.
    pub fn max_keepalive_connections(mut self, most: usize) -> Self {
        self.pool.max_keepalive_connections = most;
        self
    }

    /// How long an idle connection is kept. Default 5 s; with `None` until its server closes it or its slot is needed,
    /// with zero not at all.
    pub fn keepalive_expiry(mut self, expiry: Option<Duration>) -> Self {
        self.pool.keepalive_expiry = expiry;
        self
    }

    /// How old a connection may be to be used again. No limit by default.
    pub fn max_connection_age(mut self, age: Option<Duration>) -> Self {
        self.pool.max_age = age;
        self
    }

    /// Requests on one connection. No limit by default; 0 counts as 1.
    pub fn max_requests_per_connection(mut self, most: Option<u64>) -> Self {
        self.pool.max_requests_per_connection = most;
        self
    }

    /// What a request does while all connections to its origin are busy. By default it dials at once.
    pub fn dial_policy(mut self, policy: DialPolicy) -> Self {
        self.pool.dial_policy = policy;
        self
    }

    /// `TCP_NODELAY`. On by default.
    pub fn tcp_nodelay(mut self, on: bool) -> Self {
        self.socket.nodelay = on;
        self
    }

    /// TCP keep-alive probes after so much silence. None by default.
    pub fn tcp_keepalive(mut self, after: Option<Duration>) -> Self {
        self.socket.keepalive = after;
        self
    }

    /// The address to connect from, where it is of the server's family. Chosen by the system by default.
    pub fn local_address(mut self, address: Option<IpAddr>) -> Self {
        self.socket.local_address = address;
        self
    }

    /// All options of a TCP socket at once.
    pub fn socket_options(mut self, options: SocketOptions) -> Self {
        self.socket = options;
        self
    }

    /// Which versions of HTTP are spoken. By default `https` is HTTP/2 where the server chooses it, and all else HTTP/1.1; a
    /// request may say otherwise ([`RequestBuilder::version`](crate::RequestBuilder::version)).
    pub fn protocols(mut self, protocols: Protocols) -> Self {
        self.protocols = protocols;
        self
    }

    /// How HTTP/2 is spoken; see [`Http2Config`] for the defaults.
    #[cfg(feature = "http2")]
    pub fn http2(mut self, config: Http2Config) -> Self {
        self.http2 = config;
        self
    }

    /// Whether a further connection is opened when an HTTP/2 connection has no stream free. Default true. A client "SHOULD
    /// NOT" (RFC 9113 §9.1); requests wait for a stream then, no longer than the `pool` timeout.
    pub fn second_http2_connection(mut self, allowed: bool) -> Self {
        self.pool.second_shared_connection = allowed;
        self
    }

    /// How servers are trusted and who we are to them, described; see [`TlsConfig`] for the defaults.
    ///
    /// It takes the place of an earlier [`tls_config`](Self::tls_config).
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.tls = TlsSource::Described(config);
        self
    }

    /// A whole configuration of rustls, used as it is. Only if it offers no protocols by ALPN, those that the client
    /// speaks are set, on a copy: the sessions are shared with whoever else uses the configuration.
    ///
    /// It takes the place of [`tls`](Self::tls).
    #[cfg(feature = "tls")]
    pub fn tls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls = TlsSource::own(&config);
        self
    }

    /// Uses this runtime instead of the one that the features choose: a simulator, a mock, a runtime without an
    /// adapter. The type of the client stays the same.
    pub fn runtime(mut self, runtime: impl Runtime) -> Self {
        self.runtime = Some(RuntimeHandle::new(runtime));
        self
    }

    /// Opens transports with this instead of resolving names and connecting sockets.
    ///
    /// ```
    /// # use martlet_client::{ConnectTarget, Transport};
    /// async fn connect(target: ConnectTarget) -> std::io::Result<Box<dyn Transport>> {
    ///     Err(std::io::Error::other(format!("no way to {}:{}", target.host(), target.port())))
    /// }
    /// # fn with<R: martlet_client::RuntimeChoice>(builder: martlet_client::ClientBuilder<R>) {
    /// let client = builder.connector(connect).build();
    /// # }
    /// ```
    pub fn connector(mut self, connector: impl Connect) -> Self {
        self.connector = Some(Connector::new(connector));
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// Kind `Builder`: a field name or value that is none, or a field that cannot be a default; or a mistake in what TLS
    /// was given. Never anything about
    /// the runtime, which is looked for when a request begins.
    pub fn build(self) -> Result<Client<R>, Error> {
        if let Some(e) = self.error {
            return Err(e);
        }
        #[cfg(feature = "tls")]
        if let TlsSource::Described(config) = &self.tls {
            config.check().map_err(Error::builder)?;
        }
        let block = FieldBlock::new(&self.fields).map_err(|e| refused_default(&self.fields, e))?;
        #[cfg_attr(not(feature = "http2"), expect(unused_mut, reason = "HTTP/1.1 takes them as they are"))]
        let mut defaults = self.fields;
        #[cfg(feature = "http2")]
        remove_of_connections(&mut defaults);
        Ok(Client::from_inner(Arc::new(Inner {
            block,
            defaults,
            protocols: self.protocols,
            timeouts: self.timeouts,
            replay: self.replay,
            connect_retries: self.connect_retries,
            retry: self.retry,
            dialing: Arc::new(DialSettings {
                socket: self.socket,
                connector: self.connector,
                limits: self.limits,
                memory: Memory::default(),
                #[cfg(feature = "http2")]
                http2: self.http2,
                #[cfg(feature = "tls")]
                tls: self.tls,
                opened: AtomicU64::new(0),
            }),
            checkout: Checkout::new(self.pool),
            runtime: self.runtime,
            choose: R::choose,
        })))
    }

    fn refuse(&mut self, e: Error) {
        self.error.get_or_insert(e);
    }
}

/// Says which of the fields it is that cannot be a default.
fn refused_default(fields: &HeaderMap, e: Misuse) -> Error {
    let is_refused = |name: &&HeaderName| {
        let alone = fields.get(*name).map(|value| ((*name).clone(), value.clone()));
        FieldBlock::new(&alone.into_iter().collect()).is_err()
    };
    match fields.keys().find(is_refused) {
        Some(name) => Error::builder(FieldMistake::new(name.clone(), e)),
        None => Error::builder(e),
    }
}

impl<R> fmt::Debug for ClientBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Default fields may hold credentials.
        f.debug_struct("ClientBuilder")
            .field("timeouts", &self.timeouts)
            .field("pool", &self.pool)
            .field("limits", &self.limits)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
