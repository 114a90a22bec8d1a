//! Connections that serve several requests, and how they end.

use std::io::Write;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use async_io::Timer;
use futures_lite::future::block_on;
use martlet::{Client, Kind, PoolStats};

use crate::common::flavor::{Flavor, everywhere, watched};
use crate::peer::{End, HELLO, ONLY_12, ONLY_13, Then};
use crate::{client, get, options, read, server, trusting, until};

#[test]
fn the_second_request_needs_no_handshake_and_sees_the_same_connection() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let mut options = options();
            options.versions = versions;
            let (server, client) = (options.start(), client(trusting()));
            let first = read(client.get(server.url("/a")).send().await.unwrap()).await.unwrap();
            let second = read(client.get(server.url("/b")).send().await.unwrap()).await.unwrap();
            let (one, two) = (first.connection(), second.connection());
            assert_eq!((one.is_reused(), two.is_reused()), (false, true));
            assert_eq!((one.id(), one.local_addr()), (two.id(), two.local_addr()));
            let (one, two) = (one.tls().unwrap(), two.tls().unwrap());
            assert_eq!(format!("{one:?}"), format!("{two:?}"));
            assert!(std::ptr::eq(one.peer_certificates(), two.peer_certificates()));
            assert!(!two.is_resumed());
            assert_eq!(server.seen_one().requests, ["GET /a", "GET /b"]);
        }
    });
}

#[test]
fn requests_of_many_tasks_share_few_connections() {
    everywhere(|flavor| async move {
        let server = Arc::new(server());
        let client = Client::builder().tls(trusting()).max_connections(3).build().unwrap();
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let (client, server) = (client.clone(), server.clone());
                flavor.spawn(async move { assert_eq!(get(&client, &server).await.unwrap(), "hello") })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let busy = |stats: PoolStats| (stats.leased, stats.dialing, stats.waiting);
        until("nothing is busy", || busy(client.stats()) == (0, 0, 0)).await;
        assert!(client.stats().idle <= 3, "{client:?}");
        assert_eq!(server.requests(), 40);
        drop(client);
        server.all_ended().await;
    });
}

#[test]
fn idle_connections_expire_with_close_notify() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let mut options = options();
            options.versions = versions;
            let server = options.start();
            let expiry = Some(Duration::from_millis(30));
            let client = Client::builder().tls(trusting()).keepalive_expiry(expiry).build().unwrap();
            assert_eq!(get(&client, &server).await.unwrap(), "hello");
            server.all_ended().await;
            assert_eq!(server.seen_one().end, Some(End::Announced));
            assert_eq!(client.stats().connections, 0);
        }
    });
}

#[test]
fn a_connection_that_the_server_ends_while_it_is_idle_is_replaced() {
    everywhere(|_| async {
        for end in [|| Then::Close, || Then::Announce, || Then::Cut, || Then::Reset] {
            let server = options().says(HELLO, end).start();
            let client = client(trusting());
            for number in 1..=3 {
                let response = read(client.get(server.url("/")).send().await.unwrap()).await.unwrap();
                assert!(!response.connection().is_reused());
                assert_eq!(server.seen().len(), number);
                server.until("left", |seen| seen[number - 1].left).await;
                // The runtime hears of it in its next turn.
                Timer::after(Duration::from_millis(10)).await;
            }
        }
    });
}

#[test]
fn an_idle_connection_that_the_server_refuses_by_an_alert_is_replaced() {
    everywhere(|_| async {
        let options = options().answer(|session, _| {
            session.write_all(HELLO)?;
            session.refuse()?;
            Ok(Then::Cut)
        });
        let (server, client) = (options.start(), client(trusting()));
        for number in 1..=2 {
            assert_eq!(get(&client, &server).await.unwrap(), "hello");
            server.until("left", |seen| seen[number - 1].left).await;
            Timer::after(Duration::from_millis(10)).await;
            assert_eq!(server.seen().len(), number);
        }
    });
}

#[test]
fn a_client_outlives_the_runtime_of_its_connections() {
    watched("outlives", || {
        let (server, client) = (server(), client(trusting()));
        let get_in = |flavor: Flavor| {
            let (client, url) = (client.clone(), server.url("/"));
            let response = flavor.block_on(async move { read(client.get(url).send().await?).await });
            response.unwrap().connection().is_reused()
        };
        // Each of tokio's is a new one, and is gone when it has said what it has to.
        for flavor in [Flavor::TokioOneThread, Flavor::TokioManyThreads, Flavor::TokioOneThread] {
            assert!(!get_in(flavor));
        }
        // async-io has no end.
        assert!(!get_in(Flavor::Smol));
        assert!(get_in(Flavor::Smol));
        drop(client);
        block_on(server.all_ended());
    });
}

#[test]
fn a_client_that_is_dropped_or_drained_takes_its_leave_of_idle_connections() {
    everywhere(|_| async {
        for how in ["dropped", "drained", "closed"] {
            let (server, client) = (server(), client(trusting()));
            assert_eq!(get(&client, &server).await.unwrap(), "hello");
            match how {
                "dropped" => drop(client),
                "drained" => client.drain().await,
                _ => client.close().await,
            }
            server.all_ended().await;
            assert_eq!(server.seen_one().end, Some(End::Announced), "{how}");
        }
    });
}

const HALF: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";

#[test]
fn a_client_that_is_drained_lets_responses_end_and_one_that_is_closed_does_not() {
    everywhere(|_| async {
        // The second half comes when the test says so.
        let (tell, told) = mpsc::channel::<()>();
        let told = Mutex::new(told);
        let options = options().answer(move |session, request| {
            session.write_all(HALF)?;
            if request.line == "GET /goes-on" {
                let _ = told.lock().unwrap().recv();
                session.write_all(b"world")?;
            }
            Ok(Then::GoOn)
        });
        let server = options.start();

        let draining = client(trusting());
        let response = draining.get(server.url("/goes-on")).send().await.unwrap();
        let drain = draining.drain();
        assert_eq!(get(&draining, &server).await.unwrap_err().kind(), Kind::Shutdown);
        tell.send(()).unwrap();
        assert_eq!(response.text().await.unwrap(), "helloworld");
        drain.await;
        server.all_ended().await;

        let closing = client(trusting());
        let mut response = closing.get(server.url("/ends")).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "hello");
        let close = closing.close();
        assert_eq!(response.chunk().await.unwrap_err().kind(), Kind::Shutdown);
        close.await;
        server.all_ended().await;
        let ends: Vec<_> = server.seen().iter().map(|seen| seen.end).collect();
        assert_eq!(ends, [Some(End::Announced); 2]);
    });
}

#[test]
fn a_response_that_is_dropped_in_the_middle_takes_its_leave() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let mut options = options().says(HALF, || Then::GoOn);
            options.versions = versions;
            let server = options.start();
            let client = client(trusting());
            let mut response = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(response.chunk().await.unwrap().unwrap(), "hello");
            drop(response);
            server.all_ended().await;
            assert_eq!(server.seen_one().end, Some(End::Announced));
            assert_eq!(client.stats().connections, 0);
        }
    });
}

#[test]
fn a_response_that_is_dropped_while_much_of_it_is_under_way_ends_the_connection_at_once() {
    everywhere(|_| async {
        let options = options().answer(|session, _| {
            session.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
            // Until nobody takes it any more.
            loop {
                session.write_all(&[b'x'; 10_000])?;
            }
        });
        let (server, client) = (options.start(), client(trusting()));
        let mut response = client.get(server.url("/")).send().await.unwrap();
        response.chunk().await.unwrap().unwrap();
        drop(response);
        server.all_ended().await;
        assert_eq!(client.stats().connections, 0);
    });
}

#[test]
fn the_rest_of_a_response_that_is_here_saves_its_connection() {
    everywhere(|_| async {
        let (server, client) = (server(), client(trusting()));
        for number in 0..5 {
            let mut response = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(response.connection().is_reused(), number > 0);
            if number % 2 == 0 {
                response.chunk().await.unwrap();
            }
        }
        assert_eq!(server.seen().len(), 1);
    });
}
