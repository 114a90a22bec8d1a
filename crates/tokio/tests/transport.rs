//! `Tokio` does what every adapter does.

#[path = "../../smol/tests/adapter/mod.rs"]
mod adapter;

use std::future::Future;
use std::time::Duration;

use martlet_tokio::{Tcp, Tokio};
use tokio::runtime::Builder;
use tokio::time::timeout;

const RUNTIME: Tokio = Tokio;

/// Runs a future to its end in a runtime of its own, and fails after a minute.
fn run(future: impl Future<Output = ()> + Send + 'static) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { timeout(Duration::from_secs(60), future).await })
        .expect("the future did not end");
    // A resolver that still works must not keep the test.
    runtime.shutdown_background();
}
