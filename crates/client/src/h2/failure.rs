//! What the `h2` crate's errors mean to a request.

use std::fmt;
use std::io;

use martlet_core::time::{Expired, Phase};
use martlet_core::{Closed, Ending, Error as CoreError, PeerError};

use super::handle::{Fate, Shared};
use super::io::End;
use crate::error::{ErrorCode, Kind};
use crate::failure::Failure;

/// How far a response had come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Received {
    /// Interim responses.
    pub(super) interim: usize,
    pub(super) has_head: bool,
    /// The length of the content that the head declared.
    pub(super) expected: Option<u64>,
    /// Octets of content.
    pub(super) content: u64,
}

impl Received {
    /// Whether anything of a response came.
    pub(super) fn is_any(&self) -> bool {
        self.interim > 0 || self.has_head
    }

    fn closed(&self, by: Ending) -> Closed {
        if self.has_head {
            Closed::InContent { expected: self.expected, received: self.content, by }
        } else {
            Closed::BeforeResponse { interim: self.interim > 0, by }
        }
    }
}

/// The code by which the peer refused a request that it promises not to have processed (RFC 9113 §6.8, §8.7).
pub(super) fn refusal(e: &h2::Error) -> Option<ErrorCode> {
    let code = e.reason().filter(|_| e.is_remote()).map(|reason| ErrorCode(reason.into()))?;
    let is_refusal = match code {
        ErrorCode::REFUSED_STREAM | ErrorCode::HTTP_1_1_REQUIRED => true,
        // A stream learns of GOAWAY as its own end only if it is above the last one that is processed.
        _ => e.is_go_away(),
    };
    is_refusal.then_some(code)
}

/// What a request fails with.
pub(super) fn failure(e: h2::Error, shared: &Shared, received: &Received) -> Failure {
    if e.is_remote() {
        let code = e.reason().map_or(ErrorCode::NO_ERROR, |reason| ErrorCode(reason.into()));
        return Failure::Http2(Kind::Reset(code), Box::new(Said(e)));
    }
    if shared.watch.is_http1() {
        return Failure::Http2(Kind::Protocol, "the server answers by HTTP/1, not by HTTP/2".into());
    }
    if !e.is_io() {
        return Failure::Http2(Kind::Protocol, Box::new(Said(e)));
    }
    ended(shared, received)
}

/// What a request fails with on a connection that has ended.
pub(super) fn ended(shared: &Shared, received: &Received) -> Failure {
    if shared.watch.is_http1() {
        return Failure::Http2(Kind::Protocol, "the server answers by HTTP/1, not by HTTP/2".into());
    }
    if let Some(breach) = shared.breach.get() {
        return Failure::Http2(Kind::Protocol, breach.as_str().into());
    }
    let fate = shared.fate.get();
    match (fate, shared.watch.end()) {
        (Some(Fate::Shutdown), _) => Failure::Shutdown,
        (Some(Fate::Silent(elapsed)), _) => {
            Failure::Timeout(Expired { phase: Phase::KeepAlive, elapsed: *elapsed }, None)
        }
        (_, Some(End::Failed(said))) => {
            let said = io::Error::new(said.kind(), said.clone());
            Failure::Core(CoreError::Closed(received.closed(Ending::Reset)), Some(said))
        }
        (Some(Fate::Abandoned), None) => {
            let said = io::Error::other("the runtime that drove the connection has ended");
            Failure::Core(CoreError::Closed(received.closed(Ending::Reset)), Some(said))
        }
        _ => {
            let said = shared.farewell.get().map(|farewell| io::Error::other(farewell.text.clone()));
            Failure::Core(CoreError::Closed(received.closed(Ending::Fin)), said)
        }
    }
}

/// What a request fails with whose response breaks this rule, or goes beyond a limit.
pub(super) fn broken(rule: PeerError) -> Failure {
    Failure::Http2(Kind::Protocol, rule.into())
}

/// The crate's own words, without its type in our API.
struct Said(h2::Error);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Said {}
