//! Certificates for a server and its clients, good ones and others.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, Error, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

use crate::shell::{Failure, find_program, output};

const REVOKED: u64 = 13;

/// Writes into a directory `ca.pem`, the root; `crls.pem`, its revocation list; and, each with the key in a file that ends in
/// `.key`:
///
/// - `good.pem` for `good.test` and 127.0.0.1, with an intermediate certificate, which is in `intermediate.pem`, too; `cut.pem` is the same without that one;
/// - `rsa.pem` with a key of RSA, `expired.pem`, `early.pem`, `other.pem` (for `elsewhere.test`), `revoked.pem`, `clients.pem`, each issued by the root
///   for a host called like the file;
/// - `self.pem` for `self.test`, which nobody else has signed;
/// - `client.pem` issued by the root, and `stranger.pem` which is not.
pub(crate) fn write(directory: &Path) -> Result<(), Failure> {
    let rsa = rsa_key(directory)?;
    write_all(directory, &rsa).map_err(Failure::of("cannot make certificates"))
}

fn write_all(directory: &Path, rsa: &str) -> Result<(), Box<dyn std::error::Error>> {
    let root = Authority::root()?;
    let intermediate = root.delegate()?;
    fs::write(directory.join("ca.pem"), &root.pem)?;
    fs::write(directory.join("crls.pem"), root.revocations()?)?;

    let files = Files(directory);
    let good = CertificateParams::new(["good.test".to_owned(), "127.0.0.1".to_owned()])?;
    let (pem, key) = intermediate.issue(good, KeyPair::generate()?)?;
    files.write("cut", &pem, &key)?;
    files.write("good", &(pem + &intermediate.pem), &key)?;
    fs::write(directory.join("intermediate.pem"), &intermediate.pem)?;

    for name in ["rsa", "expired", "early", "other", "revoked", "clients", "client"] {
        let mut params = CertificateParams::new([host(name)])?;
        match name {
            "expired" => params.not_after = date_time_ymd(2024, 1, 1),
            "early" => params.not_before = date_time_ymd(3024, 1, 1),
            "revoked" => params.serial_number = Some(SerialNumber::from(REVOKED)),
            _ => {}
        }
        let key = if name == "rsa" { KeyPair::from_pem(rsa)? } else { KeyPair::generate()? };
        let (pem, key) = root.issue(params, key)?;
        files.write(name, &pem, &key)?;
    }
    for name in ["self", "stranger"] {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([host(name)])?.self_signed(&key)?;
        files.write(name, &certificate.pem(), &key)?;
    }
    Ok(())
}

/// The host that a certificate is for.
fn host(name: &str) -> String {
    format!("{}.test", if name == "other" { "elsewhere" } else { name })
}

/// A key of RSA, which this tool's own cryptography cannot make.
fn rsa_key(directory: &Path) -> Result<String, Failure> {
    let program = find_program("openssl")
        .ok_or_else(|| Failure::new("no `openssl` on PATH to make a key of RSA; install it first"))?;
    let mut command = Command::new(program);
    command.args(["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    output(command.current_dir(directory).stdin(Stdio::null()))
}

struct Files<'a>(&'a Path);

impl Files<'_> {
    fn write(&self, name: &str, chain: &str, key: &KeyPair) -> std::io::Result<()> {
        fs::write(self.0.join(format!("{name}.pem")), chain)?;
        fs::write(self.0.join(format!("{name}.key")), key.serialize_pem())
    }
}

/// Who issues certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn root() -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let params = Self::params("The root of the interop run");
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    fn delegate(&self) -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let params = Self::params("An intermediate authority of the interop run");
        let pem = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    fn issue(&self, params: CertificateParams, key: KeyPair) -> Result<(String, KeyPair), Error> {
        Ok((params.signed_by(&key, &self.issuer)?.pem(), key))
    }

    fn revocations(&self) -> Result<String, Error> {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(REVOKED),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(3024, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer)?.pem()
    }
}
