//! One logical request: checked, dialled, sent, answered.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};

use http::Method;
use martlet_core::Error as CoreError;
use martlet_core::h1::{ClientConn, RequestHead, Target};

use crate::client::Inner;
use crate::dial;
use crate::error::{Error, Kind};
use crate::h1::{Exchange, Failure};
use crate::request::Request;
use crate::response::Response;
use crate::timer::Timer;

pub(crate) async fn execute(client: &Inner, request: Request) -> Result<Response, Error> {
    let url = request.url.clone();
    run(client, request).await.map_err(|e| e.with_url(&url))
}

async fn run(client: &Inner, request: Request) -> Result<Response, Error> {
    let Request { method, url, version, fields, body, timeouts } = request;
    if url.is_https() {
        return Err(Error::builder("the scheme https is not supported by this build"));
    }
    if method == Method::CONNECT {
        return Err(Error::builder("a tunnel by CONNECT is not supported"));
    }
    let body = body.into_inner().unwrap_or_else(PoisonError::into_inner);

    // The machine checks the head before anything is opened.
    let mut conn = ClientConn::new(client.limits.clone());
    let head = RequestHead {
        method: &method,
        target: Target::Origin(url.path_and_query().as_bytes()),
        version,
        host: url.authority().as_bytes(),
        fields: &fields,
        block: &client.block,
    };
    conn.send_request(head, body.content()).map_err(Error::builder)?;

    let runtime = client.runtime()?;
    let mut timer = Timer::new(runtime, timeouts.unwrap_or_else(|| client.timeouts.clone()));
    let io = dial::dial(&url, &client.socket, client.connector.as_ref(), &mut timer).await?;
    let peer_addr = io.peer_addr();
    let mut exchange = Box::new(Exchange::new(io, conn, body, timer));
    match poll_fn(|cx| exchange.poll_head(cx)).await {
        Ok(head) => Ok(Response::new(head, url, peer_addr, Mutex::new(exchange))),
        Err(failure) => Err(error_of(failure, &exchange)),
    }
}

/// What a failed exchange is called.
pub(crate) fn error_of(failure: Failure, exchange: &Exchange) -> Error {
    let error = match failure {
        Failure::Timeout(expired, None) => dial::timed_out(expired),
        // The request could not be written, and the response that might have told why did not come.
        Failure::Timeout(expired, Some(said)) => dial::timed_out(expired).with_source(said),
        Failure::Source(e) => Error::new(Kind::Body).with_source(e),
        Failure::Core(core, said) => {
            let kind = match &core {
                CoreError::Closed(closed) => Kind::Closed(*closed),
                CoreError::Peer(_) => Kind::Protocol,
                CoreError::Misuse(_) => Kind::Builder,
            };
            Error::new(kind).with_source(Failure::source_of(core, said))
        }
    };
    error.with_delivery(exchange.delivery())
}
