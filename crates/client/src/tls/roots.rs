//! Whom to trust.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::error::{TlsConfigError, shown};
use super::pem;

/// Where trust begins, beside the certificates that were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Base {
    /// Mozilla's list, as compiled in.
    #[default]
    Bundled,
    /// What the operating system trusts, by its own verifier where it has one.
    #[cfg(feature = "platform-verifier")]
    Platform,
    /// Nothing.
    OnlyAdded,
}

/// Checks certificates that are to be trusted. `whence` says where they come from.
pub(super) fn check(certificates: &[CertificateDer<'_>], whence: &str) -> Result<(), TlsConfigError> {
    for (index, certificate) in certificates.iter().enumerate() {
        RootCertStore::empty().add(certificate.clone()).map_err(|e| {
            let which = match certificates.len() {
                1 => String::from("the certificate"),
                _ => format!("certificate {}", index + 1),
            };
            TlsConfigError::new(format!("{which} in {whence} cannot be a root")).with_source(e)
        })?;
    }
    Ok(())
}

/// Mozilla's list.
pub(super) fn bundled() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// What `SSL_CERT_FILE` and `SSL_CERT_DIR` say. A variable that is empty counts as not set.
#[derive(Debug, Default)]
pub(super) struct Environment {
    file: Option<PathBuf>,
    directories: Vec<PathBuf>,
}

impl Environment {
    pub(super) fn of_process() -> Self {
        Self::new(env::var_os("SSL_CERT_FILE"), env::var_os("SSL_CERT_DIR"))
    }

    pub(super) fn new(file: Option<OsString>, directories: Option<OsString>) -> Self {
        let directories = directories.as_deref().map(env::split_paths).into_iter().flatten();
        Self {
            file: file.filter(|file| !file.is_empty()).map(PathBuf::from),
            directories: directories.filter(|path| path != OsStr::new("")).collect(),
        }
    }

    pub(super) fn is_set(&self) -> bool {
        self.file.is_some() || !self.directories.is_empty()
    }

    /// The roots that it names.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or nothing in all places together is a root. Directories are as systems have them, with
    /// other files in them and roots that nobody can read: what is no root there is passed over.
    pub(super) fn load(&self) -> Result<RootCertStore, TlsConfigError> {
        let mut store = RootCertStore::empty();
        if let Some(path) = &self.file {
            let in_variable = |e: TlsConfigError| {
                TlsConfigError::new("the file that SSL_CERT_FILE names is of no use").with_source(e)
            };
            let certificates = certificates(path).map_err(in_variable)?;
            store.add_parsable_certificates(certificates);
        }
        for directory in &self.directories {
            for path in files(directory) {
                store.add_parsable_certificates(certificates(&path).unwrap_or_default());
            }
        }
        if store.is_empty() {
            return Err(TlsConfigError::new(format!("no root certificate was found by {self}")));
        }
        Ok(store)
    }
}

impl std::fmt::Display for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut between = "";
        if let Some(file) = &self.file {
            write!(f, "SSL_CERT_FILE ({})", shown(file))?;
            between = " and ";
        }
        if !self.directories.is_empty() {
            write!(f, "{between}SSL_CERT_DIR (")?;
            for (index, directory) in self.directories.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{}", shown(directory))?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// The certificates in a file.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    pem::file(path, "certificate", CertificateDer::from)
}

/// The files of a directory, in an order that does not depend on the file system.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort_unstable();
    files
}

#[cfg(test)]
mod tests;
