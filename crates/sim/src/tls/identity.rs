//! Who a server is to its clients, and who vouches for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    PKCS_ED25519, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection};

use super::entropy::provider;
use super::session::Session;

/// What comes before the 32 octets of an Ed25519 key in PKCS#8 (RFC 8410 §7).
const ED25519: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// Signatures by Ed25519 are always of the same length, and always the same: so are certificates and handshakes.
fn key_of(octet: u8) -> PrivatePkcs8KeyDer<'static> {
    PrivatePkcs8KeyDer::from([&ED25519[..], &[octet; 32]].concat())
}

fn key_pair(octet: u8) -> KeyPair {
    KeyPair::from_pkcs8_der_and_sign_algo(&key_of(octet), &PKCS_ED25519).expect("any 32 octets are a key")
}

/// Vouches for all servers of all simulations.
fn issuer() -> &'static CertifiedIssuer<'static, KeyPair> {
    static ISSUER: OnceLock<CertifiedIssuer<'static, KeyPair>> = OnceLock::new();
    ISSUER.get_or_init(|| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.serial_number = Some(SerialNumber::from(1_u64));
        params.distinguished_name = named("martlet-sim");
        CertifiedIssuer::self_signed(params, key_pair(1)).expect("the parameters are sound")
    })
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// The certificate that vouches for all servers.
pub(super) fn root() -> CertificateDer<'static> {
    issuer().der().clone()
}

/// The certificate of a host, issued once.
fn certificate(host: &str) -> CertificateDer<'static> {
    static ISSUED: Mutex<BTreeMap<String, CertificateDer<'static>>> = Mutex::new(BTreeMap::new());
    let mut issued = ISSUED.lock().unwrap_or_else(PoisonError::into_inner);
    let certificate = issued.entry(host.to_owned()).or_insert_with(|| {
        let mut params = CertificateParams::new([host.to_owned()]).expect("the name of a host is ASCII");
        params.serial_number = Some(SerialNumber::from(2_u64));
        params.distinguished_name = named(host);
        let signed = params.signed_by(&key_pair(2), issuer()).expect("the parameters are sound");
        signed.der().clone()
    });
    certificate.clone()
}

/// What stands in front of a server.
#[derive(Clone)]
pub(crate) struct Front {
    config: Arc<ServerConfig>,
    clock: Arc<WallClock>,
}

/// The wall clock as it stood when the session was last heard: sessions work while the world is locked, and cannot ask.
#[derive(Debug, Default)]
pub(super) struct WallClock(AtomicU64);

impl WallClock {
    pub(super) fn set(&self, to: SystemTime) {
        let since = to.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.0.store(since.as_secs(), Ordering::Relaxed);
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed))))
    }
}

impl Front {
    /// A server of this host, which takes this protocol and no other.
    pub(crate) fn new(host: &str, protocol: &[u8]) -> Self {
        let clock = Arc::new(WallClock::default());
        let key = PrivateKeyDer::Pkcs8(key_of(2));
        let mut config =
            ServerConfig::builder_with_details(provider(), Arc::clone(&clock) as Arc<dyn TimeProvider>)
                .with_protocol_versions(&[&TLS13, &TLS12])
                .expect("ring has suites of both")
                .with_no_client_auth()
                .with_single_cert(vec![certificate(host)], key)
                .expect("the key is that of the certificate");
        config.alpn_protocols = vec![protocol.to_vec()];
        Self { config: Arc::new(config), clock }
    }

    /// For a connection.
    pub(crate) fn session(&self) -> Session {
        let session = ServerConnection::new(Arc::clone(&self.config)).expect("the settings are sound");
        Session::new(session, Arc::clone(&self.clock))
    }
}
