//! Waiting for what must come soon, on any runtime.

use std::future::Future;
use std::time::Duration;

use async_io::Timer;
use futures_lite::future::{or, yield_now};

/// Nothing that should be soon takes so long.
const SOON: Duration = Duration::from_secs(10);

/// Fails if it is not ready soon.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    or(async { Some(future.await) }, async {
        Timer::after(SOON).await;
        None
    })
    .await
    .unwrap_or_else(|| panic!("not soon: {what}"))
}

/// Ready when it is so.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    soon(what, async {
        while !is_so() {
            Timer::after(Duration::from_millis(1)).await;
            yield_now().await;
        }
    })
    .await;
}
