//! What the client says of its requests, to be held against what the servers saw.

use std::sync::{Arc, Mutex};

use http::{Method, Version};
use martlet::{Body, BoxFuture, Client, Delivery, Error, Kind, RequestBuilder, Response};
use martlet_sim::{Listener, LoggedRequest};

/// Requests of one client, each to a URL of its own.
#[derive(Clone)]
pub(crate) struct Book {
    client: Client,
    entries: Arc<Mutex<Vec<Entry>>>,
}

struct Entry {
    method: Method,
    url: String,
    has_key: bool,
    /// `None`: it was dropped, or it runs still.
    told: Option<Told>,
}

/// What a request comes to.
pub(crate) type Told = Result<Answer, Failed>;

/// A response that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content: Vec<u8>,
    pub(crate) attempts: u32,
    pub(crate) version: Version,
    pub(crate) is_reused: bool,
}

/// What an error says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) kind: Kind,
    pub(crate) delivery: Delivery,
    pub(crate) attempts: u32,
}

impl From<&Error> for Failed {
    fn from(e: &Error) -> Self {
        Self { kind: e.kind(), delivery: e.delivery(), attempts: e.attempts() }
    }
}

/// The attempts of a request that was answered.
pub(crate) fn attempts(told: &Option<Told>) -> Option<u32> {
    told.as_ref()?.as_ref().ok().map(|answer| answer.attempts)
}

impl Book {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), entries: Arc::default() }
    }

    pub(crate) fn get(&self, url: &str) -> BoxFuture<'static, Told> {
        self.send(Method::GET, url, |builder| builder)
    }

    pub(crate) fn post(&self, url: &str, body: impl Into<Body>) -> BoxFuture<'static, Told> {
        self.send(Method::POST, url, |builder| builder.body(body))
    }

    /// Any request, up to the end of its response.
    pub(crate) fn send(
        &self,
        method: Method,
        url: &str,
        set: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> BoxFuture<'static, Told> {
        let request = set(self.client.request(method.clone(), url)).build();
        let request = request.expect("it can be built");
        let has_key = request.headers().contains_key("idempotency-key");
        let mut entries = self.entries.lock().expect("sound");
        assert!(entries.iter().all(|entry| entry.url != url), "{url} once more");
        let nth = entries.len();
        entries.push(Entry { method, url: url.to_owned(), has_key, told: None });
        drop(entries);
        let (client, entries) = (self.client.clone(), Arc::clone(&self.entries));
        Box::pin(async move {
            let told = match client.execute(request).await {
                Ok(response) => read(response).await,
                Err(e) => Err(Failed::from(&e)),
            };
            entries.lock().expect("sound")[nth].told = Some(told.clone());
            told
        })
    }

    /// Holds all that was said against the logs: what was not sent is in none, what was refused was acted on nowhere, what
    /// was answered was acted on; nothing is there more often than it was sent, and what must not be done twice was not.
    /// No server has anything to complain of.
    #[track_caller]
    pub(crate) fn check(&self, servers: &[&Listener]) {
        for server in servers {
            assert_eq!(server.complaints(), Vec::<String>::new());
        }
        let log: Vec<LoggedRequest> = servers.iter().flat_map(|server| server.log()).collect();
        for entry in self.entries.lock().expect("sound").iter() {
            entry.check(&log);
        }
    }
}

impl Entry {
    #[track_caller]
    fn check(&self, log: &[LoggedRequest]) {
        let Self { method, url, has_key, told } = self;
        let (host, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
        let is_it = |seen: &&LoggedRequest| {
            seen.authority.as_deref() == Some(host) && seen.target.strip_prefix('/') == Some(path)
        };
        let came = log.iter().filter(is_it).filter(|seen| seen.head_complete).count();
        let processed = log.iter().filter(is_it).filter(|seen| seen.processed).count();
        let about = format!("{method} {url}: {told:?}, came {came}, processed {processed}");
        if *method == Method::POST && !has_key {
            assert!(processed <= 1, "{about}");
        }
        let (attempts, delivery) = match told {
            None => return,
            Some(Ok(answer)) => (answer.attempts, Delivery::Answered),
            Some(Err(failed)) => (failed.attempts, failed.delivery),
        };
        assert!(came <= attempts as usize, "{about}");
        match delivery {
            Delivery::NotSent => assert_eq!(came, 0, "{about}"),
            Delivery::Refused => assert_eq!(processed, 0, "{about}"),
            // What was on its way may have been lost with the connection.
            Delivery::Unknown => {}
            Delivery::Answered => assert!(processed > 0, "{about}"),
        }
    }
}

async fn read(response: Response) -> Told {
    let status = response.status().as_u16();
    let (attempts, version) = (response.attempts(), response.version());
    let is_reused = response.connection().is_reused();
    let content = response.bytes().await.map_err(|e| Failed { attempts, ..Failed::from(&e) })?;
    Ok(Answer { status, content: content.to_vec(), attempts, version, is_reused })
}
