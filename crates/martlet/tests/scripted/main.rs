//! The client over transports that follow a script: no socket, and no clock but a paused one.

#[path = "../common/mod.rs"]
mod common;

mod cancelling;
mod dialing;
mod early;
mod expecting;
mod idle;
mod mistakes;
mod receiving;
mod reuse;
mod secrets;
mod sending;
#[cfg(feature = "tokio")]
mod timeouts;
mod truncation;
mod types;
mod unread;

use std::error::Error as StdError;

use martlet::http::HeaderMap;
use martlet::{Client, Error};

use common::mock::Mock;
use common::wire::{Wire, Wires};

/// A client that sends no fields of its own, on this transport, with a clock that stands still.
fn client(wire: Wire) -> Client {
    let builder = Client::builder().runtime(Mock::default()).connector(Wires::new([wire]));
    builder.default_headers(HeaderMap::new()).build().unwrap()
}

/// The first cause of this type behind an error.
fn cause<T: StdError + 'static>(e: &Error) -> Option<&T> {
    let mut source: Option<&(dyn StdError + 'static)> = Some(e);
    while let Some(e) = source {
        if let Some(found) = e.downcast_ref() {
            return Some(found);
        }
        source = e.source();
    }
    None
}
