//! What a server says of TLS itself while a connection is idle.

use std::io::Write;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use async_io::Timer;
use futures_lite::future::poll_once;
use martlet::Client;

use crate::common::flavor::{Flavor, watched};
use crate::peer::{HELLO, ONLY_13, Options, Seen, Shake, Then};
use crate::{options, read, trusting};

/// The word of a runtime does not count for so long: the system is asked, too.
const LONG: Duration = Duration::from_millis(1100);

/// Enough for a runtime to hear of what has come.
const A_TURN: Duration = Duration::from_millis(20);

/// All runtimes beside each other: the test does little but sleep.
fn on_each(test: impl Fn(Flavor) + Copy + Send + 'static) {
    thread::scope(|scope| {
        for flavor in Flavor::ALL {
            scope.spawn(move || watched(format!("on {flavor:?}"), move || test(flavor)));
        }
    });
}

/// What the task does between two requests.
#[derive(Clone, Copy)]
enum Between {
    /// It waits, and its runtime hears of what comes.
    Waits(Duration),
    /// It computes, and its runtime hears of nothing.
    Computes(Duration),
}

/// Three requests, the second one `after` the late message, and the third on a new connection.
fn second_request_reuses(flavor: Flavor, options: Options, is_out: fn(&Seen) -> bool, between: Between) {
    flavor.block_on(async move {
        let server = options.start();
        let client = Client::builder()
            .tls(trusting())
            .keepalive_expiry(None)
            .max_requests_per_connection(Some(2))
            .build()
            .unwrap();
        for (reused, resumed) in [(false, false), (true, false), (false, true)] {
            let response = read(client.get(server.url("/")).send().await.unwrap()).await.unwrap();
            let connection = response.connection();
            assert_eq!(connection.is_reused(), reused);
            assert_eq!(connection.tls().unwrap().is_resumed(), resumed);
            match between {
                Between::Waits(time) => {
                    server.until("out", |seen| is_out(seen.last().unwrap())).await;
                    let _ = Timer::after(time).await;
                }
                Between::Computes(time) => thread::sleep(time),
            }
        }
        let seen: Vec<_> = server.seen().iter().map(|seen| seen.requests.len()).collect();
        assert_eq!(seen, [2, 1]);
    });
}

fn late_tickets() -> Options {
    let mut options = options();
    (options.versions, options.shake) = (ONLY_13, Shake::TicketsLate(Duration::from_millis(50)));
    options
}

#[test]
fn s327_11_tickets_that_come_after_the_response_do_not_cost_the_connection() {
    on_each(|flavor| {
        second_request_reuses(flavor, late_tickets(), |seen| seen.shaken, Between::Waits(A_TURN))
    });
}

#[test]
fn s327_11_nor_do_they_when_it_was_idle_for_long() {
    on_each(|flavor| second_request_reuses(flavor, late_tickets(), |seen| seen.shaken, Between::Waits(LONG)));
}

#[test]
fn s327_11_nor_do_they_when_the_runtime_had_no_turn_meanwhile() {
    let busy = Between::Computes(Duration::from_millis(150));
    on_each(move |flavor| second_request_reuses(flavor, late_tickets(), |seen| seen.shaken, busy));
}

/// Only tokio's word may be old, and surely so only where no other thread gives it a turn: the others find the tickets when
/// they read.
#[test]
fn a_request_that_is_dropped_while_it_looks_at_them_leaves_the_connection_as_it_was() {
    let flavor = Flavor::TokioOneThread;
    watched(format!("on {flavor:?}"), move || {
        flavor.block_on(async move {
            let server = late_tickets().start();
            let builder = Client::builder().tls(trusting()).max_requests_per_connection(Some(2));
            let client = builder.build().unwrap();
            drop(read(client.get(server.url("/")).send().await.unwrap()).await.unwrap());
            thread::sleep(Duration::from_millis(600));
            {
                let mut looks = pin!(client.get(server.url("/")).send());
                assert!(poll_once(&mut looks).await.is_none());
                assert_eq!((client.stats().leased, client.stats().idle), (1, 0));
            }
            assert_eq!((client.stats().leased, client.stats().idle), (0, 1));
            // The request that was dropped does not count: one more may be sent on it.
            let response = read(client.get(server.url("/")).send().await.unwrap()).await.unwrap();
            assert!(response.connection().is_reused());
            assert_eq!(server.seen_one().requests.len(), 2);
        });
    });
}

fn late_keys() -> Options {
    let mut options = options().answer(|session, _| {
        session.write_all(HELLO)?;
        thread::sleep(Duration::from_millis(50));
        session.change_keys()?;
        Ok(Then::GoOn)
    });
    options.versions = ONLY_13;
    options
}

#[test]
fn new_keys_that_come_after_the_response_do_not_cost_the_connection() {
    for after in [A_TURN, LONG] {
        on_each(move |flavor| {
            second_request_reuses(flavor, late_keys(), |seen| seen.rekeyed, Between::Waits(after))
        });
    }
}
