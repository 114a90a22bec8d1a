//! One logical request: checked, given a connection, sent, answered.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, PoisonError};

use http::Method;
use martlet_core::h1::{ClientConn, RequestHead, Target};
use martlet_core::{Delivery, Error as CoreError};

use crate::checkout::{Allowed, Key, Waiting};
use crate::client::Inner;
use crate::dial::{self, Plan};
use crate::error::{Error, Kind};
use crate::h1::Failure;
use crate::info::ConnectionInfo;
use crate::request::Request;
use crate::response::Response;
use crate::timer::Timer;
#[cfg(feature = "tls")]
use crate::tls::TlsFailure;

pub(crate) async fn execute(client: &Inner, request: Request) -> Result<Response, Error> {
    let url = request.url.clone();
    run(client, request).await.map_err(|e| e.with_url(&url))
}

async fn run(client: &Inner, request: Request) -> Result<Response, Error> {
    let Request { method, url, route, version, fields, body, timeouts } = request;
    if cfg!(not(feature = "tls")) && url.is_https() {
        return Err(Error::builder("https needs the feature `tls`"));
    }
    if method == Method::CONNECT {
        return Err(Error::builder("a tunnel by CONNECT is not supported"));
    }
    let body = body.into_inner().unwrap_or_else(PoisonError::into_inner);
    let head = RequestHead {
        method: &method,
        target: Target::Origin(url.path_and_query().as_bytes()),
        version,
        host: url.authority().as_bytes(),
        fields: &fields,
        block: &client.block,
    };
    let here = client.here()?;
    let timeouts = timeouts.unwrap_or_else(|| client.timeouts.clone());
    let allowed = Allowed { pool: timeouts.pool, connect: timeouts.connect };
    let mut timer = Timer::new(here.clone(), timeouts);
    let key = Key::new(&url, route.clone(), here.home.id());
    let plan = {
        let (url, here, content) = (&url, here.clone(), body.content());
        move || {
            // Nothing is opened for a head that must not be sent.
            let limits = &client.dialing.limits;
            ClientConn::new(limits.clone()).send_request(head, content).map_err(Error::builder)?;
            let settings = Arc::clone(&client.dialing);
            let (url, route) = (url.clone(), route.clone());
            Ok(Plan { url, route, here: here.clone(), settings, allowed: allowed.connect })
        }
    };
    let mut waiting = Waiting::new(&client.checkout, key, here, allowed, plan);
    let mut leased = poll_fn(|cx| waiting.poll(cx, &mut timer)).await?;
    drop(waiting);

    let is_reused = leased.is_reused();
    let Some(conn) = leased.conn() else {
        return Err(Error::new(Kind::Shutdown));
    };
    if let Err(e) = conn.begin(head, body, timer) {
        leased.unused();
        return Err(Error::builder(e));
    }
    match poll_fn(|cx| conn.poll_head(cx)).await {
        Ok(head) => {
            let info = conn.info().reused(is_reused);
            let complete = conn.is_complete();
            let mut response = Response::new(head, url, info, leased);
            if complete {
                response.finish();
            }
            Ok(response)
        }
        Err(failure) => Err(error_of(failure, conn.delivery(), &conn.info().reused(is_reused))),
    }
}

/// What a failed exchange is called.
pub(crate) fn error_of(failure: Failure, delivery: Delivery, connection: &ConnectionInfo) -> Error {
    let error = match failure {
        Failure::Timeout(expired, None) => dial::timed_out(expired),
        // The request could not be written, and the response that might have told why did not come.
        Failure::Timeout(expired, Some(said)) => dial::timed_out(expired).with_source(said),
        Failure::Source(e) => Error::new(Kind::Body).with_source(e),
        Failure::Shutdown => Error::new(Kind::Shutdown),
        Failure::Core(core, said) => {
            let kind = match &core {
                CoreError::Closed(closed) => {
                    tls_kind(said.as_ref(), connection).unwrap_or(Kind::Closed(*closed))
                }
                CoreError::Peer(_) => Kind::Protocol,
                CoreError::Misuse(_) => Kind::Builder,
            };
            Error::new(kind).with_source(Failure::source_of(core, said))
        }
    };
    error.with_delivery(delivery).with_connection(connection)
}

/// What TLS has to say explains why the stream has ended.
#[cfg(feature = "tls")]
fn tls_kind(said: Option<&io::Error>, connection: &ConnectionInfo) -> Option<Kind> {
    let said = said.filter(|_| connection.tls().is_some())?;
    // rustls says so also of what is too much for it.
    let too_much = (said.kind() == io::ErrorKind::InvalidData).then_some(TlsFailure::Protocol);
    TlsFailure::of(said).or(too_much).map(Kind::Tls)
}

#[cfg(not(feature = "tls"))]
fn tls_kind(_: Option<&io::Error>, _: &ConnectionInfo) -> Option<Kind> {
    None
}
