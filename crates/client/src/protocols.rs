//! Which versions of HTTP are spoken.

/// Which versions of HTTP are spoken with a server.
///
/// HTTP/2 needs the feature `http2`, which `martlet` has by default; without it everything is HTTP/1.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocols {
    /// For `https` HTTP/2 if the server chooses it in the TLS handshake (ALPN), and HTTP/1.1 otherwise; for `http`
    /// HTTP/1.1. The default.
    #[default]
    Negotiated,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2. For `https` nothing else is offered; `http`, and a server that chooses nothing, are taken to speak it: by prior
    /// knowledge (RFC 9113 §3.3). A server that refuses it and asks for HTTP/1.1 (HTTP_1_1_REQUIRED) gets that from then on; for a
    /// request that must be HTTP/2 say so with it ([`RequestBuilder::version`](crate::RequestBuilder::version)).
    Http2,
}

impl Protocols {
    /// What is offered by ALPN, the preferred first (RFC 7301, RFC 9113 §3.2).
    #[cfg(feature = "tls")]
    pub(crate) fn alpn(self) -> &'static [&'static [u8]] {
        match self {
            Self::Negotiated if cfg!(feature = "http2") => &[b"h2", b"http/1.1"],
            Self::Negotiated | Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
        }
    }
}
