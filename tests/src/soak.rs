//! The simulator as judge: many requests over few connections, servers and a network that do their worst, and after every
//! run a look at what the servers saw.
//!
//! A seed decides everything of a run: [`run_seed`] plays one and judges it by the [`Invariant`]s, [`soak`] plays many on
//! all cores. [`run_octets`] plays a smaller one that octets decide, for a fuzzer.

mod adversary;
mod invariant;
mod job;
mod judge;
mod octets;
mod plan;
mod run;
mod seeds;
mod seen;
mod site;
mod source;
mod wish;

pub use self::invariant::{Broken, Invariant};
pub use self::octets::run_octets;
pub use self::seeds::{Failed, Progress, Summary, Verdict, run_seed, soak};
pub use self::seen::{RARE, Seen, Tally};
