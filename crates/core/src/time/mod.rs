//! How long each part of a request may take: named phases, their settings, and the deadlines they lead to.

mod deadlines;
mod phase;

pub use self::deadlines::{Deadlines, Expired};
pub use self::phase::{Phase, Timeouts};
