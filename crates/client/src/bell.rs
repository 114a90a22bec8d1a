//! How a task hears of something that happens once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// Rung once, by anybody. One task listens.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    listener: Mutex<Option<Waker>>,
}

impl Bell {
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// Wakes this task when the bell is rung. Whether it was rung already.
    pub(crate) fn listen(&self, cx: &Context<'_>) -> bool {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match &mut *listener {
            Some(known) if known.will_wake(cx.waker()) => None,
            known => known.replace(cx.waker().clone()),
        };
        drop(listener);
        drop(before);
        // Whoever rings says so before it looks for a listener: one of both sees the other.
        self.is_rung()
    }

    /// Nobody listens any more, and no task is kept for it.
    pub(crate) fn forget(&self) {
        let forgotten = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(forgotten);
    }

    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = listener {
            waker.wake();
        }
    }
}
