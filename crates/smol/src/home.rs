//! The executor of what a client leaves behind: one thread, started by the first task.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use async_executor::Executor;
use martlet_client::{BoxFuture, Home, Spawn};

static EXECUTOR: Executor<'static> = Executor::new();

pub(crate) fn current() -> Home {
    static HOME: LazyLock<Home> = LazyLock::new(|| Home::new(0, Arc::new(Thread)));
    HOME.clone()
}

struct Thread;

impl Spawn for Thread {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // Without a thread the task is dropped, as by an executor that has ended; the next one tries again.
        if is_running() {
            EXECUTOR.spawn(task).detach();
        }
    }
}

fn is_running() -> bool {
    static STARTED: Mutex<bool> = Mutex::new(false);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    // The executor keeps the panics of its tasks to itself, so that the thread never ends.
    let run = || async_io::block_on(EXECUTOR.run(pending::<Infallible>()));
    *started = *started || thread::Builder::new().name("martlet".to_owned()).spawn(run).is_ok();
    *started
}
