//! Many requests at a time against hyper, some of which are given up at random: all end, and nothing is left.
//!
//! The only test of its binary: it counts the descriptors of the process.
#![cfg(all(feature = "tokio", target_os = "linux"))]

mod common;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures_lite::stream;
use martlet::{Body, Client, Error};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;

use common::server::Server;
use common::storm::{descriptors, give_up_after, no_task_is_left, random};

const REQUESTS: u64 = 2000;
const AT_A_TIME: usize = 50;

/// One of several kinds of request; the number of octets that came back and should have.
async fn request(client: Client, base: String, number: u64) -> Result<(usize, usize), Error> {
    match random(number) % 5 {
        0 => Ok((client.get(base).send().await?.bytes().await?.len(), 5)),
        1 => Ok((client.get(format!("{base}large")).send().await?.bytes().await?.len(), 1 << 20)),
        2 => {
            let mut response = client.get(format!("{base}large")).send().await?;
            let piece = response.chunk().await?;
            // Dropped in the middle of its content.
            let n = piece.map_or(0, |piece| piece.len().min(1));
            Ok((n, 1))
        }
        3 => {
            let pieces = stream::iter((0..20).map(|_| io::Result::Ok(vec![b'x'; 3000])));
            let request = client.post(format!("{base}echo")).body(Body::stream(pieces));
            Ok((request.send().await?.bytes().await?.len(), 60_000))
        }
        _ => {
            let request = client.post(format!("{base}echo")).body(vec![b'x'; 300_000]);
            Ok((request.send().await?.bytes().await?.len(), 300_000))
        }
    }
}

/// Makes one request after the other until there are enough; how many were completed and given up.
async fn work(client: Client, base: String, begun: Arc<AtomicU64>) -> (u64, u64) {
    let (mut completed, mut given_up) = (0, 0);
    loop {
        let number = begun.fetch_add(1, Ordering::Relaxed);
        if number >= REQUESTS {
            return (completed, given_up);
        }
        let polls = match random(number ^ 0xab_cdef) % 2 {
            0 => random(number ^ 0x12_3456) % 12,
            _ => u64::MAX,
        };
        match give_up_after(polls, request(client.clone(), base.clone(), number)).await {
            Some(result) => {
                let (came, expected) = result.expect("a request that was not given up failed");
                assert_eq!(came, expected);
                completed += 1;
            }
            None => given_up += 1,
        }
    }
}

/// As many workers as there are to be requests at a time.
fn workers(server: &Server) -> impl Iterator<Item = impl Future<Output = (u64, u64)> + Send + 'static> {
    let (client, base, begun) = (Client::new(), server.url("/"), Arc::new(AtomicU64::new(0)));
    (0..AT_A_TIME).map(move |_| work(client.clone(), base.clone(), begun.clone()))
}

fn check(counts: &[(u64, u64)]) {
    let completed: u64 = counts.iter().map(|(completed, _)| completed).sum();
    let given_up: u64 = counts.iter().map(|(_, given_up)| given_up).sum();
    assert_eq!((counts.len(), completed + given_up), (AT_A_TIME, REQUESTS));
    assert!(completed > REQUESTS / 3 && given_up > REQUESTS / 10, "{completed} and {given_up}");
}

fn on_tokio(runtime: &Runtime, server: &Server) {
    let patience = Duration::from_secs(30);
    let counts = runtime.block_on(async {
        let counts = workers(server).collect::<JoinSet<_>>().join_all().await;
        // Also those that were given up: the server has seen them close, while the runtime lives.
        timeout(patience, server.all_closed()).await.expect("a connection is left");
        timeout(patience, no_task_is_left()).await.expect("a task is left");
        counts
    });
    check(&counts);
}

#[cfg(feature = "smol")]
fn on_smol(server: &Server) {
    smol::block_on(async {
        let workers: Vec<_> = workers(server).map(smol::spawn).collect();
        let mut counts = Vec::new();
        for worker in workers {
            counts.push(worker.await);
        }
        check(&counts);
        server.all_closed().await;
    });
}

fn runtime(many_threads: bool) -> Runtime {
    let mut builder = if many_threads { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn two_thousand_requests_fifty_at_a_time_leave_nothing_behind() {
    // What the process opens once and keeps is not counted.
    runtime(true).block_on(async {});
    #[cfg(feature = "smol")]
    smol::block_on(smol::spawn(smol::Timer::after(Duration::ZERO)));
    let storms: &[fn(&Server)] = &[
        |server| on_tokio(&runtime(false), server),
        |server| on_tokio(&runtime(true), server),
        #[cfg(feature = "smol")]
        on_smol,
    ];
    for storm in storms {
        let before = descriptors();
        // A thread remembers the tokio runtime that it was in last, and with it two descriptors, until it ends.
        thread::spawn(|| storm(&Server::start())).join().unwrap();
        assert_eq!(descriptors(), before);
    }
}
