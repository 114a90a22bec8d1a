//! Clients that are dropped before their responses, and content that panics.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use futures_io::AsyncRead;
use martlet::Body;
use martlet_sim::h2::{FrameKind, H2Server};

use crate::world::{
    A, advance, calm, client, client_with, content, drop_inside, expect_no_streams, expect_pool, fetch,
    fetch_now, hold, read, seconds, settle, site, site_with, start, within_polls,
};

#[test]
fn responses_outlive_their_client_and_close_their_connection_when_they_end() {
    let sim = calm();
    let servers = [site(&sim, "a.test")];
    let client = client(&sim);
    let [whole, dropped, slow] = [(); 3].map(|()| hold(&sim, &client, &format!("{A}/octets/20000")));
    let late = hold(&sim, &client, &format!("{A}/slow/100"));
    drop(client);
    settle(&sim);
    let goaways = || servers[0].h2(0).frames_of(FrameKind::GoAway);
    assert_eq!(sim.open_connections(), 1);
    assert_eq!(sim.block_on(whole.bytes()).expect("no dead-lock").expect("it is whole"), content(20_000));
    drop_inside(&sim, dropped);
    settle(&sim);
    assert_eq!(sim.open_connections(), 1);
    // All of it came long ago.
    advance(&sim, seconds(60));
    assert_eq!(sim.block_on(slow.bytes()).expect("no dead-lock").expect("it is whole"), content(20_000));
    settle(&sim);
    assert_eq!(sim.open_connections(), 1, "one is left");
    let rest = sim.block_on(late.bytes()).expect("no dead-lock").expect("it is whole");
    assert_eq!(rest, [content(100), content(100)].concat());
    settle(&sim);
    assert_eq!(sim.open_connections(), 0);
    let said: Vec<_> = goaways().iter().filter_map(|frame| frame.code()).collect();
    assert_eq!(said, [0], "NO_ERROR, once");
    expect_no_streams(&servers, "");
    sim.run().expect("nothing is left");
}

/// The connection does not wait for a peer that says nothing any more.
#[test]
fn a_connection_without_a_client_is_closed_though_its_server_is_mute() {
    let sim = calm();
    let server = site(&sim, "a.test");
    let client = client(&sim);
    let response = hold(&sim, &client, &format!("{A}/halts/100"));
    server.h2(0).mute();
    server.h2(0).stop_reading();
    drop(client);
    drop_inside(&sim, response);
    advance(&sim, seconds(2));
    assert_eq!(sim.open_connections(), 0);
    sim.run().expect("nothing is left");
}

#[test]
fn requests_that_wait_for_a_stream_end_with_those_that_drop_them_after_their_client() {
    let sim = calm();
    let servers = [site_with(&sim, "a.test", H2Server::new().max_streams(1))];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    let held = hold(&sim, &client, &format!("{A}/halts/100"));
    // The request keeps what it needs of its client.
    let waiting = start(&sim, fetch(&client, A));
    settle(&sim);
    drop(client);
    settle(&sim);
    assert!(!waiting.is_over());
    drop_inside(&sim, held);
    settle(&sim);
    assert_eq!(waiting.result(), Some(Ok(b"/".to_vec())));
    settle(&sim);
    assert_eq!(sim.open_connections(), 0);
    expect_no_streams(&servers, "");
    sim.run().expect("nothing is left");
}

/// A reader that gives something so many times, and has a mistake in it then.
struct Mistaken(usize);

impl AsyncRead for Mistaken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        assert!(self.0 > 0, "a mistake of the user's");
        self.0 -= 1;
        buffer[..10].fill(b'm');
        Poll::Ready(Ok(10))
    }
}

/// One that cannot even be dropped.
struct Undroppable;

impl AsyncRead for Undroppable {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl Drop for Undroppable {
    fn drop(&mut self) {
        assert!(thread::panicking(), "a mistake of the user's");
    }
}

#[test]
fn content_that_panics_ends_its_request_and_no_other() {
    let sim = calm();
    let servers = [site(&sim, "a.test")];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    let slow = start(&sim, fetch(&client, &format!("{A}/slow/50000")));
    settle(&sim);
    for polls in 0..50 {
        let request = client.post(format!("{A}/echo")).body(Body::reader(Mistaken(polls % 5))).send();
        let caught = catch_unwind(AssertUnwindSafe(|| sim.block_on(read(request))));
        assert!(caught.is_err(), "{polls}");
        settle(&sim);
        expect_pool(&sim, &client, [1, 0, 1, 0, 0], "while another one runs");
    }
    advance(&sim, seconds(1));
    assert_eq!(slow.result(), Some(Ok([content(50_000), content(50_000)].concat())));
    assert_eq!(fetch_now(&sim, &client, &format!("{A}/octets/200000")), content(200_000));
    expect_no_streams(&servers, "");
    assert_eq!(servers[0].accepted(), 1);
}

#[test]
fn content_that_panics_when_it_is_dropped_ends_its_request_and_no_other() {
    let sim = calm();
    let servers = [site(&sim, "a.test")];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    let slow = start(&sim, fetch(&client, &format!("{A}/slow/50000")));
    settle(&sim);
    for _ in 0..50 {
        let request = client.post(format!("{A}/echo")).body(Body::reader(Undroppable)).send();
        let request = within_polls(read(request), 1);
        let caught = catch_unwind(AssertUnwindSafe(|| sim.block_on(request)));
        assert!(caught.is_err());
        settle(&sim);
        expect_pool(&sim, &client, [1, 0, 1, 0, 0], "while another one runs");
    }
    advance(&sim, seconds(1));
    assert_eq!(slow.result(), Some(Ok([content(50_000), content(50_000)].concat())));
    assert_eq!(fetch_now(&sim, &client, &format!("{A}/octets/200000")), content(200_000));
    expect_no_streams(&servers, "");
    assert_eq!(servers[0].accepted(), 1);
}
