//! Expect: 100-continue (RFC 9110 §10.1.1).

use http::{HeaderMap, header};

use crate::syntax::list;

/// Whether content is to be held back until the server asks for it.
pub(crate) fn is_expected(fields: &HeaderMap) -> bool {
    fields.get_all(header::EXPECT).iter().any(|value| is_expectation(value.as_bytes()))
}

/// "The Expect field value is case-insensitive"; other members than 100-continue are the server's to refuse.
pub(crate) fn is_expectation(value: &[u8]) -> bool {
    list::contains(value, "100-continue")
}
