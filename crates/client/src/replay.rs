//! When a request is sent again although somebody may have it already: never where it could be acted on twice without
//! leave.

use std::time::Duration;

use http::{HeaderMap, Method, Version};
use martlet_core::Delivery::{self, NotSent, Refused, Unknown};

use crate::error::{Error, ErrorCode, Kind};
use crate::request::Request;

/// The most that a request is replayed because a server refused it.
const REFUSALS: u32 = 3;
/// The most that it is replayed because a connection was lost.
const LOSSES: u32 = 1;
/// What the second refusal is waited out by, at most; each further one doubles it.
const BACKOFF: Duration = Duration::from_millis(100);

/// How often a request was sent, and what became of it.
#[derive(Debug)]
pub(crate) struct Attempts {
    made: u32,
    refusals: u32,
    losses: u32,
    fell_back: bool,
    /// The most that any server can have seen.
    delivery: Delivery,
}

/// What is known of a request that has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    /// Its connection has answered another request before, or was idle.
    pub(crate) is_proven: bool,
    /// The server has ended the connection because this client is too much for it.
    pub(crate) is_to_calm_down: bool,
}

/// How it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// On any connection, after this time at most.
    Anywhere(Duration),
    /// On a connection that is dialled from now on: another old one may be as dead.
    Fresh,
    /// By HTTP/1.1.
    ByHttp1,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { made: 1, refusals: 0, losses: 0, fell_back: false, delivery: NotSent }
    }

    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    /// What becomes of a request that has failed on a stream. `None`: the error stands.
    ///
    /// That its content can be sent again is for the caller to see.
    pub(crate) fn judge(&mut self, error: &Error, lost: Lost, request: &Request) -> Option<Replay> {
        self.delivery = self.delivery.max(error.delivery());
        let replay = match (error.delivery(), error.kind()) {
            (NotSent | Refused, Kind::Reset(ErrorCode::HTTP_1_1_REQUIRED)) => {
                // A request that must be HTTP/2 cannot be anything else.
                let may_fall_back = request.version != Some(Version::HTTP_2) && request.protocol.is_none();
                (may_fall_back && !self.fell_back).then_some(Replay::ByHttp1)
            }
            // To come again at once is just what it complains of.
            (NotSent | Refused, Kind::Reset(ErrorCode::ENHANCE_YOUR_CALM)) => None,
            // A connection that goes away before anything was sent on it refuses, too.
            (NotSent, Kind::Reset(_)) | (Refused, _) => (self.refusals < REFUSALS).then(|| {
                let doubled = self.refusals.saturating_sub(1);
                let wait = if self.refusals == 0 { Duration::ZERO } else { BACKOFF * 2u32.pow(doubled) };
                Replay::Anywhere(wait)
            }),
            (_, Kind::Closed(_)) if lost.is_to_calm_down => None,
            (NotSent, Kind::Closed(_)) => (self.losses < LOSSES).then_some(Replay::Fresh),
            (Unknown, Kind::Closed(_)) => {
                let is_harmless = lost.is_proven && is_idempotent(&request.method, &request.fields);
                (self.losses < LOSSES && is_harmless).then_some(Replay::Fresh)
            }
            _ => None,
        }?;
        match replay {
            Replay::Anywhere(_) => self.refusals += 1,
            Replay::Fresh => self.losses += 1,
            Replay::ByHttp1 => self.fell_back = true,
        }
        self.made += 1;
        Some(replay)
    }

    /// An error that stands, with what is true over all attempts.
    pub(crate) fn conclude(&self, error: Error) -> Error {
        let delivery = self.delivery.max(error.delivery());
        error.with_delivery(delivery).with_attempts(self.made)
    }
}

/// A share of a span, by chance: half of it at least, so that those who were refused together do not come together again.
pub(crate) fn jittered(span: Duration, random: u64) -> Duration {
    let half = span / 2;
    let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_nanos(random % nanos)
}

/// Whether the request may be acted on twice (RFC 9110 §9.2.2), or carries a key by which a server recognises it.
fn is_idempotent(method: &Method, fields: &HeaderMap) -> bool {
    const METHODS: [Method; 6] =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE];
    METHODS.contains(method)
        || fields.contains_key("idempotency-key")
        || fields.contains_key("x-idempotency-key")
}

#[cfg(test)]
mod tests;
