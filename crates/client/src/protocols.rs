//! Which versions of HTTP are spoken.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::url::Url;

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
    /// HTTP/2 only. For `https` nothing else is offered; `http`, and a server that chooses nothing, are taken to speak it:
    /// by prior knowledge (RFC 9113 §3.3).
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

/// Origins that refused HTTP/2 and asked for HTTP/1.1 (RFC 9113 §7, HTTP_1_1_REQUIRED).
#[derive(Debug, Default)]
pub(crate) struct Http1Only {
    /// Whether there is any: usually not, and then nobody takes the lock.
    is_any: AtomicBool,
    origins: Mutex<BTreeSet<(bool, Box<str>, u16)>>,
}

/// The most that are remembered. One more, and all are forgotten: they say so again.
const REMEMBERED: usize = 1000;

impl Http1Only {
    pub(crate) fn has(&self, url: &Url) -> bool {
        self.is_any.load(Ordering::Acquire)
            && self.origins.lock().unwrap_or_else(PoisonError::into_inner).contains(&origin(url))
    }

    pub(crate) fn add(&self, url: &Url) {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if origins.len() >= REMEMBERED {
            origins.clear();
        }
        origins.insert(origin(url));
        self.is_any.store(true, Ordering::Release);
    }
}

fn origin(url: &Url) -> (bool, Box<str>, u16) {
    (url.is_https(), url.host().into(), url.port())
}
