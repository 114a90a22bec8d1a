//! Whether a connection outlives the exchange (RFC 9112 §9.3, §9.6).

use http::Version;

use crate::close_reason::CloseReason;
use crate::syntax::list::tokens;

/// The connection options of one message that concern us (RFC 9110 §7.6.1).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    pub(crate) te: bool,
}

impl ConnectionOptions {
    /// Takes in the value of one Connection line.
    pub(crate) fn note(&mut self, value: &[u8]) {
        // Nearly always there is one option and nothing else.
        if value.eq_ignore_ascii_case(b"keep-alive") {
            self.keep_alive = true;
            return;
        }
        for option in tokens(value) {
            match option.len() {
                5 => self.close |= option.eq_ignore_ascii_case(b"close"),
                10 => self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive"),
                7 => self.upgrade |= option.eq_ignore_ascii_case(b"upgrade"),
                2 => self.te |= option.eq_ignore_ascii_case(b"te"),
                _ => {}
            }
        }
    }

    /// Why the connection ends with this message, as RFC 9112 §9.3 decides it: "close" first, then the version,
    /// then "keep-alive". `said_close` is the reason to give for "close".
    pub(crate) fn ends(&self, version: Version, said_close: CloseReason) -> Option<CloseReason> {
        if self.close {
            Some(said_close)
        } else if version == Version::HTTP_10 && !self.keep_alive {
            Some(CloseReason::Http10)
        } else {
            None
        }
    }
}
