//! The server over a transport of one's own, with an executor and a clock that are not the simulation's.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use martlet_client::BoxFuture;
use martlet_sim::h2::{FrameKind, H2Link, H2Server, Time, serve};
use martlet_sim::{Service, SimRequest, SimResponse};

use crate::client::{Io, read, request, settings};

/// Octets on their way.
#[derive(Default)]
struct Lane {
    octets: VecDeque<u8>,
    ended: bool,
    waker: Option<Waker>,
}

/// An end of a connection in memory.
struct End {
    incoming: Arc<Mutex<Lane>>,
    outgoing: Arc<Mutex<Lane>>,
}

fn duplex() -> (End, End) {
    let lanes = [Arc::<Mutex<Lane>>::default(), Arc::default()];
    let end = |incoming: usize| End {
        incoming: Arc::clone(&lanes[incoming]),
        outgoing: Arc::clone(&lanes[1 - incoming]),
    };
    (end(0), end(1))
}

impl End {
    fn close(&self) {
        let mut lane = self.outgoing.lock().expect("sound");
        lane.ended = true;
        let waker = lane.waker.take();
        drop(lane);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut lane = self.incoming.lock().expect("sound");
        if lane.octets.is_empty() && !lane.ended {
            lane.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = lane.octets.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(lane.octets.drain(..n)) {
            *to = from;
        }
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let mut lane = self.outgoing.lock().expect("sound");
        lane.octets.extend(octets);
        let waker = lane.waker.take();
        drop(lane);
        if let Some(waker) = waker {
            waker.wake();
        }
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.close();
    }
}

/// A clock that goes on when nobody can run.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<(Duration, BTreeMap<Duration, Waker>)>>);

impl Clock {
    /// Goes to the next timer.
    fn turn(&self) -> bool {
        let mut clock = self.0.lock().expect("sound");
        let Some((at, waker)) = clock.1.pop_first() else { return false };
        clock.0 = at;
        drop(clock);
        waker.wake();
        true
    }
}

impl Time for Clock {
    fn now(&self) -> Duration {
        self.0.lock().expect("sound").0
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let (clock, at) = (self.0.clone(), self.now() + span);
        Box::pin(std::future::poll_fn(move |cx| {
            let mut clock = clock.lock().expect("sound");
            if clock.0 >= at {
                return Poll::Ready(());
            }
            clock.1.insert(at, cx.waker().clone());
            Poll::Pending
        }))
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Polls the first future and all others in turn until the first is done.
fn run<T>(clock: &Clock, main: impl Future<Output = T>, mut others: Vec<BoxFuture<'static, ()>>) -> T {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut cx = Context::from_waker(&waker);
    let mut main = pin!(main);
    loop {
        while flag.0.swap(false, Ordering::AcqRel) {
            if let Poll::Ready(output) = main.as_mut().poll(&mut cx) {
                return output;
            }
            others.retain_mut(|other| other.as_mut().poll(&mut cx).is_pending());
        }
        assert!(clock.turn(), "everybody waits");
    }
}

fn service(service: impl Service) -> Arc<Mutex<dyn Service>> {
    Arc::new(Mutex::new(service))
}

#[test]
fn it_serves_and_is_controlled_over_any_transport() {
    let (clock, link) = (Clock::default(), H2Link::new());
    let (ours, theirs) = duplex();
    let answer = service(|request: SimRequest| match request.target.as_str() {
        "/refuse" => SimResponse::refuse(),
        _ => SimResponse::ok(request.content).after(Duration::from_secs(3)),
    });
    let server = serve(theirs, answer, H2Server::new().max_streams(5), link.clone(), clock.clone());
    let seen = link.clone();
    let now = clock.clone();
    let client = async move {
        let (mut send, connection) = settings().handshake::<_, Bytes>(Io(ours)).await.expect("it goes out");
        let talk = async move {
            let (response, mut body) =
                send.send_request(request(http::Method::POST, "/"), false).expect("open");
            body.send_data("content".into(), true).expect("open");
            let whole = read(response.await.expect("an answer")).await.expect("content");
            assert_eq!(whole.content, b"content");
            assert_eq!(now.now(), Duration::from_secs(3));
            assert_eq!(send.current_max_send_streams(), 5);
            let refused = send.send_request(request(http::Method::GET, "/refuse"), true).expect("open").0;
            assert_eq!(refused.await.expect_err("a reset").reason(), Some(h2::Reason::REFUSED_STREAM));
            seen.goaway(3, 0);
            seen.fin();
        };
        let mut talk = pin!(talk);
        let mut connection = pin!(connection);
        let mut talked = false;
        std::future::poll_fn(|cx| {
            talked = talked || talk.as_mut().poll(cx).is_ready();
            connection.as_mut().poll(cx)
        })
        .await
        .expect("a clean end");
        assert!(talked);
    };
    run(&clock, server, vec![Box::pin(client)]);
    let requests = link.requests();
    assert_eq!(requests.iter().map(|seen| seen.processed).collect::<Vec<_>>(), [true, false]);
    assert_eq!(requests[0].content, b"content");
    assert_eq!(link.frames_of(FrameKind::Headers).len(), 2);
    assert!(link.complaints().is_empty(), "{:?}", link.complaints());
}

#[test]
fn a_handle_is_of_one_connection() {
    let (clock, link) = (Clock::default(), H2Link::new());
    let answer = service(|_: SimRequest| SimResponse::new(200));
    for _ in 0..2 {
        let (ours, theirs) = duplex();
        drop(ours);
        let server = serve(theirs, Arc::clone(&answer), H2Server::new(), link.clone(), clock.clone());
        run(&clock, server, Vec::new());
    }
    assert_eq!(link.complaints().len(), 1);
}
