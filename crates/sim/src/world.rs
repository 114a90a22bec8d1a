//! Everything there is in a simulation, behind one mutex.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::mem;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::SimConfig;
use crate::connection::ConnectionLog;
use crate::executor::{Ready, Task};
use crate::hosts::HostState;
use crate::link::{Dir, Link};
use crate::rng::Rng;
use crate::server::ListenerState;

/// The world and the queue of what can run, shared by all handles.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) ready: Arc<Ready>,
}

/// What a listener is known by: the name of its host, and its port.
pub(crate) type Place = (String, u16);

pub(crate) struct World {
    pub(crate) config: SimConfig,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    /// Chance is drawn from separate streams, so that one more draw in one place does not change all the others.
    pub(crate) network: Rng,
    pub(crate) faults: Rng,
    pub(crate) random: Rng,
    pub(crate) scheduler: Rng,
    /// What TLS draws from.
    #[cfg(feature = "tls")]
    pub(crate) entropy: Rng,
    events: BTreeMap<(Duration, u64), Event>,
    next_event: u64,
    pub(crate) hosts: BTreeMap<String, HostState>,
    pub(crate) addresses: BTreeMap<IpAddr, String>,
    pub(crate) listeners: BTreeMap<Place, ListenerState>,
    pub(crate) links: BTreeMap<u64, Link>,
    /// Of all connections that there were.
    pub(crate) connections: BTreeMap<u64, ConnectionLog>,
    pub(crate) next_link: u64,
    pub(crate) tasks: BTreeMap<u64, Task>,
    pub(crate) next_task: u64,
    pub(crate) homes: BTreeSet<u64>,
    pub(crate) next_home: u64,
    /// The home of the task that is being polled.
    pub(crate) here: Option<u64>,
    pub(crate) running: bool,
    trace: String,
    /// Wakers to be called, or dropped, once the mutex is free: what is behind them is not ours.
    wake: Vec<Waker>,
    garbage: Vec<Waker>,
}

/// What happens at a time that is known beforehand.
pub(crate) enum Event {
    Timer(Waker),
    Arrive(u64, Dir),
    Release(u64, Dir),
}

/// The place of a timer among the events.
pub(crate) type EventKey = (Duration, u64);

impl Shared {
    pub(crate) fn new(seed: u64, mut root: Rng, config: SimConfig) -> Arc<Self> {
        let world = World {
            config,
            seed,
            clock: Clock::new(),
            network: root.fork(),
            faults: root.fork(),
            random: root.fork(),
            scheduler: root.fork(),
            #[cfg(feature = "tls")]
            entropy: root.fork_apart(),
            events: BTreeMap::new(),
            next_event: 0,
            hosts: BTreeMap::new(),
            addresses: BTreeMap::new(),
            listeners: BTreeMap::new(),
            links: BTreeMap::new(),
            connections: BTreeMap::new(),
            next_link: 1,
            tasks: BTreeMap::new(),
            next_task: 1,
            homes: BTreeSet::from([0]),
            next_home: 1,
            here: None,
            running: false,
            trace: String::new(),
            wake: Vec::new(),
            garbage: Vec::new(),
        };
        Arc::new(Self { world: Mutex::new(world), ready: Arc::new(Ready::default()) })
    }

    /// Does something to the world, then wakes who is to know.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        let result = act(&mut world);
        let wake = mem::take(&mut world.wake);
        let garbage = mem::take(&mut world.garbage);
        drop(world);
        for waker in wake {
            waker.wake();
        }
        drop(garbage);
        result
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// A line of the trace.
    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        if self.config.trace {
            let now = self.clock.now;
            // Writing to a string does not fail.
            let _ = writeln!(self.trace, "{}.{:09} {what}", now.as_secs(), now.subsec_nanos());
        }
    }

    pub(crate) fn trace(&self) -> &str {
        &self.trace
    }

    /// Puts something on the calendar.
    pub(crate) fn schedule(&mut self, at: Duration, event: Event) -> EventKey {
        let key = (at.max(self.clock.now), self.next_event);
        self.next_event += 1;
        self.events.insert(key, event);
        key
    }

    /// Changes whom a timer wakes. It stands where it stood.
    pub(crate) fn set_timer_waker(&mut self, key: EventKey, waker: &Waker) {
        if let Some(Event::Timer(kept)) = self.events.get_mut(&key) {
            if !kept.will_wake(waker) {
                let old = mem::replace(kept, waker.clone());
                self.garbage.push(old);
            }
        }
    }

    pub(crate) fn cancel(&mut self, key: EventKey) {
        if let Some(Event::Timer(waker)) = self.events.remove(&key) {
            self.garbage.push(waker);
        }
    }

    /// Lets the next event happen, unless it is later than `until`. The clock jumps to it. Events of the same instant may
    /// go with it, before anybody can look.
    pub(crate) fn turn(&mut self, until: Option<Duration>) -> bool {
        let Some(at) = self.next_due().filter(|at| until.is_none_or(|until| *at <= until)) else {
            return false;
        };
        self.clock.now = self.clock.now.max(at);
        loop {
            match self.events.pop_first() {
                Some((_, Event::Timer(waker))) => self.wake.push(waker),
                Some((_, Event::Arrive(link, dir))) => self.arrive(link, dir),
                Some((_, Event::Release(link, dir))) => self.release(link, dir),
                None => {}
            }
            let more = self.config.shuffle_tasks && self.next_due() == Some(at);
            if !(more && self.scheduler.percent(50)) {
                return true;
            }
        }
    }

    fn next_due(&self) -> Option<Duration> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        self.wake.extend(waker);
    }

    /// Keeps a waker in a slot.
    pub(crate) fn keep(&mut self, slot: Option<Waker>) {
        self.garbage.extend(slot);
    }

    pub(crate) fn timers(&self) -> usize {
        self.events.len()
    }

    /// Forgets everything that could run or happen, and takes no tasks any more. The caller drops it once the mutex is
    /// free.
    pub(crate) fn clear(&mut self) -> (BTreeMap<u64, Task>, BTreeMap<Place, ListenerState>) {
        self.homes.clear();
        let events = mem::take(&mut self.events);
        self.garbage.extend(events.into_values().filter_map(|event| match event {
            Event::Timer(waker) => Some(waker),
            Event::Arrive(..) | Event::Release(..) => None,
        }));
        (mem::take(&mut self.tasks), mem::take(&mut self.listeners))
    }
}
