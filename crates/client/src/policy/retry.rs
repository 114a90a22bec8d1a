//! When a request is sent again because the user says that failures are worth another try.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use martlet_core::Delivery;
use martlet_core::h1::Fields;

use super::budget::RetryBudget;
use super::retry_after::retry_after;
use crate::error::{Error, Kind};
use crate::replay::{backoff, jittered};
#[cfg(feature = "tls")]
use crate::tls::TlsFailure;

/// When a request that has failed, or was answered by a refusal, is sent again, and after how long.
///
/// None is in use unless it is given to [`ClientBuilder::retry`](crate::ClientBuilder::retry) or
/// [`RequestBuilder::retry`](crate::RequestBuilder::retry). It stands above the [replays](crate::ClientBuilder::replay), which
/// hide what a server that goes away would cost: it repeats what really failed.
///
/// A request is never sent again if it may have been acted on ([`Delivery::Unknown`], or there was an answer), unless its
/// method is idempotent (RFC 9110 §9.2.2: GET, HEAD, OPTIONS, TRACE, PUT, DELETE), it carries an `Idempotency-Key`, or
/// [`non_idempotent`](Self::non_idempotent) says that it may be all the same. Nor is it if its content cannot be had again
/// ([`Body::replayable`](crate::Body::replayable)), or if the wait would go beyond its `total` timeout. All timeouts but that
/// begin anew with each attempt. A response that breaks off in its content is not repeated: it was handed out already.
#[derive(Clone)]
pub struct RetryPolicy {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    retries: u32,
    first: Duration,
    longest: Duration,
    statuses: Vec<StatusCode>,
    patience: Duration,
    non_idempotent: bool,
    budget: Option<RetryBudget>,
    classifier: Option<Classifier>,
}

type Classifier = Arc<dyn Fn(&RetryOutcome<'_>) -> RetryVerdict + Send + Sync>;

/// What has become of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct RetryOutcome<'a> {
    pub(crate) method: &'a Method,
    pub(crate) attempts: u32,
    pub(crate) end: Result<(StatusCode, &'a Fields), &'a Error>,
}

impl<'a> RetryOutcome<'a> {
    /// The method of the request.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// How often the request was sent by now, replays counted.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The error, if there is no response.
    pub fn error(&self) -> Option<&'a Error> {
        self.end.err()
    }

    /// The status of the response, if there is one.
    pub fn status(&self) -> Option<StatusCode> {
        self.end.ok().map(|(status, _)| status)
    }

    /// The fields of the response, if there is one.
    pub fn fields(&self) -> Option<&'a Fields> {
        self.end.ok().map(|(_, fields)| fields)
    }

    /// What the server can have seen, over all attempts.
    pub(crate) fn delivery(&self) -> Delivery {
        self.end.err().map_or(Delivery::Answered, Error::delivery)
    }
}

/// What else matters to whether a request is sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// How often it was already, by the policy.
    pub(crate) retries: u32,
    /// It may be acted on twice.
    pub(crate) is_harmless: bool,
    /// What is left of the time of the whole request.
    pub(crate) time_left: Option<Duration>,
    /// By the calendar.
    pub(crate) now: SystemTime,
    pub(crate) random: u64,
}

/// What a [classifier](RetryPolicy::classify) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryVerdict {
    /// Worth another attempt, if one is allowed.
    Retry,
    /// It stands.
    Stop,
    /// As the policy has it without a classifier.
    Default,
}

impl RetryPolicy {
    /// So many further attempts at most: after failures of connecting, lost connections, resets, timeouts but that of the
    /// whole request, and the responses 408, 429, 502, 503 and 504; as far as they may be repeated.
    pub fn new(retries: u32) -> Self {
        const STATUSES: [StatusCode; 5] = [
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        let inner = Inner {
            retries,
            first: Duration::from_millis(100),
            longest: Duration::from_secs(10),
            statuses: STATUSES.to_vec(),
            patience: Duration::from_secs(60),
            non_idempotent: false,
            budget: Some(RetryBudget::default()),
            classifier: None,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The wait before the first retry, and the longest: each is twice the one before. Of each at least half is waited, the
    /// rest by chance, so that those who failed together do not come again together. By default 100 ms and 10 s.
    #[must_use]
    pub fn backoff(self, first: Duration, longest: Duration) -> Self {
        self.with(|inner| (inner.first, inner.longest) = (first, longest))
    }

    /// The responses that are worth another attempt, in place of the default ones.
    #[must_use]
    pub fn statuses(self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.with(|inner| inner.statuses = statuses.into_iter().collect())
    }

    /// The longest time that a server may ask to be left alone by `Retry-After` (RFC 9110 §10.2.3). It is waited for instead of
    /// the back-off; one that asks for longer has its response handed out. By default 60 s.
    #[must_use]
    pub fn retry_after_at_most(self, longest: Duration) -> Self {
        self.with(|inner| inner.patience = longest)
    }

    /// How much of the traffic may be retries, or `None` for no such limit. By default [`RetryBudget::default`], shared by the
    /// clones of this policy.
    #[must_use]
    pub fn budget(self, budget: impl Into<Option<RetryBudget>>) -> Self {
        self.with(|inner| inner.budget = budget.into())
    }

    /// Whether requests that are not idempotent are repeated even if the server may have acted on them. It may then do so
    /// several times. By default not.
    #[must_use]
    pub fn non_idempotent(self, on: bool) -> Self {
        self.with(|inner| inner.non_idempotent = on)
    }

    /// Decides what is worth another attempt. It cannot make a request be repeated that must not be: that stays as
    /// [`RetryPolicy`] says.
    #[must_use]
    pub fn classify(
        self,
        classifier: impl Fn(&RetryOutcome<'_>) -> RetryVerdict + Send + Sync + 'static,
    ) -> Self {
        self.with(|inner| inner.classifier = Some(Arc::new(classifier)))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }

    /// A request was begun.
    pub(crate) fn note_request(&self) {
        if let Some(budget) = &self.inner.budget {
            budget.earn();
        }
    }

    /// After how long the request is sent again; `None` if what there is stands.
    pub(crate) fn judge(&self, outcome: &RetryOutcome<'_>, circumstances: Circumstances) -> Option<Duration> {
        let Circumstances { retries, is_harmless, time_left, now, random } = circumstances;
        let Inner { first, longest, patience, budget, .. } = &*self.inner;
        let may_be_repeated =
            is_harmless || self.inner.non_idempotent || outcome.delivery() <= Delivery::Refused;
        if retries >= self.inner.retries || !may_be_repeated || !self.is_worth_it(outcome) {
            return None;
        }
        let wait = match outcome.fields().and_then(|fields| retry_after(fields, now)) {
            Some(asked) if asked > *patience => return None,
            Some(asked) => asked,
            None => jittered(backoff(*first, retries, *longest), random),
        };
        if time_left.is_some_and(|left| wait >= left) {
            return None;
        }
        budget.as_ref().is_none_or(RetryBudget::spend).then_some(wait)
    }

    fn is_worth_it(&self, outcome: &RetryOutcome<'_>) -> bool {
        match self.inner.classifier.as_ref().map_or(RetryVerdict::Default, |classify| classify(outcome)) {
            RetryVerdict::Retry => true,
            RetryVerdict::Stop => false,
            RetryVerdict::Default => match outcome.end {
                Ok((status, _)) => self.inner.statuses.contains(&status),
                Err(e) => is_passing(e),
            },
        }
    }
}

/// Whether another attempt may fare better.
fn is_passing(e: &Error) -> bool {
    match e.kind() {
        Kind::Resolve | Kind::Connect | Kind::Timeout(_) | Kind::Closed(_) | Kind::Reset(_) => true,
        #[cfg(feature = "tls")]
        Kind::Tls(failure) => failure == TlsFailure::Interrupted,
        _ => false,
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { retries, first, longest, statuses, patience, non_idempotent, budget, .. } = &*self.inner;
        f.debug_struct("RetryPolicy")
            .field("retries", retries)
            .field("backoff", &(first, longest))
            .field("statuses", statuses)
            .field("retry_after_at_most", patience)
            .field("non_idempotent", non_idempotent)
            .field("budget", budget)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
