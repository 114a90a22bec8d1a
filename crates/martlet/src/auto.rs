//! Which runtime a request runs on.

use std::io;

use martlet_client::{RuntimeChoice, RuntimeHandle};

/// The runtime that the features enable and that is here: looked for each time a request begins.
///
/// Inside a tokio runtime it is tokio, if the feature `tokio` is on. Otherwise it is the one on async-io, which works
/// under any executor, if `smol` or `async-std` is on; `smol` wins where both are.
#[derive(Clone, Copy, Debug)]
pub struct Auto;

impl RuntimeChoice for Auto {
    fn choose() -> io::Result<RuntimeHandle> {
        let mut missing = None;
        for choose in CANDIDATES {
            match choose() {
                Ok(runtime) => return Ok(runtime),
                Err(e) => missing = Some(e),
            }
        }
        Err(missing.unwrap_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "martlet was built without a runtime: enable one of its features `tokio`, `smol` or `async-std`",
            )
        }))
    }
}

/// In the order in which they are asked.
const CANDIDATES: &[fn() -> io::Result<RuntimeHandle>] = &[
    #[cfg(feature = "tokio")]
    martlet_tokio::Tokio::choose,
    #[cfg(feature = "smol")]
    martlet_smol::Smol::choose,
    #[cfg(feature = "async-std")]
    martlet_async_std::AsyncStd::choose,
];
