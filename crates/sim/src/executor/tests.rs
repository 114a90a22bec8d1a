use std::future::pending;
use std::sync::Arc;

use crate::sim::Sim;

#[test]
fn nothing_is_left_of_a_simulation_whose_tasks_wake_each_other_at_their_end() {
    let sim = Sim::new(1);
    let ready = Arc::downgrade(&sim.shared.ready);
    let first = sim.spawn(pending::<()>());
    // It is told of the end of the first, when both are dropped.
    drop(sim.spawn(first));
    let _ = sim.run();
    drop(sim);
    assert!(ready.upgrade().is_none(), "the queue holds tasks, and they hold the queue");
}
