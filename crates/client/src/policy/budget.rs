//! How much of the traffic may be retries.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one retry costs. A request earns as many of these as there are per cent allowed.
const RETRY: u64 = 100;

/// How much of the traffic may be retries. Clones share it.
///
/// When a server is down every request fails, and retries multiply the load that it has to recover under. A budget lets
/// retries be a share of the requests, and beyond a reserve no more.
#[derive(Clone)]
pub struct RetryBudget {
    inner: Arc<Inner>,
}

struct Inner {
    percent: u64,
    most: u64,
    left: AtomicU64,
}

impl RetryBudget {
    /// So many retries per hundred requests, and so many more at first, or after a time in which none were needed.
    pub fn new(percent: u32, reserve: u32) -> Self {
        let most = u64::from(reserve).saturating_mul(RETRY);
        Self { inner: Arc::new(Inner { percent: percent.into(), most, left: AtomicU64::new(most) }) }
    }

    /// A request was begun.
    pub(super) fn earn(&self) {
        let Inner { percent, most, left } = &*self.inner;
        // With no reserve a whole retry can be saved up for.
        let most = (*most).max(RETRY);
        self.change(left, |left| Some(left.saturating_add(*percent).min(most.max(left))));
    }

    /// Takes what a retry costs, if it is there.
    pub(super) fn spend(&self) -> bool {
        self.change(&self.inner.left, |left| left.checked_sub(RETRY))
    }

    fn change(&self, left: &AtomicU64, change: impl FnMut(u64) -> Option<u64>) -> bool {
        left.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).is_ok()
    }
}

impl Default for RetryBudget {
    /// 20 per hundred, and ten more.
    fn default() -> Self {
        Self::new(20, 10)
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { percent, most, left } = &*self.inner;
        f.debug_struct("RetryBudget")
            .field("percent", percent)
            .field("reserve", &(most / RETRY))
            .field("left", &(left.load(Ordering::Acquire) / RETRY))
            .finish()
    }
}

#[cfg(test)]
mod tests;
