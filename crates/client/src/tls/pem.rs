//! PEM and DER, from memory or a file.

use std::fs;
use std::path::Path;

use rustls::pki_types::pem::{Error, PemObject};

use super::error::{TlsConfigError, shown};

/// All objects of a kind in a PEM text. `whence` and `what` are words of the error: where the text comes from, and what
/// should be in it. The reader's own error is not passed on, since it quotes lines, which may be those of a key.
pub(super) fn all<T: PemObject>(pem: &[u8], whence: &str, what: &str) -> Result<Vec<T>, TlsConfigError> {
    let objects: Result<Vec<T>, Error> = T::pem_slice_iter(pem).collect();
    let objects = objects.map_err(|e| {
        let broken = match e {
            Error::MissingSectionEnd { .. } => "a section without an end",
            Error::IllegalSectionStart { .. } => "a section whose first line is broken",
            Error::Base64Decode(_) => "a section that is not base64",
            _ => "a section that cannot be read",
        };
        TlsConfigError::new(format!("{whence} has {broken}"))
    })?;
    if objects.is_empty() {
        return Err(TlsConfigError::new(format!("{whence} holds no {what}")));
    }
    Ok(objects)
}

/// All objects of a kind in a file: any number in PEM, or one in DER.
pub(super) fn file<T: PemObject>(
    path: &Path,
    what: &str,
    from_der: impl FnOnce(Vec<u8>) -> T,
) -> Result<Vec<T>, TlsConfigError> {
    let octets = fs::read(path).map_err(|e| TlsConfigError::unreadable(path, e))?;
    if is_der(&octets) {
        return Ok(vec![from_der(octets)]);
    }
    all(&octets, &shown(path), what)
}

/// Certificates, lists and keys in DER all are a SEQUENCE with a long length; no text begins so.
fn is_der(octets: &[u8]) -> bool {
    matches!(octets, [0x30, 0x80..=0x84, ..])
}
