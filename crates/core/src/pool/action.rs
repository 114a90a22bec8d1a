//! What a pool asks its owner to do.

use crate::pool::slab::Id;

/// A waiter of a pool. It is never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub(crate) Id);

/// A dial of a pool. It is never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub(crate) Id);

/// A connection of a pool. It is never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub(crate) Id);

/// The right to use a connection, or one stream of it. It must be given back by
/// [`release`](super::Pool::release) or [`release_stale`](super::Pool::release_stale); hence it can be neither copied
/// nor cloned.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease that is not released holds its slot for ever"]
pub struct Lease {
    pub(crate) conn: Id,
}

impl Lease {
    /// The connection.
    pub fn conn(&self) -> ConnId {
        ConnId(self.conn)
    }
}

/// A connection, as its owner hands it in and gets it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handle<X, S> {
    /// One that serves one request at a time. It is moved out with the lease and back with its release.
    Exclusive(X),
    /// One that serves several. Each lease gets a clone.
    Shared(S),
}

/// What is to be done, in this order.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Action<K, X, S, W> {
    /// Give this connection to this waiter.
    Assign {
        /// Whose turn it is.
        waiter: W,
        /// To be given back.
        lease: Lease,
        /// The connection.
        conn: Handle<X, S>,
        /// Whether it was idle before, or has finished an exchange.
        reused: bool,
    },
    /// Open a connection; answer with `handle_dialed` or `handle_dial_failed`.
    Dial {
        /// Its name in the answer.
        dial: DialId,
        /// Where to.
        key: K,
        /// Who asked first.
        waiter: W,
        /// Whether others wait for it, too, so that it must go on without that waiter.
        shared: bool,
    },
    /// Nobody wants this dial any more. Give it up and answer `Abandoned`, or `handle_dialed` if it is done.
    Undial {
        /// Which.
        dial: DialId,
    },
    /// Tell this waiter that it gets nothing.
    Fail {
        /// Whom.
        waiter: W,
        /// Why.
        why: FailReason,
    },
    /// Close this connection. It has left the pool already.
    Close {
        /// The connection.
        handle: Handle<X, S>,
        /// Why.
        why: RemoveReason,
    },
}

/// Why a waiter gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailReason {
    /// The dial that it waited for has failed.
    Dial(DialId),
    /// The pool is being shut down.
    Shutdown,
}

/// Why a connection leaves the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoveReason {
    /// It was idle for as long as it may be.
    Expired,
    /// Its slot is needed for a request that cannot use it.
    Evicted,
    /// More connections were idle than are kept.
    TooManyIdle,
    /// It is as old as it may be.
    MaxAge,
    /// It has served as many requests as it may.
    MaxRequests,
    /// Its peer goes away, and no stream is left on it.
    Retired,
    /// The pool does not know it, or not any more.
    Unknown,
    /// It is closed, and its owner said so.
    Closed,
    /// The pool is being shut down.
    Shutdown,
}
