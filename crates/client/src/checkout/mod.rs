//! Connections: to requests and back from them. One mutex holds the pool, the slots of its waiters and the janitor's
//! place; it is never held while anything is polled, woken, spawned, closed or dropped.

mod janitor;
mod key;
mod later;
mod leased;
mod shared;
mod slot;
mod state;
#[cfg(feature = "http2")]
mod streams;
mod task;
mod waiting;

pub(crate) use self::key::Key;
pub(crate) use self::leased::{Leased, NotBegun};
pub(crate) use self::shared::Checkout;
pub(crate) use self::state::Shutdown;
pub(crate) use self::waiting::{Allowed, Waiting};

#[cfg(test)]
mod tests;
