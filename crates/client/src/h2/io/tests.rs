//! A transport that accepts what it is given, as TLS does, whatever the one under it takes.

use std::sync::Mutex;

use futures_io::AsyncRead;
use tokio::io::{AsyncRead as _, AsyncWrite as _};

use super::*;

/// What the layer under it does at the next call, and what was done to it.
#[derive(Default)]
struct State {
    takes: usize,
    fails: bool,
    has_ended: bool,
    flushes: usize,
    is_closed: bool,
}

struct Layer {
    state: Arc<Mutex<State>>,
    below: Taken,
}

impl Layer {
    fn call(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        self.below.add(std::mem::take(&mut state.takes));
        if state.fails { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Layer {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.state.lock().unwrap().has_ended { Poll::Ready(Ok(0)) } else { Poll::Pending }
    }
}

impl AsyncWrite for Layer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.call().map(|()| octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.lock().unwrap().flushes += 1;
        match self.call() {
            Ok(()) => Poll::Pending,
            failed => Poll::Ready(failed),
        }
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.lock().unwrap().is_closed = true;
        Poll::Ready(Ok(()))
    }
}

impl Transport for Layer {}

struct World {
    state: Arc<Mutex<State>>,
    watch: Arc<Watch>,
    io: Io,
}

impl World {
    /// The preface went out, and all of it was taken.
    fn new() -> Self {
        let (state, watch, below) = (Arc::default(), Arc::<Watch>::default(), Taken::default());
        let layer = Layer { state: Arc::clone(&state), below: below.clone() };
        watch.begin_turn();
        let io = Io::new(Box::new(layer), Arc::clone(&watch), Some(below));
        let mut world = Self { state, watch, io };
        world.takes(24);
        assert!(world.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_ok());
        world
    }

    fn takes(&self, octets: usize) {
        self.state.lock().unwrap().takes = octets;
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut self.io).poll_write(&mut Context::from_waker(Waker::noop()), octets) {
            Poll::Ready(written) => written,
            Poll::Pending => panic!("it takes everything"),
        }
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(&mut Context::from_waker(Waker::noop()))
    }

    /// The peer goes away in order.
    fn end(&mut self) {
        self.state.lock().unwrap().has_ended = true;
        let mut buffer = [0; 16];
        let mut buffer = ReadBuf::new(&mut buffer);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut self.io).poll_read(&mut cx, &mut buffer).is_ready());
        assert!(self.watch.end().is_some());
    }
}

/// HEADERS of a stream, whole.
fn head(stream: u8) -> Vec<u8> {
    vec![0, 0, 1, 0x1, 0x4, 0, 0, 0, stream, 0x82]
}

#[test]
fn a_head_of_which_nothing_was_taken_is_not_sent_and_stays_so_after_the_end() {
    let mut world = World::new();
    assert!(world.write(&head(1)).is_ok() && world.write(&head(3)).is_ok());
    assert!(!world.watch.has_sent(1));
    world.end();
    world.takes(100);
    assert!(matches!(world.flush(), Poll::Ready(Err(_))));
    assert!(world.write(&head(5)).is_err());
    let World { state, watch, io } = world;
    drop(io);
    let state = state.lock().unwrap();
    assert_eq!((state.flushes, state.is_closed), (0, false), "taking leave would push it out");
    assert!(!watch.has_sent(1));
}

#[test]
fn an_octet_that_is_taken_makes_it_sent_whenever_that_is() {
    let at_once = |world: &mut World| {
        world.takes(1);
        assert!(world.write(&head(1)).is_ok());
    };
    let by_a_flush = |world: &mut World| {
        assert!(world.write(&head(1)).is_ok());
        world.takes(1);
        assert!(world.flush().is_pending());
    };
    let by_the_next_write = |world: &mut World| {
        assert!(world.write(&head(1)).is_ok());
        world.takes(1);
        assert!(world.write(&[0, 0, 0, 0x4, 0x1, 0, 0, 0, 0]).is_ok());
    };
    let acts: [&dyn Fn(&mut World); 3] = [&at_once, &by_a_flush, &by_the_next_write];
    for act in acts {
        let mut world = World::new();
        act(&mut world);
        assert!(world.watch.has_sent(1) && !world.watch.has_sent(3));
        world.end();
        let World { state, io, .. } = world;
        drop(io);
        assert!(state.lock().unwrap().is_closed);
    }
}

#[test]
fn a_write_that_fails_after_some_of_it_was_taken_may_have_sent_all_of_it() {
    for (taken, is_sent) in [(0, false), (1, true)] {
        let mut world = World::new();
        world.takes(taken);
        world.state.lock().unwrap().fails = true;
        assert!(world.write(&head(1)).is_err());
        assert_eq!(world.watch.has_sent(1), is_sent, "{taken}");
    }
}
