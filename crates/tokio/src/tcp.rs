//! A stream socket of tokio as a transport.

use std::io::{self, IoSlice};
use std::mem::{MaybeUninit, replace};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use martlet_client::Transport;
use socket2::SockRef;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

/// A connected TCP stream of tokio.
///
/// A vectored write is one system call. `poll_close` sends a FIN and does not wait for the peer, which may go on
/// sending; dropping the stream closes the socket. A read that returns `Pending` tells what tokio's IO driver saw
/// at its last turn; `peek` asks the system.
#[derive(Debug)]
pub struct Tcp {
    socket: TcpStream,
    peer: Option<SocketAddr>,
    closed: bool,
}

impl Tcp {
    pub(crate) fn new(socket: TcpStream, peer: Option<SocketAddr>) -> Self {
        Self { socket, peer, closed: false }
    }

    /// The socket itself, for its options. Whoever reads, writes or closes it breaks the connection.
    pub fn get_ref(&self) -> &TcpStream {
        &self.socket
    }
}

impl Transport for Tcp {
    fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn peek(&self) -> Option<io::Result<usize>> {
        Some(SockRef::from(&self.socket).peek(&mut [MaybeUninit::uninit()]))
    }
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
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
        match SockRef::from(&self.socket).shutdown(Shutdown::Write) {
            // The peer has reset the connection already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}
