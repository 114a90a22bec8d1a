//! What follows from a change of the pool, to be done once the lock is gone.

use std::sync::Arc;
use std::task::Waker;

use martlet_core::pool::DialId;

use crate::checkout::bell::Bell;
use crate::checkout::janitor::Janitor;
use crate::checkout::shared::Checkout;
use crate::checkout::slot::{Dialing, Slot};
use crate::checkout::task::DialTask;
use crate::dial::Dial;
use crate::h1::Connection;
use crate::here::Here;

/// All of it may run code that is not ours: wakers, executors, transports, destructors.
#[derive(Default)]
pub(crate) struct Later {
    #[expect(clippy::vec_box, reason = "they are boxed wherever else they are")]
    pub(crate) closed: Vec<Box<Connection>>,
    pub(crate) given_up: Vec<Dial>,
    pub(crate) spawned: Vec<Spawned>,
    pub(crate) woken: Vec<Waker>,
    pub(crate) rung: Vec<Arc<Bell>>,
    /// The number of the janitor to engage, and where.
    pub(crate) janitor: Option<(Here, u64)>,
    /// Only to be dropped.
    pub(crate) slot: Option<Slot>,
    pub(crate) dialing: Option<Dialing>,
    pub(crate) waker: Option<Waker>,
}

/// A dial that goes on in a task.
pub(crate) struct Spawned {
    pub(crate) here: Here,
    pub(crate) id: DialId,
    pub(crate) dial: Dial,
    /// It was a task from the start, for all who share it.
    pub(crate) shared: bool,
}

impl Later {
    pub(crate) fn run(self, checkout: &Arc<Checkout>) {
        for mut connection in self.closed {
            connection.close();
        }
        drop(self.given_up);
        for Spawned { here, id, dial, shared } in self.spawned {
            here.home.spawn(DialTask::new(Arc::clone(checkout), id, dial, shared));
        }
        for bell in self.rung {
            bell.ring();
        }
        for waker in self.woken {
            waker.wake();
        }
        if let Some((here, number)) = self.janitor {
            here.home.spawn(Janitor::new(Arc::downgrade(checkout), here.clone(), number));
        }
    }
}
