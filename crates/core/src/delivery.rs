//! What the peer can have seen of a request.

use std::fmt;

/// What the peer can have seen of a request, in the order of growing knowledge on its side.
///
/// Over several attempts the highest value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// The transport did not accept the last octet of the request head: the peer cannot have acted on it.
    NotSent,
    /// The peer promised not to have processed it. HTTP/1.1 has no such promise.
    Refused,
    /// The whole head went out and nothing came back: it may have been processed.
    Unknown,
    /// An octet of a response came back, interim responses included.
    Answered,
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "not sent",
            Self::Refused => "refused unprocessed",
            Self::Unknown => "unknown whether processed",
            Self::Answered => "answered",
        })
    }
}
