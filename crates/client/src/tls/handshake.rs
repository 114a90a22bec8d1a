//! From a transport to one that is encrypted.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures_io::AsyncWrite;
use futures_rustls::TlsConnector;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::failure::TlsFailure;
use super::info::{Lengths, TlsInfo};
use super::record::{self, Chain};
use super::stream::TlsTransport;
use super::under::Under;
use crate::transport::Transport;

/// Shakes hands over a transport, as a client. Dropping the future drops the transport.
///
/// # Errors
///
/// A failure of TLS, or of the transport below it ([`TlsFailure::Interrupted`]). The server is told by an alert as far
/// as that can be done without waiting.
pub(crate) async fn handshake(
    io: Box<dyn Transport>,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> Result<(TlsTransport, TlsInfo), HandshakeError> {
    let mut connecting = TlsConnector::from(config).connect(name.clone(), Under::new(io)).into_fallible();
    let mut presented = None;
    let shaken = poll_fn(|cx| record::during(&mut presented, || Pin::new(&mut connecting).poll(cx))).await;
    match shaken {
        Ok(stream) => match TlsInfo::new(stream.get_ref().1, &name, stream.get_ref().0.taken()) {
            Some(info) => Ok((TlsTransport::new(stream), info)),
            None => {
                Err(HandshakeError::new(io::Error::other(rustls::Error::HandshakeNotComplete), presented))
            }
        },
        Err((e, mut io)) => {
            // The alert may still be under way in a transport that buffers.
            poll_fn(|cx| {
                let _ = Pin::new(&mut io).poll_close(cx);
                Poll::Ready(())
            })
            .await;
            Err(HandshakeError::new(e, presented))
        }
    }
}

/// A handshake that failed.
pub(crate) struct HandshakeError {
    failure: TlsFailure,
    presented: Chain,
    source: io::Error,
}

impl HandshakeError {
    fn new(source: io::Error, presented: Option<Chain>) -> Self {
        let failure = TlsFailure::of(&source).unwrap_or(TlsFailure::Interrupted);
        // Certificates are shown for what was found wrong with them, not for whatever happened later.
        let presented = presented.filter(|_| matches!(failure, TlsFailure::Verify(_)));
        Self { failure, presented: presented.unwrap_or_default(), source }
    }

    /// The failure, the certificates that were turned down, the server's own first (none for other failures, and where the
    /// verifier was not wrapped in [`RecordChain`](super::RecordChain)), and the cause.
    pub(crate) fn into_parts(self) -> (TlsFailure, Chain, io::Error) {
        (self.failure, self.presented, self.source)
    }

    #[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
    pub(super) fn failure(&self) -> TlsFailure {
        self.failure
    }

    #[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
    pub(super) fn presented(&self) -> &[rustls::pki_types::CertificateDer<'static>] {
        &self.presented
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl fmt::Debug for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeError")
            .field("failure", &self.failure)
            .field("presented", &Lengths(&self.presented))
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for HandshakeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests;
