//! The checks of a server that stays up.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::stream::{self, StreamExt};
use futures_util::future::join_all;
use martlet::bytes::Bytes;
use martlet::http::{HeaderMap, HeaderValue};
use martlet::{Body, Client, Response};
use martlet_bench::{Digest, SMALL};

use crate::load::{self, Restart};
use crate::martlets::{Outcome, Target, is_fine, told};

/// Requests at a time over one connection.
const MANY: usize = 1_000;

/// Content of a large upload: 64 MiB.
const PIECES: usize = 1_024;
const PIECE: usize = 64 * 1024;

/// For what happens after the last response.
const PATIENCE: usize = 100;
const STEP: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Get,
    Head,
    /// 64 MiB of unknown length, which come back as they are sent.
    Echo,
    /// 64 MiB of unknown length, of which the server returns length and hash.
    Digest,
    /// A thousand requests at once, over one connection.
    Many,
    Trailers,
    /// A trailer section that the client sends, and that comes back.
    SentTrailers,
    /// 100 (Continue) before the response.
    Continue,
    /// 103 (Early Hints) before the response.
    Hints,
    Load(Restart),
}

impl Check {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "get" => Self::Get,
            "head" => Self::Head,
            "echo" => Self::Echo,
            "digest" => Self::Digest,
            "many" => Self::Many,
            "trailers" => Self::Trailers,
            "sent-trailers" => Self::SentTrailers,
            "continue" => Self::Continue,
            "hints" => Self::Hints,
            "graceful" => Self::Load(Restart::Graceful),
            "hard" => Self::Load(Restart::Hard),
            _ => return None,
        })
    }

    /// What is to be told besides that it went well.
    pub(crate) async fn run(self, target: &Target) -> Outcome<String> {
        let client = target.client()?;
        match self {
            Self::Get => small(&client, &target.url("/small.txt")).await?,
            Self::Hints => small(&client, &target.url("/hints.txt")).await?,
            Self::Head => head(&client, &target.url("/small.txt")).await?,
            Self::Echo => echo(&client, &target.url("/echo")).await?,
            Self::Digest => digest(&client, &target.url("/digest")).await?,
            Self::Many => return many(&client, target).await,
            Self::Trailers => trailers(&client, &target.url("/trailers.txt")).await?,
            Self::SentTrailers => sent_trailers(&client, &target.url("/echo")).await?,
            Self::Continue => expect(&client, &target.url("/echo")).await?,
            Self::Load(restart) => return load::run(&client, target, restart).await,
        }
        Ok(String::new())
    }
}

async fn small(client: &Client, url: &str) -> Outcome<()> {
    is_small(client.get(url).send().await.map_err(|e| told(&e))?).await.map(drop)
}

/// Returns which connection it came by.
async fn is_small(mut response: Response) -> Outcome<u64> {
    is_fine(&response)?;
    let id = response.connection().id();
    let content = rest(&mut response).await?;
    if content == SMALL.as_bytes() { Ok(id) } else { Err(format!("other content: {content:?}").into()) }
}

async fn rest(response: &mut Response) -> Outcome<Vec<u8>> {
    let mut content = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| told(&e))? {
        content.extend_from_slice(&piece);
    }
    Ok(content)
}

/// Its Content-Length may be missing, but not wrong.
async fn head(client: &Client, url: &str) -> Outcome<()> {
    let mut response = client.head(url).send().await.map_err(|e| told(&e))?;
    is_fine(&response)?;
    if response.content_length().is_some_and(|length| length != SMALL.len() as u64) {
        return Err(format!("content-length {:?}", response.content_length()).into());
    }
    let content = rest(&mut response).await?;
    if content.is_empty() { Ok(()) } else { Err("a response to HEAD with content".into()) }
}

async fn echo(client: &Client, url: &str) -> Outcome<()> {
    let (body, sent) = upload();
    let mut response = client.post(url).body(body).send().await.map_err(|e| told(&e))?;
    is_fine(&response)?;
    let mut returned = Digest::new();
    while let Some(piece) = response.chunk().await.map_err(|e| told(&e))? {
        returned.update(&piece);
    }
    same(&sent, &returned.to_string())
}

async fn digest(client: &Client, url: &str) -> Outcome<()> {
    let (body, sent) = upload();
    let mut response = client.post(url).body(body).send().await.map_err(|e| told(&e))?;
    is_fine(&response)?;
    same(&sent, &String::from_utf8(rest(&mut response).await?)?)
}

/// Content of unknown length, made while it is sent, and its digest so far.
fn upload() -> (Body, Arc<Mutex<Digest>>) {
    let sent = Arc::new(Mutex::new(Digest::new()));
    let digest = sent.clone();
    let pieces = stream::iter(0..PIECES).map(move |number| {
        let piece: Vec<u8> = (0..PIECE).map(|at| (at * 31 + number * 7) as u8).collect();
        digest.lock().expect("nobody panics with it").update(&piece);
        Ok::<_, Infallible>(Bytes::from(piece))
    });
    (Body::stream(pieces), sent)
}

fn same(sent: &Mutex<Digest>, returned: &str) -> Outcome<()> {
    let sent = sent.lock().expect("nobody panics with it").to_string();
    if sent == returned { Ok(()) } else { Err(format!("sent `{sent}`, the server has `{returned}`").into()) }
}

async fn many(client: &Client, target: &Target) -> Outcome<String> {
    let url = target.url("/small.txt");
    let outcomes = join_all(
        (0..MANY)
            .map(|_| async { is_small(client.get(url.as_str()).send().await.map_err(|e| told(&e))?).await }),
    );
    let ids = outcomes.await.into_iter().collect::<Outcome<Vec<u64>>>()?;
    if ids.iter().any(|id| *id != ids[0]) {
        return Err("not all came by the same connection".into());
    }
    for _ in 0..PATIENCE {
        let stats = client.stats();
        if (stats.connections, stats.streams, stats.waiting, stats.dialing) == (1, 0, 0, 0) {
            return Ok(String::new());
        }
        target.runtime.pause(STEP).await;
    }
    Err(format!("afterwards there is {:?}", client.stats()).into())
}

async fn trailers(client: &Client, url: &str) -> Outcome<()> {
    let request = client.get(url).header("te", "trailers");
    let mut response = request.send().await.map_err(|e| told(&e))?;
    is_fine(&response)?;
    let content = rest(&mut response).await?;
    if content != SMALL.as_bytes() {
        return Err(format!("other content: {content:?}").into());
    }
    has_trailer(&mut response)
}

async fn sent_trailers(client: &Client, url: &str) -> Outcome<()> {
    let body = Body::from(SMALL).with_trailers(async {
        let mut fields = HeaderMap::new();
        fields.insert("x-trailer", HeaderValue::from_static("sent"));
        Ok::<_, Infallible>(fields)
    });
    let request = client.post(url).header("te", "trailers").body(body);
    let mut response = request.send().await.map_err(|e| told(&e))?;
    is_fine(&response)?;
    let content = rest(&mut response).await?;
    if content != SMALL.as_bytes() {
        return Err(format!("other content: {content:?}").into());
    }
    has_trailer(&mut response)
}

fn has_trailer(response: &mut Response) -> Outcome<()> {
    match response.trailers().and_then(|fields| fields.get("x-trailer")) {
        Some(b"sent") => Ok(()),
        other => Err(format!("the trailer field is {other:?}").into()),
    }
}

async fn expect(client: &Client, url: &str) -> Outcome<()> {
    let request = client.post(url).header("expect", "100-continue").body(SMALL);
    is_small(request.send().await.map_err(|e| told(&e))?).await.map(drop)
}
