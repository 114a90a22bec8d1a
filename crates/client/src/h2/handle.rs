//! What requests, pool and task of a connection share.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Error, SendStream};
use http::Request;
use martlet_core::Limits;
use martlet_core::pool::Capacity;
use slab::Slab;

use super::head::Server;
use super::io::Watch;
use super::orders::{Order, Orders};
use crate::error::ErrorCode;
use crate::here::Here;
use crate::info::ConnectionInfo;
use crate::timer::{Sleep, Timer};

/// So many streams are assumed to be allowed before the peer has said how many (RFC 9113 §6.5.2 advises no less).
pub(super) const FIRST_STREAMS: u32 = 100;

/// So many at most, whatever the peer allows: what is given up, all at once if it comes to that, is remembered for a while.
pub(super) const MOST_STREAMS: u32 = 1024;

/// Sleeps that a connection keeps for its next requests.
const SLEEPS: usize = 128;

/// A connection as the pool has it. When the last clone is gone, the connection takes leave of its peer.
#[derive(Clone)]
pub(crate) struct Multiplexed(Arc<Handle>);

struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Multiplexed {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(Arc::new(Handle(shared)))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    pub(crate) fn here(&self) -> &Here {
        &self.shared().here
    }

    /// How many requests it takes, as far as is known now.
    pub(crate) fn capacity(&self) -> Capacity {
        self.shared().capacity()
    }

    /// Takes leave of the peer when the last request has ended.
    pub(crate) fn close(&self) {
        self.shared().close();
    }

    /// Ends all requests on it.
    pub(crate) fn abort(&self) {
        let _ = self.shared().fate.set(Fate::Shutdown);
        self.shared().orders.give(Order::Abort);
        self.close();
    }

    /// Waits for the peer's first SETTINGS: whether they allow extended CONNECT (RFC 8441 §3).
    pub(crate) async fn extended_connect(&self) -> bool {
        let mut waiter = SettingsWaiter { shared: self.shared(), place: None };
        let settings = poll_fn(|cx| waiter.shared.poll_settled(&mut waiter.place, cx)).await;
        // If nothing comes any more, the request itself finds out why.
        settings.is_none_or(|settings| settings.extended_connect)
    }
}

/// A place among those who wait for SETTINGS.
struct SettingsWaiter<'a> {
    shared: &'a Shared,
    place: Option<usize>,
}

impl Drop for SettingsWaiter<'_> {
    fn drop(&mut self) {
        self.shared.forget_waiter(self.place.take());
    }
}

/// Why a connection ended, where neither its transport nor its peer tell.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// The client was closed.
    Shutdown,
    /// A PING was not answered for so long.
    Silent(Duration),
    /// Its task was dropped: its runtime has ended.
    Abandoned,
    /// It ended as HTTP/2 has it.
    Ended,
}

/// What a peer says when it goes away (RFC 9113 §6.8).
#[derive(Clone, Debug)]
pub(super) struct Farewell {
    pub(super) code: ErrorCode,
    /// In words, with what it had to add.
    pub(super) text: String,
}

/// What the peer's first SETTINGS said.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerSettings {
    pub(super) extended_connect: bool,
}

/// How a request's stream leaves its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aftermath {
    /// As before.
    Unchanged,
    /// What it takes from now on may be something else.
    Changed,
}

pub(crate) struct Shared {
    /// `None` once it takes no more requests.
    sender: Mutex<Option<SendRequest<Bytes>>>,
    pub(super) info: ConnectionInfo,
    pub(super) server: Server,
    pub(super) here: Here,
    pub(super) limits: Limits,
    pub(super) watch: Arc<Watch>,
    born: Instant,
    /// When something came last, in milliseconds since then.
    heard: AtomicU64,
    pub(super) orders: Orders,
    /// Streams that the peer allows.
    pub(super) most: AtomicU32,
    /// It is being asked whether it is still there.
    pub(super) is_suspect: AtomicBool,
    /// It takes no new requests.
    pub(super) is_retiring: AtomicBool,
    /// Its window is used up by what nobody reads.
    pub(super) is_stalled: AtomicBool,
    /// It has answered a request.
    pub(super) has_served: AtomicBool,
    /// Requests on it.
    pub(super) active: AtomicUsize,
    pub(super) fate: OnceLock<Fate>,
    /// Its task touches the transport no more.
    has_ended: AtomicBool,
    /// What the peer said when it went away.
    pub(super) farewell: OnceLock<Farewell>,
    /// How the peer broke the protocol, if that ended it.
    pub(super) breach: OnceLock<String>,
    settings: OnceLock<PeerSettings>,
    settings_waiters: Mutex<Slab<Waker>>,
    sleeps: Mutex<Vec<Sleep>>,
}

impl Shared {
    pub(super) fn new(
        sender: SendRequest<Bytes>,
        info: ConnectionInfo,
        server: Server,
        here: Here,
        limits: Limits,
        watch: Arc<Watch>,
        most: u32,
    ) -> Self {
        Self {
            born: here.runtime.now(),
            heard: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            farewell: OnceLock::new(),
            sender: Mutex::new(Some(sender)),
            info,
            server,
            here,
            limits,
            watch,
            orders: Orders::default(),
            most: AtomicU32::new(most),
            is_suspect: AtomicBool::new(false),
            is_retiring: AtomicBool::new(false),
            is_stalled: AtomicBool::new(false),
            has_served: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            fate: OnceLock::new(),
            breach: OnceLock::new(),
            settings: OnceLock::new(),
            settings_waiters: Mutex::new(Slab::new()),
            sleeps: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn here(&self) -> &Here {
        &self.here
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// What the pool is to be told. It is asked for under the pool's lock, so that the last word is the newest.
    pub(crate) fn capacity(&self) -> Capacity {
        if self.is_retiring.load(Ordering::Acquire) {
            Capacity::Retiring
        } else if self.is_suspect.load(Ordering::Acquire) {
            Capacity::Suspect
        } else if self.is_stalled.load(Ordering::Acquire) {
            // An answer could not come.
            Capacity::Streams(0)
        } else {
            Capacity::Streams(self.most.load(Ordering::Acquire))
        }
    }

    /// Begins a stream. Without one the connection takes no more of them, for the reason that is given if there is one.
    pub(super) fn send(
        &self,
        request: Request<()>,
        is_whole: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), Option<Error>> {
        // A clone does not remember a stream that waits in the crate's queue: how many there may be is the pool's to say.
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sender.ok_or(None)?.send_request(request, is_whole).map_err(Some)
    }

    pub(super) fn close(&self) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(sender);
        self.orders.give(Order::Close);
    }

    /// Something has come.
    pub(super) fn heard(&self, now: Instant) {
        let passed = now.saturating_duration_since(self.born).as_millis();
        self.heard.store(u64::try_from(passed).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// For how long nothing has come.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Acquire));
        now.saturating_duration_since(self.born).saturating_sub(heard)
    }

    /// Somebody was told nothing on this stream, and nothing came on the whole connection either.
    pub(super) fn suspect(&self) {
        self.is_suspect.store(true, Ordering::Release);
        self.orders.give(Order::Ping);
    }

    /// Ready once the peer's first SETTINGS are here and the pool knows them; with none if they never come.
    ///
    /// `place` is that of whoever waits, to be given back by [`forget_waiter`](Self::forget_waiter).
    pub(super) fn poll_settled(
        &self,
        place: &mut Option<usize>,
        cx: &Context<'_>,
    ) -> Poll<Option<PeerSettings>> {
        if let Some(settings) = self.settings.get() {
            return Poll::Ready(Some(*settings));
        }
        let mut waiters = self.settings_waiters.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever settles it, or ends it, does so before it looks for those who wait.
        if self.settings.get().is_some() || self.fate.get().is_some() {
            return Poll::Ready(self.settings.get().copied());
        }
        let known = place.and_then(|place| waiters.get_mut(place));
        let before = match known {
            Some(known) if known.will_wake(cx.waker()) => None,
            Some(known) => Some(std::mem::replace(known, cx.waker().clone())),
            None => {
                *place = Some(waiters.insert(cx.waker().clone()));
                None
            }
        };
        drop(waiters);
        drop(before);
        Poll::Pending
    }

    /// Nobody waits there any more.
    pub(super) fn forget_waiter(&self, place: Option<usize>) {
        let Some(place) = place.filter(|_| !self.is_settled()) else {
            return;
        };
        let waker = self.settings_waiters.lock().unwrap_or_else(PoisonError::into_inner).try_remove(place);
        drop(waker);
    }

    pub(super) fn settled(&self, settings: PeerSettings) {
        let _ = self.settings.set(settings);
        self.wake_waiters();
    }

    /// Nothing more goes out.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended.load(Ordering::Acquire) || self.watch.end().is_some()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settings.get().is_some()
    }

    /// It has ended, for this reason unless there was another one before.
    pub(super) fn end(&self, fate: Fate) {
        let _ = self.fate.set(fate);
        self.has_ended.store(true, Ordering::Release);
        self.is_retiring.store(true, Ordering::Release);
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(sender);
        self.wake_waiters();
    }

    fn wake_waiters(&self) {
        let waiters =
            std::mem::take(&mut *self.settings_waiters.lock().unwrap_or_else(PoisonError::into_inner));
        for (_, waker) in waiters {
            // One that panics must not leave the others waiting.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    /// Gives a request a sleep that was used before, if there is one.
    pub(super) fn lend_sleep(&self, timer: &mut Timer) {
        let sleep = self.sleeps.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if sleep.is_some() {
            timer.use_sleep(sleep);
        }
    }

    /// A request has ended.
    pub(super) fn keep_sleep(&self, timer: &mut Timer) {
        let Some(sleep) = timer.take_sleep() else {
            return;
        };
        let mut sleeps = self.sleeps.lock().unwrap_or_else(PoisonError::into_inner);
        if sleeps.len() < SLEEPS {
            sleeps.push(sleep);
        }
    }
}
