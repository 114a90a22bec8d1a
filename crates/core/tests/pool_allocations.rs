//! What the pool allocates: nothing, where a connection is there already.

use std::time::{Duration, Instant};

use martlet_core::pool::{Action, Capacity, Handle, Pool, PoolConfig, PoolKey, Returned, Want};

/// Some instant; all others are counted from it.
#[expect(
    clippy::disallowed_methods,
    reason = "an instant cannot be made otherwise, and none is compared with the clock"
)]
fn epoch() -> Instant {
    Instant::now()
}

/// An origin whose name is on the heap, so that a needless copy of a key is seen.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    origin: String,
    multiplex: bool,
}

impl PoolKey for Key {
    type Origin = String;

    fn origin(&self) -> &String {
        &self.origin
    }

    fn may_multiplex(&self) -> bool {
        self.multiplex
    }
}

type OfBoxes = Pool<Key, Box<u32>, u32, u32>;

/// One request from beginning to end over a connection that is there.
fn hit(pool: &mut OfBoxes, key: &Key, now: Instant) {
    pool.request(key, 1, Want::Any, now);
    let Some(Action::Assign { lease, conn, .. }) = pool.poll_action() else {
        panic!("there is a connection")
    };
    let returned = match conn {
        Handle::Exclusive(x) => Returned::Finished(x, None),
        Handle::Shared(_) => Returned::StreamDone,
    };
    pool.release(lease, returned, now + Duration::from_millis(1));
    assert!(pool.poll_action().is_none());
}

fn with_connection(key: &Key, handle: Handle<Box<u32>, u32>, now: Instant) -> OfBoxes {
    let mut pool = Pool::new(PoolConfig::default());
    pool.request(key, 0, Want::Any, now);
    let Some(Action::Dial { dial, .. }) = pool.poll_action() else { panic!("a dial was due") };
    pool.handle_dialed(dial, handle, Capacity::Streams(1), now);
    let Some(Action::Assign { lease, conn, .. }) = pool.poll_action() else { panic!("it is for the waiter") };
    let returned = match conn {
        Handle::Exclusive(x) => Returned::Finished(x, None),
        Handle::Shared(_) => Returned::StreamDone,
    };
    pool.release(lease, returned, now);
    pool
}

#[test]
fn a_request_over_an_idle_connection_allocates_nothing() {
    let now = epoch();
    for multiplex in [false, true] {
        let key = Key { origin: "a".to_owned(), multiplex };
        let handle = if multiplex { Handle::Shared(0) } else { Handle::Exclusive(Box::new(0)) };
        let mut pool = with_connection(&key, handle, now);
        hit(&mut pool, &key, now);
        let counted = allocation_counter::measure(|| {
            for n in 0..1_000 {
                hit(&mut pool, &key, now + Duration::from_millis(n));
            }
        });
        assert_eq!(counted.count_total, 0, "of HTTP/2: {multiplex}");
    }
}

#[test]
fn the_count_sees_what_a_dial_allocates() {
    let (now, key) = (epoch(), Key { origin: "a".to_owned(), multiplex: false });
    let counted = allocation_counter::measure(|| {
        with_connection(&key, Handle::Exclusive(Box::new(0)), now);
    });
    assert!(counted.count_total > 0);
}
