//! `AsyncStd` does what every adapter does.

#[path = "../../smol/tests/adapter/mod.rs"]
mod adapter;

use std::future::Future;
use std::time::Duration;

use martlet_async_std::{AsyncStd, Tcp};

const RUNTIME: AsyncStd = AsyncStd;

/// Runs a future to its end as a task of async-std, and fails after a minute.
fn run(future: impl Future<Output = ()> + Send + 'static) {
    let task = async_std::task::spawn(future);
    let ended = async_std::future::timeout(Duration::from_secs(60), task);
    async_std::task::block_on(ended).expect("the future did not end");
}
