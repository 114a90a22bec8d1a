//! What is to be known of a field section.

use http::{HeaderMap, header};

/// Octets of a field section, with so many for each field on top.
pub(super) fn size(fields: &HeaderMap, each: usize) -> usize {
    fields.iter().map(|(name, value)| name.as_str().len() + value.len() + each).sum()
}

/// The length of the content as the head declares it. The `h2` crate has seen to it that there is one and that it is a
/// number.
pub(super) fn length(fields: &HeaderMap) -> Option<u64> {
    std::str::from_utf8(fields.get(header::CONTENT_LENGTH)?.as_bytes()).ok()?.trim().parse().ok()
}
