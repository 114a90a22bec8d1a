//! Certificates that were withdrawn.

use std::path::Path;

use rustls::client::ServerCertVerifierBuilder;
use rustls::pki_types::CertificateRevocationListDer;

use super::error::TlsConfigError;
use super::pem;

/// Revocation lists, and what to make of certificates that none of them is about.
#[derive(Clone, Default)]
pub(super) struct Revocation {
    lists: Vec<CertificateRevocationListDer<'static>>,
    pub(super) allow_unknown: bool,
}

impl Revocation {
    pub(super) fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.lists.len()
    }

    pub(super) fn add_pem(&mut self, pem: &[u8]) -> Result<(), TlsConfigError> {
        self.lists.extend(pem::all(pem, "the PEM of revocation lists", "revocation list")?);
        Ok(())
    }

    pub(super) fn add_der(&mut self, der: Vec<u8>) {
        self.lists.push(der.into());
    }

    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), TlsConfigError> {
        self.lists.extend(pem::file(path, "revocation list", CertificateRevocationListDer::from)?);
        Ok(())
    }

    /// Teaches them to a verifier. Without any lists nothing is asked of it.
    pub(super) fn apply(&self, verifier: ServerCertVerifierBuilder) -> ServerCertVerifierBuilder {
        if self.is_empty() {
            return verifier;
        }
        let verifier = verifier.with_crls(self.lists.iter().cloned());
        if self.allow_unknown {
            verifier.allow_unknown_revocation_status()
        } else {
            verifier.enforce_revocation_expiration()
        }
    }
}
