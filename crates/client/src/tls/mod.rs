//! TLS: how servers are trusted, and what a handshake showed.
//!
//! A [`TlsConfig`] describes what is wanted; who wants more than it offers brings a whole
//! [`rustls::ClientConfig`] and, to see the certificates that it turned down, wraps its verifier in [`RecordChain`].

mod chains;
mod config;
mod error;
mod failure;
mod handshake;
mod identity;
mod info;
mod load;
mod pem;
mod provider;
mod record;
mod revocation;
mod roots;
mod stream;
#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod testing;
mod under;
mod unverified;
mod version;

pub use self::config::TlsConfig;
pub use self::failure::{TlsFailure, VerifyFailure};
pub(crate) use self::handshake::{HandshakeError, handshake};
pub use self::info::TlsInfo;
pub(crate) use self::load::prepare;
pub use self::record::RecordChain;
pub(crate) use self::under::Taken;
pub use self::version::TlsVersion;
