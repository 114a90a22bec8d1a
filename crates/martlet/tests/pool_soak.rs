//! A hundred thousand requests through one pool, many of which are given up at random: every slot comes back.
//!
//! The only test of its binary: it counts the descriptors of the process.
#![cfg(all(feature = "tokio", target_os = "linux"))]

mod common;

use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use martlet::{Client, ClientBuilder, DialPolicy, Error, Response};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use common::server::Server;
use common::storm::{descriptors, give_up_after, no_task_is_left, random};

const REQUESTS: u64 = 100_000;
/// More than there may be connections: some wait.
const AT_A_TIME: usize = 48;
const PATIENCE: Duration = Duration::from_secs(30);

/// How many requests ended in which way.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    read: u64,
    unread: u64,
    half_read: u64,
    given_up: u64,
    timed_out: u64,
}

impl Tally {
    /// Whether no way of ending was rare.
    fn check(&self, requests: u64) {
        let Self { read, unread, half_read, given_up, timed_out } = *self;
        assert_eq!(read + unread + half_read + given_up + timed_out, requests);
        for (count, percent) in [(read, 50), (unread, 9), (half_read, 9), (given_up, 5)] {
            assert!(count > requests * percent / 100, "{self:?}");
        }
        assert!(timed_out > requests / 200, "{self:?}");
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.unread += other.unread;
        self.half_read += other.half_read;
        self.given_up += other.given_up;
        self.timed_out += other.timed_out;
    }
}

/// Sends a request of some kind; the length that the content of its response has.
async fn send(client: &Client, base: &str, number: u64) -> Result<(Response, usize), Error> {
    let (request, length) = match random(number ^ 0x5eed) % 40 {
        0 => (client.get(format!("{base}large")), 1 << 20),
        1..4 => (client.get(format!("{base}medium")), 40 << 10),
        4..8 => (client.post(format!("{base}echo")).body(vec![b'x'; 3000]), 3000),
        _ => (client.get(base), 5),
    };
    Ok((request.send().await?, length))
}

async fn read(client: &Client, base: &str, number: u64) -> Result<(), Error> {
    let (response, length) = send(client, base, number).await?;
    assert_eq!(response.bytes().await?.len(), length);
    Ok(())
}

/// One request, which ends well unless it is given up.
async fn request(client: &Client, base: &str, number: u64) -> Result<Tally, Error> {
    let mut tally = Tally::default();
    let chance = random(number);
    match chance % 10 {
        0..2 => match give_up_after((chance >> 8) % 8, read(client, base, number)).await {
            Some(result) => {
                result?;
                tally.read = 1;
            }
            None => tally.given_up = 1,
        },
        2 => match timeout(Duration::from_micros((chance >> 8) % 4000), read(client, base, number)).await {
            Ok(result) => {
                result?;
                tally.read = 1;
            }
            Err(_) => tally.timed_out = 1,
        },
        3 => {
            send(client, base, number).await?;
            tally.unread = 1;
        }
        4 => {
            let (mut response, _) = send(client, base, number).await?;
            response.chunk().await?;
            tally.half_read = 1;
        }
        _ => {
            read(client, base, number).await?;
            tally.read = 1;
        }
    }
    Ok(tally)
}

/// Makes one request after the other until there are none left.
async fn work(client: Client, bases: Arc<[String]>, left: Arc<AtomicU64>) -> Tally {
    let mut tally = Tally::default();
    loop {
        let take = |left: u64| left.checked_sub(1);
        let Ok(number) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) else {
            return tally;
        };
        let base = &bases[random(number ^ 0xba5e) as usize % bases.len()];
        tally += request(&client, base, number).await.expect("a request that was not given up failed");
    }
}

/// Every open connection of the client is one of the servers, and nothing else is open.
async fn settled(client: Option<&Client>, servers: &[Server], before: usize) {
    let balance = || {
        let kept = client.map_or(0, |client| client.stats().connections);
        let open: usize = servers.iter().map(Server::open).sum();
        (kept, open, descriptors())
    };
    let balanced = async {
        loop {
            let (kept, open, now) = balance();
            if open == kept && now == before + 2 * kept {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    if timeout(PATIENCE, balanced).await.is_err() {
        panic!("kept, open at the servers, descriptors: {:?} after {before}", balance());
    }
}

async fn storm(builder: ClientBuilder, servers: &[Server], requests: u64) {
    let before = descriptors();
    // Long enough that all idle connections are still there to be counted.
    let client = builder.keepalive_expiry(Some(Duration::from_secs(120))).build().unwrap();
    let bases: Arc<[String]> = servers.iter().map(|server| server.url("/")).collect();
    let left = Arc::new(AtomicU64::new(requests));
    let workers = (0..AT_A_TIME).map(|_| work(client.clone(), bases.clone(), left.clone()));
    let mut tally = Tally::default();
    for each in workers.collect::<JoinSet<_>>().join_all().await {
        tally += each;
    }
    tally.check(requests);
    let stats = client.stats();
    assert_eq!((stats.leased, stats.dialing, stats.waiting, stats.streams), (0, 0, 0, 0), "{client:?}");
    assert!(stats.connections == stats.idle && stats.idle <= 20, "{stats:?}");
    settled(Some(&client), servers, before).await;

    // What is left serves on.
    for base in &*bases {
        assert_eq!(client.get(base).send().await.unwrap().text().await.unwrap(), "hello");
    }
    assert!(client.stats().idle > 0);
    drop(client);
    settled(None, servers, before).await;
    timeout(PATIENCE, no_task_is_left()).await.expect("a task is left");
}

#[test]
fn a_hundred_thousand_requests_with_random_cancellation_leak_no_slot_and_no_descriptor() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let servers = [Server::start(), Server::start(), Server::start()];
    let roomy = Client::builder().max_connections(32).max_connections_per_origin(Some(16));
    runtime.block_on(storm(roomy, &servers, REQUESTS));
    // Where every limit is reached all the time.
    let patient = DialPolicy::PreferIdle { wait: Duration::from_millis(1) };
    let tight = Client::builder().max_connections(4).max_connections_per_origin(Some(3));
    let tight = tight.max_keepalive_connections(2).max_requests_per_connection(Some(7)).dial_policy(patient);
    runtime.block_on(storm(tight, &servers, REQUESTS / 10));
}
