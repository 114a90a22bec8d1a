//! The same test on every runtime, and a watchdog over it.

use std::future::Future;
use std::io::{self, Write as _};
use std::panic::{self, resume_unwind};
use std::sync::Once;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use martlet::BoxFuture;
use tokio::runtime::Builder;

/// Nothing here takes so long unless it waits for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime to run a test on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    TokioOneThread,
    TokioManyThreads,
    Smol,
    AsyncStd,
}

impl Flavor {
    pub const ALL: [Self; 4] = [Self::TokioOneThread, Self::TokioManyThreads, Self::Smol, Self::AsyncStd];

    pub fn tokio(self) -> bool {
        matches!(self, Self::TokioOneThread | Self::TokioManyThreads)
    }

    /// Runs a future as a task of a new runtime of this kind, or of the only one there is.
    pub fn block_on<T: Send + 'static>(self, future: impl Future<Output = T> + Send + 'static) -> T {
        let runtime = match self {
            Self::TokioOneThread => Builder::new_current_thread().enable_all().build(),
            Self::TokioManyThreads => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
            Self::Smol => return smol::block_on(smol::spawn(future)),
            Self::AsyncStd => return async_std::task::block_on(async_std::task::spawn(future)),
        };
        runtime.unwrap().block_on(async { tokio::spawn(future).await.unwrap() })
    }

    /// A task beside the one that calls this.
    pub fn spawn<T: Send + 'static>(
        self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> BoxFuture<'static, T> {
        match self {
            Self::TokioOneThread | Self::TokioManyThreads => {
                let task = tokio::spawn(future);
                Box::pin(async { task.await.unwrap() })
            }
            Self::Smol => Box::pin(smol::spawn(future)),
            Self::AsyncStd => Box::pin(async_std::task::spawn(future)),
        }
    }
}

/// Has panics on the threads of smol and async-std told at once. Such a thread lives as long as the process, and what it
/// prints is captured for the test that was the first to need it, which may have passed.
fn tell_panics() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let otherwise = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let thread = thread::current();
            match thread.name() {
                Some(name) if name.starts_with("smol") || name.starts_with("async-std") => {
                    // It is told or it is not: a panic is on its way already.
                    let _ = writeln!(io::stderr(), "thread '{name}': {info}");
                }
                _ => otherwise(info),
            }
        }));
    });
}

/// Runs a test on every runtime, one after the other.
pub fn everywhere<F: Future<Output = ()> + Send + 'static>(test: impl Fn(Flavor) -> F) {
    tell_panics();
    for flavor in Flavor::ALL {
        let test = test(flavor);
        watched(format!("on {flavor:?}"), move || flavor.block_on(test));
    }
}

/// Runs a test that fails if it does not end.
pub fn watched(what: impl AsRef<str>, test: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        // Dropped also by a panic.
        let _ended = ended;
        test();
    });
    if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        panic!("{}: it goes on for ever", what.as_ref());
    }
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}
