//! What a handshake showed.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CipherSuite, ClientConnection, HandshakeKind, NamedGroup};

use super::chains::{self, SharedChain};
use super::under::Taken;
use super::version::TlsVersion;

/// What the TLS handshake of a connection showed. It outlives the connection, and clones share it.
#[derive(Clone)]
pub struct TlsInfo {
    inner: Arc<Inner>,
}

struct Inner {
    certificates: SharedChain,
    version: TlsVersion,
    suite: CipherSuite,
    group: Option<NamedGroup>,
    alpn: Option<Box<[u8]>>,
    server_name: Box<str>,
    resumed: bool,
    taken: Taken,
}

impl TlsInfo {
    /// Of a handshake that is complete; `None` before.
    pub(super) fn new(session: &ClientConnection, name: &ServerName<'_>, taken: &Taken) -> Option<Self> {
        let inner = Inner {
            certificates: chains::shared(session.peer_certificates().unwrap_or_default()),
            version: TlsVersion::negotiated(session.protocol_version()?)?,
            suite: session.negotiated_cipher_suite()?.suite(),
            group: session.negotiated_key_exchange_group().map(|group| group.name()),
            alpn: session.alpn_protocol().map(Box::from),
            server_name: name.to_str().into(),
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
            taken: taken.clone(),
        };
        Some(Self { inner: Arc::new(inner) })
    }

    /// What the transport under TLS has taken. As long as that stays where it was when a request began, nobody can have
    /// seen any of it, whatever TLS has accepted.
    pub(crate) fn taken(&self) -> &Taken {
        &self.inner.taken
    }

    /// The certificates that the server presented, in DER and its own first. For a resumed session they are those of the
    /// handshake that it began with.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.inner.certificates
    }

    /// The version of TLS.
    pub fn protocol_version(&self) -> TlsVersion {
        self.inner.version
    }

    /// The cipher suite.
    pub fn cipher_suite(&self) -> CipherSuite {
        self.inner.suite
    }

    /// The name of the cipher suite in IANA's registry, with `TLS13_` in front of those of TLS 1.3: `TLS13_AES_128_GCM_SHA256`.
    pub fn cipher_suite_name(&self) -> &str {
        self.inner.suite.as_str().unwrap_or("unknown")
    }

    /// The group of the key exchange. `None` where keys were taken from an earlier session alone, as TLS 1.2 does when it
    /// resumes.
    pub fn key_exchange_group(&self) -> Option<NamedGroup> {
        self.inner.group
    }

    /// The protocol that the server chose from those that were offered (ALPN), if it chose one.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.inner.alpn.as_deref()
    }

    /// The name or address that the certificate was asked to be for. A name was also sent to the server (SNI), an address
    /// was not.
    pub fn server_name(&self) -> &str {
        &self.inner.server_name
    }

    /// Whether an earlier session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.inner.resumed
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("protocol_version", &self.inner.version)
            .field("cipher_suite", &self.inner.suite)
            .field("key_exchange_group", &self.inner.group)
            .field("alpn", &self.inner.alpn.as_deref().map(String::from_utf8_lossy))
            .field("server_name", &self.inner.server_name)
            .field("resumed", &self.inner.resumed)
            .field("peer_certificates", &Lengths(&self.inner.certificates))
            .finish()
    }
}

/// Certificates, for people: how long each is.
pub(super) struct Lengths<'a>(pub(super) &'a [CertificateDer<'static>]);

impl fmt::Debug for Lengths<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|der| format_args!("{} octets", der.len()).to_string()))
            .finish()
    }
}
