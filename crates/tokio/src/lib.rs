//! martlet, the HTTP client, on tokio.
//!
//! Use this crate if your program runs on tokio and on nothing else, and you want the smallest tree. Use
//! `martlet` instead if you write a library whose users choose the runtime, or if a program mixes runtimes; use
//! `martlet-smol` where no tokio runtime runs.
//!
//! Nothing here starts a runtime: whatever does IO must be polled inside one (`#[tokio::main]`,
//! `Runtime::block_on`) that was built with `enable_all()`, or with `enable_io()` and `enable_time()`.
#![forbid(unsafe_code)]

mod connect;
mod drivers;
mod home;
mod runtime;
mod tcp;

pub use self::runtime::Tokio;
pub use self::tcp::Tcp;

// The same names in every adapter, whatever is added; `Client` and `ClientBuilder` below take the place of the generic ones.
pub use martlet_client::*;

/// The client on this runtime. See [`martlet_client::Client`].
pub type Client = martlet_client::Client<Tokio>;

/// Settings of a [`Client`].
pub type ClientBuilder = martlet_client::ClientBuilder<Tokio>;
