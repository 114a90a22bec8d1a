//! Why a connection must not serve another exchange.

use std::fmt;

/// Why a connection must not serve another exchange.
///
/// The first reason that comes up is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer sent the connection option `close` (RFC 9112 §9.6).
    PeerSaidClose,
    /// We sent the connection option `close` (RFC 9112 §9.6).
    WeSaidClose,
    /// One side speaks HTTP/1.0 and `keep-alive` was not agreed on (RFC 9112 §9.3).
    Http10,
    /// The end of the content is the end of the connection (RFC 9112 §6.3 rule 8).
    CloseDelimited,
    /// Transfer-Encoding and Content-Length came together (RFC 9112 §6.1).
    AmbiguousFraming,
    /// Octets followed the message that nobody had asked for (RFC 9112 §9.2).
    SurplusData,
    /// The peer closed its side.
    PeerClosed,
    /// The connection was reset.
    Reset,
    /// The transport refused to take more octets.
    WriteFailed,
    /// Sending the content was given up before its end (RFC 9112 §9.5).
    ContentAbandoned,
    /// The peer broke the protocol.
    PeerError,
}

impl CloseReason {
    /// One clause for people.
    pub fn explanation(&self) -> &'static str {
        match self {
            Self::PeerSaidClose => "the peer said that it closes",
            Self::WeSaidClose => "we said that we close",
            Self::Http10 => "HTTP/1.0 without keep-alive",
            Self::CloseDelimited => "the content ends with the connection",
            Self::AmbiguousFraming => "transfer-encoding and content-length came together",
            Self::SurplusData => "octets followed the message that nobody had asked for",
            Self::PeerClosed => "the peer closed its side",
            Self::Reset => "the connection was reset",
            Self::WriteFailed => "the transport took no more octets",
            Self::ContentAbandoned => "sending the content was given up",
            Self::PeerError => "the peer broke the protocol",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explanation())
    }
}
