//! What can go wrong on a connection, and whose doing it was.

use std::error::Error as StdError;
use std::fmt;

/// Why a connection cannot go on, told apart by whose doing it was.
///
/// They went away ([`Closed`]), they broke the protocol ([`PeerError`]), or the caller did ([`Misuse`]). The
/// first two are sticky: the machine repeats them for ever and takes no further command. A [`Misuse`] changes
/// nothing unless its documentation says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The peer went away before the message was complete.
    Closed(Closed),
    /// The peer broke the protocol, or went beyond a limit.
    Peer(PeerError),
    /// The caller asked for something that cannot be done now, or that must not be sent.
    Misuse(Misuse),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(e) => e.fmt(f),
            Self::Peer(e) => e.fmt(f),
            Self::Misuse(e) => e.fmt(f),
        }
    }
}

impl StdError for Error {}

impl From<Closed> for Error {
    fn from(e: Closed) -> Self {
        Self::Closed(e)
    }
}

impl From<PeerError> for Error {
    fn from(e: PeerError) -> Self {
        Self::Peer(e)
    }
}

impl From<Misuse> for Error {
    fn from(e: Misuse) -> Self {
        Self::Misuse(e)
    }
}

/// How a stream of octets ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// In order: a TCP FIN, or TLS's close_notify.
    Fin,
    /// Abruptly: a TCP reset, or an end of the stream that TLS did not vouch for.
    Reset,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fin => "closed",
            Self::Reset => "reset",
        })
    }
}

/// The peer went away before the message was complete (RFC 9112 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Before the first octet of the awaited head.
    BeforeResponse {
        /// Whether an interim response had come before.
        interim: bool,
        /// How the stream ended.
        by: Ending,
    },
    /// Inside a head.
    InHead {
        /// Octets of the head that had come.
        received: u64,
        /// How the stream ended.
        by: Ending,
    },
    /// Inside content, its framing or its trailer section.
    InContent {
        /// The declared length of the content in octets, where there was one.
        expected: Option<u64>,
        /// Octets of content that had come.
        received: u64,
        /// How the stream ended.
        by: Ending,
    },
}

impl Closed {
    /// How the stream ended.
    pub fn by(&self) -> Ending {
        match *self {
            Self::BeforeResponse { by, .. } | Self::InHead { by, .. } | Self::InContent { by, .. } => by,
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeResponse { interim: false, by } => write!(f, "connection {by} before a response"),
            Self::BeforeResponse { interim: true, by } => {
                write!(f, "connection {by} after an interim response, before the final one")
            }
            Self::InHead { received, by } => {
                write!(f, "connection {by} inside a message head, {received} octets of it received")
            }
            Self::InContent { expected: Some(expected), received, by } => {
                write!(f, "connection {by} inside content, {received} of {expected} octets received")
            }
            Self::InContent { expected: None, received, by } => {
                write!(f, "connection {by} inside content, {received} octets received")
            }
        }
    }
}

impl StdError for Closed {}

/// The peer broke the protocol. Each variant names the section that makes it an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// The octets are not an HTTP/1.x message (RFC 9112 §2.3, §3, §4).
    NotHttp,
    /// The version is neither HTTP/1.0 nor HTTP/1.1 (RFC 9112 §2.3).
    Version,
    /// The status code is not three digits, or below 100 (RFC 9112 §4, RFC 9110 §15).
    Status,
    /// The reason phrase holds an octet that it must not (RFC 9112 §4).
    Reason,
    /// The method is not a token (RFC 9110 §9.1).
    Method,
    /// The request target has none of the four forms, or not the one that goes with its method (RFC 9112 §3.2).
    Target,
    /// A field name is not a token, or is not followed by a colon at once (RFC 9112 §5.1).
    FieldName,
    /// A field value holds a control octet (RFC 9110 §5.5), or is folded in a request (RFC 9112 §5.2).
    FieldValue,
    /// A line ends in something else than CRLF or LF (RFC 9112 §2.2).
    LineEnd,
    /// An HTTP/1.1 request without Host, with several or with an invalid one (RFC 9112 §3.2).
    Host,
    /// A Content-Length that is not a decimal number of at most 64 bits (RFC 9112 §6.3 rule 5).
    ContentLength,
    /// Content-Length values that differ (RFC 9112 §6.3 rule 5).
    ContentLengthConflict,
    /// A transfer coding list that cannot be framed: chunked twice, a quote that is not closed, or chunked not last in a
    /// request (RFC 9112 §6.1, §6.3).
    TransferEncoding,
    /// Transfer-Encoding in an HTTP/1.0 message (RFC 9112 §6.1).
    TransferEncodingInHttp10,
    /// Content-Length beside Transfer-Encoding in a request (RFC 9112 §6.1, §6.3 rule 3).
    AmbiguousFraming,
    /// A chunk size that is not hexadecimal digits (RFC 9112 §7.1).
    ChunkSize,
    /// A chunk size above 64 bits (RFC 9112 §7.1).
    ChunkSizeOverflow,
    /// A chunk extension with a control octet or a bare line feed (RFC 9112 §7.1.1).
    ChunkExtension,
    /// Chunk data that no CRLF follows (RFC 9112 §7.1).
    ChunkEnd,
    /// A 101 (Switching Protocols) that nothing in the request had asked for (RFC 9110 §7.8).
    UnexpectedUpgrade,
    /// Octets while no exchange is under way (RFC 9112 §9.2).
    UnexpectedData,
    /// A head longer than [`Limits::max_head_size`](crate::Limits::max_head_size) (RFC 9110 §5.4).
    HeadTooLarge {
        /// The limit in octets.
        limit: usize,
    },
    /// More field lines than [`Limits::max_fields`](crate::Limits::max_fields) (RFC 9110 §5.4).
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// More interim responses than [`Limits::max_interim`](crate::Limits::max_interim) (RFC 9110 §15.2).
    TooManyInterim {
        /// The limit.
        limit: usize,
    },
    /// More octets of chunk extensions in one message than
    /// [`Limits::max_chunk_extensions`](crate::Limits::max_chunk_extensions) (RFC 9112 §7.1.1).
    ChunkExtensionsTooLarge {
        /// The limit in octets.
        limit: usize,
    },
    /// A trailer section longer than [`Limits::max_trailer_size`](crate::Limits::max_trailer_size) (RFC 9110 §5.4).
    TrailersTooLarge {
        /// The limit in octets.
        limit: usize,
    },
    /// More trailer field lines than [`Limits::max_trailers`](crate::Limits::max_trailers) (RFC 9110 §5.4).
    TooManyTrailers {
        /// The limit.
        limit: usize,
    },
}

impl PeerError {
    /// The section that makes this an error, for instance `"RFC 9112 §6.3"`.
    pub fn section(&self) -> &'static str {
        match self {
            Self::NotHttp | Self::Version => "RFC 9112 §2.3",
            Self::Status | Self::Reason => "RFC 9112 §4",
            Self::Method => "RFC 9110 §9.1",
            Self::Target | Self::Host => "RFC 9112 §3.2",
            Self::FieldName => "RFC 9112 §5.1",
            Self::FieldValue => "RFC 9110 §5.5",
            Self::LineEnd => "RFC 9112 §2.2",
            Self::ContentLength | Self::ContentLengthConflict => "RFC 9112 §6.3",
            Self::TransferEncoding | Self::TransferEncodingInHttp10 | Self::AmbiguousFraming => {
                "RFC 9112 §6.1"
            }
            Self::ChunkSize | Self::ChunkSizeOverflow | Self::ChunkEnd => "RFC 9112 §7.1",
            Self::ChunkExtension | Self::ChunkExtensionsTooLarge { .. } => "RFC 9112 §7.1.1",
            Self::UnexpectedUpgrade => "RFC 9110 §7.8",
            Self::UnexpectedData => "RFC 9112 §9.2",
            Self::TooManyInterim { .. } => "RFC 9110 §15.2",
            Self::HeadTooLarge { .. }
            | Self::TooManyFields { .. }
            | Self::TrailersTooLarge { .. }
            | Self::TooManyTrailers { .. } => "RFC 9110 §5.4",
        }
    }

    /// Whether the message may be sound but went beyond one of our [`Limits`](crate::Limits).
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::HeadTooLarge { .. }
                | Self::TooManyFields { .. }
                | Self::TooManyInterim { .. }
                | Self::ChunkExtensionsTooLarge { .. }
                | Self::TrailersTooLarge { .. }
                | Self::TooManyTrailers { .. }
        )
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => f.write_str("the peer does not speak HTTP/1"),
            Self::Version => f.write_str("unsupported HTTP version"),
            Self::Status => f.write_str("invalid status code"),
            Self::Reason => f.write_str("invalid octet in the reason phrase"),
            Self::Method => f.write_str("invalid method"),
            Self::Target => f.write_str("invalid request target"),
            Self::FieldName => f.write_str("invalid field name"),
            Self::FieldValue => f.write_str("invalid field value"),
            Self::LineEnd => f.write_str("invalid line end"),
            Self::Host => f.write_str("missing, repeated or invalid host"),
            Self::ContentLength => f.write_str("invalid content-length"),
            Self::ContentLengthConflict => f.write_str("conflicting content-length values"),
            Self::TransferEncoding => f.write_str("invalid transfer-encoding"),
            Self::TransferEncodingInHttp10 => f.write_str("transfer-encoding in an HTTP/1.0 message"),
            Self::AmbiguousFraming => f.write_str("content-length beside transfer-encoding"),
            Self::ChunkSize => f.write_str("invalid chunk size"),
            Self::ChunkSizeOverflow => f.write_str("chunk size above 64 bits"),
            Self::ChunkExtension => f.write_str("invalid octet in a chunk extension"),
            Self::ChunkEnd => f.write_str("chunk data without its line end"),
            Self::UnexpectedUpgrade => f.write_str("protocol switch that was not asked for"),
            Self::UnexpectedData => f.write_str("octets while no exchange is under way"),
            Self::HeadTooLarge { limit } => write!(f, "message head above {limit} octets"),
            Self::TooManyFields { limit } => write!(f, "more than {limit} field lines"),
            Self::TooManyInterim { limit } => write!(f, "more than {limit} interim responses"),
            Self::ChunkExtensionsTooLarge { limit } => {
                write!(f, "more than {limit} octets of chunk extensions")
            }
            Self::TrailersTooLarge { limit } => write!(f, "trailer section above {limit} octets"),
            Self::TooManyTrailers { limit } => write!(f, "more than {limit} trailer field lines"),
        }
    }
}

impl StdError for PeerError {}

/// The caller asked for something that cannot be done now, or that must not be sent.
///
/// Nothing of it has reached the wire. The machine is as it was, so that the caller may go on otherwise, except
/// where a variant says that the connection is spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// A command that has no place in the present state.
    OutOfTurn,
    /// The connection has failed or is closing: no command is taken any more.
    Finished,
    /// The last piece of content has not been transmitted yet.
    Backpressure,
    /// The request target has none of the four forms, holds an octet that it must not, or has a form that does
    /// not go with its method (RFC 9112 §3.2).
    InvalidTarget,
    /// The value for Host is not `uri-host [ ":" port ]` (RFC 9110 §7.2).
    InvalidHost,
    /// The reason phrase holds an octet that it must not (RFC 9112 §4).
    InvalidReason,
    /// Host was given more than once (RFC 9112 §3.2).
    ConflictingFields,
    /// Content-Length or Transfer-Encoding does not go with the content that was announced (RFC 9112 §6).
    ConflictingFraming,
    /// A field that has no place among default fields.
    NotADefaultField,
    /// A version that HTTP/1.1 cannot write, or a transfer coding in an HTTP/1.0 message (RFC 9112 §6.1).
    UnsupportedVersion,
    /// Content of unknown length for a peer of HTTP/1.0, which has no chunked coding (RFC 9112 §6.1).
    ContentLengthUnknown,
    /// Content with a method or status that has none (RFC 9110 §9.3.6, §9.3.8, §15).
    ContentNotAllowed,
    /// `Expect: 100-continue` without content (RFC 9110 §10.1.1).
    ExpectWithoutContent,
    /// More content than was declared. The piece was not taken; the connection is spoilt unless the exact
    /// remainder follows.
    ContentTooLong {
        /// The declared length in octets.
        declared: u64,
    },
    /// Less content than was declared. The end was not taken; the connection is spoilt unless the remainder
    /// follows.
    ContentTooShort {
        /// The declared length in octets.
        declared: u64,
        /// Octets that were sent.
        sent: u64,
    },
    /// Trailers behind content that is not chunked (RFC 9112 §7.1.2), or a field that must not be a trailer
    /// (RFC 9110 §6.5.1).
    TrailersNotAllowed,
    /// More octets than `recv_passthrough` had allowed.
    PassthroughTooLong,
    /// A status code that this command cannot send.
    InvalidStatus,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfTurn => "a command out of turn",
            Self::Finished => "the connection takes no commands any more",
            Self::Backpressure => "the last piece of content has not been transmitted yet",
            Self::InvalidTarget => "invalid request target",
            Self::InvalidHost => "invalid host",
            Self::InvalidReason => "invalid reason phrase",
            Self::ConflictingFields => "conflicting fields",
            Self::ConflictingFraming => "content-length or transfer-encoding contradicts the content",
            Self::NotADefaultField => "not to be set as a default field",
            Self::UnsupportedVersion => "not possible in this HTTP version",
            Self::ContentLengthUnknown => "HTTP/1.0 cannot carry content of unknown length",
            Self::ContentNotAllowed => "no content is allowed here",
            Self::ExpectWithoutContent => "expect: 100-continue without content",
            Self::ContentTooLong { declared } => {
                return write!(f, "more content than the declared {declared} octets");
            }
            Self::ContentTooShort { declared, sent } => {
                return write!(f, "{sent} octets of content where {declared} were declared");
            }
            Self::TrailersNotAllowed => "trailers are not allowed here",
            Self::PassthroughTooLong => "more octets than passthrough had allowed",
            Self::InvalidStatus => "a status code that cannot be sent here",
        })
    }
}

impl StdError for Misuse {}
