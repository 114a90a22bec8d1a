//! A stream socket of `async-io` as a transport.

use std::io::{self, IoSlice, Read};
use std::mem::{MaybeUninit, replace};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use martlet_client::Transport;
use socket2::SockRef;

/// A connected TCP stream on `async-io`; it may be polled from any thread and under any executor.
///
/// A vectored write is one system call. `poll_close` sends a FIN and does not wait for the peer, which may go on
/// sending; dropping the stream closes the socket. A read that returns `Pending` has asked the system, or has
/// done so earlier and the reactor has had nothing to report since: polling once more costs no system call.
#[derive(Debug)]
pub struct Tcp {
    socket: Async<TcpStream>,
    peer: Option<SocketAddr>,
    report: Arc<Report>,
    closed: bool,
}

impl Tcp {
    pub(crate) fn new(socket: Async<TcpStream>, peer: Option<SocketAddr>) -> Self {
        Self { socket, peer, report: Arc::default(), closed: false }
    }

    /// The socket itself, for its options. Whoever reads, writes or closes it breaks the connection.
    pub fn get_ref(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    /// Asks the reactor to report the socket, which has just had nothing to read. An error is final.
    fn await_report(&self, task: &Waker) -> io::Result<()> {
        *self.report.waiting() = Some(task.clone());
        let waker = Waker::from(self.report.clone());
        let cx = &mut Context::from_waker(&waker);
        // It is ready if the reactor remembers its last report, and forgets it then: the second call asks.
        if self.socket.poll_readable(cx)?.is_ready() && self.socket.poll_readable(cx)?.is_ready() {
            waker.wake();
        }
        Ok(())
    }
}

/// The task that waits for the report that the reactor was asked for; `None` if it has come or none was asked for.
///
/// `async-io` asks the system to report a socket once, each time by a system call. Its own `poll_read` cannot
/// tell who polls once more from who was woken: it reads in vain again, and asks anew for a report that came in
/// the reactor turn in which it was asked for. Here the waker that the reactor gets is the report itself, so that
/// both are known. No wake-up is lost: we ask only after a read that would block; the system looks at the socket
/// when asked, so that what came in between (octets, end of stream, error: all count as readable) is reported at
/// once; the reactor takes and calls the waker once per report, and keeps it until then, whoever else polls; and a
/// task leaves its waker under the lock under which the report takes it, or sees that the report has come.
#[derive(Debug, Default)]
struct Report(Mutex<Option<Waker>>);

impl Report {
    fn waiting(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Report {
    fn wake(self: Arc<Self>) {
        let task = self.waiting().take();
        task.into_iter().for_each(Waker::wake);
    }
}

impl Transport for Tcp {
    fn local_addr(&self) -> Option<SocketAddr> {
        self.get_ref().local_addr().ok()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn peek(&self) -> Option<io::Result<usize>> {
        Some(SockRef::from(self.get_ref()).peek(&mut [MaybeUninit::uninit()]))
    }
}

impl AsyncRead for Tcp {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if let Some(task) = &mut *self.report.waiting() {
                task.clone_from(cx.waker());
                return Poll::Pending;
            }
            match self.get_ref().read(buf).map_err(|error| (error.kind(), error)) {
                Err((io::ErrorKind::WouldBlock, _)) => self.await_report(cx.waker())?,
                Err((io::ErrorKind::Interrupted, _)) => {}
                result => return Poll::Ready(result.map_err(|(_, error)| error)),
            }
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        if replace(&mut self.closed, true) {
            return Poll::Ready(Ok(()));
        }
        match self.get_ref().shutdown(Shutdown::Write) {
            // The peer has reset the connection already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}
