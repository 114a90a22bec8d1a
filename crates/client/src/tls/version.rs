//! Versions of TLS.

use std::fmt;

use rustls::{ProtocolVersion, SupportedProtocolVersion};

/// A version of TLS, older ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsVersion {
    const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    /// Those that lie between two versions, in rustls' own terms.
    pub(super) fn between(least: Self, most: Self) -> Vec<&'static SupportedProtocolVersion> {
        let within = Self::ALL.into_iter().filter(|version| (least..=most).contains(version));
        within.map(Self::supported).collect()
    }

    pub(super) fn negotiated(version: ProtocolVersion) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.supported().version == version)
    }

    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}
