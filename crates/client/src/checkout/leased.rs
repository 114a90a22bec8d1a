//! A connection that a request has.

use std::sync::Arc;
use std::time::Instant;

use martlet_core::pool::{Lease, Returned};

use crate::checkout::shared::Checkout;
use crate::checkout::slot::Token;
use crate::h1::Connection;

/// A connection and the right to use it. Dropped, it goes back to the pool if the rest of the response is here and
/// short, and is closed if not.
pub(crate) struct Leased {
    checkout: Arc<Checkout>,
    token: Token,
    /// The connection was idle before, or has served another request.
    is_reused: bool,
    /// Both are there until it is given back.
    held: Option<(Lease, Box<Connection>)>,
}

impl Leased {
    pub(crate) fn new(
        checkout: Arc<Checkout>,
        token: Token,
        lease: Lease,
        conn: Box<Connection>,
        is_reused: bool,
    ) -> Self {
        Self { checkout, token, is_reused, held: Some((lease, conn)) }
    }

    pub(crate) fn is_reused(&self) -> bool {
        self.is_reused
    }

    pub(crate) fn conn(&mut self) -> Option<&mut Connection> {
        self.held.as_mut().map(|(_, conn)| &mut **conn)
    }

    /// The exchange is over: the connection serves the next one, if it can.
    pub(crate) fn finish(mut self) {
        self.end(Connection::rest);
    }

    /// Nothing was sent on it.
    pub(crate) fn unused(mut self) {
        if let Some((lease, conn)) = self.held.take() {
            self.checkout.release(self.token, lease, Returned::Unused(conn));
        }
    }

    /// It was found dead before anything was sent on it. Its request is in line again; without its token it has to ask
    /// anew.
    pub(crate) fn stale(mut self, now: Instant) -> Option<Token> {
        let (lease, conn) = self.held.take()?;
        let ending = Ending { leased: &self, lease: Some(lease) };
        drop(conn);
        let lease = ending.survived()?;
        self.checkout.release_stale(self.token, lease, now).then_some(self.token)
    }

    fn end(&mut self, may_stay: impl FnOnce(&mut Connection) -> bool) {
        let Some((lease, conn)) = self.held.take() else {
            return;
        };
        let ending = Ending { leased: self, lease: Some(lease) };
        // Dropped before the lease ends, also by a panic.
        let mut conn = conn;
        if !may_stay(&mut conn) {
            // A connection counts until it is closed.
            drop(conn);
            return;
        }
        if let Some(lease) = ending.survived() {
            let hint = conn.keep_alive();
            self.checkout.release(self.token, lease, Returned::Finished(conn, hint));
        }
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        self.end(Connection::drain);
    }
}

/// Ends a lease without a connection, unless the connection has survived code that is not ours.
struct Ending<'a> {
    leased: &'a Leased,
    lease: Option<Lease>,
}

impl Ending<'_> {
    fn survived(mut self) -> Option<Lease> {
        self.lease.take()
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.leased.checkout.release(self.leased.token, lease, Returned::Gone);
        }
    }
}
