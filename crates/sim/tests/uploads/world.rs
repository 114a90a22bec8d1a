//! Content, clients and answers for these rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_lite::stream;
use martlet::{Body, Client, Error};
use martlet_sim::Sim;

use crate::common::leave::url;
use crate::common::{expect_pool, settle};

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An answer that ends the connection.
pub(crate) const TOO_LARGE: &str =
    "HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large";

/// The octets of a piece of [`large`].
pub(crate) const PIECE: usize = 64 * 1024;

/// 100 MiB, made piece by piece. The counter says how many pieces there were.
pub(crate) fn large() -> (Body, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let piece = move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; PIECE]))
    };
    let pieces = stream::iter((0..1_600).map(piece));
    (Body::sized_stream(1_600 * PIECE as u64, pieces), made)
}

/// What came of a request: the status and the content.
pub(crate) async fn send(
    request: impl Future<Output = Result<martlet::Response, Error>>,
) -> Result<(u16, Vec<u8>), Error> {
    let response = request.await?;
    let status = response.status().as_u16();
    Ok((status, response.bytes().await?.to_vec()))
}

/// The next request succeeds, on a connection of its own; the one before is gone.
#[track_caller]
pub(crate) fn expect_next_on_another(sim: &Sim, client: &Client, is_tls: bool) {
    settle(sim);
    expect_pool(sim, client, [0, 0, 0, 0]);
    let (status, content) =
        sim.block_on(send(client.get(url(is_tls)).send())).expect("no dead-lock").expect("an answer");
    assert_eq!((status, content.as_slice()), (200, &b"ok"[..]));
    settle(sim);
    expect_pool(sim, client, [1, 0, 0, 0]);
}
