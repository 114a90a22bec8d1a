//! The files that the rules are about.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file: where it stands and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// The path from the root of the repository, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A set of files, each under its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    files: Vec<TreeFile>,
}

impl Tree {
    /// A tree of no files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the manifests of the workspace and the Rust sources of its packages under `root`.
    ///
    /// # Errors
    /// Whatever reading a directory or a file gives, and `InvalidData` for a file that is not UTF-8.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::new();
        tree.add_file(root, &root.join("Cargo.toml"))?;
        for package in packages(root)? {
            tree.add_file(root, &package.join("Cargo.toml"))?;
            tree.add_sources(root, &package)?;
        }
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// Puts a file in; one that stood under the same path is replaced.
    pub fn insert(&mut self, path: &str, text: &str) {
        let file = TreeFile { path: path.to_owned(), text: text.to_owned() };
        match self.files.iter_mut().find(|file| file.path == path) {
            Some(place) => *place = file,
            None => self.files.push(file),
        }
    }

    /// The files, in no order that means anything.
    #[must_use]
    pub fn files(&self) -> &[TreeFile] {
        &self.files
    }

    /// The text of the file under `path`; `None` where there is none.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    fn add_file(&mut self, root: &Path, path: &Path) -> io::Result<()> {
        let text = fs::read_to_string(path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        let below = path.strip_prefix(root).map_err(io::Error::other)?;
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        self.insert(&parts.join("/"), &text);
        Ok(())
    }

    fn add_sources(&mut self, root: &Path, directory: &Path) -> io::Result<()> {
        for entry in sorted_entries(directory)? {
            if entry.is_dir() {
                let name =
                    entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if name != "target" && !name.starts_with('.') {
                    self.add_sources(root, &entry)?;
                }
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                self.add_file(root, &entry)?;
            }
        }
        Ok(())
    }
}

/// The directories of the workspace that hold a package.
fn packages(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut packages = sorted_entries(&root.join("crates"))?;
    packages.extend([root.join("tests"), root.join("fuzz")]);
    packages.retain(|package| package.join("Cargo.toml").is_file());
    Ok(packages)
}

fn sorted_entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}
