//! Who we are, to servers that ask.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::{TlsConfigError, shown};
use super::pem;

/// A certificate chain, our own first, and its key.
#[derive(Clone)]
pub(super) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl Identity {
    /// Both from PEM, which may be the same text.
    pub(super) fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Self::read(chain, "the PEM of the client identity", key, "the PEM of the client identity")
    }

    /// Both from PEM files, which may be the same.
    pub(super) fn from_files(chain: &Path, key: &Path) -> Result<Self, TlsConfigError> {
        let read = |path: &Path| fs::read(path).map_err(|e| TlsConfigError::unreadable(path, e));
        let (chain_name, key_name) = (shown(chain), shown(key));
        Self::read(&read(chain)?, &chain_name, &read(key)?, &key_name)
    }

    /// Both from DER. The key may be PKCS#8, PKCS#1 or SEC1.
    pub(super) fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, TlsConfigError> {
        if chain.is_empty() {
            return Err(TlsConfigError::new("the client identity has no certificate"));
        }
        // The reason is not passed on: nothing about a key is.
        let key = PrivateKeyDer::try_from(key).map_err(|_| {
            TlsConfigError::new("the key of the client identity is neither PKCS#8, PKCS#1 nor SEC1")
        })?;
        Ok(Self { chain: chain.into_iter().map(CertificateDer::from).collect(), key: Arc::new(key) })
    }

    fn read(chain: &[u8], chain_name: &str, key: &[u8], key_name: &str) -> Result<Self, TlsConfigError> {
        let chain = pem::all(chain, chain_name, "certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
            let encrypted = contains(key, b"ENCRYPTED");
            let hint = if encrypted { "; encrypted keys must be decrypted first" } else { "" };
            TlsConfigError::new(format!("{key_name} holds no private key that can be read{hint}"))
        })?;
        Ok(Self { chain, key: Arc::new(key) })
    }

    pub(super) fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), self.key.clone_key())
    }

    /// How many certificates there are.
    pub(super) fn len(&self) -> usize {
        self.chain.len()
    }
}

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests;
