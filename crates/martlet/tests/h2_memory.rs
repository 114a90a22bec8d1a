//! Content of a gibibyte passes through HTTP/2 in bounded memory.
//!
//! The only test of its binary: it looks at the memory of the process.
#![cfg(all(
    feature = "http2",
    feature = "tokio",
    feature = "smol",
    feature = "async-std",
    target_os = "linux"
))]

mod common;
#[allow(dead_code)]
#[path = "h2/streamer.rs"]
mod streamer;

use std::future::Future;
use std::io;

use futures_lite::stream;
use martlet::{Body, Client, Protocols};

use common::flavor::Flavor;
use streamer::{Pattern, Streamer};

const MUCH: u64 = 1 << 30;
/// The windows and buffers of both sides, which are in this process, and what the allocator keeps of them.
const ENOUGH: u64 = 48 << 20;

/// The most memory that the process has had since that was last forgotten, in octets.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The peak is the present from now on.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

async fn bounded(what: &str, work: impl Future<Output = ()>) {
    forget_peak();
    let before = peak();
    work.await;
    let grown = peak().saturating_sub(before);
    assert!(grown < ENOUGH, "{what}: {} KiB more", grown / 1024);
}

async fn down(client: &Client, server: &Streamer) {
    let mut response = client.get(server.url(&format!("/down/{MUCH}"))).send().await.unwrap();
    let mut pattern = Pattern::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        assert!(pattern.check(&piece));
    }
    assert_eq!(pattern.len(), MUCH);
}

async fn up(client: &Client, server: &Streamer) {
    let pieces = stream::unfold(Pattern::new(), |mut pattern| async move {
        let left = MUCH - pattern.len();
        (left > 0).then(|| (io::Result::Ok(pattern.next(left)), pattern))
    });
    let response = client.post(server.url("/count")).body(Body::stream(pieces)).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), MUCH.to_string());
}

#[test]
fn a_gibibyte_each_way_takes_no_more_memory_than_the_windows() {
    for flavor in [Flavor::TokioManyThreads, Flavor::Smol] {
        flavor.block_on(async {
            let server = Streamer::start();
            let client = Client::builder().protocols(Protocols::Http2).build().unwrap();
            bounded("down", down(&client, &server)).await;
            bounded("up", up(&client, &server)).await;
        });
    }
}
