//! Code of others that panics while the client runs it, maybe for somebody else.

mod common;

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_lite::{AsyncRead, AsyncWrite};
use martlet::{BoxFuture, Client, Error, Kind, Transport};

use common::mock::Mock;
use common::poll::run;
use common::wire::{Call, Read, Wire, octets, wire};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell";
const LAST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";

/// In a read, however much that reads.
const READ: Call = Call::Read(0);

/// A request to the end of its response.
fn get(client: &Client, url: &str) -> BoxFuture<'static, Result<String, Error>> {
    let send = client.get(url).send();
    Box::pin(async { send.await?.text().await })
}

/// A transport that panics once.
struct Fragile {
    wire: Wire,
    at: Call,
    armed: Arc<AtomicBool>,
}

impl Fragile {
    fn come_to(&self, call: Call) {
        assert!(call != self.at || !self.armed.swap(false, Ordering::SeqCst), "a mistake of the user's");
    }

    /// A client that has one of them at a time, each with this to be read; and what makes the next one panic there.
    fn client(at: Call, reads: impl Into<Vec<Read>>) -> (Client, Arc<AtomicBool>) {
        let (reads, is_armed) = (reads.into(), Arc::new(AtomicBool::new(false)));
        let armed = is_armed.clone();
        let connect = move |_| {
            let fragile = Self { wire: wire(reads.clone(), []).0, at, armed: armed.clone() };
            async { Ok(Box::new(fragile) as Box<dyn Transport>) }
        };
        let builder = Client::builder().runtime(Mock::default().keeping_tasks()).max_connections(1);
        (builder.connector(connect).build().unwrap(), is_armed)
    }
}

impl Transport for Fragile {}

impl AsyncRead for Fragile {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.come_to(READ);
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for Fragile {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.come_to(Call::Close);
        Pin::new(&mut self.wire).poll_close(cx)
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.come_to(Call::Drop);
    }
}

/// Counts how often it was woken, and may panic then.
#[derive(Default)]
struct Counting {
    woken: AtomicUsize,
    panics: bool,
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "a mistake of the user's");
    }
}

fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Arc<Counting>) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(waker.clone())))
}

/// A request to the first host, if there is one, and one to the second, in which the transport panics when it is closed:
/// the only slot is free again.
#[track_caller]
fn assert_leaves_its_slot(reads: &[Read], before: Option<&str>, host: &str) {
    for at in [Call::Close, Call::Drop] {
        let (client, armed) = Fragile::client(at, reads);
        let ask = |host: &str| run(get(&client, &format!("http://{host}/")));
        if let Some(before) = before {
            assert_eq!(ask(before).unwrap(), "hello");
        }
        armed.store(true, Ordering::SeqCst);
        // Whether the panic comes through to who asked is not said.
        let _ = catch_unwind(AssertUnwindSafe(|| ask(host)));
        assert!(!armed.load(Ordering::SeqCst), "{at:?}: no panic");
        let stats = client.stats();
        assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "{at:?}: {client:?}");
        for host in ["a", "b", "c", "a"] {
            assert_eq!(ask(host).unwrap(), "hello", "{at:?}");
        }
    }
}

#[test]
fn a_transport_that_panics_when_it_makes_room_leaves_its_slot_to_the_next() {
    assert_leaves_its_slot(&[octets(HELLO)], Some("a"), "b");
}

#[test]
fn a_transport_that_panics_when_it_was_found_dead_leaves_its_slot_to_the_next() {
    assert_leaves_its_slot(&[octets(HELLO), Read::Fin], Some("a"), "a");
}

#[test]
fn a_transport_that_panics_after_its_last_response_leaves_its_slot_to_the_next() {
    assert_leaves_its_slot(&[octets(LAST)], None, "a");
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_from_being_woken() {
    for first_panics in [true, false] {
        let (client, _) = Fragile::client(Call::Close, [octets(HALF)]);
        let held = run(client.get("http://a/").send()).unwrap();
        let wakers =
            [first_panics, !first_panics].map(|panics| Arc::new(Counting { panics, ..Counting::default() }));
        let mut waiting = [(); 2].map(|()| get(&client, "http://a/"));
        for (waiting, waker) in waiting.iter_mut().zip(&wakers) {
            assert!(poll_with(waiting, waker).is_pending());
        }
        let _ = catch_unwind(AssertUnwindSafe(|| drop(client.close())));
        let woken = wakers.map(|waker| waker.woken.load(Ordering::SeqCst));
        assert_eq!(woken, [1, 1], "the first panics: {first_panics}");
        for waiting in waiting {
            assert_eq!(run(waiting).unwrap_err().kind(), Kind::Shutdown);
        }
        drop(held);
    }
}

/// Drops a response of which the rest may be here or not, while another host's request waits.
#[track_caller]
fn assert_wakes_who_waits(response: &str, at: Call) {
    let (client, armed) = Fragile::client(at, [octets(response)]);
    let held = run(client.get("http://a/").send()).unwrap();
    let waker = Arc::new(Counting::default());
    let mut waiting = Box::pin(client.get("http://b/").send());
    assert!(poll_with(&mut waiting, &waker).is_pending());
    armed.store(true, Ordering::SeqCst);
    let _ = catch_unwind(AssertUnwindSafe(|| drop(held)));
    assert!(!armed.load(Ordering::SeqCst), "{at:?}: no panic");
    assert!(waker.woken.load(Ordering::SeqCst) > 0, "{at:?}: {client:?}");
    drop(run(waiting).unwrap());
    assert_eq!(client.stats().leased, 0, "{at:?}: {client:?}");
}

#[test]
fn a_transport_that_panics_when_its_read_response_is_dropped_leaves_its_slot_to_who_waits() {
    for at in [Call::Close, Call::Drop] {
        assert_wakes_who_waits(HELLO, at);
    }
}

#[test]
fn a_transport_that_panics_when_its_unread_response_is_dropped_leaves_its_slot_to_who_waits() {
    for at in [READ, Call::Close, Call::Drop] {
        assert_wakes_who_waits(HALF, at);
    }
}
