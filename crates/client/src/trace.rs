//! What is told to `tracing`, where that is asked for.

#[cfg(feature = "tracing")]
use tracing::{Level, event};

use crate::error::Error;
use crate::request::Request;

/// A request is sent again, for this reason.
#[cfg(feature = "tracing")]
pub(crate) fn again(request: &Request, reason: &'static str, attempt: u32, error: Option<&Error>) {
    event!(
        target: "martlet::replay",
        Level::INFO,
        reason,
        attempt,
        method = %request.method,
        // Prints neither credentials nor the query.
        url = %request.url,
        delivery = error.map(|e| tracing::field::display(e.delivery())),
        error = error.map(tracing::field::display),
        "the request is sent again"
    );
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn again(_: &Request, _: &'static str, _: u32, _: Option<&Error>) {}
