//! What a request says before its content, whatever version of HTTP carries it.

#[cfg(feature = "http2")]
use http::header;
use http::{HeaderMap, Method};
use martlet_core::Misuse;
use martlet_core::h1::{Announcement, RequestContent, RequestHead};

use crate::url::Url;

/// What a request says of itself before its content.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "http2"), expect(dead_code, reason = "HTTP/1.1 takes the head as it is"))]
pub(crate) struct Outgoing<'a> {
    /// As for HTTP/1.1, which says what may be sent at all.
    pub(crate) head: RequestHead<'a>,
    pub(crate) url: &'a Url,
    /// Default fields.
    pub(crate) defaults: &'a HeaderMap,
    /// What an extended CONNECT asks for (RFC 8441 §4).
    pub(crate) protocol: Option<&'a str>,
}

impl<'a> Outgoing<'a> {
    /// The same where target and host are known to be sound: they come from the URL, unless there is a Host field.
    #[cfg(feature = "http2")]
    pub(crate) fn check_content(&self, content: RequestContent) -> Result<Announcement<'a>, Misuse> {
        match self.protocol {
            None if !self.head.fields.contains_key(header::HOST) => self.head.check_content(content),
            _ => self.check(content),
        }
    }

    /// Checks the head by the rules for HTTP/1.1, since the same request may go out by it another time.
    pub(crate) fn check(&self, content: RequestContent) -> Result<Announcement<'a>, Misuse> {
        if self.protocol.is_some() {
            // Its target is not that of a CONNECT, and it carries what it likes.
            return RequestHead { method: &Method::OPTIONS, ..self.head }.check(content);
        }
        self.head.check(content)
    }
}
