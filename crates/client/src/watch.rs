//! What the server can have seen of a request, for those who may not wait for its end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use martlet_core::Delivery;

/// Tells what the server can have seen of a request, also when its future was dropped: by a deadline of the application's
/// own, by `select!`, by a task that was aborted. Whoever waits for the future to its end learns the same from
/// [`Error::delivery`](crate::Error::delivery).
///
/// ```no_run
/// # async fn example<R>(client: martlet_client::Client<R>) {
/// use martlet_client::{Delivery, DeliveryWatch};
///
/// let watch = DeliveryWatch::new();
/// let payment = client.post("https://bank.example/payments").body("…").watch(&watch);
/// # async fn within_a_second<T>(_: impl Future<Output = T>) -> Option<T> { None }
/// if within_a_second(payment.send()).await.is_none() && watch.delivery() == Delivery::NotSent {
///     // Nobody has it: it is safe to try elsewhere.
/// }
/// # }
/// ```
///
/// One that is given to several requests speaks of all of them: it tells the most that was seen of any.
#[derive(Clone, Default)]
pub struct DeliveryWatch {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The most that was seen by those attempts that have ended.
    ended: AtomicU8,
    /// How many are under way.
    under_way: AtomicU32,
    attempts: AtomicU32,
}

const ALL: [Delivery; 4] = [Delivery::NotSent, Delivery::Refused, Delivery::Unknown, Delivery::Answered];

impl DeliveryWatch {
    /// One that has nothing to tell yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the server can have seen by now; over several [attempts](Self::attempts), the most of it. While an attempt is under
    /// way that is at least [`Delivery::Unknown`].
    ///
    /// [`Delivery::NotSent`] and [`Delivery::Refused`] are final once the request's future has ended or was dropped.
    pub fn delivery(&self) -> Delivery {
        // First what is under way: it ends by being noted, and then it is not under way any more.
        let is_under_way = self.inner.under_way.load(Ordering::Acquire) > 0;
        let ended = ALL[usize::from(self.inner.ended.load(Ordering::Acquire)).min(ALL.len() - 1)];
        if is_under_way { ended.max(Delivery::Unknown) } else { ended }
    }

    /// How often the request was begun on a connection.
    pub fn attempts(&self) -> u32 {
        self.inner.attempts.load(Ordering::Acquire)
    }

    /// An attempt begins, if its connection takes it.
    pub(crate) fn begin(&self) {
        self.inner.under_way.fetch_add(1, Ordering::AcqRel);
    }

    /// It was taken.
    pub(crate) fn begun(&self) {
        self.inner.attempts.fetch_add(1, Ordering::AcqRel);
    }

    /// An attempt has ended, and this was seen of it.
    pub(crate) fn end(&self, delivery: Delivery) {
        let rank = ALL.iter().position(|known| *known == delivery).unwrap_or(ALL.len() - 1);
        self.inner.ended.fetch_max(u8::try_from(rank).unwrap_or(u8::MAX), Ordering::AcqRel);
        self.inner.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for DeliveryWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryWatch")
            .field("delivery", &self.delivery())
            .field("attempts", &self.attempts())
            .finish()
    }
}

#[cfg(test)]
mod tests;
