//! How a connection comes about: in which order the addresses of a host are tried, and which attempt wins.
//!
//! Nothing here dials. [`Eyeballs`] decides, its caller carries out.

mod eyeballs;
mod order;

pub use eyeballs::{AttemptId, Eyeballs, EyeballsAction, EyeballsConfig, EyeballsOutcome};
pub use order::interleave;
