//! Many waiters at once, for a profiler to count instructions: `pool_load <waiters> <steps>`.
//!
//! Step 1 lets so many requests queue over a thousand origins, step 2 cancels half of them, chosen at random, step 3 serves the rest.
//! What a step costs is the difference to a run without it. `cargo xtask instructions` does the counting.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use martlet_core::pool::{
    Action, Capacity, DialId, Handle, Lease, Pool, PoolConfig, PoolKey, Returned, Want,
};

const ORIGINS: u32 = 1_000;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Origin(u32);

impl PoolKey for Origin {
    type Origin = Self;

    fn origin(&self) -> &Self {
        self
    }

    fn may_multiplex(&self) -> bool {
        false
    }
}

struct Load {
    pool: Pool<Origin, u32, u32, u32>,
    now: Instant,
    dials: VecDeque<DialId>,
    leases: VecDeque<(Lease, u32)>,
    served: u32,
}

impl Load {
    fn new() -> Self {
        let now = Instant::now();
        let pool = Pool::new(PoolConfig::default());
        Self { pool, now, dials: VecDeque::new(), leases: VecDeque::new(), served: 0 }
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.pool.poll_action() {
            match action {
                Action::Dial { dial, .. } => self.dials.push_back(dial),
                Action::Assign { lease, conn: Handle::Exclusive(x), .. } => {
                    self.served += 1;
                    self.leases.push_back((lease, x));
                }
                _ => {}
            }
        }
    }

    fn queue(&mut self, waiters: u32, random: &mut u64) -> Vec<martlet_core::pool::WaiterId> {
        let mut ids = Vec::with_capacity(waiters as usize);
        for token in 0..waiters {
            self.now += Duration::from_nanos(1);
            let origin = Origin((next(random) % u64::from(ORIGINS)) as u32);
            ids.push(self.pool.request(&origin, token, Want::Any, self.now));
            self.carry_out();
        }
        ids
    }

    /// Every dial succeeds and every exchange ends, until nobody waits.
    fn serve(&mut self) {
        loop {
            self.now += Duration::from_nanos(1);
            if let Some(dial) = self.dials.pop_front() {
                self.pool.handle_dialed(dial, Handle::Exclusive(0), Capacity::Exclusive, self.now);
            } else if let Some((lease, x)) = self.leases.pop_front() {
                self.pool.release(lease, Returned::Finished(x, None), self.now);
            } else {
                return;
            }
            self.carry_out();
        }
    }
}

fn next(random: &mut u64) -> u64 {
    // Any sequence without a pattern will do (Knuth's MMIX).
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *random >> 33
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
    let (Some(Ok(waiters)), Some(Ok(steps)), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("pool_load <waiters> <steps>");
        return ExitCode::from(2);
    };
    let (mut load, mut random) = (Load::new(), 1);
    if steps >= 1 {
        let mut ids = load.queue(waiters, &mut random);
        if steps >= 2 {
            for i in (1..ids.len()).rev() {
                ids.swap(i, (next(&mut random) % (i as u64 + 1)) as usize);
            }
            for id in ids.drain(..ids.len() / 2) {
                load.pool.cancel(id, load.now);
                load.carry_out();
            }
        }
    }
    if steps >= 3 {
        load.serve();
        let stats = load.pool.stats();
        assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "everybody is served");
        assert_eq!(load.served, waiters - waiters / 2);
    }
    ExitCode::SUCCESS
}
