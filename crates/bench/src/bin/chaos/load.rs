//! Clients that ask without end, and what becomes of each of their requests.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_io::Timer;
use futures_lite::future;
use futures_util::future::join_all;
use futures_util::stream;
use martlet::bytes::Bytes;
use martlet::http::Version;
use martlet::tls::TlsConfig;
use martlet::{Body, Client, Delivery, DeliveryWatch, RequestBuilder, Response};

use crate::origin::KEY;
use crate::plan::{Draw, FIELD, Id, Upload};
use crate::story::{Failed, Outcome, SetUp, Story};
use crate::weather::Weather;

/// Tasks that share a client. Each asks, reads the response, pauses, and asks again.
const TASKS: usize = 64;

/// The longest that a request may take, by the client's own clock.
pub(crate) const TOTAL: Duration = Duration::from_secs(10);

/// A gateway that ends does not wait longer than this for a connection that nothing was ever sent on.
const KEPT: Duration = Duration::from_secs(2);

/// Pieces that a stream of content comes in.
const PIECES: usize = 6;

/// After a failure, so that a gateway that is down is not asked without end.
const BREATH: Duration = Duration::from_millis(25);

/// What all clients of a run have in common.
pub(crate) struct Load {
    pub(crate) weather: Weather,
    ca: Vec<u8>,
    /// Where the gateway is, for each set-up.
    urls: [String; 4],
    next: AtomicU64,
    is_over: AtomicBool,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    under_way: BTreeMap<Id, Instant>,
    stories: Vec<Story>,
}

impl Load {
    pub(crate) fn new(ca: Vec<u8>, urls: [String; 4]) -> Self {
        Self {
            weather: Weather::new(),
            ca,
            urls,
            next: AtomicU64::new(1),
            is_over: AtomicBool::new(false),
            told: Mutex::default(),
        }
    }

    /// Until it is over. All tasks run in the thread that this is polled in.
    pub(crate) async fn run(&self, runtime: &'static str) -> Result<(), martlet::Error> {
        let tls = TlsConfig::new().add_root_certificates_pem(&self.ca).only_added_roots();
        let client = Client::builder().tls(tls).timeout(TOTAL).keepalive_expiry(Some(KEPT)).build()?;
        let task = |number: usize| {
            let set_up = SetUp::ALL[number % SetUp::ALL.len()];
            let client = &client;
            async move {
                while !self.is_over.load(Ordering::Acquire) {
                    let id = Id(self.next.fetch_add(1, Ordering::Relaxed));
                    let began = Instant::now();
                    self.told().under_way.insert(id, began);
                    let outcome = self.one(client, set_up, id).await;
                    let pause = match outcome {
                        Outcome::Answered { .. } => Duration::from_millis(Draw(id.0).below(20)),
                        _ => BREATH,
                    };
                    let (way, lasted) = (self.weather.hardest_since(began), began.elapsed());
                    self.end_of(Story { id, runtime, set_up, way, lasted, outcome });
                    Timer::after(pause).await;
                }
            }
        };
        join_all((0..TASKS).map(task)).await;
        Ok(())
    }

    /// No further request is begun.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Everything that has come to an end.
    pub(crate) fn take_stories(&self) -> Vec<Story> {
        std::mem::take(&mut self.told().stories)
    }

    /// What has not, and for how long.
    pub(crate) fn under_way(&self) -> Vec<(Id, Duration)> {
        self.told().under_way.iter().map(|(id, began)| (*id, began.elapsed())).collect()
    }

    async fn one(&self, client: &Client, set_up: SetUp, id: Id) -> Outcome {
        let url = format!("{}{}", self.urls[set_up as usize], id.path());
        let plan = id.plan();
        let mut request = client.request(plan.asked.method(), url).header(FIELD, id.0).body(body(id));
        if plan.asked.has_key() {
            request = request.header(KEY, id.0);
        }
        let watch = DeliveryWatch::new();
        request = with_version(request, set_up).replay(plan.may_be_replayed).watch(&watch);
        let exchange = async {
            match request.send().await {
                Ok(response) => read(response, set_up, id, &watch).await,
                Err(e) => Outcome::Failed(failed(&e, false, &watch)),
            }
        };
        let Some(patience) = plan.patience else {
            return exchange.await;
        };
        let waited = async {
            Timer::after(patience).await;
            None
        };
        match future::or(async { Some(exchange.await) }, waited).await {
            Some(outcome) => outcome,
            None => Outcome::GivenUp { delivery: watch.delivery(), attempts: watch.attempts() },
        }
    }

    fn end_of(&self, story: Story) {
        let mut told = self.told();
        told.under_way.remove(&story.id);
        told.stories.push(story);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Every change is whole.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By itself the client speaks HTTP/1.1 without TLS, and what the server chooses with it.
fn with_version(request: RequestBuilder, set_up: SetUp) -> RequestBuilder {
    match set_up {
        SetUp::Http1 | SetUp::Http2OverTls => request,
        SetUp::Http1OverTls => request.version(Version::HTTP_11),
        SetUp::Http2 => request.version(Version::HTTP_2),
    }
}

fn body(id: Id) -> Body {
    let plan = id.plan();
    let content = Bytes::from(id.upload());
    let size = content.len().div_ceil(PIECES).max(1);
    let pieces = move |content: Bytes| {
        stream::unfold(content, move |mut rest| async move {
            if rest.is_empty() {
                return None;
            }
            Timer::after(plan.upload_pause).await;
            let piece = rest.split_to(size.min(rest.len()));
            Some((Ok::<_, Infallible>(piece), rest))
        })
    };
    match plan.upload {
        Upload::Nothing => Body::empty(),
        Upload::Octets => Body::from(content),
        Upload::Stream => Body::stream(pieces(content)),
        Upload::SizedStream => Body::sized_stream(plan.upload_length as u64, pieces(content)),
        Upload::Replayable => Body::replayable(move || Body::stream(pieces(content.clone()))),
    }
}

/// Reads a response to its end, and sees that it is the one.
async fn read(mut response: Response, set_up: SetUp, id: Id, watch: &DeliveryWatch) -> Outcome {
    let (status, attempts) = (response.status().as_u16(), response.attempts());
    let is_http2 = response.version() == Version::HTTP_2;
    if is_http2 != matches!(set_up, SetUp::Http2 | SetUp::Http2OverTls) {
        return Outcome::Wrong(format!("a response of {:?}", response.version()));
    }
    let number = response.headers().get(FIELD).map(|value| value.as_bytes().to_vec());
    let is_own = number.as_deref() == Some(id.0.to_string().as_bytes());
    let mut content = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => content.extend_from_slice(&piece),
            Ok(None) => break,
            // Whatever has come belongs to the response, also where the rest has not.
            Err(e) if status == 200 && !id.content().starts_with(&content) => {
                return Outcome::Wrong(format!("other content, and then {}", failed(&e, true, watch).text));
            }
            Err(e) => return Outcome::Failed(failed(&e, true, watch)),
        }
    }
    match (status, number) {
        _ if watch.delivery() != Delivery::Answered => {
            Outcome::Wrong(format!("an answer, and who watches is told: {}", watch.delivery()))
        }
        (200, _) if is_own && content == id.content() => Outcome::Answered { attempts },
        (200, _) if is_own => {
            let whole = id.plan().length;
            Outcome::Wrong(format!("other content: {} octets, of which there are {whole}", content.len()))
        }
        (502..=504, None) => Outcome::Gateway { status, attempts },
        (status, number) => {
            let number = number.map(|number| String::from_utf8_lossy(&number).into_owned());
            Outcome::Wrong(format!("status {status}, the number {number:?}"))
        }
    }
}

fn failed(e: &martlet::Error, in_content: bool, watch: &DeliveryWatch) -> Failed {
    let (kind, delivery, attempts) = (e.kind(), e.delivery(), e.attempts());
    let mut text = format!("{kind:?}, {delivery}, {attempts} attempts: {e}");
    let mut is_turned_away = false;
    let mut cause = e.source();
    while let Some(e) = cause {
        text += &format!(": {e}");
        let said = e.downcast_ref::<io::Error>().map(io::Error::kind);
        is_turned_away |= said == Some(io::ErrorKind::ConnectionRefused);
        cause = e.source();
    }
    Failed {
        kind,
        delivery,
        attempts,
        is_turned_away,
        is_reused: e.conn_reused(),
        has_peer: e.peer_addr().is_some(),
        watched: watch.delivery(),
        in_content,
        text,
    }
}
