//! What a connection's bytes travel on.

use std::io;
use std::net::SocketAddr;

use futures_io::{AsyncRead, AsyncWrite};

/// A reliable, ordered, two-way stream of octets: a TCP or Unix socket, a pipe, an SSH channel, a mock.
///
/// The client reads and writes it through `futures-io` and asks the questions below, each of which may be
/// left unanswered. `poll_close` must send whatever tells the peer that nothing more follows (for TCP: a FIN)
/// and must not wait for the peer. A vectored write should reach the system as one call: a request's head and
/// content travel together that way.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// The address of this end, where it has one.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The address of the other end, where it has one.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The system's own view of the receive side, without waiting and without consuming anything.
    ///
    /// `Some(Ok(0))` is the end of the stream; `Some(Ok(n))` says that at least `n` octets wait to be read;
    /// `Some(Err(WouldBlock))` is an open and silent stream, and `None` means that this transport cannot tell.
    fn peek(&self) -> Option<io::Result<usize>> {
        None
    }
}

impl Transport for Box<dyn Transport> {
    fn local_addr(&self) -> Option<SocketAddr> {
        (**self).local_addr()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        (**self).peer_addr()
    }

    fn peek(&self) -> Option<io::Result<usize>> {
        (**self).peek()
    }
}
