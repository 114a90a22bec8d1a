//! Requests, servers and what is told of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_lite::stream;
use martlet::http::{HeaderMap, Method};
use martlet::{Body, Client, Delivery, Error, Kind, RequestBuilder};
use martlet_sim::{Listener, Script, Sim};

use crate::common::leave::{Leave, url};
use crate::common::{expect_pool, settle};

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
pub(crate) const CONTENT: &str = "data";

/// What a request came to: the status, or the error; and how often it was sent.
pub(crate) type Told = (Result<u16, (Kind, Delivery)>, u32);

#[track_caller]
pub(crate) fn send(sim: &Sim, request: RequestBuilder) -> Result<(u16, u32), Error> {
    let sent = sim.block_on(async {
        let response = request.send().await?;
        let told = (response.status().as_u16(), response.attempts());
        response.bytes().await?;
        Ok(told)
    });
    sent.expect("no dead-lock")
}

#[track_caller]
pub(crate) fn told(sim: &Sim, request: RequestBuilder) -> Told {
    match send(sim, request) {
        Ok((status, attempts)) => (Ok(status), attempts),
        Err(e) => (Err((e.kind(), e.delivery())), e.attempts()),
    }
}

/// A request that the log knows again. POST, PUT and PATCH have content.
pub(crate) fn marked(client: &Client, method: &str, url: &str) -> RequestBuilder {
    let has_content = matches!(method, "POST" | "PUT" | "PATCH");
    let method = Method::from_bytes(method.as_bytes()).expect("it is one");
    let request = client.request(method, url).header("x-marked", "yes");
    if has_content { request.body(CONTENT) } else { request }
}

/// The octets of content of a [`marked`] request.
pub(crate) fn content_of(method: &str) -> usize {
    if matches!(method, "POST" | "PUT" | "PATCH") { CONTENT.len() } else { 0 }
}

/// The connections on which the whole of a marked request has come.
pub(crate) fn seen_on(server: &Listener) -> Vec<u64> {
    let is_marked = |fields: &HeaderMap| fields.contains_key("x-marked");
    let log = server.log();
    log.iter().filter(|seen| seen.complete && is_marked(&seen.headers)).map(|seen| seen.connection).collect()
}

/// Answers the first request of a connection, and all behind it.
pub(crate) fn good() -> Script {
    Script::new().expect_head().send(OK).expect_head().send(OK).expect_head().send(OK).read_to_end()
}

/// Answers a request, takes another one, and leaves.
pub(crate) fn fickle(leave: Leave, content: usize) -> Script {
    leave.end(Script::new().expect_head().send(OK).expect_head().read(content))
}

/// A stream that counts what it is asked for.
pub(crate) fn counted() -> (Body, Arc<AtomicUsize>) {
    let polls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&polls);
    let pieces = (0..2).map(move |n| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, io::Error>(Bytes::from(if n == 0 { "da" } else { "ta" }))
    });
    (Body::stream(stream::iter(pieces)), polls)
}

/// S327-10: whatever happened, the next request works, and the pool holds its connection and nothing else.
#[track_caller]
pub(crate) fn expect_sound(sim: &Sim, client: &Client, is_tls: bool) {
    settle(sim);
    let stats = client.stats();
    assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "{client:?}");
    assert_eq!(told(sim, client.get(url(is_tls))), (Ok(200), 1), "{}", sim.trace());
    settle(sim);
    expect_pool(sim, client, [1, 0, 0, 0]);
}
