//! What the pool has for each waiter, and how far each dial is.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use martlet_core::pool::{DialId, Handle, Lease, WaiterId};

use crate::bell::Bell;
use crate::dial::{Dial, Plan, Progress};
use crate::error::Error;
use crate::h1::Connection;
use crate::h2::Multiplexed;
use crate::here::Here;

/// A request's name in the pool: the number of its slot. It is its own from asking for a connection to giving it back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) usize);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request #{}", self.0)
    }
}

/// A request, from asking for a connection to giving it back.
pub(crate) struct Slot {
    pub(crate) here: Here,
    /// Its name while it waits.
    pub(crate) id: Option<WaiterId>,
    pub(crate) place: Place,
    /// Wakes it when its place changes.
    pub(crate) waker: Option<Waker>,
    /// How to dial for all who share the dial, if it is this one that begins it.
    pub(crate) plan: Option<Box<Plan>>,
}

/// Where a request stands.
pub(crate) enum Place {
    /// In line, maybe with a dial that somebody else drives.
    Waiting,
    /// It is to dial, and has not begun.
    Ordered(DialId),
    /// It drives this dial.
    Dialing(DialId),
    /// A connection is there for it to take.
    Assigned { lease: Lease, conn: Handle<Box<Connection>, Multiplexed>, reused: bool },
    /// It has a connection, and hears of the client's closing by this; on a stream it hears of it from the connection.
    Leased(Option<Arc<Bell>>),
    /// It gets nothing.
    Failed(Error),
}

impl Place {
    /// The dial that is for this request to drive.
    pub(crate) fn dial(&self) -> Option<DialId> {
        match self {
            Self::Ordered(dial) | Self::Dialing(dial) => Some(*dial),
            _ => None,
        }
    }
}

/// A dial under way.
#[derive(Default)]
pub(crate) struct Dialing {
    /// The request that was told to.
    pub(crate) owner: Option<Token>,
    pub(crate) stage: Stage,
    /// How far it is, once it has begun.
    pub(crate) progress: Option<Progress>,
    pub(crate) driver: Driver,
    /// Nobody wants it any more: whoever polls it gives it up afterwards.
    pub(crate) unwanted: bool,
    /// Why it has failed.
    pub(crate) error: Option<Error>,
}

/// Where a dial is.
#[derive(Default)]
pub(crate) enum Stage {
    /// Nowhere: the request that was told to has not begun.
    #[default]
    Ordered,
    /// Here, until its driver is polled.
    Parked(Dial),
    /// With its driver, which is being polled.
    Polled,
}

/// Who drives a dial.
#[derive(Default)]
pub(crate) enum Driver {
    /// The request that was told to.
    #[default]
    Request,
    /// A task, which this wakes.
    Task(Option<Waker>),
}
