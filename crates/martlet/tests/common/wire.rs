//! A transport whose other end is a script.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures_lite::{AsyncRead, AsyncWrite};
use martlet::{Client, ConnectTarget, Transport};

/// What a read finds. A script that is used up is silent.
#[derive(Clone, Debug)]
pub enum Read {
    /// These octets, as far as they fit the buffer.
    Octets(Vec<u8>),
    /// Nothing yet, but the reader is woken at once.
    Pending,
    /// Nothing before the client has written so many octets.
    Written(usize),
    /// Nothing before the client has written this text.
    Seen(&'static str),
    /// The end of the stream.
    Fin,
    /// An error, and from then on nothing else.
    Fail(io::ErrorKind),
}

/// What a write or a flush comes upon. A script that is used up takes everything.
#[derive(Clone, Debug)]
pub enum Write {
    /// At most so many octets are taken.
    Take(usize),
    /// Nothing is taken now, but the writer is woken at once.
    Pending,
    /// Nothing is taken any more.
    Stall,
    /// An error, and from then on nothing else.
    Fail(io::ErrorKind),
}

/// What the client did to the transport, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Wrote(usize),
    Read(usize),
    Ended,
    Flush,
    Close,
    Drop,
}

#[derive(Default)]
struct State {
    reads: VecDeque<Read>,
    writes: VecDeque<Write>,
    flushes: VecDeque<Write>,
    written: Vec<u8>,
    calls: Vec<Call>,
    /// A close is answered by Pending.
    close_hangs: bool,
    seen: Option<Result<usize, io::ErrorKind>>,
    peeks: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    largest_buffer: usize,
}

/// The client's end.
pub struct Wire(Arc<Mutex<State>>);

/// The script's end: it sees what happens, and may say more.
#[derive(Clone)]
pub struct Peer(Arc<Mutex<State>>);

/// A transport that is read and written by these scripts.
pub fn wire(reads: impl Into<Vec<Read>>, writes: impl Into<Vec<Write>>) -> (Wire, Peer) {
    let state = State { reads: reads.into().into(), writes: writes.into().into(), ..State::default() };
    let state = Arc::new(Mutex::new(state));
    (Wire(Arc::clone(&state)), Peer(state))
}

/// A transport that takes everything and answers this.
pub fn answering(response: impl AsRef<[u8]>) -> (Wire, Peer) {
    wire([Read::Octets(response.as_ref().to_vec())], [])
}

impl Peer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// All that the client wrote.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.state().written).into_owned()
    }

    pub fn written_len(&self) -> usize {
        self.state().written.len()
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The sizes of the writes.
    pub fn writes(&self) -> Vec<usize> {
        let sizes = |call: &Call| if let Call::Wrote(n) = call { Some(*n) } else { None };
        self.state().calls.iter().filter_map(sizes).collect()
    }

    pub fn count(&self, call: Call) -> usize {
        self.state().calls.iter().filter(|&&c| c == call).count()
    }

    pub fn largest_buffer(&self) -> usize {
        self.state().largest_buffer
    }

    /// Closed by one call, then dropped, and nothing after it.
    #[track_caller]
    pub fn assert_closed(&self) {
        let calls = self.calls();
        assert_eq!(self.count(Call::Close), 1, "{calls:?}");
        assert!(calls.ends_with(&[Call::Close, Call::Drop]), "{calls:?}");
    }

    /// Open, and nothing was done to it since the last octets were read: it waits for the next request.
    #[track_caller]
    pub fn assert_kept(&self) {
        let calls = self.calls();
        assert!(self.is_open(), "{calls:?}");
        assert!(matches!(calls.last(), Some(Call::Read(_))), "{calls:?}");
    }

    /// Kept until the client goes, and closed by that.
    #[track_caller]
    pub fn assert_kept_as_long_as(&self, client: Client) {
        self.assert_kept();
        drop(client);
        self.assert_closed();
    }

    pub fn is_open(&self) -> bool {
        !self.state().calls.iter().any(|c| matches!(c, Call::Close | Call::Drop))
    }

    /// More to be read.
    pub fn say(&self, read: Read) {
        let mut state = self.state();
        state.reads.push_back(read);
        state.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Writes that stalled go on; the script for writes begins anew with this.
    pub fn resume_writes(&self, writes: impl Into<Vec<Write>>) {
        let mut state = self.state();
        state.writes = writes.into().into();
        state.writer.take().into_iter().for_each(Waker::wake);
    }

    pub fn script_flushes(&self, flushes: impl Into<Vec<Write>>) {
        self.state().flushes = flushes.into().into();
    }

    /// What the system says of the receive side. By default this transport cannot tell.
    pub fn script_peek(&self, seen: Result<usize, io::ErrorKind>) {
        self.state().seen = Some(seen);
    }

    /// How often the system was asked.
    pub fn peeks(&self) -> usize {
        self.state().peeks
    }

    pub fn hang_on_close(&self) {
        self.state().close_hangs = true;
    }
}

impl Wire {
    fn write(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        let offered: usize = bufs.iter().map(|buf| buf.len()).sum();
        assert!(offered > 0, "an empty write");
        let most = match state.writes.front().cloned() {
            None => usize::MAX,
            Some(Write::Take(n)) => {
                state.writes.pop_front();
                n
            }
            Some(Write::Pending) => {
                state.writes.pop_front();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Write::Stall) => {
                state.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Some(Write::Fail(kind)) => return Poll::Ready(Err(kind.into())),
        };
        let mut left = most.min(offered);
        let n = left;
        for buf in bufs {
            let part = buf.len().min(left);
            state.written.extend_from_slice(&buf[..part]);
            left -= part;
        }
        state.calls.push(Call::Wrote(n));
        state.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(n))
    }
}

impl Transport for Wire {
    fn peek(&self) -> Option<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        state.peeks += 1;
        state.seen.map(|seen| seen.map_err(io::Error::from))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        assert!(!buf.is_empty(), "an empty read");
        assert!(!state.calls.contains(&Call::Ended), "a read after the end");
        state.largest_buffer = state.largest_buffer.max(buf.len());
        loop {
            match state.reads.pop_front() {
                Some(Read::Octets(octets)) if octets.is_empty() => {}
                Some(Read::Octets(mut octets)) => {
                    let n = octets.len().min(buf.len());
                    buf[..n].copy_from_slice(&octets[..n]);
                    if n < octets.len() {
                        state.reads.push_front(Read::Octets(octets.split_off(n)));
                    }
                    state.calls.push(Call::Read(n));
                    return Poll::Ready(Ok(n));
                }
                Some(Read::Pending) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Read::Written(n)) if state.written.len() >= n => {}
                Some(Read::Seen(text)) if contains(&state.written, text) => {}
                Some(Read::Fin) => {
                    state.calls.push(Call::Ended);
                    return Poll::Ready(Ok(0));
                }
                Some(Read::Fail(kind)) => {
                    state.calls.push(Call::Ended);
                    return Poll::Ready(Err(kind.into()));
                }
                waits => {
                    if let Some(waits) = waits {
                        state.reads.push_front(waits);
                    }
                    state.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }
}

fn contains(octets: &[u8], text: &str) -> bool {
    octets.windows(text.len()).any(|window| window == text.as_bytes())
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        match state.flushes.pop_front() {
            None | Some(Write::Take(_)) => {
                state.calls.push(Call::Flush);
                Poll::Ready(Ok(()))
            }
            Some(Write::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Write::Stall) => {
                state.flushes.push_front(Write::Stall);
                Poll::Pending
            }
            Some(Write::Fail(kind)) => Poll::Ready(Err(kind.into())),
        }
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        state.calls.push(Call::Close);
        if state.close_hangs { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.lock().unwrap().calls.push(Call::Drop);
    }
}

/// Hands out transports in order, and counts how often it was asked.
#[derive(Clone)]
pub struct Wires(Arc<Mutex<(VecDeque<Wire>, Vec<ConnectTarget>)>>);

impl Wires {
    pub fn new(wires: impl IntoIterator<Item = Wire>) -> Self {
        Self(Arc::new(Mutex::new((wires.into_iter().collect(), Vec::new()))))
    }

    /// Who was called for.
    pub fn targets(&self) -> Vec<ConnectTarget> {
        self.0.lock().unwrap().1.clone()
    }
}

impl martlet::Connect for Wires {
    fn connect(&self, target: &ConnectTarget) -> impl Future<Output = io::Result<Box<dyn Transport>>> + Send {
        let mut state = self.0.lock().unwrap();
        state.1.push(target.clone());
        let wire = state.0.pop_front();
        async move {
            match wire {
                Some(wire) => Ok(Box::new(wire) as Box<dyn Transport>),
                None => Err(io::Error::other("no transport is left in the script")),
            }
        }
    }
}

/// The octets in one piece each, with a pause before each.
pub fn drip(octets: impl AsRef<[u8]>) -> Vec<Read> {
    octets.as_ref().iter().flat_map(|&octet| [Read::Pending, Read::Octets(vec![octet])]).collect()
}

/// A response as one piece.
pub fn octets(octets: impl AsRef<[u8]>) -> Read {
    Read::Octets(octets.as_ref().to_vec())
}
