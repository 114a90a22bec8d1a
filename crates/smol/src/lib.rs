//! martlet, the HTTP client, on smol: that is, on `async-io` under any executor.
//!
//! Use this crate if your program runs on smol, on an executor that brings no IO of its own or on none, and you
//! want the smallest tree. Use `martlet` instead if you write a library whose users choose the runtime, or if a
//! program mixes runtimes. In a program on tokio, `martlet-tokio` spares the threads that this one starts when
//! they are first needed: `async-io` (waits for sockets and timers), `blocking`'s pool (resolves names) and
//! `martlet` (runs what a client leaves behind: HTTP/2 connections, dials, the tidying of idle connections).
#![forbid(unsafe_code)]

mod connect;
mod home;
mod runtime;
mod tcp;

pub use self::runtime::{Sleep, Smol};
pub use self::tcp::Tcp;

// The same names in every adapter, whatever is added; `Client` and `ClientBuilder` below take the place of the generic ones.
pub use martlet_client::*;

/// The client on this runtime. See [`martlet_client::Client`].
pub type Client = martlet_client::Client<Smol>;

/// Settings of a [`Client`].
pub type ClientBuilder = martlet_client::ClientBuilder<Smol>;
