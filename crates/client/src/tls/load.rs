//! From what is wanted to what rustls takes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::time_provider::DefaultTimeProvider;
use rustls::{ClientConfig, KeyLogFile, RootCertStore};

use super::config::{KeyLogging, TlsConfig};
use super::error::TlsConfigError;
use super::provider;
use super::record::RecordChain;
use super::roots::{self, Base, Environment};
use super::unverified::Unverified;
use super::version::TlsVersion;

/// What was loaded, once for each list of protocols. All have the same verifier, identity and store of sessions, so that
/// each resumes the sessions of the others.
#[derive(Default)]
pub(super) struct Loaded(Mutex<Vec<Arc<ClientConfig>>>);

impl TlsConfig {
    /// Says what is wrong with what was given. No roots are loaded for it.
    pub(crate) fn check(&self) -> Result<(), TlsConfigError> {
        if let Some(e) = &self.mistake {
            return Err(e.clone());
        }
        self.check_combination()?;
        // A build without cryptography is good for plain HTTP, and says so when a request needs more.
        let Ok(provider) = self.provider() else {
            return Ok(());
        };
        let stand_in = self.webpki(roots::bundled(), &provider)?;
        self.assemble(provider, stand_in).map(drop)
    }

    /// What rustls takes, offering these protocols by ALPN. The roots are loaded by the first call, which may read files.
    pub(crate) fn load(&self, alpn: &[&[u8]]) -> Result<Arc<ClientConfig>, TlsConfigError> {
        self.load_within(alpn, &Environment::of_process())
    }

    pub(super) fn load_within(
        &self,
        alpn: &[&[u8]],
        environment: &Environment,
    ) -> Result<Arc<ClientConfig>, TlsConfigError> {
        let mut loaded = self.loaded.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = loaded.iter().find(|config| config.alpn_protocols == alpn) {
            return Ok(Arc::clone(config));
        }
        let mut config = match loaded.first() {
            Some(config) => ClientConfig::clone(config),
            None => self.build(environment)?,
        };
        config.alpn_protocols = owned(alpn);
        let config = Arc::new(config);
        loaded.push(Arc::clone(&config));
        Ok(config)
    }

    fn build(&self, environment: &Environment) -> Result<ClientConfig, TlsConfigError> {
        self.check()?;
        let provider = self.provider()?;
        let verifier = self.verifier(&provider, environment)?;
        let mut config = self.assemble(provider, verifier)?;
        match &self.key_log {
            KeyLogging::Nobody => {}
            KeyLogging::File => config.key_log = Arc::new(KeyLogFile::new()),
            KeyLogging::To(log) => config.key_log = Arc::clone(log),
        }
        Ok(config)
    }

    fn check_combination(&self) -> Result<(), TlsConfigError> {
        let (least, most) = self.versions;
        if least > most {
            return Err(TlsConfigError::new(format!(
                "the minimum version {least} is above the maximum version {most}"
            )));
        }
        if self.base == Base::OnlyAdded && self.added.is_empty() && !self.accept_invalid {
            return Err(TlsConfigError::new("only added roots are to be trusted, but none was added"));
        }
        if self.accept_invalid && !self.revocation.is_empty() {
            return Err(TlsConfigError::new(
                "revocation lists cannot be looked at while any certificate is accepted",
            ));
        }
        #[cfg(feature = "platform-verifier")]
        if self.base == Base::Platform {
            if self.accept_invalid {
                return Err(TlsConfigError::new(
                    "the platform cannot verify certificates while any certificate is accepted",
                ));
            }
            if !self.revocation.is_empty() {
                return Err(TlsConfigError::new("the platform's verifier takes no revocation lists"));
            }
            if cfg!(target_os = "android") && !self.added.is_empty() {
                return Err(TlsConfigError::new("the platform's verifier takes no further roots here"));
            }
        }
        Ok(())
    }

    fn provider(&self) -> Result<Arc<CryptoProvider>, TlsConfigError> {
        self.provider.clone().map_or_else(provider::by_feature, Ok)
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
        environment: &Environment,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
        if self.accept_invalid {
            return Ok(Arc::new(Unverified::new(provider)));
        }
        let heeds = self.trust_environment && self.base != Base::OnlyAdded && environment.is_set();
        if heeds {
            return self.webpki(environment.load()?, provider);
        }
        match self.base {
            Base::Bundled => self.webpki(roots::bundled(), provider),
            Base::OnlyAdded => self.webpki(RootCertStore::empty(), provider),
            #[cfg(feature = "platform-verifier")]
            Base::Platform => self.platform(provider, environment),
        }
    }

    /// rustls' own verifier, with these roots and those that were added.
    fn webpki(
        &self,
        mut store: RootCertStore,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
        for certificate in &self.added {
            // It was checked when it was added.
            store
                .add(certificate.clone())
                .map_err(|e| TlsConfigError::new("an added certificate cannot be a root").with_source(e))?;
        }
        let builder = WebPkiServerVerifier::builder_with_provider(store.into(), Arc::clone(provider));
        let verifier = self.revocation.apply(builder).build();
        let verifier =
            verifier.map_err(|e| TlsConfigError::new("a revocation list cannot be read").with_source(e))?;
        Ok(verifier)
    }

    #[cfg(feature = "platform-verifier")]
    fn platform(
        &self,
        provider: &Arc<CryptoProvider>,
        environment: &Environment,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
        use rustls_platform_verifier::Verifier;

        // Only reached with the variables set if they are not to be heeded.
        if environment.is_set() && cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android"))) {
            return Err(TlsConfigError::new(format!(
                "the platform's roots cannot be had here without {environment}, which is not to be trusted"
            )));
        }
        let provider = Arc::clone(provider);
        #[cfg(not(target_os = "android"))]
        let verifier = Verifier::new_with_extra_roots(self.added.iter().cloned(), provider);
        #[cfg(target_os = "android")]
        let verifier = Verifier::new(provider);
        let refused = |e| TlsConfigError::new("the platform's verifier is of no use").with_source(e);
        Ok(Arc::new(verifier.map_err(refused)?))
    }

    fn assemble(
        &self,
        provider: Arc<CryptoProvider>,
        verifier: Arc<dyn ServerCertVerifier>,
    ) -> Result<ClientConfig, TlsConfigError> {
        let time = self.time.clone().unwrap_or_else(|| Arc::new(DefaultTimeProvider));
        let (least, most) = self.versions;
        let builder = ClientConfig::builder_with_details(provider, time)
            .with_protocol_versions(&TlsVersion::between(least, most))
            .map_err(|e| TlsConfigError::new("the provider does not speak these versions").with_source(e))?
            .dangerous()
            // Dangerous is a verifier that does not verify; this one asks rustls' own, or was asked not to.
            .with_custom_certificate_verifier(RecordChain::wrap(verifier));
        let Some(identity) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let (chain, key) = identity.parts();
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|e| TlsConfigError::new("the client identity is of no use").with_source(e))
    }
}

/// A configuration of the user's own, offering these protocols by ALPN unless it has a list already. That is set on a
/// clone, which shares verifier, identity and store of sessions with the original: call this once per client.
pub(crate) fn prepare(config: &Arc<ClientConfig>, alpn: &[&[u8]]) -> Arc<ClientConfig> {
    if !config.alpn_protocols.is_empty() || alpn.is_empty() {
        return Arc::clone(config);
    }
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = owned(alpn);
    Arc::new(config)
}

fn owned(alpn: &[&[u8]]) -> Vec<Vec<u8>> {
    alpn.iter().map(|protocol| protocol.to_vec()).collect()
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").finish_non_exhaustive()
    }
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests;
