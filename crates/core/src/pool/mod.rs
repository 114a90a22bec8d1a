//! Who gets which connection: the bookkeeping of a pool over handles it owns, without IO.

mod action;
mod config;
mod demand;
mod dials;
mod dump;
mod entry;
mod idle;
mod intern;
mod keep;
mod line;
mod machine;
mod mark;
mod queue;
mod serve;
mod slab;
mod stats;

pub use self::action::{Action, ConnId, DialId, FailReason, Handle, Lease, RemoveReason, WaiterId};
pub use self::config::{Capacity, DialFailure, DialPolicy, PoolConfig, PoolKey, Returned, Want};
pub use self::machine::Pool;
pub use self::stats::PoolStats;
