//! What the task of a connection is told from outside.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// Told once each; the task is woken.
#[derive(Debug, Default)]
pub(super) struct Orders {
    given: AtomicU8,
    task: Mutex<Option<Waker>>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Order {
    /// Take leave when the last request has ended.
    Close = 1,
    /// End now, whatever is under way.
    Abort = 2,
    /// Ask the peer whether it is still there.
    Ping = 4,
}

impl Orders {
    pub(super) fn give(&self, order: Order) {
        if self.given.fetch_or(order as u8, Ordering::AcqRel) & order as u8 != 0 {
            return;
        }
        self.wake();
    }

    /// Has the task look at everything again.
    pub(super) fn wake(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = task {
            waker.wake();
        }
    }

    /// To be called before looking at what was ordered: an order that is given later wakes the task.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match &mut *task {
            Some(known) if known.will_wake(cx.waker()) => None,
            known => known.replace(cx.waker().clone()),
        };
        drop(task);
        drop(before);
    }

    pub(super) fn has(&self, order: Order) -> bool {
        self.given.load(Ordering::Acquire) & order as u8 != 0
    }

    /// It is carried out, and may be given again.
    pub(super) fn done(&self, order: Order) {
        self.given.fetch_and(!(order as u8), Ordering::AcqRel);
    }
}
