//! Which runtime a thread is in, and what may be missing in it.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use martlet_client::{Home, Runtime};
use martlet_tokio::Tokio;
use tokio::runtime::{Builder, Runtime as TokioRuntime};

const LONG: Duration = Duration::from_secs(60);

fn single() -> TokioRuntime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn pool() -> TokioRuntime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn home_in(runtime: &TokioRuntime) -> io::Result<Home> {
    runtime.block_on(async { Tokio.home() })
}

fn text_of(home: io::Result<Home>) -> String {
    home.expect_err("a home was found").to_string()
}

#[test]
fn where_no_runtime_runs_the_error_says_what_to_do() {
    let text = text_of(Tokio.home());
    for part in ["no tokio runtime", "#[tokio::main]", "Runtime::block_on", "feature `smol`"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_runtime_that_has_been_left_is_not_remembered_as_the_current_one() {
    home_in(&single()).unwrap();
    assert!(text_of(Tokio.home()).contains("no tokio runtime"));
}

#[test]
fn a_runtime_without_drivers_is_an_error_that_names_the_missing_one() {
    let bare = Builder::new_current_thread().build().unwrap();
    let io_only = Builder::new_multi_thread().worker_threads(1).enable_io().build().unwrap();
    let time_only = Builder::new_current_thread().enable_time().build().unwrap();
    // The second round is answered from memory.
    for _ in 0..2 {
        for (runtime, missing) in
            [(&bare, "`enable_time()`"), (&io_only, "`enable_time()`"), (&time_only, "`enable_io()`")]
        {
            let text = text_of(home_in(runtime));
            assert!(text.contains(missing), "{text}");
            assert!(text.contains("`enable_all()`"), "{text}");
        }
    }
    home_in(&single()).unwrap();
}

#[test]
fn io_and_time_are_all_that_a_runtime_needs() {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build().unwrap();
    home_in(&runtime).unwrap();
}

#[test]
fn two_runtimes_are_two_homes_also_on_one_thread_in_turns() {
    let (one, two) = (single(), pool());
    let first = home_in(&one).unwrap().id();
    let second = home_in(&two).unwrap().id();
    assert_ne!(first, second);
    for _ in 0..3 {
        assert_eq!(home_in(&one).unwrap().id(), first);
        assert_eq!(home_in(&two).unwrap().id(), second);
    }
}

#[test]
fn a_runtime_is_the_same_home_on_all_its_threads() {
    let runtime = pool();
    let id = home_in(&runtime).unwrap().id();
    runtime.block_on(async {
        for _ in 0..8 {
            assert_eq!(tokio::spawn(async { Tokio.home().unwrap().id() }).await.unwrap(), id);
            assert_eq!(tokio::task::spawn_blocking(|| Tokio.home().unwrap().id()).await.unwrap(), id);
        }
    });
    let handle = runtime.handle().clone();
    let entered = thread::spawn(move || {
        let _inside = handle.enter();
        Tokio.home().unwrap().id()
    });
    assert_eq!(entered.join().unwrap(), id);
}

#[test]
fn more_runtimes_than_are_remembered_are_still_told_apart() {
    let runtimes: Vec<_> = (0..100).map(|_| single()).collect();
    let mut ids: Vec<_> = runtimes.iter().map(|runtime| home_in(runtime).unwrap().id()).collect();
    for (runtime, id) in runtimes.iter().zip(&ids) {
        assert_eq!(home_in(runtime).unwrap().id(), *id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 100);
}

#[test]
fn a_task_is_spawned_into_its_home_from_a_thread_outside() {
    let runtime = pool();
    let home = home_in(&runtime).unwrap();
    let id = home.id();
    let (told, heard) = mpsc::channel();
    thread::spawn(move || {
        assert!(Tokio.home().is_err());
        home.spawn(async move {
            Tokio.sleep_until(Tokio.now() + Duration::from_millis(1)).await;
            told.send(Tokio.home().unwrap().id()).unwrap();
        });
    });
    assert_eq!(heard.recv_timeout(LONG).unwrap(), id);
}

#[test]
fn a_home_that_has_ended_drops_its_tasks_and_those_that_come_late() {
    let runtime = pool();
    let home = home_in(&runtime).unwrap();
    let early = spawn_guarded(&home);
    drop(runtime);
    assert_eq!(early.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
    let late = spawn_guarded(&home);
    assert_eq!(late.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
}

/// Spawns a task that never ends; what is returned is disconnected when it is dropped.
fn spawn_guarded(home: &Home) -> Receiver<()> {
    let (guard, dropped) = mpsc::channel();
    home.spawn(async move {
        std::future::pending::<()>().await;
        drop(guard);
    });
    dropped
}
