//! What the tests share: a transport that follows a script, a runtime without sockets and clock, a poll loop that
//! notices a lost wake-up, a hyper server on loopback, and what storms of requests need.
// Each test binary uses its own part of this.
#![allow(dead_code, unreachable_pub)]

#[cfg(all(feature = "tokio", feature = "smol", feature = "async-std"))]
pub mod flavor;
pub mod mock;
pub mod poll;
pub mod server;
pub mod soon;
pub mod storm;
pub mod wire;
