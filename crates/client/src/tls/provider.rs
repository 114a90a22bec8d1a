//! Who does the cryptography.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;

use super::error::TlsConfigError;

/// The provider that the features chose. It is always named explicitly: what a process has installed as its default, or
/// whether it has any, plays no part.
pub(super) fn by_feature() -> Result<Arc<CryptoProvider>, TlsConfigError> {
    static CHOSEN: OnceLock<Option<Arc<CryptoProvider>>> = OnceLock::new();
    CHOSEN.get_or_init(|| compiled_in().map(Arc::new)).clone().ok_or_else(|| {
        TlsConfigError::new(
            "this build has no cryptography: enable the feature `ring` or `aws-lc-rs`, or give a provider or a \
             `rustls::ClientConfig` of your own",
        )
    })
}

#[cfg(feature = "aws-lc-rs")]
fn compiled_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn compiled_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::ring::default_provider())
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
fn compiled_in() -> Option<CryptoProvider> {
    None
}

#[cfg(test)]
mod tests;
