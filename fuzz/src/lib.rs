//! Fuzz bodies for the protocol core: each takes any octets and panics where the core does not keep its word.
//!
//! They are plain functions, so that they run as unit tests over a small corpus on any toolchain; the targets in
//! `fuzz_targets/` are thin wrappers for `cargo fuzz`, and replay files where they are built without it.

#![forbid(unsafe_code)]

mod ask;
mod chunked;
mod client;
mod deadlines;
mod eyeballs;
mod feed;
mod framing;
mod head;
mod number;
mod pair_ops;
mod pool_ops;
mod recv;
mod round_trip;
mod seeds;
mod setup;
mod slow;
mod targets;

pub use self::chunked::chunked;
pub use self::client::{client_fields, client_octets, client_sim, h2_octets, url};
pub use self::deadlines::deadlines;
pub use self::eyeballs::eyeballs;
pub use self::framing::framing;
pub use self::head::head;
pub use self::number::number;
pub use self::pair_ops::pair_ops;
pub use self::pool_ops::pool_ops;
pub use self::recv::{client_recv, server_recv};
pub use self::round_trip::request_round_trip;
pub use self::seeds::{Seed, corpus, seeds};
pub use self::targets::{TARGETS, Target};

/// Runs a body over the files named as arguments of the process.
///
/// # Errors
///
/// A file cannot be read.
pub fn replay(body: fn(&[u8])) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        println!("{}", path.to_string_lossy());
        body(&std::fs::read(path)?);
    }
    Ok(())
}

#[cfg(doctest)]
#[doc = include_str!("../../docs/fuzzing.md")]
struct FuzzingPage;

#[cfg(test)]
mod tests;
