//! What every run must be.

use std::fmt;

/// What holds in every run, whatever servers and network do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Invariant {
    /// Of a request that is reported not sent, no log has the head.
    NotSentIsInNoLog,
    /// A request that is reported refused was processed by nobody.
    RefusedIsNotProcessed,
    /// One that is neither idempotent nor carries a key is processed once at most; any other once more at most.
    NothingIsDoneTwice,
    /// Nobody says more or less of a request than its connections allow: without one nothing is unknown.
    DeliveryIsTrue,
    /// The attempt that a success came from is in the log of its server, and was processed.
    SuccessIsLogged,
    /// Content that was delivered is a beginning of what the server sent, and all of it where success was reported.
    ContentIsWhole,
    /// No response goes to another request.
    AnswersAreOnesOwn,
    /// What a server saw of a request's content is a beginning of what was to be sent, and all of it where it says so.
    UploadsAreWhole,
    /// Attempts are counted, and no more than they may be.
    AttemptsAreBounded,
    /// Nothing is sent again after an octet of a response.
    NoReplayOfAnswered,
    /// Nothing is sent again that the client gave up by itself, for a timeout for instance.
    NoReplayOfGivenUp,
    /// What may do harm twice is not sent again once its head went out by HTTP/1.1.
    NoReplayOfHarm,
    /// Nothing is sent again where replay is off.
    NoReplayWhereOff,
    /// The pool keeps its limits and counts what there is, and nothing of a request or of a client is left.
    NothingLeaks,
    /// Nobody waits for ever.
    NobodyWaits,
    /// Every request ends once.
    EveryRequestEnds,
    /// The client does nothing that a server has to complain of.
    ServersDoNotComplain,
    /// Nothing panics.
    NothingPanics,
}

impl Invariant {
    /// The invariant as a sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotSentIsInNoLog => "what is reported not sent is in no log",
            Self::RefusedIsNotProcessed => "what is reported refused was not processed",
            Self::NothingIsDoneTwice => "nothing is done twice that must not be",
            Self::DeliveryIsTrue => "what is said of the delivery is possible",
            Self::SuccessIsLogged => "a success is in the log",
            Self::ContentIsWhole => "content is what was sent, and whole",
            Self::AnswersAreOnesOwn => "no response goes to another request",
            Self::UploadsAreWhole => "a server sees what was to be sent",
            Self::AttemptsAreBounded => "attempts are counted and bounded",
            Self::NoReplayOfAnswered => "nothing is replayed after an answer",
            Self::NoReplayOfGivenUp => "nothing is replayed that was given up",
            Self::NoReplayOfHarm => "nothing is replayed that may do harm",
            Self::NoReplayWhereOff => "nothing is replayed where that is off",
            Self::NothingLeaks => "nothing leaks",
            Self::NobodyWaits => "nobody waits for ever",
            Self::EveryRequestEnds => "every request ends once",
            Self::ServersDoNotComplain => "no server complains",
            Self::NothingPanics => "nothing panics",
        }
    }

    /// The invariant, broken in this way unless it holds.
    pub(super) fn holds(self, holds: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
        if holds { Ok(()) } else { Err(self.broken(what())) }
    }

    pub(super) fn broken(self, what: impl Into<String>) -> Broken {
        Broken { invariant: self, what: what.into() }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// An invariant that a run has broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The invariant.
    pub invariant: Invariant,
    /// What was found, for people.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}
