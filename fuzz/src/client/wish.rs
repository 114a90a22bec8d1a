//! Requests as an input wants them, and what becomes of each.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use http::{Method, Version};
use martlet::{Body, Client, Error};
use martlet_sim::{Rng, SimRuntime};

/// A request that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) method: Method,
    content: Option<usize>,
    is_streamed: bool,
    expects: bool,
    /// The pause before it, behind the one before it or beside it.
    pause: Duration,
    is_beside: bool,
    /// After so long it is dropped.
    patience: Option<Duration>,
    /// Behind so many pieces of the content the response is dropped.
    pieces: usize,
}

/// What is known of a response beside its content.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum End {
    /// The response was read to its end.
    Whole,
    Error(Error),
    Dropped,
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) head: Option<Head>,
    pub(super) content: Vec<u8>,
    pub(super) end: End,
}

impl Wish {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        const METHODS: [Method; 8] = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::PATCH,
            Method::GET,
        ];
        const PAUSES: [u64; 6] = [0, 0, 1, 30, 1_500, 6_000];
        let method = METHODS[rng.below(8) as usize].clone();
        let has_content = matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let bits = if has_content { rng.below(256) } else { 0 };
        let times = rng.below(256);
        Self {
            method,
            content: (bits & 3 > 0).then(|| [0, 5, 3_000, 90_000][(bits & 3) as usize]),
            is_streamed: bits & 4 > 0,
            // Without content nothing can be expected.
            expects: bits & 24 == 24 && bits & 3 > 1,
            pause: Duration::from_millis(PAUSES[(times & 15) as usize % PAUSES.len()]),
            is_beside: times & 16 > 0,
            patience: (times >> 5 == 7).then(|| Duration::from_millis(rng.below(256) * 8)),
            pieces: if times >> 5 == 6 { rng.below(4) as usize } else { usize::MAX },
        }
    }

    /// Whether its connection may be under way together with that of another request.
    pub(super) fn may_overlap(&self) -> bool {
        self.is_beside || self.patience.is_some()
    }

    fn request(&self, client: &Client, id: usize, version: Version) -> martlet::RequestBuilder {
        let mut request = client.request(self.method.clone(), format!("http://a.test/{id}"));
        if version == Version::HTTP_2 {
            request = request.version(version);
        }
        if self.expects {
            request = request.header("expect", "100-continue");
        }
        let Some(length) = self.content else { return request };
        let content = vec![b'u'; length];
        if !self.is_streamed {
            return request.body(content);
        }
        request.body(Body::replayable(move || Body::reader(Octets(content.clone()))))
    }

    /// Makes the request and writes down what happens, whether it is waited for or not.
    async fn make(self, client: Client, runtime: SimRuntime, id: usize, version: Version) -> Outcome {
        let request = self.request(&client, id, version);
        let outcome = Outcome { head: None, content: Vec::new(), end: End::Dropped };
        let outcome = Arc::new(Mutex::new(outcome));
        let note = |act: &mut dyn FnMut(&mut Outcome)| act(&mut outcome.lock().expect("sound"));
        let made = async {
            let mut response = request.send().await?;
            let status = response.status().as_u16();
            let fields = response.fields();
            let fields = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
            let head = Head { status, fields: fields.collect() };
            note(&mut |outcome| outcome.head = Some(head.clone()));
            for _ in 0..self.pieces {
                match response.chunk().await? {
                    Some(piece) => note(&mut |outcome| outcome.content.extend_from_slice(&piece)),
                    None => return Ok(Some(End::Whole)),
                }
            }
            Ok(None)
        };
        let patience = self.patience.map(|patience| runtime.sleep(patience));
        let end = within(made, patience).await;
        let end = match end {
            Some(Ok(end)) => end,
            Some(Err(e)) => Some(End::Error(e)),
            None => None,
        };
        let mut outcome = Arc::into_inner(outcome).expect("one owner").into_inner().expect("sound");
        outcome.end = end.unwrap_or(End::Dropped);
        outcome
    }
}

/// Makes all requests, one after the other or side by side.
pub(super) async fn make_all(
    wishes: Vec<Wish>,
    client: Client,
    runtime: SimRuntime,
    version: Version,
    spawn: impl Fn(Pin<Box<dyn Future<Output = Outcome> + Send>>) -> martlet_sim::JoinHandle<Outcome>,
) -> Vec<Outcome> {
    let mut running = Vec::new();
    let mut outcomes = Vec::new();
    for (id, wish) in wishes.into_iter().enumerate() {
        if !wish.is_beside {
            for task in running.drain(..) {
                outcomes.push(wait(task).await);
            }
        }
        runtime.sleep(wish.pause).await;
        running.push(spawn(Box::pin(wish.make(client.clone(), runtime.clone(), id, version))));
    }
    for task in running {
        outcomes.push(wait(task).await);
    }
    outcomes
}

async fn wait(task: martlet_sim::JoinHandle<Outcome>) -> Outcome {
    task.await.expect("no home ends")
}

/// What the future yields before the time is over.
async fn within<T>(future: impl Future<Output = T>, sleep: Option<martlet_sim::Sleep>) -> Option<T> {
    let (mut future, mut sleep) = (pin!(future), sleep.map(Box::pin));
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        match &mut sleep {
            Some(sleep) => sleep.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}

/// Content that is read in pieces.
struct Octets(Vec<u8>);

impl futures_io::AsyncRead for Octets {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        let n = self.0.len().min(buffer.len()).min(1_000);
        let rest = self.0.split_off(n);
        buffer[..n].copy_from_slice(&self.0);
        self.0 = rest;
        Poll::Ready(Ok(n))
    }
}
