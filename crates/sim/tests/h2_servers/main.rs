//! HTTP/2 servers, driven by a bare client of the `h2` crate.

mod answers;
mod client;
mod determinism;
mod faults;
mod leaving;
mod limits;
mod transport;
