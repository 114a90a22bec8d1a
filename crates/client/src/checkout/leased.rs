//! A connection, or a stream of one, that a request has.

use std::sync::Arc;
use std::time::Instant;

#[cfg(feature = "http2")]
use martlet_core::Delivery;
use martlet_core::Misuse;
use martlet_core::pool::{Handle, Lease, Returned};

use crate::body::Body;
use crate::carrier::Carrier;
use crate::checkout::shared::Checkout;
use crate::checkout::slot::Token;
use crate::dial::Plan;
use crate::error::Error;
use crate::h1::Connection;
#[cfg(feature = "http2")]
use crate::h2;
use crate::h2::Multiplexed;
use crate::outgoing::Outgoing;
use crate::timer::Timer;

/// A connection and the right to use it. Dropped, it goes back to the pool if the rest of the response is here and
/// short, and is closed if not; a stream is reset.
pub(crate) struct Leased {
    checkout: Arc<Checkout>,
    token: Token,
    /// The connection was idle before, or has served another request.
    is_reused: bool,
    /// Both are there until it is given back.
    held: Option<(Lease, Held)>,
}

/// What a lease is of.
enum Held {
    /// The whole connection, or a stream that was begun.
    Carrier(Carrier),
    /// A stream that was not begun.
    Multiplexed(Multiplexed),
}

/// Why a request was not begun on its connection. Nothing was sent.
pub(crate) enum NotBegun {
    /// It must not be sent.
    Misuse(Misuse),
    /// The connection takes no more requests, for this reason. The content is as it was.
    #[cfg_attr(not(feature = "http2"), expect(dead_code, reason = "others are looked at before"))]
    Gone(Body, Error),
    /// There is no connection any more.
    Shutdown,
}

impl Leased {
    pub(crate) fn new(
        checkout: Arc<Checkout>,
        token: Token,
        lease: Lease,
        conn: Handle<Box<Connection>, Multiplexed>,
        is_reused: bool,
    ) -> Self {
        let held = match conn {
            Handle::Exclusive(conn) => Held::Carrier(Carrier::H1(conn)),
            Handle::Shared(conn) => Held::Multiplexed(conn),
        };
        Self { checkout, token, is_reused, held: Some((lease, held)) }
    }

    pub(crate) fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// The connection, if it is one that may be found dead by a look at it. Those that carry several requests are looked
    /// after by their tasks.
    pub(crate) fn exclusive(&mut self) -> Option<&mut Connection> {
        match &mut self.held {
            Some((_, Held::Carrier(Carrier::H1(conn)))) if self.is_reused => Some(conn),
            _ => None,
        }
    }

    /// Whether it is a stream of a connection that carries several requests.
    pub(crate) fn is_multiplexed(&self) -> bool {
        !matches!(self.held, Some((_, Held::Carrier(Carrier::H1(_)))))
    }

    /// The connection that carries several requests, if it is one.
    pub(crate) fn multiplexed(&self) -> Option<&Multiplexed> {
        match &self.held {
            Some((_, Held::Multiplexed(conn))) => Some(conn),
            _ => None,
        }
    }

    /// What carries the exchange, once it is begun.
    pub(crate) fn carrier(&mut self) -> Option<&mut Carrier> {
        match &mut self.held {
            Some((_, Held::Carrier(carrier))) => Some(carrier),
            _ => None,
        }
    }

    /// Begins an exchange. If it cannot be, the lease ends as if it had not been there.
    pub(crate) fn begin(
        mut self,
        outgoing: &Outgoing<'_>,
        body: Body,
        timer: Timer,
    ) -> Result<Self, NotBegun> {
        match &mut self.held {
            Some((_, Held::Carrier(Carrier::H1(conn)))) => match conn.begin(outgoing.head, body, timer) {
                Ok(()) => Ok(self),
                Err(e) => {
                    self.unused();
                    Err(NotBegun::Misuse(e))
                }
            },
            #[cfg(feature = "http2")]
            Some((_, held @ Held::Multiplexed(_))) => {
                let Held::Multiplexed(conn) = &*held else {
                    return Err(NotBegun::Shutdown);
                };
                match h2::Stream::begin(conn.shared(), outgoing, body, timer) {
                    Ok(stream) => {
                        *held = Held::Carrier(Carrier::H2(stream));
                        Ok(self)
                    }
                    Err(e) => {
                        let info = conn.shared().info().reused(self.is_reused);
                        self.unused();
                        Err(match e {
                            h2::NotBegun::Misuse(e) => NotBegun::Misuse(e),
                            h2::NotBegun::Gone(body, why) => {
                                NotBegun::Gone(body, why.into_error(Delivery::NotSent, &info))
                            }
                        })
                    }
                }
            }
            _ => Err(NotBegun::Shutdown),
        }
    }

    /// The exchange is over: the connection serves the next one, if it can.
    pub(crate) fn finish(mut self) {
        self.end(Connection::rest);
    }

    /// Nothing was sent on it.
    pub(crate) fn unused(mut self) {
        match self.held.take() {
            Some((lease, Held::Carrier(Carrier::H1(conn)))) => {
                self.checkout.release(self.token, lease, Returned::Unused(conn));
            }
            #[cfg(feature = "http2")]
            Some((lease, Held::Multiplexed(conn))) => {
                let shared = Arc::clone(conn.shared());
                drop(conn);
                self.checkout.release_stream(self.token, lease, Returned::StreamUnused, Some(&shared));
            }
            // Dropped as it is.
            held => self.held = held,
        }
    }

    /// It was found dead before anything was sent on it. Its request is in line again; without its token it has to ask
    /// anew. `plan` is for a dial that others share.
    pub(crate) fn stale(mut self, plan: Option<Box<Plan>>, now: Instant) -> Option<Token> {
        let (lease, conn) = self.held.take()?;
        let ending = Ending { leased: &self, lease: Some(lease), is_stream: false };
        drop(conn);
        let lease = ending.survived()?;
        self.checkout.release_stale(self.token, lease, plan, now).then_some(self.token)
    }

    fn end(&mut self, may_stay: impl FnOnce(&mut Connection) -> bool) {
        let Some((lease, held)) = self.held.take() else {
            return;
        };
        let is_stream = !matches!(held, Held::Carrier(Carrier::H1(_)));
        let ending = Ending { leased: self, lease: Some(lease), is_stream };
        match held {
            Held::Carrier(Carrier::H1(conn)) => ending.end_connection(conn, may_stay),
            #[cfg(feature = "http2")]
            Held::Carrier(Carrier::H2(stream)) => ending.end_stream(stream),
            #[cfg(feature = "http2")]
            Held::Multiplexed(conn) => {
                let shared = Arc::clone(conn.shared());
                drop(conn);
                ending.release_stream(Returned::StreamUnused, Some(&shared));
            }
            #[cfg(not(feature = "http2"))]
            Held::Multiplexed(conn) => match conn {},
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
    /// The connection carries others, too, and goes on without it.
    is_stream: bool,
}

impl Ending<'_> {
    fn survived(mut self) -> Option<Lease> {
        self.lease.take()
    }

    fn end_connection(self, conn: Box<Connection>, may_stay: impl FnOnce(&mut Connection) -> bool) {
        // Dropped before the lease ends, also by a panic.
        let mut conn = conn;
        if !may_stay(&mut conn) {
            // A connection counts until it is closed.
            drop(conn);
            return;
        }
        let Leased { checkout, token, .. } = self.leased;
        if let Some(lease) = self.survived() {
            let hint = conn.keep_alive();
            checkout.release(*token, lease, Returned::Finished(conn, hint));
        }
    }

    #[cfg(feature = "http2")]
    fn end_stream(self, stream: Box<h2::Stream>) {
        let shared = Arc::clone(stream.shared());
        // The source of the request's content is dropped here, which is not our code.
        match stream.end() {
            h2::Aftermath::Unchanged => self.release_stream(Returned::StreamDone, None),
            h2::Aftermath::Changed => self.release_stream(Returned::StreamDone, Some(&shared)),
        }
    }

    #[cfg(feature = "http2")]
    fn release_stream(self, returned: Returned<Box<Connection>>, changed: Option<&h2::Shared>) {
        let Leased { checkout, token, .. } = self.leased;
        if let Some(lease) = self.survived() {
            checkout.release_stream(*token, lease, returned, changed);
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            let returned = if self.is_stream { Returned::StreamDone } else { Returned::Gone };
            self.leased.checkout.release(self.leased.token, lease, returned);
        }
    }
}
