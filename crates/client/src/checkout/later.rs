//! What follows from a change of the pool, to be done once the lock is gone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread;

use martlet_core::pool::DialId;

use crate::bell::Bell;
use crate::checkout::janitor::Janitor;
use crate::checkout::shared::Checkout;
use crate::checkout::slot::{Dialing, Slot};
use crate::checkout::task::DialTask;
use crate::dial::Dial;
use crate::h1::Connection;
use crate::h2::{Driver, Multiplexed};
use crate::here::Here;

/// All of it may run code that is not ours: wakers, executors, transports, destructors.
#[derive(Default)]
pub(crate) struct Later {
    pub(crate) woken: Vec<Waker>,
    pub(crate) rung: Vec<Arc<Bell>>,
    pub(crate) spawned: Vec<Spawned>,
    /// The number of the janitor to engage, and where.
    pub(crate) janitor: Option<(Here, u64)>,
    #[expect(clippy::vec_box, reason = "they are boxed wherever else they are")]
    pub(crate) closed: Vec<Box<Connection>>,
    pub(crate) left: Vec<Left>,
    /// What polls a connection that is new.
    pub(crate) driver: Option<Box<(Here, Driver)>>,
    pub(crate) given_up: Vec<Dial>,
    /// Only to be dropped.
    pub(crate) slot: Option<Slot>,
    pub(crate) conn: Option<Multiplexed>,
    pub(crate) dialing: Option<Dialing>,
    pub(crate) waker: Option<Waker>,
}

/// A shared connection that the pool has let go of.
pub(crate) struct Left {
    pub(crate) conn: Multiplexed,
    /// Also what is under way on it ends.
    pub(crate) at_once: bool,
}

/// A dial that goes on in a task.
pub(crate) struct Spawned {
    pub(crate) here: Here,
    pub(crate) id: DialId,
    /// It was a task from the start, for all who share it.
    pub(crate) shared: bool,
}

impl Later {
    /// As it is after most requests, whom nobody waits for.
    fn is_only_to_be_dropped(&self) -> bool {
        self.woken.is_empty()
            && self.rung.is_empty()
            && self.spawned.is_empty()
            && self.janitor.is_none()
            && self.closed.is_empty()
            && self.left.is_empty()
            && self.driver.is_none()
            && self.given_up.is_empty()
            && self.dialing.is_none()
    }

    /// Does all of it, also if some of it panics: others wait for the rest.
    pub(crate) fn run(self, checkout: &Arc<Checkout>) {
        let mut panics = Panics::default();
        if self.is_only_to_be_dropped() {
            if self.slot.is_some() || self.conn.is_some() || self.waker.is_some() {
                panics.catch(|| drop((self.slot, self.conn, self.waker)));
            }
            return panics.resume();
        }
        // Before anybody who was given a stream of its connection is woken.
        if let Some(new) = self.driver {
            let (here, driver) = *new;
            panics.catch(|| here.home.spawn(driver));
        }
        for waker in self.woken {
            panics.catch(|| waker.wake());
        }
        for bell in self.rung {
            panics.catch(|| bell.ring());
        }
        for Spawned { here, id, shared } in self.spawned {
            let task = DialTask::new(Arc::clone(checkout), id, here.clone(), shared);
            panics.catch(|| here.home.spawn(task));
        }
        if let Some((here, number)) = self.janitor {
            let is_engaged = Arc::new(AtomicBool::new(false));
            let janitor =
                Janitor::new(Arc::downgrade(checkout), here.clone(), number, Arc::clone(&is_engaged));
            panics.catch(|| here.home.spawn(janitor));
            is_engaged.store(true, Ordering::Relaxed);
        }
        for mut connection in self.closed {
            panics.catch(|| connection.close());
            panics.catch(|| drop(connection));
        }
        for Left { conn, at_once } in self.left {
            panics.catch(|| if at_once { conn.abort() } else { conn.close() });
            panics.catch(|| {
                let _last = conn;
            });
        }
        for dial in self.given_up {
            panics.catch(|| drop(dial));
        }
        panics.catch(|| drop((self.slot, self.conn, self.dialing, self.waker)));
        panics.resume();
    }
}

/// Panics of others.
#[derive(Default)]
struct Panics {
    first: Option<Box<dyn Any + Send>>,
}

impl Panics {
    fn catch(&mut self, step: impl FnOnce()) {
        // What it leaves behind is not looked at again.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(step)) {
            self.first.get_or_insert(panic);
        }
    }

    fn resume(self) {
        // A second one beside another would end the program.
        if let Some(panic) = self.first.filter(|_| !thread::panicking()) {
            resume_unwind(panic);
        }
    }
}
