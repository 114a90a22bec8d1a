//! From a host to a connection: resolve, then race (RFC 8305).

mod connect;
mod race;
#[cfg(feature = "tls")]
mod secure;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use martlet_core::Limits;
use martlet_core::h1::ClientConn;
use martlet_core::time::{Expired, Phase, Timeouts};

pub(crate) use self::connect::Connector;
pub use self::connect::{Connect, ConnectTarget};
#[cfg(feature = "tls")]
pub(crate) use self::secure::TlsSource;
use crate::error::{Error, Kind};
use crate::h1::Connection;
use crate::h2::Opened;
#[cfg(feature = "http2")]
use crate::h2::{self, Http2Config};
use crate::here::Here;
use crate::info::ConnectionInfo;
use crate::memory::Memory;
use crate::protocols::Protocols;
use crate::route::Route;
use crate::runtime::{BoxFuture, SocketOptions};
use crate::timer::Timer;
use crate::transport::Transport;
use crate::url::{Host, Url};

/// All that a dial needs. It owns it, so that the dial can go on without its request.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) url: Url,
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) protocols: Protocols,
    pub(crate) here: Here,
    pub(crate) settings: Arc<DialSettings>,
    /// For resolving, connecting and the TLS handshake together.
    pub(crate) allowed: Option<Duration>,
}

/// What all dials of a client have in common.
pub(crate) struct DialSettings {
    pub(crate) socket: SocketOptions,
    pub(crate) connector: Option<Connector>,
    pub(crate) limits: Limits,
    pub(crate) memory: Memory,
    #[cfg(feature = "http2")]
    pub(crate) http2: Http2Config,
    #[cfg(feature = "tls")]
    pub(crate) tls: TlsSource,
    /// How many connections there have been: the number of the next.
    pub(crate) opened: AtomicU64,
}

impl DialSettings {
    /// Whether the server of a URL, or we, may choose HTTP/2 where both versions are allowed.
    pub(crate) fn may_choose_http2(&self, url: &Url, route: Option<&Route>) -> bool {
        #[cfg(all(feature = "tls", feature = "http2"))]
        if url.is_https() {
            return match route.and_then(|route| route.tls.as_ref()) {
                Some(own) => secure::may_choose_http2(&own.0),
                None => self.tls.may_choose_http2(),
            };
        }
        let _ = (url, route);
        false
    }
}

impl Plan {
    /// The dial, which does nothing before it is polled.
    pub(crate) fn begin(self) -> Dial {
        let progress = Progress::new();
        let here = self.here.clone();
        Dial { future: Box::pin(self.run(progress.clone())), progress, here }
    }

    async fn run(self, progress: Progress) -> Result<Dialed, Error> {
        let mut timeouts = Timeouts::none();
        timeouts.connect = self.allowed;
        let mut timer = Timer::new(self.here.clone(), timeouts);
        let io = open(&self, &mut timer, &progress).await?;
        let id = self.settings.opened.fetch_add(1, Ordering::Relaxed);
        let info = ConnectionInfo::new(id, io.local_addr(), io.peer_addr());
        #[cfg(feature = "tls")]
        let (io, info, chosen) = if self.url.is_https() {
            let secured = secure::secure(&self, io, &mut timer, &progress).await;
            let (io, tls, chosen) = secured.map_err(|e| e.with_tried(info.peer_addr()))?;
            (io, info.with_tls(tls), chosen)
        } else {
            (io, info, Protocols::Negotiated)
        };
        #[cfg(not(feature = "tls"))]
        let chosen = Protocols::Negotiated;
        if chosen == Protocols::Http2 || self.protocols == Protocols::Http2 {
            return self.multiplex(io, info, &mut timer).await;
        }
        let machine = ClientConn::new(self.settings.limits.clone());
        Ok(Dialed::Exclusive(Box::new(Connection::new(io, info, machine, timer))))
    }

    #[cfg(feature = "http2")]
    async fn multiplex(
        &self,
        io: Box<dyn Transport>,
        info: ConnectionInfo,
        timer: &mut Timer,
    ) -> Result<Dialed, Error> {
        timer.enter(Phase::Connect);
        let opening = h2::open(io, info.by_http2(), self.here.clone(), &self.settings, &self.url);
        let opened = within(timer, Box::pin(opening)).await;
        timer.leave(Phase::Connect);
        Ok(Dialed::Shared(Box::new(opened??)))
    }

    #[cfg(not(feature = "http2"))]
    async fn multiplex(
        &self,
        _: Box<dyn Transport>,
        _: ConnectionInfo,
        _: &mut Timer,
    ) -> Result<Dialed, Error> {
        Err(Error::builder("HTTP/2 needs the feature `http2`"))
    }
}

/// What a dial leads to.
pub(crate) enum Dialed {
    /// A connection that carries one request at a time.
    Exclusive(Box<Connection>),
    /// One that carries several.
    #[cfg_attr(not(feature = "http2"), expect(dead_code, reason = "there are none of these then"))]
    Shared(Box<Opened>),
}

/// A connection that is being opened. Dropping it closes what is half open.
pub(crate) struct Dial {
    future: BoxFuture<'static, Result<Dialed, Error>>,
    progress: Progress,
    here: Here,
}

impl Dial {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Dialed, Error>> {
        self.future.as_mut().poll(cx)
    }

    /// Where it began, and where its connection will live.
    pub(crate) fn here(&self) -> &Here {
        &self.here
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

/// How far a dial is, for who does not drive it.
#[derive(Clone)]
pub(crate) struct Progress(Arc<AtomicUsize>);

impl Progress {
    const PHASES: [Phase; 3] = [Phase::Resolve, Phase::Connect, Phase::Tls];

    fn new() -> Self {
        Self(Arc::default())
    }

    fn set(&self, phase: Phase) {
        let number = Self::PHASES.iter().position(|known| *known == phase);
        self.0.store(number.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        Self::PHASES.get(self.0.load(Ordering::Relaxed)).copied().unwrap_or(Phase::Connect)
    }
}

/// Opens a transport to the server of a URL.
async fn open(plan: &Plan, timer: &mut Timer, progress: &Progress) -> Result<Box<dyn Transport>, Error> {
    let Plan { url, settings, .. } = plan;
    let address = plan.route.as_ref().and_then(|route| route.connect_to);
    if let Some(connector) = &settings.connector {
        progress.set(Phase::Connect);
        let target = ConnectTarget::new(url, address);
        timer.enter(Phase::Connect);
        let connected = within(timer, connector.connect(&target)).await;
        timer.leave(Phase::Connect);
        return connected?.map_err(|e| Error::new(Kind::Connect).with_source(e));
    }
    let addresses = match (address, url.host_for_dns()) {
        (Some(address), _) => vec![address],
        (None, Host::Ip(ip)) => vec![SocketAddr::new(ip, url.port())],
        (None, Host::Name(name)) => resolve(name, url.port(), timer).await?,
    };
    progress.set(Phase::Connect);
    race::race(addresses, &settings.socket, timer).await
}

async fn resolve(name: &str, port: u16, timer: &mut Timer) -> Result<Vec<SocketAddr>, Error> {
    let runtime = timer.runtime().clone();
    timer.enter(Phase::Resolve);
    let resolved = within(timer, runtime.resolve(name, port)).await;
    timer.leave(Phase::Resolve);
    match resolved? {
        Ok(addresses) if addresses.is_empty() => {
            let e = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
            Err(Error::new(Kind::Resolve).with_source(e))
        }
        Ok(addresses) => Ok(addresses),
        Err(e) => Err(Error::new(Kind::Resolve).with_source(e)),
    }
}

/// What the future yields, unless a deadline comes first.
async fn within<T>(timer: &mut Timer, mut future: BoxFuture<'_, T>) -> Result<T, Error> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Ok(value)),
        Poll::Pending => timer.poll_expired(cx).map(|expired| Err(timed_out(expired))),
    })
    .await
}

pub(crate) fn timed_out(expired: Expired) -> Error {
    Error::new(Kind::Timeout(expired.phase)).with_elapsed(expired.elapsed)
}
