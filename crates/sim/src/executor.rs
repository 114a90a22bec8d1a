//! Runs tasks one at a time, in an order that the seed decides.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

#[cfg(feature = "tls")]
use crate::tls::Seeded;
use crate::world::{Shared, World};

/// The future that `block_on` was given.
pub(crate) const MAIN: u64 = 0;

pub(crate) type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A spawned future.
pub(crate) struct Task {
    /// `None` while it is being polled.
    future: Option<TaskFuture>,
    waker: Arc<TaskWaker>,
    pub(crate) home: u64,
    /// Somebody's task; a run must not end while it waits. Servers and what the client leaves behind may.
    pub(crate) is_awaited: bool,
}

/// The tasks that can run, in the order in which they were woken.
#[derive(Default)]
pub(crate) struct Ready {
    queue: Mutex<VecDeque<Arc<TaskWaker>>>,
    /// Nothing runs any more. Who is in the queue holds it: nobody may be put there now.
    is_over: AtomicBool,
}

pub(crate) struct TaskWaker {
    id: u64,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        Self::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_over = self.ready.is_over.load(Ordering::Acquire);
        if !is_over && !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.lock().push_back(Arc::clone(self));
        }
    }
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<TaskWaker>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn waker(self: &Arc<Self>, id: u64) -> Arc<TaskWaker> {
        Arc::new(TaskWaker { id, queued: AtomicBool::new(false), ready: Arc::clone(self) })
    }

    /// Takes the next task out: the first, or one that `choose` picks below their number.
    fn take(&self, choose: impl FnOnce(usize) -> usize) -> Option<u64> {
        let len = self.lock().len();
        let at = if len > 1 { choose(len) } else { 0 };
        let task = self.lock().remove(at)?;
        task.queued.store(false, Ordering::Release);
        Some(task.id)
    }

    /// Forgets them all, and those who are woken from now on.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.lock().clear();
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The main future is done.
    Done,
    /// Nothing can happen any more, or not before the time that was set.
    Quiet,
    /// Too many polls.
    Endless,
}

impl World {
    pub(crate) fn spawn(
        &mut self,
        ready: &Arc<Ready>,
        home: u64,
        is_awaited: bool,
        future: TaskFuture,
    ) -> Option<TaskFuture> {
        if !self.homes.contains(&home) {
            // The caller drops it once the mutex is free.
            return Some(future);
        }
        let id = self.next_task;
        self.next_task += 1;
        let waker = ready.waker(id);
        waker.wake_by_ref();
        self.tasks.insert(id, Task { future: Some(future), waker, home, is_awaited });
        None
    }
}

impl Shared {
    /// Spawns a task. An instance that has ended drops it.
    pub(crate) fn spawn(self: &Arc<Self>, home: u64, is_awaited: bool, future: TaskFuture) {
        let refused = self.with(|world| world.spawn(&self.ready, home, is_awaited, future));
        drop(refused);
    }

    /// Runs until the main future is done or nothing can happen, but not beyond `until`.
    ///
    /// # Panics
    ///
    /// It is called from inside of a run.
    pub(crate) fn run(
        self: &Arc<Self>,
        until: Option<Duration>,
        mut main: impl FnMut(&mut Context<'_>) -> bool,
    ) -> Ended {
        let (max_polls, shuffle) = self.with(|world| {
            assert!(!world.running, "a simulation cannot be run from inside of itself");
            world.running = true;
            (world.config.max_polls, world.config.shuffle_tasks)
        });
        let _guard = Running::new(self);
        let main_waker = self.ready.waker(MAIN);
        main_waker.wake_by_ref();
        let main_waker = Waker::from(main_waker);
        let mut polls = 0;
        loop {
            while let Some(id) = self.next_ready(shuffle) {
                polls += 1;
                if polls > max_polls {
                    return Ended::Endless;
                }
                if id != MAIN {
                    self.poll_task(id);
                    continue;
                }
                self.with(|world| world.here = Some(0));
                let done = main(&mut Context::from_waker(&main_waker));
                self.with(|world| world.here = None);
                if done {
                    return Ended::Done;
                }
            }
            if !self.with(|world| world.turn(until)) {
                if let Some(until) = until {
                    self.with(|world| world.clock.now = world.clock.now.max(until));
                }
                return Ended::Quiet;
            }
        }
    }

    fn next_ready(&self, shuffle: bool) -> Option<u64> {
        self.ready.take(|len| {
            if shuffle { self.with(|world| world.scheduler.below(len as u64) as usize) } else { 0 }
        })
    }

    fn poll_task(&self, id: u64) {
        let taken = self.with(|world| {
            let task = world.tasks.get_mut(&id)?;
            let future = task.future.take()?;
            world.here = Some(task.home);
            Some((future, Waker::from(Arc::clone(&task.waker))))
        });
        // It ended before it was woken, or its home did.
        let Some((mut future, waker)) = taken else { return };
        let done = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let over = self.with(|world| {
            world.here = None;
            match world.tasks.get_mut(&id) {
                Some(task) if !done => {
                    task.future = Some(future);
                    (None, None)
                }
                _ => (world.tasks.remove(&id), Some(future)),
            }
        });
        drop(over);
    }
}

/// Lets the simulation be run again, also when a task panics.
struct Running<'a> {
    shared: &'a Shared,
    #[cfg(feature = "tls")]
    seeded: Option<Seeded>,
}

impl<'a> Running<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            #[cfg(feature = "tls")]
            seeded: Some(Seeded::new(shared.with(|world| world.entropy.clone()))),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        #[cfg(feature = "tls")]
        let entropy = self.seeded.take().map(Seeded::end);
        self.shared.with(|world| {
            world.running = false;
            world.here = None;
            #[cfg(feature = "tls")]
            if let Some(entropy) = entropy {
                world.entropy = entropy;
            }
        });
    }
}

#[cfg(test)]
mod tests;
