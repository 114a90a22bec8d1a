//! Where a message ends (RFC 9112 §6 and §7), in both directions.

pub(crate) mod announce;
pub(crate) mod body;
pub(crate) mod chunk_read;
pub(crate) mod chunk_write;
pub(crate) mod decide;
pub(crate) mod length;
pub(crate) mod trailers;
