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
        if let Some((lease, mut conn)) = self.held.take() {
            let may_stay = conn.rest();
            self.give_back(lease, conn, may_stay);
        }
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
        let (lease, mut conn) = self.held.take()?;
        conn.close();
        self.checkout.release_stale(self.token, lease, now).then_some(self.token)
    }

    fn give_back(&self, lease: Lease, mut conn: Box<Connection>, may_stay: bool) {
        if may_stay {
            let hint = conn.keep_alive();
            self.checkout.release(self.token, lease, Returned::Finished(conn, hint));
        } else {
            conn.close();
            self.checkout.release(self.token, lease, Returned::Gone);
        }
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if let Some((lease, mut conn)) = self.held.take() {
            let may_stay = conn.drain();
            self.give_back(lease, conn, may_stay);
        }
    }
}
