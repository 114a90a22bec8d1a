//! Leaving HTTP/1.1 by Upgrade (RFC 9110 §7.8).

use http::{HeaderMap, header};

use crate::syntax::list::elements;

/// The protocols that a request offered, as its Upgrade lines had them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offer {
    value: Option<Box<[u8]>>,
}

impl Offer {
    pub(crate) fn of(fields: &HeaderMap) -> Self {
        let mut lines = fields.get_all(header::UPGRADE).iter().map(|value| value.as_bytes()).peekable();
        let value = lines.peek().is_some().then(|| lines.collect::<Vec<_>>().join(&b','));
        Self { value: value.map(Vec::into_boxed_slice) }
    }

    /// Whether a 101 may come at all.
    pub(crate) fn is_made(&self) -> bool {
        self.value.is_some()
    }

    /// Whether all protocols that a 101 names were offered: "A server MUST NOT switch to a protocol that was not
    /// indicated by the client in the corresponding request's Upgrade header field."
    pub(crate) fn includes(&self, answer: &[u8]) -> bool {
        let offered = self.value.as_deref().unwrap_or_default();
        elements(answer).all(|a| elements(offered).any(|o| o.eq_ignore_ascii_case(a)))
    }
}
