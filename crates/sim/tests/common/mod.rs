//! What the tests share.

#![allow(dead_code)]

pub(crate) mod dump;
pub(crate) mod feed;
#[cfg(feature = "tls")]
pub(crate) mod leave;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use martlet::{Client, ClientBuilder, Delivery, Error, Kind, Response};
use martlet_sim::{Listener, Script, Sim, SimConfig, SimRequest, SimResponse};

/// A client whose timeouts are the defaults.
pub(crate) fn client(sim: &Sim) -> Client {
    Client::builder().runtime(sim.runtime()).build().expect("the defaults build")
}

/// A world in which nothing but what the test sets takes time.
pub(crate) fn calm() -> Sim {
    Sim::with_config(0, SimConfig::calm())
}

/// Answers every request with its own target.
pub(crate) fn echo(sim: &Sim) -> Listener {
    sim.listen("a.test", 80, |request: SimRequest| SimResponse::ok(request.target))
}

pub(crate) fn raw(sim: &Sim, script: Script) -> Listener {
    sim.listen_script("a.test", 80, [script])
}

/// A GET of the whole content.
pub(crate) async fn get(client: &Client, url: &str) -> Result<Vec<u8>, Error> {
    Ok(client.get(url).send().await?.bytes().await?.to_vec())
}

/// What a GET of `http://a.test/` comes to.
pub(crate) fn run(sim: &Sim) -> Result<Vec<u8>, (Kind, Delivery)> {
    let client = client(sim);
    sim.block_on(get(&client, "http://a.test/")).expect("no dead-lock").map_err(|e| (e.kind(), e.delivery()))
}

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A client of these settings.
pub(crate) fn client_with(sim: &Sim, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    set(Client::builder().runtime(sim.runtime())).build().expect("the settings are sound")
}

/// A client with so many connections.
pub(crate) fn limited(sim: &Sim, most: usize) -> Client {
    client_with(sim, |builder| builder.max_connections(most))
}

/// A world in which nothing but what the test sets takes time, and octets take so long each way.
pub(crate) fn distant(latency: Duration) -> Sim {
    let mut config = SimConfig::calm();
    config.latency = latency..=latency;
    Sim::with_config(0, config)
}

/// Answers with the target, after so many milliseconds as its first segment says if that is a number.
pub(crate) fn site(sim: &Sim, host: &str) -> Listener {
    sim.listen(host, 80, |request: SimRequest| {
        let delay = request.target.split('/').nth(1).and_then(|ms| ms.parse().ok()).unwrap_or(0);
        SimResponse::ok(request.target).after(Duration::from_millis(delay))
    })
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What a request comes to.
pub(crate) type Fetched = Result<Vec<u8>, Kind>;

/// A GET of the whole content, without a borrow.
pub(crate) fn fetch(client: &Client, url: &str) -> impl Future<Output = Fetched> + Send + use<> {
    read(client.get(url).send())
}

/// The whole content of a response to come.
pub(crate) async fn read(response: impl Future<Output = Result<Response, Error>>) -> Fetched {
    let response = response.await.map_err(|e| e.kind())?;
    Ok(response.bytes().await.map_err(|e| e.kind())?.to_vec())
}

/// A GET that must succeed.
#[track_caller]
pub(crate) fn fetch_now(sim: &Sim, client: &Client, url: &str) {
    sim.block_on(fetch(client, url)).expect("no dead-lock").expect("an answer");
}

/// The response to a GET, whose content is not read: it holds its connection.
#[track_caller]
pub(crate) fn hold(sim: &Sim, client: &Client, url: &str) -> Response {
    sim.block_on(client.get(url).send()).expect("no dead-lock").expect("an answer")
}

/// A task that somebody looks at from outside.
pub(crate) struct Started<T>(Arc<Mutex<Option<T>>>);

pub(crate) fn start<T: Send + 'static>(
    sim: &Sim,
    future: impl Future<Output = T> + Send + 'static,
) -> Started<T> {
    let place = Arc::new(Mutex::new(None));
    let theirs = Arc::clone(&place);
    sim.spawn(async move {
        let output = future.await;
        *theirs.lock().expect("sound") = Some(output);
    });
    Started(place)
}

impl<T> Started<T> {
    /// What it came to, if it has ended.
    pub(crate) fn result(&self) -> Option<T> {
        self.0.lock().expect("sound").take()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.lock().expect("sound").is_some()
    }
}

impl Started<Fetched> {
    /// Whether it has ended, and well.
    pub(crate) fn succeeded(&self) -> bool {
        matches!(&*self.0.lock().expect("sound"), Some(Ok(_)))
    }
}

/// A future that is polled when the test says so, whoever wakes it.
pub(crate) struct Held<T>(Pin<Box<dyn Future<Output = T> + Send>>);

impl<T> Held<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }

    /// Polls it once.
    pub(crate) fn poll(&mut self, sim: &Sim) -> Option<T> {
        let polled = sim.block_on(poll_fn(|cx| Poll::Ready(self.0.as_mut().poll(cx))));
        match polled.expect("no dead-lock") {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// Drops it as a task would, inside of its runtime.
    pub(crate) fn cancel(self, sim: &Sim) {
        drop_inside(sim, self);
    }

    pub(crate) fn finish(self, sim: &Sim) -> T {
        sim.block_on(self.0).expect("no dead-lock")
    }
}

/// Drops something inside of the runtime.
pub(crate) fn drop_inside<T>(sim: &Sim, thing: T) {
    sim.block_on(async { drop(thing) }).expect("no dead-lock");
}

/// Lets happen what takes no time.
#[track_caller]
pub(crate) fn settle(sim: &Sim) {
    sim.advance(Duration::ZERO).expect("not endless");
}

/// What a pool is to hold: idle and leased connections, dials, and waiters, those that dial included. Nothing else is
/// open.
#[track_caller]
pub(crate) fn expect_pool(sim: &Sim, client: &Client, counts: [usize; 4]) {
    let stats = client.stats();
    let found = [stats.idle, stats.leased, stats.dialing, stats.waiting];
    assert_eq!(found, counts, "idle, leased, dialing, waiting\n{client:?}\n{}", sim.trace());
    assert_eq!(stats.connections, stats.idle + stats.leased);
    assert_eq!(sim.open_connections(), stats.connections, "{client:?}\n{}", sim.trace());
}

/// Connections that were begun so far.
pub(crate) fn dials(sim: &Sim) -> usize {
    sim.trace().matches(" dial ").count()
}
