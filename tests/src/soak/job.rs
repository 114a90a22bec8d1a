//! One request of a task, and how it ends.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use http::{HeaderMap, StatusCode, Version};
use martlet::{Client, ConnectionInfo, DeliveryWatch, Error, Response};
use martlet_sim::{Rng, SimRuntime};

use super::plan::{Plan, millis};
use super::wish::Wish;

/// How a request ended.
#[derive(Debug)]
pub(super) enum End {
    /// The response was read to its end.
    Whole(Answer),
    Error(Error),
    /// It was dropped, before a response or behind a part of it.
    Dropped(Option<Answer>),
}

/// What is known of a response beside its content.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) fields: HeaderMap,
    pub(super) has_trailers: bool,
    pub(super) connection: ConnectionInfo,
}

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) wish: Wish,
    pub(super) watch: DeliveryWatch,
    /// It was not polled for a while: its own time ran out, whatever others did.
    pub(super) was_held: bool,
    /// 0, if nobody has said.
    pub(super) attempts: u32,
    pub(super) content: Vec<u8>,
    pub(super) end: End,
}

/// What tasks write down.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    /// When a request begins: not every one lives to its end.
    pub(super) begun: Arc<Mutex<Vec<(Wish, DeliveryWatch)>>>,
    pub(super) outcomes: Arc<Mutex<Vec<Outcome>>>,
}

pub(super) struct Job {
    pub(super) client: Client,
    pub(super) runtime: SimRuntime,
    pub(super) book: Book,
    pub(super) plan: Plan,
    pub(super) id: u64,
}

impl Job {
    pub(super) async fn run(self, rng: &mut Rng) {
        let wish = Wish::draw(rng, &self.plan, self.id);
        let request = wish.build(&self.client, &self.runtime, &self.plan, rng);
        let watch = DeliveryWatch::new();
        self.book.begun.lock().expect("sound").push((wish.clone(), watch.clone()));
        let mut sending = Box::pin(request.watch(&watch).send());
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
        let was_held = result.is_none() && rng.percent(40);
        if was_held {
            // Held for a while without being polled.
            self.runtime.sleep(millis(rng.below(1_000))).await;
            if rng.percent(50) {
                result = Some(sending.as_mut().await);
            }
        }
        drop(sending);
        let outcome = match result {
            None => Outcome::dropped(wish, watch),
            Some(Err(e)) => {
                Outcome { attempts: e.attempts(), end: End::Error(e), ..Outcome::dropped(wish, watch) }
            }
            Some(Ok(response)) => self.read(Outcome::dropped(wish, watch), response, rng).await,
        };
        self.book.outcomes.lock().expect("sound").push(Outcome { was_held, ..outcome });
    }

    /// Reads the response, or a part of it.
    async fn read(&self, mut outcome: Outcome, mut response: Response, rng: &mut Rng) -> Outcome {
        outcome.attempts = response.attempts();
        let mut answer = Answer {
            status: response.status(),
            version: response.version(),
            fields: response.headers().clone(),
            has_trailers: false,
            connection: response.connection().clone(),
        };
        let pieces = if rng.percent(10) { rng.below(4) } else { u64::MAX };
        let pauses = if rng.percent(10) { 10 } else { 0 };
        for nth in 0..pieces {
            if nth < pauses {
                self.runtime.sleep(millis(rng.below(300))).await;
            }
            match response.chunk().await {
                Ok(Some(piece)) => outcome.content.extend_from_slice(&piece),
                Ok(None) => {
                    answer.has_trailers = response.trailers().is_some();
                    return Outcome { end: End::Whole(answer), ..outcome };
                }
                Err(e) => return Outcome { attempts: e.attempts(), end: End::Error(e), ..outcome },
            }
        }
        drop(response);
        Outcome { end: End::Dropped(Some(answer)), ..outcome }
    }
}

impl Outcome {
    /// Dropped before there was a response.
    pub(super) fn dropped(wish: Wish, watch: DeliveryWatch) -> Self {
        Self { wish, watch, was_held: false, attempts: 0, content: Vec::new(), end: End::Dropped(None) }
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
