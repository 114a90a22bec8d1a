//! When a request is sent again although somebody may have it already: never where it could be acted on twice without
//! leave.

use std::time::Duration;

use http::{HeaderMap, Method, Version};
use martlet_core::Delivery::{self, Answered, NotSent, Refused, Unknown};
use martlet_core::time::Phase;

use crate::error::{Error, ErrorCode, Kind};
use crate::request::Request;
#[cfg(feature = "tls")]
use crate::tls::TlsFailure;

/// The most that a request is replayed because a server refused it.
const REFUSALS: u32 = 3;
/// The most that it is replayed because a connection was lost.
const LOSSES: u32 = 1;
/// What the second refusal, or the first connection that could not be opened, is waited out by at most; each further one
/// doubles it.
const BACKOFF: Duration = Duration::from_millis(100);
/// The longest that any is waited out by.
const LONGEST: Duration = Duration::from_secs(10);

/// How often a request was sent, and what became of it.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// Whether it may be sent again at all.
    may_replay: bool,
    /// How many more connections may fail to be opened.
    connects: Connects,
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
    /// Its connection carries others, too: it can have been lost by no fault of this one, also when it is new.
    pub(crate) is_stream: bool,
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
    /// On any connection, after this time at most: the last one could not be opened.
    Connect(Duration),
    /// On any connection, after exactly this time: the user's policy has it so.
    ByPolicy(Duration),
}

impl Replay {
    /// Why, for those who read logs.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Anywhere(_) => "refused",
            Self::Fresh => "stale",
            Self::ByHttp1 => "http_1_1_required",
            Self::Connect(_) => "connect",
            Self::ByPolicy(_) => "policy",
        }
    }
}

/// Connections that could not be opened.
#[derive(Debug)]
struct Connects {
    most: u32,
    made: u32,
}

impl Connects {
    /// After how long another one is tried.
    fn next(&mut self) -> Option<Duration> {
        let wait = (self.made < self.most).then(|| backoff(BACKOFF, self.made, LONGEST));
        self.made += 1;
        wait
    }
}

impl Attempts {
    pub(crate) fn new(may_replay: bool, connect_retries: u32) -> Self {
        let connects = Connects { most: connect_retries, made: 0 };
        Self { may_replay, connects, made: 1, refusals: 0, losses: 0, fell_back: false, delivery: NotSent }
    }

    /// The request is sent again by a policy of the user's, and so much was seen of it. What was used up of replays is so
    /// still: both together would make many out of a few.
    pub(crate) fn retried(&mut self, seen: Delivery) {
        self.delivery = self.delivery.max(seen);
        self.made += 1;
    }

    /// The request comes again without its expectation, and with its content for the first time.
    pub(crate) fn expectation_failed(&mut self) {
        self.retried(Answered);
    }

    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    /// What becomes of a request that has failed on a connection. `None`: the error stands.
    ///
    /// That its content can be sent again is for the caller to see.
    pub(crate) fn judge(&mut self, error: &Error, lost: Lost, request: &Request) -> Option<Replay> {
        self.delivery = self.delivery.max(error.delivery());
        if !self.may_replay {
            return None;
        }
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
                let doubled = self.refusals.checked_sub(1);
                Replay::Anywhere(doubled.map_or(Duration::ZERO, |doubled| backoff(BACKOFF, doubled, LONGEST)))
            }),
            (_, Kind::Closed(_)) if lost.is_to_calm_down => None,
            (NotSent, Kind::Closed(_)) => {
                // A server that closes a new connection at once would do so again.
                let is_worth_it = lost.is_stream || lost.is_proven;
                (self.losses < LOSSES && is_worth_it).then_some(Replay::Fresh)
            }
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
            Replay::Connect(_) | Replay::ByPolicy(_) => {}
        }
        self.made += 1;
        Some(replay)
    }

    /// What becomes of a request that has no connection, and so much time. `None`: the error stands.
    pub(crate) fn judge_connect(&mut self, error: &Error, time_left: Option<Duration>) -> Option<Replay> {
        let may_pass = match error.kind() {
            Kind::Resolve | Kind::Connect => true,
            Kind::Timeout(phase) => matches!(phase, Phase::Resolve | Phase::Connect | Phase::Tls),
            #[cfg(feature = "tls")]
            Kind::Tls(failure) => failure == TlsFailure::Interrupted,
            _ => false,
        };
        let has_time = |wait: &Duration| time_left.is_none_or(|left| *wait < left);
        let wait = self.connects.next().filter(|wait| may_pass && has_time(wait))?;
        self.made += 1;
        Some(Replay::Connect(wait))
    }

    /// An error that stands, with what is true over all attempts.
    pub(crate) fn conclude(&mut self, error: Error) -> Error {
        self.delivery = self.delivery.max(error.delivery());
        error.with_delivery(self.delivery).with_attempts(self.made)
    }
}

/// A span that was doubled so often, up to the longest.
pub(crate) fn backoff(first: Duration, doubled: u32, longest: Duration) -> Duration {
    let mut wait = first.min(longest);
    // From a nanosecond to the longest of all spans it is less than a hundred times.
    for _ in 0..doubled.min(100) {
        wait = wait.saturating_mul(2).min(longest);
    }
    wait
}

/// A share of a span, by chance: half of it at least, so that those who were refused together do not come together again.
pub(crate) fn jittered(span: Duration, random: u64) -> Duration {
    let half = span / 2;
    let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_nanos(random % nanos)
}

/// Whether the request may be acted on twice (RFC 9110 §9.2.2), or carries a key by which a server recognises it.
pub(crate) fn is_idempotent(method: &Method, fields: &HeaderMap) -> bool {
    const METHODS: [Method; 6] =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE];
    METHODS.contains(method)
        || ["idempotency-key", "x-idempotency-key"].into_iter().any(|name| {
            // One without a value is recognised by nobody.
            fields.get(name).is_some_and(|key| !key.as_bytes().trim_ascii().is_empty())
        })
}

#[cfg(test)]
mod tests;
