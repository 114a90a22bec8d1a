//! A transport that is encrypted.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::client::TlsStream;
use rustls::ProtocolVersion;

use super::under::Under;
use crate::transport::Transport;

/// TLS over another transport, after the handshake.
///
/// An end without close_notify is an error of the kind `UnexpectedEof`: whoever cuts the connection could otherwise cut
/// a message short unseen (RFC 8446 §6.1). Session tickets that come late are taken in by the read that meets them, which
/// goes on waiting.
pub(crate) struct TlsTransport {
    stream: TlsStream<Under>,
    reading: Reading,
    closed: bool,
}

/// How the receiving side is.
enum Reading {
    /// Nothing is wrong.
    Open,
    /// It has failed. What was decrypted before that is handed out first, then this is said.
    Failing(io::Error),
    /// That was said.
    Failed,
}

impl TlsTransport {
    pub(super) fn new(stream: TlsStream<Under>) -> Self {
        Self { stream, reading: Reading::Open, closed: false }
    }

    /// What is left after the failure, then the failure.
    fn read_rest(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = self.stream.get_mut().1.reader().read(buf);
        if let Ok(n) = rest {
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
        }
        match std::mem::replace(&mut self.reading, Reading::Failed) {
            Reading::Failing(e) => Err(e),
            Reading::Open | Reading::Failed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Writes what lies in the TLS layer, as far as that can be done without waiting.
    fn write_out(&mut self, cx: &mut Context<'_>) {
        let (io, session) = self.stream.get_mut();
        let mut io = Now { io, cx };
        while session.wants_write() {
            if session.write_tls(&mut io).is_err() {
                break;
            }
        }
    }
}

impl AsyncRead for TlsTransport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if matches!(self.reading, Reading::Open) {
            match ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
                Ok(n) => return Poll::Ready(Ok(n)),
                Err(e) => self.reading = Reading::Failing(e),
            }
        }
        Poll::Ready(self.read_rest(buf))
    }
}

impl AsyncWrite for TlsTransport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// close_notify, then the end of the transport below. Whatever the peer would have to read first, before either could
    /// go out, is given up: closing waits for nobody.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closed {
            self.closed = true;
            self.stream.get_mut().1.send_close_notify();
        }
        self.write_out(cx);
        Pin::new(self.stream.get_mut().0).poll_close(cx)
    }
}

impl Transport for TlsTransport {
    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.get_ref().0.transport().local_addr()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.get_ref().0.transport().peer_addr()
    }

    /// What the transport below says. Octets that wait there may be content, a ticket or the end: nobody knows before they
    /// are decrypted. Whoever asks has just read, and was told that there is nothing; that something is there all the same
    /// says that the runtime has fallen behind, and then it is better not to rely on the connection.
    ///
    /// A server of TLS 1.2 that asks for a new handshake has been heard already. It is refused by the next octets that go
    /// out, and many servers end the connection then: it is better not to be on it.
    fn peek(&self) -> Option<io::Result<usize>> {
        let (io, session) = self.stream.get_ref();
        let is_old = session.protocol_version() == Some(ProtocolVersion::TLSv1_2);
        if is_old && session.wants_write() {
            return Some(Ok(1));
        }
        io.transport().peek()
    }
}

/// A transport as a `Write` that says `WouldBlock`.
struct Now<'a, 'b, 'c> {
    io: &'a mut Under,
    cx: &'b mut Context<'c>,
}

impl Now<'_, '_, '_> {
    fn at_once<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
        match poll {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Now<'_, '_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Self::at_once(Pin::new(&mut *self.io).poll_write(self.cx, buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::at_once(Pin::new(&mut *self.io).poll_write_vectored(self.cx, bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::at_once(Pin::new(&mut *self.io).poll_flush(self.cx))
    }
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests;
