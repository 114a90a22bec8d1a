//! Tasks of `AsyncStd` are tasks of async-std.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use martlet_async_std::AsyncStd;
use martlet_client::Runtime;

#[test]
fn all_homes_are_one() {
    let here = AsyncStd.home().unwrap().id();
    let there = thread::spawn(|| AsyncStd.home().unwrap().id()).join().unwrap();
    assert_eq!((here, there), (0, 0));
}

#[test]
fn tasks_are_spawned_into_async_std_from_any_thread() {
    let home = AsyncStd.home().unwrap();
    let (told, id) = mpsc::channel();
    thread::spawn(move || {
        home.spawn(async move {
            AsyncStd.sleep_until(AsyncStd.now() + Duration::from_millis(1)).await;
            // Only a task of async-std has one.
            told.send(async_std::task::try_current().map(|task| task.id().to_string())).unwrap();
        });
    });
    assert!(id.recv_timeout(Duration::from_secs(60)).unwrap().is_some());
}

#[test]
fn a_task_that_panics_ends_no_other() {
    let home = AsyncStd.home().unwrap();
    for _ in 0..32 {
        home.spawn(async { panic!("expected by the test") });
    }
    let (told, done) = mpsc::channel();
    home.spawn(async move { told.send(()).unwrap() });
    done.recv_timeout(Duration::from_secs(60)).unwrap();
}
