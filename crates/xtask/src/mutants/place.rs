//! The copy of the tree that mistakes are made in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failure, output, root, target_directory};

/// The copy of the tree, and where it is built.
pub(super) struct Place {
    pub(super) tree: PathBuf,
    pub(super) build: PathBuf,
}

impl Place {
    pub(super) fn new() -> Result<Self, Failure> {
        let place = target_directory().join("mutants");
        let (tree, build) = (place.join("tree"), place.join("build"));
        fs::create_dir_all(&tree).map_err(Failure::of(tree.display()))?;
        Ok(Self { tree, build })
    }

    /// Makes the copy what the tree is. What is as it was is left alone, so that it is not built again.
    pub(super) fn copy(&self) -> Result<(), Failure> {
        let mut git = Command::new("git");
        git.current_dir(root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        for path in output(&mut git)?.split_terminator('\0') {
            if root().join(path).is_file() {
                self.restore(Path::new(path))?;
            }
        }
        Ok(())
    }

    pub(super) fn restore(&self, path: &Path) -> Result<(), Failure> {
        self.write(path, &fs::read(root().join(path)).map_err(Failure::of(path.display()))?)
    }

    pub(super) fn write(&self, path: &Path, octets: &[u8]) -> Result<(), Failure> {
        let to = self.tree.join(path);
        if fs::read(&to).is_ok_and(|there| there == octets) {
            return Ok(());
        }
        let folder = to.parent().unwrap_or(&self.tree);
        fs::create_dir_all(folder).map_err(Failure::of(folder.display()))?;
        fs::write(&to, octets).map_err(Failure::of(to.display()))
    }
}
