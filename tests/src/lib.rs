//! What is tested over the whole tree, as libraries that tests and binaries share.
#![forbid(unsafe_code)]

pub mod architecture;
pub mod conformance;
pub mod differential;
pub mod soak;
