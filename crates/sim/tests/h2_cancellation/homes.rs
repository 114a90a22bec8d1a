//! Connections whose runtime ends while requests are on them, and responses that are read in another one.

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use martlet::{Body, Client, Delivery, Error, Kind, Response};
use martlet_sim::h2::H2Server;
use martlet_sim::{JoinHandle, Sim, SimHome};

use crate::world::{
    A, B, Drops, Silent, TICK, advance, calm, client, client_with, content, dripping, drop_inside,
    expect_no_streams, expect_pool, fetch, fetch_now, millis, seconds, settle, site, site_with, start,
};

type Place<T> = Arc<Mutex<Option<T>>>;

/// A response to a request of another home, as soon as its head is here, for those who read it elsewhere.
fn hold_there(sim: &Sim, home: &SimHome, client: &Client, url: &str) -> Response {
    let request = client.get(url);
    let sent = home.spawn(async move { request.send().await });
    sim.block_on(sent).expect("no dead-lock").expect("the home lives").expect("an answer")
}

fn awaited<T>(sim: &Sim, task: JoinHandle<T>) -> T {
    sim.block_on(task).expect("no dead-lock").expect("the home lives")
}

fn is_closed(e: &Error) -> bool {
    matches!(e.kind(), Kind::Closed(_))
}

#[test]
fn s782_05_streams_whose_home_ended_fail_and_others_go_on_with_new_connections() {
    let sim = calm();
    let servers = [site(&sim, "a.test")];
    let client = client(&sim);
    let home = sim.new_home();
    // They are driven there, and read here.
    let halting = hold_there(&sim, &home, &client, &format!("{A}/halts/1000"));
    let whole = hold_there(&sim, &home, &client, &format!("{A}/octets/2000"));
    let elsewhere = start(&sim, fetch(&client, &format!("{A}/after/3000")));
    settle(&sim);
    assert_eq!(servers[0].accepted(), 2, "each home has its own connection");
    home.shut_down();
    settle(&sim);
    // What had come is read still, and then the end is told.
    let reading = start(&sim, async move { (halting.bytes().await, whole.bytes().await) });
    settle(&sim);
    let (halted, whole) = reading.result().expect("nobody waits for a home that has ended");
    let e = halted.expect_err("it was cut off");
    assert!(is_closed(&e), "{e:?}");
    assert_eq!(e.delivery(), Delivery::Answered);
    match whole {
        Ok(octets) => assert_eq!(octets, content(2_000)),
        Err(e) => assert!(is_closed(&e) && e.delivery() == Delivery::Answered, "{e:?}"),
    }
    expect_pool(&sim, &client, [1, 0, 1, 0, 0], "the slot of the other one is free");
    advance(&sim, seconds(3));
    assert_eq!(elsewhere.result(), Some(Ok(b"/after/3000".to_vec())));
    assert_eq!(fetch_now(&sim, &client, A), b"/");
    assert_eq!(servers[0].accepted(), 2);
    assert_eq!(servers[0].complaints(), Vec::<String>::new());
}

/// A request that is moved out of its home while it waits for its response.
#[test]
fn s782_05_a_request_that_is_waited_for_elsewhere_is_told_when_its_home_ends() {
    for (method, posts) in [("GET", false), ("POST", true)] {
        for is_sent in [true, false] {
            let sim = calm();
            let server = site(&sim, "a.test");
            let client = client_with(&sim, |builder| builder.max_connections(1));
            let home = sim.new_home();
            let url = format!("{A}/silent");
            let request = if posts { client.post(&url).body("content") } else { client.get(&url) };
            let sending = Box::pin(request.send());
            // Polled there once, and here from then on.
            let place: Place<_> = Arc::default();
            let handed = Arc::clone(&place);
            let begun = home.spawn(async move {
                let mut sending = sending;
                let polled = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
                assert!(polled.is_pending());
                *handed.lock().expect("sound") = Some(sending);
            });
            awaited(&sim, begun);
            let sending = place.lock().expect("sound").take().expect("it was begun");
            let waiting = start(&sim, sending);
            if is_sent {
                settle(&sim);
                assert_eq!(server.log().len(), 1);
            }
            home.shut_down();
            settle(&sim);
            let what = format!("{method}, sent: {is_sent}");
            if !is_sent {
                // Its connection was not there yet: it asks again, or is told.
                advance(&sim, seconds(6));
            }
            let result = waiting.result().unwrap_or_else(|| panic!("{what}: it waits\n{client:?}"));
            let e = result.expect_err("nobody answers");
            if is_sent {
                assert!(is_closed(&e), "{what}: {e:?}");
                assert_eq!(e.delivery(), Delivery::Unknown, "{what}");
            }
            expect_pool(&sim, &client, [0; 5], &what);
            assert_eq!(fetch_now(&sim, &client, A), b"/", "{what}");
        }
    }
}

#[test]
fn tasks_that_end_with_their_home_leave_their_streams_and_their_slot_to_others() {
    let sim = calm();
    let servers = [site(&sim, "a.test"), site(&sim, "b.test")];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    let home = sim.new_home();
    for url in [format!("{A}/after/60000"), format!("{A}/halts/10"), format!("{A}/silent"), A.to_owned()] {
        let request = client.get(url);
        drop(home.spawn(async move {
            let _response = request.send().await;
            pending::<()>().await
        }));
        settle(&sim);
    }
    let upload = client.post(format!("{A}/echo")).body(Body::reader(Silent));
    drop(home.spawn(async move { upload.send().await.map(|_| ()) }));
    settle(&sim);
    let waiting = [A, B].map(|url| start(&sim, fetch(&client, url)));
    settle(&sim);
    assert!(waiting.iter().all(|waiting| !waiting.is_over()));
    home.shut_down();
    settle(&sim);
    for waiting in waiting {
        assert_eq!(waiting.result(), Some(Ok(b"/".to_vec())), "{client:?}");
    }
    expect_pool(&sim, &client, [1, 1, 0, 0, 0], "");
    assert_eq!(sim.now(), Duration::ZERO);
    assert!(servers.iter().all(|server| server.complaints().is_empty()));
}

/// Its task was spawned into a home that ends before it runs for the first time.
#[test]
fn a_connection_whose_task_never_runs_ends_its_requests() {
    let sim = calm();
    let server = site(&sim, "a.test");
    let client = client_with(&sim, |builder| builder.max_connections(1));
    let home = sim.new_home();
    let request = client.get(A);
    let task = home.spawn(async move { request.send().await.map(|_| ()) });
    // The dial is spawned there, and never polled.
    let waiting = start(&sim, fetch(&client, A));
    home.shut_down();
    settle(&sim);
    assert_eq!(waiting.result(), Some(Ok(b"/".to_vec())), "{client:?}");
    assert!(sim.block_on(task).expect("no dead-lock").is_none());
    expect_pool(&sim, &client, [1, 1, 0, 0, 0], "");
    assert_eq!(server.complaints(), Vec::<String>::new());
}

/// The first polls of a request happen in a home that ends in the midst of them: at each number of turns.
#[test]
fn a_home_may_end_at_any_time_of_a_request_that_is_waited_for_elsewhere() {
    let mut ends = [0; 2];
    for turns in 0..200 {
        let sim = dripping(30);
        let server = site(&sim, "a.test");
        let client = client_with(&sim, |builder| builder.max_connections(1));
        let home = sim.new_home();
        let place: Place<Result<Response, Error>> = Arc::default();
        let told = Arc::clone(&place);
        let request = client.post(format!("{A}/echo")).body(Body::reader(Drops::new(1_000)));
        drop(home.spawn(async move { *told.lock().expect("sound") = Some(request.send().await) }));
        advance(&sim, TICK * turns);
        let waiting = start(&sim, fetch(&client, &format!("{A}/octets/700")));
        home.shut_down();
        // A response that was moved out in time is read here.
        let result = place.lock().expect("sound").take();
        if let Some(response) = result {
            let response = response.expect("nothing has failed yet");
            let reading = start(&sim, async move { response.bytes().await });
            advance(&sim, millis(20));
            match reading.result().expect("it ends") {
                Ok(octets) => assert_eq!(octets.len(), 1_000),
                Err(e) => assert!(is_closed(&e) && e.delivery() == Delivery::Answered, "{turns}: {e:?}"),
            }
            ends[1] += 1;
        } else {
            ends[0] += 1;
        }
        advance(&sim, millis(20));
        assert_eq!(waiting.result(), Some(Ok(content(700))), "after {turns}\n{client:?}");
        expect_pool(&sim, &client, [1, 1, 0, 0, 0], &format!("after {turns}"));
        let echoed = server.log().iter().filter(|seen| seen.target == "/echo" && seen.processed).count();
        assert!(echoed <= 1);
        assert_eq!(server.complaints(), Vec::<String>::new());
    }
    assert!(ends.iter().all(|ends| *ends > 5), "{ends:?}");
}

#[test]
fn a_response_that_is_read_elsewhere_gives_its_stream_back_to_its_home() {
    let sim = calm();
    let servers = [site_with(&sim, "a.test", H2Server::new().max_streams(1))];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    let home = sim.new_home();
    for round in 0..20 {
        let mut response = hold_there(&sim, &home, &client, &format!("{A}/slow/50000"));
        let waiting = home.spawn(fetch(&client, A));
        if round % 2 == 0 {
            let octets = sim.block_on(response.bytes()).expect("no dead-lock").expect("it is whole");
            assert_eq!(octets, [content(50_000), content(50_000)].concat());
        } else {
            sim.block_on(response.chunk()).expect("no dead-lock").expect("content");
            drop_inside(&sim, response);
        }
        assert_eq!(awaited(&sim, waiting), Ok(b"/".to_vec()), "{round}");
        settle(&sim);
        expect_pool(&sim, &client, [1, 1, 0, 0, 0], "");
    }
    expect_no_streams(&servers, "");
    assert_eq!(servers[0].accepted(), 1);
}
