//! Virtual time, tasks, homes and dead-locks.

mod common;

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use martlet::{Kind, Runtime};
use martlet_sim::{DeadlockReason, Script, Sim, SimConfig, SimRequest, SimResponse};

use common::{calm, client, echo, get, raw, seconds};

#[test]
fn an_hour_takes_no_time() {
    let sim = Sim::new(1);
    // A thousand years of it: whoever waits for a real one does not see the end of this.
    for _ in 0..1_000 {
        sim.block_on(sim.sleep(seconds(365 * 24 * 3600))).expect("a timer is set");
    }
    assert_eq!(sim.now(), seconds(1_000 * 365 * 24 * 3600));
}

#[test]
fn timers_fire_in_their_order_and_never_early() {
    let sim = Sim::new(2);
    let fired = Arc::new(std::sync::Mutex::new(Vec::new()));
    for n in [5, 1, 4, 2, 3] {
        let (fired, runtime) = (Arc::clone(&fired), sim.runtime());
        sim.spawn(async move {
            runtime.sleep(seconds(n)).await;
            assert_eq!(runtime.elapsed(), seconds(n));
            fired.lock().expect("sound").push(n);
        });
    }
    sim.run().expect("no dead-lock");
    assert_eq!(*fired.lock().expect("sound"), [1, 2, 3, 4, 5]);
}

#[test]
fn a_dropped_timer_does_not_move_the_clock() {
    let sim = Sim::new(3);
    sim.block_on(async {
        let mut long = Box::pin(sim.sleep(seconds(100)));
        let mut short = Box::pin(sim.sleep(seconds(1)));
        poll_fn(|cx| {
            assert!(long.as_mut().poll(cx).is_pending());
            short.as_mut().poll(cx)
        })
        .await;
    })
    .expect("no dead-lock");
    sim.run().expect("nothing is left");
    assert_eq!(sim.now(), seconds(1));
}

#[test]
fn advance_lets_exactly_so_much_time_pass() {
    let sim = Sim::new(4);
    let runtime = sim.runtime();
    let done = sim.spawn(async move { runtime.sleep(seconds(10)).await });
    sim.advance(seconds(9)).expect("not endless");
    assert_eq!(sim.now(), seconds(9));
    sim.advance(seconds(1)).expect("not endless");
    assert_eq!(sim.now(), seconds(10));
    assert_eq!(sim.block_on(done).expect("it is done"), Some(()));
}

#[test]
fn s289_20_a_suspend_moves_the_wall_clock_only() {
    let sim = Sim::new(5);
    let (runtime, before) = (sim.runtime(), sim.wall_clock());
    let now = runtime.now();
    sim.suspend(seconds(3600));
    assert_eq!(runtime.now(), now);
    assert_eq!(runtime.wall_clock(), before + seconds(3600));
    sim.advance(seconds(2)).expect("not endless");
    assert_eq!(runtime.now(), now + seconds(2));
    assert_eq!(sim.wall_clock(), before + seconds(3602));
    sim.set_wall_clock(SystemTime::UNIX_EPOCH + seconds(5));
    assert_eq!(sim.wall_clock(), SystemTime::UNIX_EPOCH + seconds(5));
}

#[test]
fn the_wall_clock_begins_at_the_same_date() {
    assert_eq!(Sim::new(1).wall_clock(), Sim::new(2).wall_clock());
}

#[test]
fn a_future_that_nobody_wakes_is_a_dead_lock() {
    let sim = Sim::new(6);
    let deadlock = sim.block_on(pending::<()>()).expect_err("nobody wakes it");
    assert_eq!(deadlock.reason(), DeadlockReason::Quiet);
    assert!(deadlock.to_string().contains("seed 6"), "{deadlock}");
}

#[test]
fn a_dead_lock_is_reported_with_connections_complaints_and_what_was_dumped() {
    let sim = calm();
    let server = raw(&sim, Script::new().expect_head().stall());
    let wrong = sim.listen_script("b.test", 80, [Script::new().expect("POST ")]);
    let client = client(&sim);
    let _ = sim.block_on(get(&client, "http://b.test/")).expect("it is reset");
    sim.on_deadlock("pool", || "two of two busy".to_owned());
    let mut forever = martlet::Timeouts::default();
    forever.read = None;
    let request = client.get("http://a.test/").timeouts(forever).send();
    let deadlock = sim.block_on(request).expect_err("the server stalls and nothing times out");
    let report = deadlock.to_string();
    let parts = [
        "the main future",
        "c2 a.test:80",
        "reader waits",
        "pool: two of two busy",
        "complaint of b.test:80: c1: expected",
        "c2 > arrived",
    ];
    for part in parts {
        assert!(report.contains(part), "`{part}` is not in\n{report}");
    }
    assert_eq!(format!("{deadlock:?}"), report);
    assert_eq!((server.accepted(), wrong.accepted()), (1, 1));
}

#[test]
fn a_task_that_waits_for_ever_is_a_dead_lock_of_the_run_and_a_server_is_not() {
    let sim = calm();
    raw(&sim, Script::new().expect_head().send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").stall());
    let http = client(&sim);
    sim.spawn(async move { get(&http, "http://a.test/").await.expect("an answer") });
    sim.run().expect("only the server waits");
    sim.spawn(pending::<()>());
    assert_eq!(sim.run().expect_err("a task waits").reason(), DeadlockReason::Quiet);
}

#[test]
fn tasks_that_wake_themselves_for_ever_are_found() {
    let mut config = SimConfig::default();
    config.max_polls = 1_000;
    let sim = Sim::with_config(7, config);
    let busy = poll_fn::<(), _>(|cx| {
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    assert_eq!(sim.block_on(busy).expect_err("it never ends").reason(), DeadlockReason::Endless);
}

#[test]
fn the_seed_chooses_which_task_runs_next() {
    let order = |seed| {
        let sim = Sim::new(seed);
        let ran = Arc::new(std::sync::Mutex::new(Vec::new()));
        for n in 0..8 {
            let ran = Arc::clone(&ran);
            sim.spawn(async move { ran.lock().expect("sound").push(n) });
        }
        sim.run().expect("no dead-lock");
        ran.lock().expect("sound").clone()
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
    let mut sorted = order(3);
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn each_home_has_its_id_and_tasks_of_one_that_ends_are_dropped() {
    let sim = calm();
    let home = sim.new_home();
    let (runtime, id) = (sim.runtime(), home.id());
    let there = home.spawn(async move { runtime.home().expect("inside").id() });
    let runtime = sim.runtime();
    let here = sim.block_on(async { runtime.home().expect("inside").id() }).expect("no dead-lock");
    assert_eq!(sim.block_on(there).expect("no dead-lock"), Some(id));
    assert_ne!(here, id);

    let dropped = Arc::new(AtomicUsize::new(0));
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let guard = Counts(Arc::clone(&dropped));
    let waiting = home.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    sim.advance(seconds(1)).expect("not endless");
    home.shut_down();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    assert_eq!(sim.block_on(waiting).expect("it is over"), None);
}

#[test]
fn a_connection_of_a_home_that_ended_is_never_ready_again() {
    let sim = calm();
    echo(&sim);
    let home = sim.new_home();
    let http = client(&sim);
    let there = home.spawn(async move { http.get("http://a.test/").send().await.expect("an answer") });
    let mut response = sim.block_on(there).expect("no dead-lock").expect("it was not dropped");
    home.shut_down();
    let read = sim.block_on(response.chunk()).expect("the read times out");
    // What was read with the head is still there; the rest does not come.
    match read {
        Ok(piece) => assert_eq!(piece.as_deref(), Some(&b"/"[..])),
        Err(e) => assert!(e.is_timeout(), "{e:?}"),
    }
}

#[test]
fn outside_of_a_run_there_is_no_runtime() {
    let sim = calm();
    echo(&sim);
    let mut request = Box::pin(client(&sim).get("http://a.test/").send());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Err(e)) = request.as_mut().poll(&mut cx) else { panic!("it fails at once") };
    assert_eq!(e.kind(), Kind::Runtime);
}

#[test]
fn dropping_the_simulation_drops_its_tasks_and_services() {
    let token = Arc::new(());
    let sim = Sim::new(8);
    let (in_task, in_service) = (Arc::clone(&token), Arc::clone(&token));
    sim.listen("a.test", 80, move |_: SimRequest| {
        let _ = &in_service;
        SimResponse::new(204)
    });
    let http = client(&sim);
    sim.spawn(async move {
        let _in_task = in_task;
        let _response = http.get("http://a.test/").send().await;
        pending::<()>().await;
    });
    sim.advance(seconds(1)).expect("not endless");
    assert_eq!(Arc::strong_count(&token), 3);
    drop(sim);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
#[should_panic(expected = "from inside of itself")]
fn a_run_inside_of_a_run_is_refused() {
    let sim = Sim::new(9);
    let _ = sim.block_on(async { sim.advance(Duration::ZERO) });
}

#[test]
#[should_panic(expected = "after its home was shut down")]
fn a_timer_of_a_home_that_ended_panics() {
    let sim = calm();
    let (home, runtime) = (sim.new_home(), sim.runtime());
    let made_there = home.spawn(async move { [runtime.sleep(seconds(1))] });
    let [sleep] = sim.block_on(made_there).expect("no dead-lock").expect("it was not dropped");
    home.shut_down();
    let _ = sim.block_on(sleep);
}

#[test]
fn entropy_follows_from_the_seed() {
    let drawn = |seed| {
        let runtime = Sim::new(seed).runtime();
        [runtime.random(), runtime.random()]
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
    assert_ne!(drawn(1)[0], drawn(1)[1]);
}
