//! HTTP/2 (RFC 9113): the `h2` crate over our transports. One task per connection polls it; requests talk to it through
//! the crate's own queues, and to the pool through their leases.

mod failure;
mod frames;
mod handle;
mod head;
mod io;
mod open;
mod orders;
mod read_ahead;
mod resets;
mod sections;
mod settings;
mod stream;
mod task;
mod upload;

pub(crate) use self::handle::{Aftermath, Multiplexed, Shared};
pub(crate) use self::head::remove_of_connections;
pub(crate) use self::open::{Opened, open};
pub use self::settings::Http2Config;
pub(crate) use self::stream::{NotBegun, Stream};
pub(crate) use self::task::Driver;
