//! The runtime that a thread is in.

use std::cell::RefCell;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::sync::Arc;

use martlet_client::{BoxFuture, Home, Spawn};
use tokio::runtime::{Handle, Id};

use crate::drivers::{self, Drivers};

const NO_RUNTIME: &str = "no tokio runtime is running here: call it inside `#[tokio::main]` or \
                          `Runtime::block_on`, or enable the feature `smol` to run on any executor";

thread_local! {
    /// The home that this thread asked for last, and with it a handle of that runtime.
    static LAST: RefCell<Option<(Id, Home)>> = const { RefCell::new(None) };
}

/// The home of the current runtime; from the second time on a comparison and a clone.
pub(crate) fn current() -> io::Result<Home> {
    let handle = Handle::try_current().map_err(|_| io::Error::new(io::ErrorKind::Unsupported, NO_RUNTIME))?;
    let id = handle.id();
    let last = LAST.try_with(|last| match &*last.borrow() {
        Some((known, home)) if *known == id => Some(home.clone()),
        _ => None,
    });
    match last {
        Ok(Some(home)) => Ok(home),
        _ => enter(handle, id),
    }
}

/// The first time that this thread asks in this runtime, or the first time after it asked in another one.
fn enter(handle: Handle, id: Id) -> io::Result<Home> {
    let drivers = drivers::of_current(id);
    if let Drivers::Lacking(what) = drivers {
        return Err(io::Error::new(io::ErrorKind::Unsupported, what));
    }
    // An id hides its number. Those of two runtimes have the same hash once in 2^64.
    let number = BuildHasherDefault::<DefaultHasher>::new().hash_one(id);
    let home = Home::new(number, Arc::new(Tasks(handle)));
    if let Drivers::Complete = drivers {
        // What is replaced is dropped when the cell is no longer borrowed: it may be the last handle of a
        // runtime, and the destructors of its tasks may ask for a home. A thread that is ending keeps none.
        let _ = LAST.try_with(|last| drop(last.replace(Some((id, home.clone())))));
    }
    Ok(home)
}

/// Spawns into one runtime, from any thread. A runtime that has shut down drops the task.
struct Tasks(Handle);

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(self.0.spawn(task));
    }
}
