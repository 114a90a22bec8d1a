//! The task of a connection: it polls the protocol, and tells the pool what becomes of the connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use martlet_core::pool::ConnId;

use super::handle::{Farewell, Fate, MOST_STREAMS, PeerSettings, Shared};
use super::io::Io;
use super::orders::Order;
use super::resets::Resets;
use super::settings::FIRST_WINDOW;
use crate::checkout::Checkout;
use crate::dial::DialSettings;
use crate::error::ErrorCode;
use crate::memory::Place;
use crate::runtime::BoxFuture;

/// How long taking leave may take: a peer that does not read would keep the connection for ever.
const CLOSING: Duration = Duration::from_secs(1);

/// A frame of the usual size.
const LEAST_WINDOW: u64 = 16 * 1024;

/// After so long without a window the connection is left alone: content that is read comes and goes faster.
const STALLED: Duration = Duration::from_millis(200);

/// Polls a connection up to its end, whether requests are on it or not: an idle connection answers PINGs, and hears of its
/// peer's going away.
pub(crate) struct Driver {
    /// `None` once it has ended.
    conn: Option<Connection<Io, Bytes>>,
    /// Keeps the connection open, and tells whether it takes requests. `None` when it is to close.
    sender: Option<SendRequest<Bytes>>,
    pings: Option<PingPong>,
    shared: Arc<Shared>,
    /// Where what it hears is remembered, and of whom.
    settings: Arc<DialSettings>,
    place: Place,
    /// Where it is known, and by what name.
    pool: Option<(Weak<Checkout>, ConnId)>,
    keep_alive: Option<Duration>,
    answer_within: Duration,
    /// What had come and gone when that was last looked at, and when something had come last.
    moves: (u64, u64),
    heard: Instant,
    /// Streams that had been reset when that was last looked at, and how many more may be.
    resets: u64,
    allowance: Resets,
    /// With less of the window than this the peer cannot send an ordinary frame: that of a small window is small itself.
    least_window: u64,
    /// Since when it has less.
    full: Option<Instant>,
    /// When the PING was sent that has no answer yet.
    pinged: Option<Instant>,
    /// Since when it has nothing left to do but to take leave.
    leaving: Option<Instant>,
    sleep: Option<(Instant, BoxFuture<'static, ()>)>,
}

impl Driver {
    pub(super) fn new(
        mut conn: Connection<Io, Bytes>,
        sender: SendRequest<Bytes>,
        shared: Arc<Shared>,
        settings: Arc<DialSettings>,
        place: Place,
    ) -> Self {
        let heard = shared.here.runtime.now();
        let (_, window) = settings.http2.windows();
        let least_window = u64::from(window / 8).min(LEAST_WINDOW);
        Self {
            pings: conn.ping_pong(),
            conn: Some(conn),
            sender: Some(sender),
            shared,
            pool: None,
            keep_alive: settings.http2.interval(),
            answer_within: settings.http2.answer_within(),
            settings,
            place,
            moves: (0, 0),
            resets: 0,
            allowance: Resets::default(),
            least_window,
            full: None,
            heard,
            pinged: None,
            leaving: None,
            sleep: None,
        }
    }

    /// The pool knows it by this name, if it does.
    pub(crate) fn entered(self, checkout: Weak<Checkout>, conn: Option<ConnId>) -> Self {
        // Only now is there something to give back when it is dropped.
        let mut this = self;
        this.pool = conn.map(|conn| (checkout, conn));
        this
    }

    /// Whether requests are on it.
    fn is_busy(&self) -> bool {
        self.shared.active.load(Ordering::Acquire) > 0
    }

    fn now(&self) -> Instant {
        self.shared.here.runtime.now()
    }

    fn run(&mut self, cx: &mut Context<'_>) -> Poll<Fate> {
        self.shared.orders.listen(cx);
        self.shared.watch.begin_turn();
        loop {
            if self.shared.orders.has(Order::Abort) && self.is_busy() {
                return Poll::Ready(Fate::Shutdown);
            }
            if self.sender.is_some() && self.shared.orders.has(Order::Close) {
                // With the last handle the connection takes leave by itself: GOAWAY, then the end of the stream.
                self.sender = None;
            }
            if self.sender.is_none() && self.leaving.is_none() && !self.is_busy() {
                self.leaving = Some(self.now());
            }
            let Some(conn) = &mut self.conn else {
                return Poll::Ready(Fate::Ended);
            };
            if let Poll::Ready(result) = Pin::new(conn).poll(cx) {
                if let Some(farewell) = result.as_ref().err().and_then(farewell) {
                    let _ = self.shared.farewell.set(farewell);
                }
                // What it says was told to the streams; those that come too late are told, too.
                if let Some(e) = result.err().filter(|e| !e.is_io() && !e.is_remote()) {
                    let _ = self.shared.breach.set(e.to_string());
                }
                return Poll::Ready(Fate::Ended);
            }
            self.look_at_resets();
            self.look_at_peer();
            self.look_at_window();
            if self.poll_pings(cx) {
                continue;
            }
            return self.poll_deadlines(cx);
        }
    }

    /// Whether so many requests were given up that the peer may take it for an attack. Another connection begins with a
    /// clean sheet, and its handshake slows down whoever gives up so much.
    fn look_at_resets(&mut self) {
        let resets = self.shared.watch.resets();
        if resets == self.resets {
            return;
        }
        let now = self.now();
        let many = (self.resets..resets).filter(|_| self.allowance.note(now)).count();
        self.resets = resets;
        if many > 0 && !self.shared.is_retiring.swap(true, Ordering::AcqRel) {
            self.tell();
        }
    }

    /// Whether the peer allows another number of streams, or goes away. What has come may be acted on only when something has
    /// gone, which there was no room for before.
    fn look_at_peer(&mut self) {
        let moves = self.shared.watch.moves();
        if moves == self.moves {
            return;
        }
        let has_come = moves.0 != self.moves.0;
        self.moves = moves;
        if has_come {
            self.heard = self.now();
            self.shared.heard(self.heard);
        }
        self.look_at_limits();
        // Only now, when the pool knows: whoever waits for this may ask it for another stream at once.
        if !self.shared.is_settled() && self.shared.watch.has_settled() {
            let sender = self.sender.as_ref();
            let extended_connect = sender.is_some_and(SendRequest::is_extended_connect_protocol_enabled);
            self.shared.settled(PeerSettings { extended_connect });
        }
    }

    /// Whether what nobody reads has used up the window: what is asked for now would wait behind it.
    fn look_at_window(&mut self) {
        let is_full = self.shared.watch.window(FIRST_WINDOW.into()) < self.least_window;
        if !is_full {
            self.full = None;
            if self.shared.is_stalled.swap(false, Ordering::AcqRel) {
                self.tell();
            }
        } else if self.full.is_none() {
            self.full = Some(self.now());
        }
    }

    fn look_at_limits(&mut self) {
        let (Some(conn), Some(sender)) = (&self.conn, &mut self.sender) else {
            return;
        };
        let most = u32::try_from(conn.max_concurrent_send_streams()).unwrap_or(u32::MAX).min(MOST_STREAMS);
        let before = self.shared.most.swap(most, Ordering::AcqRel);
        // Ready whenever it is not in error, since nothing waits in its own queue.
        let mut cx = Context::from_waker(Waker::noop());
        let said = match sender.poll_ready(&mut cx) {
            Poll::Ready(Err(e)) => Some(e),
            _ => None,
        };
        if let Some(farewell) = said.as_ref().and_then(farewell) {
            let _ = self.shared.farewell.set(farewell);
        }
        let newly = said.is_some() && !self.shared.is_retiring.swap(true, Ordering::AcqRel);
        if before != most {
            // A further connection begins with it.
            self.settings.memory.add_streams(&self.place, most);
        }
        if newly || before != most {
            self.tell();
        }
    }

    /// The pool is to look at what the connection takes.
    fn tell(&self) {
        if let Some((checkout, conn)) = &self.pool {
            if let Some(checkout) = checkout.upgrade() {
                checkout.capacity_changed(*conn, &self.shared);
            }
        }
    }

    /// Asks the peer whether it is there, and hears that it is. Whether something is to be sent.
    fn poll_pings(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(pings) = &mut self.pings else {
            return false;
        };
        if self.pinged.is_some() && pings.poll_pong(cx).is_ready() {
            // An error says that the connection has ended, which is told elsewhere.
            self.pinged = None;
            self.shared.orders.done(Order::Ping);
            if self.shared.is_suspect.swap(false, Ordering::AcqRel) {
                self.tell();
            }
        }
        let is_silent = self.keep_alive.is_some_and(|interval| {
            let due = self.heard.checked_add(interval);
            due.is_some_and(|due| due <= self.shared.here.runtime.now())
        });
        let is_due = is_silent || self.shared.orders.has(Order::Ping);
        if self.pinged.is_some() || !is_due || self.sender.is_none() {
            return false;
        }
        let Some(pings) = &mut self.pings else {
            return false;
        };
        // Refused only while another one is under way.
        let sent = pings.send_ping(Ping::opaque()).is_ok();
        if sent {
            self.pinged = Some(self.now());
        }
        sent
    }

    /// What time does to the connection next, and when.
    fn deadline(&self) -> Option<(Instant, Due)> {
        // An answer may be stuck behind content that is on its way: as long as something comes, the peer is there.
        let silent = self.pinged.and_then(|pinged| pinged.max(self.heard).checked_add(self.answer_within));
        let gone = self.leaving.and_then(|leaving| leaving.checked_add(CLOSING));
        let ask = self.keep_alive.filter(|_| self.pinged.is_none() && self.sender.is_some());
        let ask = ask.and_then(|interval| self.heard.checked_add(interval));
        let full = self.full.filter(|_| !self.shared.is_stalled.load(Ordering::Acquire));
        let stalled = full.and_then(|full| full.checked_add(STALLED));
        let all = [(silent, Due::Silent), (gone, Due::Gone), (ask, Due::Ask), (stalled, Due::Stalled)];
        all.into_iter().filter_map(|(at, due)| Some((at?, due))).min_by_key(|(at, _)| *at)
    }

    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<Fate> {
        // A deadline that only marks the connection, then a sleep that may fire too early and is set anew once. One that
        // does so again is the runtime's fault, and must not keep us here for ever.
        for _ in 0..3 {
            let Some((next, due)) = self.deadline() else {
                self.sleep = None;
                return Poll::Pending;
            };
            let now = self.now();
            if next <= now {
                match (due, self.pinged) {
                    (Due::Silent, Some(pinged)) => {
                        return Poll::Ready(Fate::Silent(now.saturating_duration_since(pinged)));
                    }
                    (Due::Ask, _) => break,
                    (Due::Stalled, _) => {
                        self.shared.is_stalled.store(true, Ordering::Release);
                        self.tell();
                        continue;
                    }
                    (Due::Gone | Due::Silent, _) => return Poll::Ready(Fate::Ended),
                }
            }
            let sleep = match &mut self.sleep {
                // A later deadline only changes a number.
                Some((at, sleep)) if *at <= next => sleep,
                sleep => &mut sleep.insert((next, self.shared.here.runtime.sleep_until(next))).1,
            };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The connection has ended, or ends now. Its streams hear of it when it is dropped.
    fn finish(&mut self, fate: Fate) {
        self.shared.end(fate);
        self.sender = None;
        if let Some((checkout, conn)) = self.pool.take() {
            // First it leaves the pool: whoever hears of its end may ask for another one at once.
            if let Some(checkout) = checkout.upgrade() {
                checkout.conn_closed(conn, &self.shared.here);
            }
        }
        self.conn = None;
    }
}

/// What the peer said in going away, if that is what the error is.
fn farewell(e: &h2::Error) -> Option<Farewell> {
    let code = e.reason().filter(|_| e.is_go_away() && e.is_remote())?;
    Some(Farewell { code: ErrorCode(code.into()), text: e.to_string() })
}

/// What time does to a connection.
#[derive(Clone, Copy)]
enum Due {
    /// The peer has not answered.
    Silent,
    /// The peer does not let it go.
    Gone,
    /// The peer is to be asked.
    Ask,
    /// Nobody reads what has come.
    Stalled,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.run(cx) {
            Poll::Ready(fate) => {
                self.finish(fate);
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Driver {
    /// Dropped before its end: with its runtime, or by a panic.
    fn drop(&mut self) {
        self.finish(Fate::Abandoned);
    }
}
