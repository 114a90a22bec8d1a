//! A directory that is gone afterwards.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
};

/// A fresh temporary directory, removed with this value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        let path = env::temp_dir().join(format!("martlet-{name}-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Prints what the server logged.
    pub(crate) fn show_logs(&self) {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten().map(|entry| entry.path());
        for log in entries.filter(|path| path.extension().is_some_and(|extension| extension == "log")) {
            if let Ok(text) = fs::read_to_string(&log) {
                eprintln!("--- {}\n{text}", log.file_name().unwrap_or_default().to_string_lossy());
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clean up.
        let _ = fs::remove_dir_all(&self.0);
    }
}
