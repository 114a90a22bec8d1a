//! martlet, the HTTP client, on async-std.
//!
//! Use this crate if your program runs on async-std and you want the smallest tree: what the client leaves
//! behind is then run by async-std's own executor, and names are resolved by its own pool of threads. Use
//! `martlet` instead if you write a library whose users choose the runtime, or if a program mixes runtimes.
//! async-std is no longer developed: a new program is better served by `martlet-smol`, which works under
//! async-std as well.
#![forbid(unsafe_code)]

mod runtime;

pub use martlet_smol::{Sleep, Tcp};

pub use self::runtime::AsyncStd;

// The same names in every adapter, whatever is added; `Client` and `ClientBuilder` below take the place of the generic ones.
pub use martlet_client::*;

/// The client on this runtime. See [`martlet_client::Client`].
pub type Client = martlet_client::Client<AsyncStd>;

/// Settings of a [`Client`].
pub type ClientBuilder = martlet_client::ClientBuilder<AsyncStd>;
