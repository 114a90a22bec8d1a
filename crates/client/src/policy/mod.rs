//! Decisions about whole requests: pure, and apart from IO.

mod budget;
mod retry;
mod retry_after;

pub use self::budget::RetryBudget;
pub(crate) use self::retry::Circumstances;
pub use self::retry::{RetryOutcome, RetryPolicy, RetryVerdict};
