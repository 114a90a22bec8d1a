//! One request of a task, and how it ends.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_io::AsyncRead;
use http::{HeaderMap, HeaderValue, Method, Version};
use martlet::{Body, Client, Error, Response};
use martlet_sim::{Rng, SimRuntime, Sleep};

use crate::plan::{ORIGINS, Plan, millis};
use crate::site::{has_trailers, upload_of};

/// How a request ended.
pub(crate) enum End {
    Whole,
    Error(Error),
    /// It was dropped.
    Dropped,
}

pub(crate) struct Outcome {
    pub(crate) id: u64,
    pub(crate) method: Method,
    /// It may be processed twice.
    pub(crate) is_harmless: bool,
    pub(crate) is_h2: bool,
    pub(crate) attempts: u32,
    pub(crate) content: Vec<u8>,
    pub(crate) end: End,
}

/// What tasks write down.
pub(crate) type Outcomes = Arc<Mutex<Vec<Outcome>>>;

pub(crate) struct Job {
    pub(crate) client: Client,
    pub(crate) runtime: SimRuntime,
    pub(crate) outcomes: Outcomes,
    pub(crate) plan: Plan,
    pub(crate) id: u64,
}

type Sending = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

/// A request that was made, and what matters of it afterwards.
struct Made {
    sending: Sending,
    method: Method,
    is_harmless: bool,
    is_h2: bool,
}

impl Job {
    fn make(&self, rng: &mut Rng) -> Made {
        let methods = [Method::GET, Method::GET, Method::POST, Method::POST, Method::PUT, Method::HEAD];
        let method = methods[rng.below(6) as usize].clone();
        // The first origin is asked more often than the others.
        let origin = if rng.percent(50) { 0 } else { rng.below(ORIGINS) };
        let is_h2 = rng.percent(75);
        let name = if is_h2 { "two" } else { "one" };
        let mut request =
            self.client.request(method.clone(), format!("http://{name}{origin}.test/{}", self.id));
        if is_h2 {
            request = request.version(Version::HTTP_2);
        }
        let is_keyed = rng.percent(25);
        if is_keyed {
            request = request.header("idempotency-key", "\"k\"");
        }
        if matches!(method, Method::POST | Method::PUT) {
            request = request.header("x-content", "yes");
            let content = upload_of(&self.plan, self.id);
            let length = content.len() as u64;
            let source =
                Source { left: content, runtime: self.runtime.clone(), rng: rng.fork(), sleep: None };
            let mut body = match rng.below(4) {
                0 => Body::reader(source),
                1 => Body::sized_reader(length, source),
                _ => Body::from(source.left),
            };
            if rng.percent(15) {
                request = request.header("x-trailers", "yes");
                let mut fields = HeaderMap::new();
                fields.insert("x-end", HeaderValue::from_static("yes"));
                body = body.with_trailers(async { Ok::<_, io::Error>(fields) });
            }
            if length > 0 && rng.percent(15) {
                request = request.header("expect", "100-continue");
            }
            request = request.body(body);
        }
        let is_harmless = is_keyed || method != Method::POST;
        Made { sending: Box::pin(request.send()), method, is_harmless, is_h2 }
    }

    pub(crate) async fn run(self, rng: &mut Rng) {
        let Made { mut sending, method, is_harmless, is_h2 } = self.make(rng);
        let ended = |attempts: u32, content: Vec<u8>, end: End| {
            let outcome = Outcome { id: self.id, method, is_harmless, is_h2, attempts, content, end };
            self.outcomes.lock().expect("sound").push(outcome);
        };
        let (polls, patience) = match rng.below(12) {
            0 => (rng.skewed(&(0..=20)), None),
            1 => (usize::MAX, Some(millis(rng.below(1_500)))),
            _ => (usize::MAX, None),
        };
        let stop = async {
            match patience {
                Some(patience) => self.runtime.sleep(patience).await,
                None => pending().await,
            }
        };
        let mut result = within(&mut sending, polls, stop).await;
        if result.is_none() && rng.percent(40) {
            // Held for a while without being polled.
            self.runtime.sleep(millis(rng.below(1_000))).await;
            if rng.percent(50) {
                result = Some(sending.as_mut().await);
            }
        }
        drop(sending);
        let mut response = match result {
            None => return ended(0, Vec::new(), End::Dropped),
            Some(Err(e)) => return ended(e.attempts(), Vec::new(), End::Error(e)),
            Some(Ok(response)) => response,
        };
        let attempts = response.attempts();
        assert_eq!(response.version() == Version::HTTP_2, is_h2, "{}: by another version", self.id);
        let pieces = if rng.percent(10) { rng.below(4) } else { u64::MAX };
        let pauses = if rng.percent(10) { 10 } else { 0 };
        let mut content = Vec::new();
        for nth in 0..pieces {
            if nth < pauses {
                self.runtime.sleep(millis(rng.below(300))).await;
            }
            match response.chunk().await {
                Ok(Some(piece)) => content.extend_from_slice(&piece),
                Ok(None) => {
                    self.look_at_trailers(&mut response, &content);
                    return ended(attempts, content, End::Whole);
                }
                Err(e) => return ended(e.attempts(), content, End::Error(e)),
            }
        }
        drop(response);
        ended(attempts, content, End::Dropped);
    }

    fn look_at_trailers(&self, response: &mut Response, content: &[u8]) {
        let came = response.trailers().is_some();
        let due = has_trailers(self.id) && !content.is_empty();
        assert!(came || !due, "{}: trailers were lost", self.id);
    }
}

/// What the future yields within so many polls and before the other one is ready.
async fn within<T>(
    future: &mut (impl Future<Output = T> + Unpin),
    mut polls: usize,
    stop: impl Future<Output = ()>,
) -> Option<T> {
    let mut stop = pin!(stop);
    poll_fn(|cx| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => stop.as_mut().poll(cx).map(|()| None),
        }
    })
    .await
}

/// Content that comes in pieces, some of them late.
struct Source {
    left: Bytes,
    runtime: SimRuntime,
    rng: Rng,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.sleep.is_none() && self.rng.percent(20) {
            let span = millis(self.rng.below(200));
            self.sleep = Some(Box::pin(self.runtime.sleep(span)));
        }
        if let Some(sleep) = &mut self.sleep {
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        let most = self.rng.skewed(&(1..=40_000));
        let n = most.min(self.left.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.left[..n]);
        self.left.advance(n);
        Poll::Ready(Ok(n))
    }
}
