//! What is told to the pool of connections that carry several requests.

use std::sync::Arc;

use martlet_core::pool::{ConnId, Lease, Returned};

use crate::checkout::shared::Checkout;
use crate::checkout::slot::Token;
use crate::h1::Connection;
use crate::h2::Shared;
use crate::here::Here;

impl Checkout {
    /// A stream of a connection ends, and its request's slot with it. If `changed`, so has what the connection takes.
    pub(super) fn release_stream(
        self: &Arc<Self>,
        token: Token,
        lease: Lease,
        returned: Returned<Box<Connection>>,
        changed: Option<&Shared>,
    ) {
        self.with(|state, later| {
            // It is there as long as the lease.
            if let Some(slot) = state.slots.try_remove(token.0) {
                let now = slot.here.runtime.now();
                if let Some(shared) = changed {
                    // Before somebody else is given the stream.
                    state.pool.handle_capacity(lease.conn(), shared.capacity(), now);
                }
                state.pool.release(lease, returned, now);
                state.settle(later, &slot.here, now);
                later.slot = Some(slot);
            }
        });
    }

    /// A shared connection takes another number of requests than before.
    pub(crate) fn capacity_changed(self: &Arc<Self>, conn: ConnId, shared: &Shared) {
        let here = shared.here();
        let now = here.runtime.now();
        self.with(|state, later| {
            state.pool.handle_capacity(conn, shared.capacity(), now);
            state.settle(later, here, now);
        });
    }

    /// A shared connection has ended.
    pub(crate) fn conn_closed(self: &Arc<Self>, conn: ConnId, here: &Here) {
        let now = here.runtime.now();
        self.with(|state, later| {
            state.pool.handle_closed(conn, now);
            state.settle(later, here, now);
        });
    }
}
