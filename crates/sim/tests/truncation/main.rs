//! A server that goes away at any octet of its answer: rows S096-01 to S096-15, each by FIN and by reset, in the clear and
//! under TLS with close_notify and without, on a new connection and on one that was used before, behind every octet.
//!
//! [`answers`] has what servers say, [`oracle`] what follows from the row, [`run`] lets the client meet it.

#![cfg(feature = "tls")]

mod answers;
#[path = "../common/mod.rs"]
mod common;
mod h2;
mod oracle;
mod rows;
mod run;
