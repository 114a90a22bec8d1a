//! The client of martlet over any runtime.
//!
//! **Who should use this crate:** those who run martlet on a runtime of their own, by an implementation of
//! [`Runtime`], and those who write an adapter.
//!
//! **Who should not:** everybody else. `martlet` is this client with the runtime that a Cargo feature names;
//! `martlet-tokio`, `martlet-async-std` and `martlet-smol` are this client on one runtime.
//!
//! A request is driven by the future that asks for it: no task, no channel and no timer is made for it.

#![forbid(unsafe_code)]

mod bell;
mod body;
mod carrier;
mod checkout;
mod client;
mod config;
mod dial;
mod erased;
mod error;
mod exchange;
mod failure;
mod h1;
#[cfg(feature = "http2")]
mod h2;
#[cfg(not(feature = "http2"))]
#[path = "h2/none.rs"]
mod h2;
mod here;
mod info;
mod input;
mod memory;
mod outgoing;
mod policy;
mod protocols;
mod replay;
mod request;
mod response;
mod route;
mod runtime;
mod scratch;
mod timer;
#[cfg(feature = "tls")]
pub mod tls;
mod trace;
mod transport;
#[doc(hidden)]
pub mod url;
mod watch;

pub use bytes;
pub use http;
pub use martlet_core::h1::Fields;
pub use martlet_core::pool::{DialPolicy, PoolConfig, PoolStats};
pub use martlet_core::time::{Phase, Timeouts};
pub use martlet_core::{Closed, Delivery, Ending, Limits, PeerError};
#[cfg(feature = "tls")]
pub use rustls;

pub use self::body::Body;
pub use self::client::{Client, Drain};
pub use self::config::ClientBuilder;
pub use self::dial::{Connect, ConnectTarget};
pub use self::erased::{RuntimeChoice, RuntimeHandle};
pub use self::error::{Error, ErrorCode, Kind};
#[cfg(feature = "http2")]
pub use self::h2::Http2Config;
pub use self::info::ConnectionInfo;
pub use self::policy::{RetryBudget, RetryOutcome, RetryPolicy, RetryVerdict};
pub use self::protocols::Protocols;
pub use self::request::{Request, RequestBuilder};
pub use self::response::Response;
pub use self::runtime::{BoxFuture, Home, Runtime, SocketOptions, Spawn};
pub use self::transport::Transport;
pub use self::url::{IntoUri, UrlError};
pub use self::watch::DeliveryWatch;
