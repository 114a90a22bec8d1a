//! The ends of a connection as streams.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use martlet_client::Transport;

use crate::link::Side;
use crate::world::Shared;

/// The client's end of a simulated connection.
///
/// Dropping it closes the connection as a kernel does: with a FIN, or with a reset if octets had come that nobody read.
/// In a home that was shut down it is never ready.
#[derive(Debug)]
pub struct SimTcp(pub(crate) Stream);

/// One end of a connection.
pub(crate) struct Stream {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: u64,
    side: Side,
}

impl Stream {
    pub(crate) fn new(shared: Arc<Shared>, id: u64, side: Side) -> Self {
        Self { shared, id, side }
    }

    fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.shared.with(|world| {
            let result = world.poll_read(self.id, self.side, cx, buffer);
            if self.side == Side::Client && !buffer.is_empty() {
                world.note_read(self.id, &result);
            }
            result
        })
    }

    pub(crate) fn poll_write(&self, cx: &Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.shared.with(|world| {
            if self.side == Side::Client {
                world.check_surplus(self.id);
            }
            let result = world.poll_write(self.id, self.side, cx, slices);
            if self.side == Side::Client && matches!(result, Poll::Ready(Err(_))) {
                world.note_end(self.id);
            }
            result
        })
    }

    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buffer)).await
    }

    pub(crate) async fn write_all(&mut self, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            let n = poll_fn(|cx| self.poll_write(cx, &[IoSlice::new(octets)])).await?;
            octets = &octets[n..];
        }
        Ok(())
    }

    /// Sends a FIN, under TLS behind close_notify.
    pub(crate) fn shut_down(&mut self) {
        self.shared.with(|world| world.shut_down(self.id, self.side));
    }

    /// Sends a FIN, and no close_notify before it.
    pub(crate) fn cut(&mut self) {
        self.shared.with(|world| match world.peek(self.id, self.side) {
            // As a kernel does.
            Ok(n) if n > 0 => world.reset(self.id, self.side),
            _ => world.cut(self.id),
        });
    }

    /// Changes the keys of TLS.
    pub(crate) fn update_keys(&mut self) {
        self.shared.with(|world| world.update_keys(self.id));
    }

    /// Breaks the connection.
    pub(crate) fn reset(&mut self) {
        self.shared.with(|world| world.reset(self.id, self.side));
    }

    /// Reads up to the end and throws it away.
    pub(crate) async fn drain(&mut self) {
        let mut buffer = [0; 4096];
        while self.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    }

    fn is_here(&self) -> bool {
        self.shared.with(|world| {
            let home = world.links.get(&self.id).map(|link| link.home);
            home.is_none_or(|home| world.homes.contains(&home))
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.with(|world| world.leave(self.id, self.side));
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).field("side", &self.side).finish_non_exhaustive()
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(&self, cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, cx, &[IoSlice::new(octets)])
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was accepted is under way.
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down();
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for SimTcp {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.0.is_here() { self.0.poll_read(cx, buffer) } else { Poll::Pending }
    }
}

impl AsyncWrite for SimTcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(octets)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.0.is_here() { self.0.poll_write(cx, slices) } else { Poll::Pending }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was accepted is under way.
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.shut_down();
        Poll::Ready(Ok(()))
    }
}

impl Transport for SimTcp {
    fn local_addr(&self) -> Option<SocketAddr> {
        self.0.shared.with(|world| world.links.get(&self.0.id).map(|link| link.local))
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.shared.with(|world| world.links.get(&self.0.id).map(|link| link.peer))
    }

    fn peek(&self) -> Option<io::Result<usize>> {
        Some(self.0.shared.with(|world| {
            let seen = world.peek(self.0.id, Side::Client);
            if !matches!(&seen, Ok(1..)) && !matches!(&seen, Err(e) if e.kind() == io::ErrorKind::WouldBlock)
            {
                world.note_end(self.0.id);
            }
            seen
        }))
    }
}
