//! From a host to a connection: resolve, then race (RFC 8305).

mod connect;
mod race;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;

use martlet_core::time::{Expired, Phase};

pub(crate) use self::connect::Connector;
pub use self::connect::{Connect, ConnectTarget};
use crate::error::{Error, Kind};
use crate::runtime::{BoxFuture, SocketOptions};
use crate::timer::Timer;
use crate::transport::Transport;
use crate::url::{Host, Url};

/// Opens a connection to the server of a URL. All of it happens in the caller's own future: dropping it closes what
/// is half open.
pub(crate) async fn dial(
    url: &Url,
    options: &SocketOptions,
    connector: Option<&Connector>,
    timer: &mut Timer,
) -> Result<Box<dyn Transport>, Error> {
    if let Some(connector) = connector {
        let target = ConnectTarget::new(url);
        timer.enter(Phase::Connect);
        let connected = within(timer, connector.connect(&target)).await;
        timer.leave(Phase::Connect);
        return connected?.map_err(|e| Error::new(Kind::Connect).with_source(e));
    }
    let addresses = match url.host_for_dns() {
        Host::Ip(ip) => vec![SocketAddr::new(ip, url.port())],
        Host::Name(name) => resolve(name, url.port(), timer).await?,
    };
    race::race(addresses, options, timer).await
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
