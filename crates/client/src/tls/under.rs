//! What TLS reads from and writes to.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::transport::Transport;

/// A transport that keeps what the TLS layer relies on: a write of something never takes nothing, which futures-rustls
/// would wait for without ever being woken. It counts what is taken, since TLS accepts octets that go nowhere yet.
///
/// Deliberately without a buffer to read ahead into: rustls already asks for a whole record at a time while content flows.
pub(super) struct Under {
    io: Box<dyn Transport>,
    taken: Taken,
}

/// How many octets a transport has taken, for those who do not touch it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(Arc<AtomicU64>);

impl Taken {
    /// So many, all in all.
    pub(crate) fn octets(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn add(&self, octets: usize) {
        self.0.fetch_add(octets as u64, Ordering::AcqRel);
    }
}

impl Under {
    pub(super) fn new(io: Box<dyn Transport>) -> Self {
        Self { io, taken: Taken::default() }
    }

    pub(super) fn taken(&self) -> &Taken {
        &self.taken
    }

    fn count(&self, written: io::Result<usize>, something: bool) -> io::Result<usize> {
        match written {
            Ok(0) if something => Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                self.taken.add(n);
                Ok(n)
            }
            Err(e) => Err(e),
        }
    }

    pub(super) fn transport(&self) -> &dyn Transport {
        &*self.io
    }
}

impl AsyncRead for Under {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Under {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf));
        Poll::Ready(self.count(written, !buf.is_empty()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let something = bufs.iter().any(|buf| !buf.is_empty());
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs));
        Poll::Ready(self.count(written, something))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx)
    }
}
