//! What is wanted of TLS.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::KeyLog;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::time_provider::TimeProvider;

use super::error::{TlsConfigError, shown};
use super::identity::Identity;
use super::load::Loaded;
use super::pem;
use super::revocation::Revocation;
use super::roots::{self, Base};
use super::version::TlsVersion;

/// How servers are trusted, who the client is to them, and what may be spoken.
///
/// Without a word it is what suits the public web: Mozilla's roots as compiled in, TLS 1.2 and 1.3, sessions resumed, no
/// client certificate. If the environment has `SSL_CERT_FILE` or `SSL_CERT_DIR`, the roots that they name take the place of
/// the compiled-in ones.
///
/// Certificates, keys and lists are read when they are given. None of the methods fails or panics: the first mistake is
/// kept, and building the client fails with it. Roots that nobody named (of the environment, of the platform) are
/// loaded when a request first needs TLS, and what is wrong with them is the error of that request.
///
/// Clones resume each other's sessions until one of them is changed.
///
/// ```
/// # use martlet_client::tls::{TlsConfig, TlsVersion};
/// # fn config(ca: &[u8]) -> TlsConfig {
/// let config = TlsConfig::new().add_root_certificates_pem(ca).min_version(TlsVersion::Tls13);
/// # config
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct TlsConfig {
    pub(super) base: Base,
    pub(super) added: Vec<CertificateDer<'static>>,
    pub(super) trust_environment: bool,
    pub(super) identity: Option<Identity>,
    pub(super) revocation: Revocation,
    pub(super) versions: (TlsVersion, TlsVersion),
    pub(super) key_log: KeyLogging,
    pub(super) accept_invalid: bool,
    pub(super) provider: Option<Arc<CryptoProvider>>,
    pub(super) time: Option<Arc<dyn TimeProvider>>,
    pub(super) mistake: Option<TlsConfigError>,
    pub(super) loaded: Arc<Loaded>,
}

/// Who learns the secrets of connections.
#[derive(Clone)]
pub(super) enum KeyLogging {
    Nobody,
    File,
    To(Arc<dyn KeyLog>),
}

impl TlsConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            base: Base::default(),
            added: Vec::new(),
            trust_environment: true,
            identity: None,
            revocation: Revocation::default(),
            versions: (TlsVersion::Tls12, TlsVersion::Tls13),
            key_log: KeyLogging::Nobody,
            accept_invalid: false,
            provider: None,
            time: None,
            mistake: None,
            loaded: Arc::default(),
        }
    }

    /// Trusts these certificates as roots, too. A PEM text may hold any number of them.
    ///
    /// A mistake is a text without a certificate, or with one that cannot be a root.
    pub fn add_root_certificates_pem(self, pem: impl AsRef<[u8]>) -> Self {
        self.add_roots("the PEM of root certificates", || {
            pem::all(pem.as_ref(), "the PEM of root certificates", "certificate")
        })
    }

    /// Trusts this certificate as a root, too.
    ///
    /// A mistake is what cannot be a root.
    pub fn add_root_certificate_der(self, der: impl Into<Vec<u8>>) -> Self {
        self.add_roots("the DER of a root certificate", || Ok(vec![CertificateDer::from(der.into())]))
    }

    /// Trusts the certificates of a file as roots, too: any number in PEM, or one in DER. The file is read now.
    ///
    /// A mistake is a file that cannot be read, has no certificate, or one that cannot be a root.
    pub fn add_root_certificates_file(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        self.add_roots(&shown(path), || roots::certificates(path))
    }

    /// Trusts nobody but the roots that were added by the methods above, whatever the environment says.
    ///
    /// A mistake is to add none.
    pub fn only_added_roots(self) -> Self {
        self.change(|config| {
            config.base = Base::OnlyAdded;
            Ok(())
        })
    }

    /// Trusts what the operating system trusts, by the system's own verifier on Windows, macOS, iOS and Android, and by its
    /// list of roots elsewhere. Roots that are added are trusted, too (not on Android, where that is a mistake).
    ///
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` take its place where they are set. Revocation lists cannot be combined with it.
    #[cfg(feature = "platform-verifier")]
    pub fn platform_verifier(self) -> Self {
        self.change(|config| {
            config.base = Base::Platform;
            Ok(())
        })
    }

    /// Whether `SSL_CERT_FILE` (a PEM file) and `SSL_CERT_DIR` (directories of them) take the place of the compiled-in roots
    /// and of the platform's. On by default; an empty variable counts as not set.
    ///
    /// If a variable is set and names nothing that can be trusted, requests fail: they do not fall back.
    pub fn trust_environment(self, on: bool) -> Self {
        self.change(|config| {
            config.trust_environment = on;
            Ok(())
        })
    }

    /// Shows this certificate chain, our own certificate first, to servers that ask for one, and signs with this key. Both
    /// are PEM, and may be the same text. None by default.
    ///
    /// Of several keys the first is taken. A mistake is a text without a certificate or without a key, an encrypted key, or a key that is not the certificate's.
    pub fn identity_pem(self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.set_identity(|| Identity::from_pem(chain.as_ref(), key.as_ref()))
    }

    /// As [`identity_pem`](Self::identity_pem), from files, which may be the same. They are read now.
    pub fn identity_files(self, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.set_identity(|| Identity::from_files(chain.as_ref(), key.as_ref()))
    }

    /// As [`identity_pem`](Self::identity_pem), from DER; the key may be PKCS#8, PKCS#1 or SEC1.
    pub fn identity_der(self, chain: Vec<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.set_identity(|| Identity::from_der(chain, key.into()))
    }

    /// Speaks no older version. Default TLS 1.2, the oldest there is.
    ///
    /// A mistake is a minimum above the maximum.
    pub fn min_version(self, version: TlsVersion) -> Self {
        self.change(|config| {
            config.versions.0 = version;
            Ok(())
        })
    }

    /// Speaks no newer version. Default TLS 1.3, the newest there is.
    pub fn max_version(self, version: TlsVersion) -> Self {
        self.change(|config| {
            config.versions.1 = version;
            Ok(())
        })
    }

    /// Tells the secrets of all connections, for debugging. Whoever has them can read the traffic. Nobody by default.
    pub fn key_log(self, log: Arc<dyn KeyLog>) -> Self {
        self.change(|config| {
            config.key_log = KeyLogging::To(log);
            Ok(())
        })
    }

    /// Appends the secrets of all connections to the file that `SSLKEYLOGFILE` names, as Wireshark reads them. Nothing
    /// happens where the variable is not set, or the file cannot be written. It takes the place of [`key_log`](Self::key_log).
    pub fn key_log_file(self) -> Self {
        self.change(|config| {
            config.key_log = KeyLogging::File;
            Ok(())
        })
    }

    /// Refuses certificates that these revocation lists name. A PEM text may hold any number of them.
    ///
    /// Once there is any list, every certificate of a server's chain but the root must be covered by a list of its issuer
    /// that has not expired; [`allow_unknown_revocation_status`](Self::allow_unknown_revocation_status) asks for less.
    /// There are none by default, and nothing is fetched.
    ///
    /// A mistake is a text without a list, or with one that cannot be read; and to combine lists with the platform's
    /// verifier or with [`danger_accept_invalid_certs`](Self::danger_accept_invalid_certs).
    pub fn add_crls_pem(self, pem: impl AsRef<[u8]>) -> Self {
        self.change(|config| config.revocation.add_pem(pem.as_ref()))
    }

    /// As [`add_crls_pem`](Self::add_crls_pem), one list in DER.
    pub fn add_crl_der(self, der: impl Into<Vec<u8>>) -> Self {
        self.change(|config| {
            config.revocation.add_der(der.into());
            Ok(())
        })
    }

    /// As [`add_crls_pem`](Self::add_crls_pem), from a file: any number in PEM, or one in DER. The file is read now.
    pub fn add_crls_file(self, path: impl AsRef<Path>) -> Self {
        self.change(|config| config.revocation.add_file(path.as_ref()))
    }

    /// Whether certificates that no revocation list covers are accepted, and lists that have expired are still used. Off
    /// by default; of no effect without lists.
    pub fn allow_unknown_revocation_status(self, on: bool) -> Self {
        self.change(|config| {
            config.revocation.allow_unknown = on;
            Ok(())
        })
    }

    /// Accepts any certificate of any server: expired, for another name, issued by anybody. Off by default.
    ///
    /// Whoever sits between client and server can read and change everything then. What is still checked is that the
    /// server has the key of the certificate that it shows (the signature in the handshake), which keeps out none of them.
    pub fn danger_accept_invalid_certs(self, on: bool) -> Self {
        self.change(|config| {
            config.accept_invalid = on;
            Ok(())
        })
    }

    /// Does cryptography with this provider: other cipher suites or groups, one that is certified. Default is aws-lc-rs
    /// where the feature `aws-lc-rs` is on, otherwise ring where the feature `ring` is on. The provider that a process has
    /// installed as its default is never looked at.
    pub fn crypto_provider(self, provider: Arc<CryptoProvider>) -> Self {
        self.change(|config| {
            config.provider = Some(provider);
            Ok(())
        })
    }

    /// Compares certificates and tickets with this clock. Default is the system's.
    pub fn time_provider(self, time: Arc<dyn TimeProvider>) -> Self {
        self.change(|config| {
            config.time = Some(time);
            Ok(())
        })
    }

    fn add_roots(
        self,
        whence: &str,
        read: impl FnOnce() -> Result<Vec<CertificateDer<'static>>, TlsConfigError>,
    ) -> Self {
        self.change(|config| {
            let certificates = read()?;
            roots::check(&certificates, whence)?;
            config.added.extend(certificates);
            Ok(())
        })
    }

    fn set_identity(self, read: impl FnOnce() -> Result<Identity, TlsConfigError>) -> Self {
        self.change(|config| {
            config.identity = Some(read()?);
            Ok(())
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Self) -> Result<(), TlsConfigError>) -> Self {
        if let Err(e) = change(&mut self) {
            self.mistake.get_or_insert(e);
        }
        // What clones have loaded does not fit any more.
        self.loaded = Arc::default();
        self
    }
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither keys nor certificates: only how many.
        f.debug_struct("TlsConfig")
            .field("roots", &self.base)
            .field("added_roots", &self.added.len())
            .field("trust_environment", &self.trust_environment)
            .field("identity_certificates", &self.identity.as_ref().map(Identity::len))
            .field("revocation_lists", &self.revocation.len())
            .field("min_version", &self.versions.0)
            .field("max_version", &self.versions.1)
            .field("logs_keys", &!matches!(self.key_log, KeyLogging::Nobody))
            .field("danger_accept_invalid_certs", &self.accept_invalid)
            .field("mistake", &self.mistake)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
