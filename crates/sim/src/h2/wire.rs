//! The transport, shared by the machine and the server's loop.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};
use tokio::io::ReadBuf;

use super::control::H2Link;
use super::host::{Host, lock};

/// A transport behind the gate. The machine reads and writes frames through it; what the gate has for the wire is written
/// by [`poll_flush`](Self::poll_flush), when the loop says so.
pub(super) struct Wire<T> {
    transport: Arc<Mutex<Transport<T>>>,
    link: H2Link,
    host: Arc<dyn Host>,
}

struct Transport<T> {
    io: T,
    /// Octets that are being written.
    staged: BytesMut,
}

impl<T> Clone for Wire<T> {
    fn clone(&self) -> Self {
        let (transport, link, host) =
            (Arc::clone(&self.transport), self.link.clone(), Arc::clone(&self.host));
        Self { transport, link, host }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub(super) fn new(transport: T, link: H2Link, host: Arc<dyn Host>) -> Self {
        let transport = Transport { io: transport, staged: BytesMut::new() };
        Self { transport: Arc::new(Mutex::new(transport)), link, host }
    }

    /// Writes what is to be written.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Transport { io, staged } = &mut *lock(&self.transport);
        loop {
            if staged.is_empty() {
                *staged = self.link.with(|state| state.gate.to_wire.split());
            }
            if staged.is_empty() {
                return Pin::new(io).poll_flush(cx);
            }
            match Pin::new(&mut *io).poll_write(cx, staged) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => staged.advance(n),
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Ends the sending side.
    pub(super) fn poll_close(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.transport).io).poll_close(cx)
    }

    /// Reads octets and takes them down.
    pub(super) fn poll_fill(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = [0; 4096];
        let read = Pin::new(&mut lock(&self.transport).io).poll_read(cx, &mut buffer);
        if let Poll::Ready(Ok(n)) = read {
            self.host.arrived(&buffer[..n]);
            self.link
                .with(|state| if n == 0 { state.gate.recv_end() } else { state.gate.recv(&buffer[..n]) });
        }
        read
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> tokio::io::AsyncRead for Wire<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut ended = false;
        loop {
            let (taken, is_reading) = self.link.with(|state| {
                let octets = &mut state.gate.to_machine;
                let n = octets.len().min(into.remaining());
                into.put_slice(&octets.split_to(n));
                (n, state.is_reading)
            });
            if taken > 0 || ended {
                return Poll::Ready(Ok(()));
            }
            if !is_reading {
                // The order to read again wakes the server.
                return Poll::Pending;
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(n)) => ended = n == 0,
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> tokio::io::AsyncWrite for Wire<T> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        // The loop writes whenever it runs, and wakes itself when there is room again.
        self.link.with(|state| {
            if state.gate.is_full() {
                state.machine_waits = true;
                return Poll::Pending;
            }
            state.gate.send(octets);
            Poll::Ready(Ok(octets.len()))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What the gate has, the loop writes.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection is ended by the loop, behind what the gate has.
        Poll::Ready(Ok(()))
    }
}
