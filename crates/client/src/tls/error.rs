//! What is wrong with a configuration.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A configuration that cannot be used, and why. The text never holds key material.
#[derive(Clone)]
pub(crate) struct TlsConfigError {
    what: Arc<str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TlsConfigError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into().into(), source: None }
    }

    pub(super) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(super) fn unreadable(path: &Path, e: std::io::Error) -> Self {
        Self::new(format!("{} cannot be read", shown(path))).with_source(e)
    }
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl fmt::Debug for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfigError").field("what", &self.what).field("source", &self.source).finish()
    }
}

impl StdError for TlsConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// A path, for people. Where a path is wanted somebody may have given the text of a file, and that may be a key.
pub(super) fn shown(path: &Path) -> String {
    const LONGEST: usize = 1_000;
    let text = path.display().to_string();
    if text.contains("-----") || text.contains('\n') || text.len() > LONGEST {
        "what is no path, but maybe the text of a file,".to_owned()
    } else {
        text
    }
}
