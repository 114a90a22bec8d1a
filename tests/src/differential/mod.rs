//! Our readers beside those of others: generated messages go to each, and what each saw must be the same.
//!
//! A [`Message`] is a response with the request that it answers, or a row of requests as a server gets them, with the
//! shapes in which messages are smuggled ([`Generator`]). Each reader says in one form what it saw ([`Outcome`]). Where a
//! peer disagrees with us, there is an entry in [`known()`] that says who is right and why, or the run fails.
//! `cargo xtask differential` starts the peers.

mod compare;
mod draft;
mod generate;
mod judge;
mod known;
mod message;
mod oddities;
mod ours;
mod outcome;
mod peer;
mod shape;

#[cfg(test)]
mod tests;

pub use self::compare::{Difference, Kind, differences};
pub use self::generate::Generator;
pub use self::judge::{Judge, Unknown};
pub use self::known::{Known, known};
pub use self::message::{Message, Role};
pub use self::ours::read;
pub use self::outcome::{End, Line, Outcome, Seen};
pub use self::peer::ask;
