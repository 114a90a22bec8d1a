//! The certificates that a server showed, also when they were turned down.

use std::cell::Cell;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

/// A certificate chain, the server's own certificate first.
pub(super) type Chain = Vec<CertificateDer<'static>>;

/// A verifier that keeps what a server presents, so that the error of a failed verification can show it.
///
/// rustls forgets the certificates that it did not accept. A [`TlsConfig`](super::TlsConfig) has this built in; wrap the
/// verifier of a [`rustls::ClientConfig`] of your own to have it there, too. Verification itself stays with what is
/// wrapped; what that says as [`Error::General`] or [`Error::Other`] counts as said of the certificate.
///
/// Wrap once per configuration, not per connection: rustls resumes a session only under the verifier that it began with.
///
/// ```
/// # use std::sync::Arc;
/// # use martlet_client::rustls::{ClientConfig, client::danger::ServerCertVerifier, crypto::CryptoProvider};
/// use martlet_client::tls::RecordChain;
///
/// # fn config(provider: Arc<CryptoProvider>, mine: Arc<dyn ServerCertVerifier>) -> Option<ClientConfig> {
/// let config = ClientConfig::builder_with_provider(provider)
///     .with_safe_default_protocol_versions()
///     .ok()?
///     .dangerous()
///     .with_custom_certificate_verifier(RecordChain::wrap(mine))
///     .with_no_client_auth();
/// # Some(config)
/// # }
/// ```
#[derive(Debug)]
pub struct RecordChain {
    verifier: Arc<dyn ServerCertVerifier>,
}

impl RecordChain {
    /// A verifier that says what this one says.
    pub fn wrap(verifier: Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier> {
        Arc::new(Self { verifier })
    }
}

impl ServerCertVerifier for RecordChain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Also what is accepted: the signature that proves possession of the key may yet turn out to be bad.
        record(|| {
            [end_entity].into_iter().chain(intermediates).map(|der| der.clone().into_owned()).collect()
        });
        let verifier = &self.verifier;
        let verified =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.map_err(of_the_certificate)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss).map_err(of_the_certificate)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss).map_err(of_the_certificate)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.verifier.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.verifier.root_hint_subjects()
    }
}

/// What a verifier says in words of its own is about the certificate all the same.
fn of_the_certificate(e: Error) -> Error {
    match e {
        Error::General(_) | Error::Other(_) => CertificateError::Other(OtherError(Arc::new(e))).into(),
        e => e,
    }
}

/// Where a verifier leaves what it saw.
#[derive(Default)]
enum Slot {
    /// Nobody wants it.
    #[default]
    Closed,
    /// The handshake that is being polled on this thread does.
    Open(Option<Chain>),
}

thread_local! {
    static SLOT: Cell<Slot> = const { Cell::new(Slot::Closed) };
}

/// Polls a handshake, and brings `chain` up to date with what its verifier saw.
///
/// A transport may itself be in a handshake while it is polled for this one: each has a slot of its own.
pub(super) fn during<T>(chain: &mut Option<Chain>, poll: impl FnOnce() -> T) -> T {
    struct Restore<'a> {
        outer: Slot,
        chain: &'a mut Option<Chain>,
    }
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            if let Slot::Open(chain) = exchange(std::mem::take(&mut self.outer)) {
                *self.chain = chain;
            }
        }
    }
    let outer = exchange(Slot::Open(chain.take()));
    let _restore = Restore { outer, chain };
    poll()
}

fn record(chain: impl FnOnce() -> Chain) {
    if let Slot::Open(_) = exchange(Slot::Closed) {
        exchange(Slot::Open(Some(chain())));
    }
}

/// While a thread ends there is no slot any more.
fn exchange(slot: Slot) -> Slot {
    SLOT.try_with(|cell| cell.replace(slot)).unwrap_or_default()
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests;
