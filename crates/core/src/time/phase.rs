//! The parts of a request that take time.

use std::fmt;
use std::time::Duration;

/// What a request is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// A connection or a stream to become free.
    Pool,
    /// The addresses of the host.
    Resolve,
    /// A transport connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The transport to take the request.
    Send,
    /// 100 (Continue), before the content is sent without it.
    Continue,
    /// The head of the final response.
    ReceiveHead,
    /// The content of the response.
    ReceiveContent,
    /// The answer to an HTTP/2 PING.
    KeepAlive,
}

impl Phase {
    /// All phases, in the order in which a request goes through them; behind them those that belong to no request.
    pub const ALL: &'static [Self] = &[
        Self::Pool,
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::Send,
        Self::Continue,
        Self::ReceiveHead,
        Self::ReceiveContent,
        Self::KeepAlive,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pool => "waiting for a free connection",
            Self::Resolve => "resolving the host name",
            Self::Connect => "connecting",
            Self::Tls => "in the TLS handshake",
            Self::Send => "sending the request",
            Self::Continue => "waiting for 100 (Continue)",
            Self::ReceiveHead => "waiting for the response head",
            Self::ReceiveContent => "receiving the response content",
            Self::KeepAlive => "waiting for the answer to a PING",
        })
    }
}

/// How long the parts of a request may take. `None` is no limit.
///
/// | setting | default | starts | starts anew | ends |
/// |---|---|---|---|---|
/// | `pool` | 5 s | when the request asks for a connection and none can be had at once | whenever a dial that worked for it is given up | when it has a connection, a stream or a dial, its own or a shared one |
/// | `connect` | 5 s | when a connection is begun | never | when it can be used: resolve, connect and TLS together |
/// | `write` | 5 s | when the request begins to be sent | with each octet that the transport takes, and while the content's source has none | when it is sent |
/// | `read` | 5 s | when the request is sent; for content when it is asked for | with each octet that comes | with the end of the response |
/// | `head` | none | when the request is sent | never | with the final response's head |
/// | `continue_` | 1 s | when the head with `Expect: 100-continue` is sent | never | with 100 (Continue) or a final response; when it is over the content is sent without |
/// | `total` | none | with the request | never | with the end of the response |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Without a connection, a stream, or a dial that works for the request. Default 5 s.
    pub pool: Option<Duration>,
    /// Resolving, connecting and the TLS handshake together. Default 5 s.
    pub connect: Option<Duration>,
    /// Without progress in sending. Default 5 s.
    pub write: Option<Duration>,
    /// Without progress in receiving. Default 5 s.
    pub read: Option<Duration>,
    /// From the request sent to the whole head of the final response. Default none.
    pub head: Option<Duration>,
    /// Content is held back so long for 100 (Continue), then it is sent without. Default 1 s.
    pub continue_: Option<Duration>,
    /// The whole request, up to the end of the response's content. Default none.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        let five_seconds = Some(Duration::from_secs(5));
        Self {
            pool: five_seconds,
            connect: five_seconds,
            write: five_seconds,
            read: five_seconds,
            head: None,
            continue_: Some(Duration::from_secs(1)),
            total: None,
        }
    }
}

impl Timeouts {
    /// No limit on anything, but for the second that content is held back for 100 (Continue).
    pub fn none() -> Self {
        Self {
            pool: None,
            connect: None,
            write: None,
            read: None,
            head: None,
            total: None,
            continue_: Self::default().continue_,
        }
    }
}
