//! The streams of a connection as futures in one task.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use martlet_client::BoxFuture;

use super::host::lock;

/// Futures by the numbers of their streams. Those that were woken are polled, the lowest first.
#[derive(Default)]
pub(super) struct Tasks {
    tasks: BTreeMap<u32, (BoxFuture<'static, ()>, Arc<Bell>)>,
    parent: Arc<Mutex<Option<Waker>>>,
}

struct Bell {
    rung: AtomicBool,
    parent: Arc<Mutex<Option<Waker>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        Self::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        let parent = lock(&self.parent).clone();
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}

impl Tasks {
    pub(super) fn insert(&mut self, stream: u32, task: BoxFuture<'static, ()>) {
        let bell = Bell { rung: AtomicBool::new(true), parent: Arc::clone(&self.parent) };
        self.tasks.insert(stream, (task, Arc::new(bell)));
    }

    pub(super) fn remove(&mut self, stream: u32) {
        self.tasks.remove(&stream);
    }

    pub(super) fn clear(&mut self) {
        self.tasks.clear();
    }

    /// Polls those that were woken. Whoever wakes one later wakes the task of `cx`.
    pub(super) fn poll(&mut self, cx: &Context<'_>) {
        *lock(&self.parent) = Some(cx.waker().clone());
        self.tasks.retain(|_, (task, bell)| {
            if !bell.rung.swap(false, Ordering::AcqRel) {
                return true;
            }
            let waker = Waker::from(Arc::clone(bell));
            task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // Bells may outlive it in somebody's list of wakers.
        lock(&self.parent).take();
    }
}
