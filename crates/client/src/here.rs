//! Where a request is made.

use crate::erased::RuntimeHandle;
use crate::runtime::Home;

/// A runtime, and the instance of it that a request is polled in.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    pub(crate) runtime: RuntimeHandle,
    pub(crate) home: Home,
}
