//! An HTTP client with a pure protocol core. Which runtime it uses is a Cargo feature, never an argument.
//!
//! **Who should use this crate:** applications, which enable a runtime, and libraries whose users choose one: those
//! depend on `martlet` with `default-features = false` and put [`Client`] into their signatures. It is one type
//! whatever the features.
//!
//! **Who should not:** those who want the smallest tree for one runtime (`martlet-tokio`, `martlet-async-std`,
//! `martlet-smol` have the same API), and those who bring a transport of their own without async (`martlet-core`).
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! #[tokio::main]
//! async fn main() -> Result<(), martlet::Error> {
//!     let client = martlet::Client::new();
//!     let response = client.get("http://example.test/").send().await?;
//!     println!("{} {}", response.status(), response.text().await?);
//!     Ok(())
//! }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `tokio` | off | requests that begin inside a tokio runtime use it |
//! | `smol` | off | all others use async-io, under any executor |
//! | `async-std` | off | the same, with async-std's executor for what is left behind; `smol` wins where both are on |
//! | `http2` | on | HTTP/2, where an `https` server chooses it or it is asked for ([`Protocols`]); without it everything is HTTP/1.1 |
//! | `url` | on | URLs with octets to encode, international names or unusual numeric hosts; without it they are refused |
//! | `tls` | on | `https`, by rustls; without it such a URL is refused |
//! | `ring` | on | does the cryptography of TLS; turns `tls` on |
//! | `aws-lc-rs` | off | does it in place of `ring`, with post-quantum key exchange; turns `tls` on, and wins where both are on |
//! | `platform-verifier` | off | `TlsConfig::platform_verifier`: trust what the operating system trusts; turns `tls` on |
//! | `tracing` | off | events of the crate `tracing`, target `martlet::replay`: a request is sent again, and why |
//!
//! Runtimes are additive, and none is on by default. Without one every request fails with [`Kind::Runtime`] and says
//! what to enable. tokio tells only by a panic that a runtime was built without its IO or time driver: that one is
//! caught, once per runtime, after the program's panic hook has heard of it; under `panic = "abort"` it ends the program.
//!
//! With `tls` and neither `ring` nor `aws-lc-rs` a `rustls::ClientConfig` or a provider of your own does the cryptography; without
//! one a request to an `https` URL fails and names the features.

#![forbid(unsafe_code)]

mod auto;

// The same names in every adapter, whatever is added; `Client` and `ClientBuilder` below take the place of the generic ones.
pub use martlet_client::*;

pub use self::auto::Auto;

/// The client. See [`martlet_client::Client`].
pub type Client = martlet_client::Client<Auto>;

/// Settings of a [`Client`].
pub type ClientBuilder = martlet_client::ClientBuilder<Auto>;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/limits.md")]
struct LimitsPage;

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../../docs/errors.md")]
struct ErrorsPage;

// Its examples name everything that there is.
#[cfg(all(
    doctest,
    feature = "aws-lc-rs",
    feature = "http2",
    feature = "platform-verifier",
    feature = "ring",
    feature = "smol",
    feature = "tls"
))]
#[doc = include_str!("../../../docs/tls.md")]
struct TlsPage;
