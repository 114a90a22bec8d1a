//! Where a request is made.

use crate::erased::RuntimeHandle;
use crate::runtime::Home;

/// A runtime, and the instance of it that a request is polled in.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    pub(crate) runtime: RuntimeHandle,
    pub(crate) home: Home,
}

impl Here {
    /// Whether whoever asks is polled there now.
    pub(crate) fn is_here(&self) -> bool {
        self.runtime.home().is_ok_and(|home| home.id() == self.home.id())
    }
}
