//! Answers that come before the request is whole, and requests that cannot be written to their end: rows S096-20 to
//! S096-31, by HTTP/1.1. What HTTP/2 makes of them is in `h2_scenarios`: `uploads.rs` (S096-22 to -24, -26, -32) and
//! `expect.rs` (S096-31).

#![cfg(feature = "tls")]

#[path = "../common/mod.rs"]
mod common;
mod early;
mod expect;
mod half_closed;
mod source;
mod world;
