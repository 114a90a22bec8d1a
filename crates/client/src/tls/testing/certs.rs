//! Certificates for tests.

use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::tls::TlsVersion;
use crate::tls::provider;

pub(in crate::tls) const NAME: &str = "server.test";

pub(in crate::tls) static CA: LazyLock<Authority> = LazyLock::new(|| Authority::new("An authority"));

/// Who issues certificates.
pub(in crate::tls) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(in crate::tls) der: CertificateDer<'static>,
    pub(in crate::tls) pem: String,
}

/// A certificate and its key.
pub(in crate::tls) struct Leaf {
    pub(in crate::tls) chain: Vec<CertificateDer<'static>>,
    pub(in crate::tls) pem: String,
    pub(in crate::tls) key: KeyPair,
}

impl Authority {
    pub(in crate::tls) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// A certificate for [`NAME`], unless it is changed.
    pub(in crate::tls) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = CertificateParams::new(vec![NAME.into()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { chain: vec![certificate.der().clone(), self.der.clone()], pem: certificate.pem(), key }
    }

    pub(in crate::tls) fn leaf(&self) -> Leaf {
        self.issue(|_| ())
    }

    /// A list that names this serial number, good until a year.
    pub(in crate::tls) fn revoke(&self, serial: u64, until: i32) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

impl Leaf {
    pub(in crate::tls) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }
}

pub(in crate::tls) fn provider() -> Arc<CryptoProvider> {
    provider::by_feature().unwrap()
}

/// A server that speaks the versions between two.
pub(in crate::tls) fn server(leaf: &Leaf, versions: (TlsVersion, TlsVersion)) -> ServerConfig {
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&TlsVersion::between(versions.0, versions.1))
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(leaf.chain.clone(), leaf.key_der())
        .unwrap()
}

/// A server that wants a certificate of [`CA`] from its clients, and speaks one version.
pub(in crate::tls) fn demanding(version: TlsVersion) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CA.der.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build().unwrap();
    let leaf = CA.leaf();
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&TlsVersion::between(version, version))
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(leaf.chain.clone(), leaf.key_der())
        .unwrap()
}
