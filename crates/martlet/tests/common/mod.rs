//! What the tests share: a transport that follows a script, a runtime without sockets and clock, a poll loop that
//! notices a lost wake-up, and a hyper server on loopback.
// Each test binary uses its own part of this.
#![allow(dead_code, unreachable_pub)]

pub mod mock;
pub mod poll;
pub mod server;
pub mod wire;
