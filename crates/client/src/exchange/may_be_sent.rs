//! Which connections a request may be sent on at all.

#[cfg(feature = "http2")]
use std::future::{Future, poll_fn};
#[cfg(feature = "http2")]
use std::pin::pin;
#[cfg(feature = "http2")]
use std::task::Poll;

use http::{Method, Version};
#[cfg(feature = "http2")]
use martlet_core::time::Phase;

use crate::client::Inner;
#[cfg(feature = "http2")]
use crate::dial;
use crate::error::Error;
use crate::h2::Multiplexed;
use crate::protocols::Protocols;
use crate::request::Request;
use crate::timer::Timer;

/// Which versions may carry a request, if it can be sent at all.
pub(super) fn protocols(client: &Inner, request: &Request) -> Result<Protocols, Error> {
    if cfg!(not(feature = "tls")) && request.url.is_https() {
        return Err(Error::builder("https needs the feature `tls`"));
    }
    match (&request.method, &request.protocol) {
        (&Method::CONNECT, None) => return Err(Error::builder("a tunnel by CONNECT is not supported")),
        (&Method::CONNECT, Some(_)) | (_, None) => {}
        (_, Some(_)) => return Err(Error::builder("a protocol is asked for by the method CONNECT")),
    }
    let protocols = match request.version {
        Some(Version::HTTP_2) => Protocols::Http2,
        Some(_) => Protocols::Http1,
        None => client.protocols,
    };
    if cfg!(not(feature = "http2")) && protocols == Protocols::Http2 {
        return Err(Error::builder("HTTP/2 needs the feature `http2`"));
    }
    if request.version.is_none()
        && request.protocol.is_none()
        && client.dialing.memory.wants_http1(&request.url)
    {
        return Ok(Protocols::Http1);
    }
    Ok(protocols)
}

/// Waits until the server has said whether it takes an extended CONNECT (RFC 8441 §3).
#[cfg(feature = "http2")]
pub(super) async fn await_extended_connect(
    conn: Option<Multiplexed>,
    timer: &mut Timer,
) -> Result<(), Error> {
    let Some(conn) = conn else {
        return Err(Error::builder("an extended CONNECT needs HTTP/2, which the server does not speak"));
    };
    timer.enter(Phase::ReceiveHead);
    let mut told = pin!(conn.extended_connect());
    let allowed = poll_fn(|cx| match told.as_mut().poll(cx) {
        Poll::Ready(allowed) => Poll::Ready(Ok(allowed)),
        Poll::Pending => timer.poll_expired(cx).map(|expired| Err(dial::timed_out(expired))),
    });
    let allowed = allowed.await;
    timer.leave(Phase::ReceiveHead);
    if allowed? { Ok(()) } else { Err(Error::builder("the server does not take an extended CONNECT")) }
}

#[cfg(not(feature = "http2"))]
pub(super) async fn await_extended_connect(_: Option<Multiplexed>, _: &mut Timer) -> Result<(), Error> {
    Err(Error::builder("an extended CONNECT needs the feature `http2`"))
}
