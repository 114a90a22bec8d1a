//! What one request is to be.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Version};
use martlet::{Body, Client, RequestBuilder};
use martlet_sim::{Rng, SimRuntime};

use super::plan::{ORIGINS, Plan};
use super::site::upload_of;
use super::source::Source;

/// A request as the seed wants it.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) id: u64,
    pub(super) method: Method,
    pub(super) is_h2: bool,
    pub(super) origin: u64,
    /// It carries an `Idempotency-Key`.
    pub(super) is_keyed: bool,
    pub(super) content: Content,
    pub(super) has_trailers: bool,
    pub(super) expects: bool,
    /// Whether it may be sent again, if it says so itself.
    replay: Option<bool>,
    /// The same, with what the client says.
    pub(super) replays: bool,
}

/// Where the content of a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    None,
    Bytes,
    Stream,
    SizedStream,
    /// A stream that can be had again.
    Replayable,
}

impl Wish {
    pub(super) fn draw(rng: &mut Rng, plan: &Plan, id: u64) -> Self {
        const METHODS: [Method; 9] = [
            Method::GET,
            Method::GET,
            Method::GET,
            Method::HEAD,
            Method::PUT,
            Method::DELETE,
            Method::POST,
            Method::POST,
            Method::PATCH,
        ];
        let method = METHODS[rng.below(9) as usize].clone();
        let is_h2 = rng.percent(50);
        // The first origin is asked more often than the others.
        let origin = if rng.percent(50) { 0 } else { rng.below(ORIGINS) };
        let is_keyed = rng.percent(25);
        let has_content = [Method::PUT, Method::POST, Method::PATCH].contains(&method);
        let content = match rng.below(7) {
            _ if !has_content => Content::None,
            0 => Content::None,
            1 => Content::Stream,
            2 => Content::SizedStream,
            3 => Content::Replayable,
            _ => Content::Bytes,
        };
        let expects = content != Content::None && !upload_of(plan, id).is_empty() && rng.percent(20);
        let has_trailers = !matches!(content, Content::None | Content::Replayable) && rng.percent(15);
        let replay = match rng.below(8) {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        };
        let replays = replay.unwrap_or(plan.replays);
        Self { id, method, is_h2, origin, is_keyed, content, has_trailers, expects, replay, replays }
    }

    /// Whether it may be acted on twice.
    pub(super) fn is_harmless(&self) -> bool {
        self.is_keyed || self.method.is_idempotent()
    }

    /// What is to be sent.
    pub(super) fn upload(&self, plan: &Plan) -> Bytes {
        if self.content == Content::None { Bytes::new() } else { upload_of(plan, self.id) }
    }

    /// The request that is to be sent.
    pub(super) fn build(
        &self,
        client: &Client,
        runtime: &SimRuntime,
        plan: &Plan,
        rng: &mut Rng,
    ) -> RequestBuilder {
        let name = if self.is_h2 { "two" } else { "one" };
        let scheme = if plan.is_secure { "https" } else { "http" };
        let url = format!("{scheme}://{name}{}.test/{}", self.origin, self.id);
        let mut request = client.request(self.method.clone(), url);
        if self.is_h2 {
            request = request.version(Version::HTTP_2);
        }
        if self.is_keyed {
            request = request.header("idempotency-key", "\"k\"");
        }
        if let Some(replay) = self.replay {
            request = request.replay(replay);
        }
        if self.expects {
            request = request.header("expect", "100-continue");
        }
        let content = self.upload(plan);
        let length = content.len() as u64;
        let (of_source, runtime, rng) = (content.clone(), runtime.clone(), rng.fork());
        let source = move || Source::new(of_source.clone(), runtime.clone(), rng.clone());
        let mut body = match self.content {
            Content::None => return request,
            Content::Bytes => Body::from(content),
            Content::Stream => Body::reader(source()),
            Content::SizedStream => Body::sized_reader(length, source()),
            Content::Replayable => Body::replayable(move || Body::reader(source())),
        };
        request = request.header("x-content", "yes");
        if self.has_trailers {
            request = request.header("x-trailers", "yes");
            let mut fields = HeaderMap::new();
            fields.insert("x-end", HeaderValue::from_static("yes"));
            body = body.with_trailers(async { Ok::<_, io::Error>(fields) });
        }
        request.body(body)
    }
}
