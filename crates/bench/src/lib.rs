//! What the programs of the benchmark and of the interop run have in common.

#![forbid(unsafe_code)]

mod digest;
mod usage;

pub use self::digest::Digest;
pub use self::usage::Usage;

/// The content of every small response.
pub const SMALL: &str = "hello, world\n";
