// What the examples of docs/tls.md run against: a server of TLS on loopback, on threads of its own, and the files that the
// examples read. An example includes this as a module, in lines that the page does not show; it runs in a process of its own.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use martlet::rustls::crypto::{CryptoProvider, ring};
use martlet::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use martlet::rustls::server::WebPkiClientVerifier;
use martlet::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

pub use smol::block_on;

const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "service.internal"];
const REVOKED: u64 = 13;

/// A server that says `hello`, and `hello, client` to clients that show a certificate of its authority.
pub struct Server {
    pub address: SocketAddr,
    pub url: String,
    directory: PathBuf,
}

impl Server {
    /// With a certificate of the authority in `ca.pem`. `client.pem` and `client.key` are an identity that it takes.
    pub fn start() -> Self {
        Self::with(|authority| authority.issue(7))
    }

    /// With the certificate in `server.pem`, which nobody else has signed.
    pub fn self_signed() -> Self {
        Self::with(|_| Identity::self_signed(CertificateParams::new(names()).unwrap()))
    }

    /// With a certificate that the list in `revoked.pem` names.
    pub fn revoked() -> Self {
        Self::with(|authority| authority.issue(REVOKED))
    }

    fn with(identity: impl FnOnce(&Authority) -> Identity) -> Self {
        let directory = std::env::temp_dir().join(format!("martlet-page-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        std::env::set_current_dir(&directory).unwrap();

        let authority = Authority::new();
        let (server, client) = (identity(&authority), authority.issue(8));
        fs::write("ca.pem", &authority.pem).unwrap();
        fs::write("revoked.pem", authority.revoked()).unwrap();
        fs::write("server.pem", &server.pem).unwrap();
        fs::write("client.pem", &client.pem).unwrap();
        fs::write("client.key", client.key.serialize_pem()).unwrap();

        let config = Arc::new(server.config(&authority));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let config = Arc::clone(&config);
                // A client that goes away, or does not trust this server, is nothing to tell.
                thread::spawn(move || drop(serve(config, stream)));
            }
        });
        Self { address, url: format!("https://localhost:{}/", address.port()), directory }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn serve(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(session, stream));
    loop {
        let mut line = String::from("the head");
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        let stream = stream.get_mut();
        let content = if stream.conn.peer_certificates().is_some() { "hello, client" } else { "hello" };
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len())?;
        stream.flush()?;
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "The authority of an example");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Self { issuer: Issuer::new(params, key), der, pem }
    }

    fn issue(&self, serial: u64) -> Identity {
        let mut params = CertificateParams::new(names()).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    fn revoked(&self) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(REVOKED),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

struct Identity {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Identity {
    fn self_signed(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    fn config(&self, authority: &Authority) -> ServerConfig {
        let provider: Arc<CryptoProvider> = ring::default_provider().into();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der.clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.allow_unauthenticated().build().unwrap())
            .with_single_cert(vec![self.der.clone()], PrivateKeyDer::Pkcs8(self.key.serialize_der().into()))
            .unwrap()
    }
}

fn names() -> Vec<String> {
    NAMES.map(String::from).to_vec()
}
