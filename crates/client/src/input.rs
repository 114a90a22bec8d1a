//! Octets that were read and are not consumed yet.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_io::AsyncRead;
use martlet_core::Error;
use martlet_core::h1::{ClientConn, FieldSpans, Fields, HeadSpans, Item, ResponseHead};

use crate::scratch;

/// Content is read into a buffer of this size where at least so much of it may come.
const LARGE: usize = 64 * 1024;
/// Content that fits this is read into the thread's buffer and copied out exactly.
const SHORT: u64 = 16 * 1024;

/// What was read. Content goes on as slices of it; only what does not fill a buffer is copied, once.
#[derive(Default)]
pub(crate) struct Input {
    /// What was read and is not consumed.
    octets: Bytes,
    /// The same, while a head or a trailer section is incomplete and more is put behind it.
    partial: BytesMut,
    /// So much of either is consumed by the item that `recv` gave last.
    consumed: usize,
    /// The large buffer of the last read. It is used again once the slices of it were let go of.
    spare: Bytes,
}

impl Input {
    pub(crate) fn is_empty(&self) -> bool {
        self.octets.is_empty() && self.partial.is_empty()
    }

    /// Shows what there is to the machine. The item must be taken before the next call.
    pub(crate) fn recv(&mut self, conn: &mut ClientConn) -> Result<Item, Error> {
        let shown = if self.partial.is_empty() { &self.octets[..] } else { &self.partial[..] };
        let received = conn.recv(shown)?;
        self.consumed = received.consumed;
        match received.item {
            Item::NeedInput | Item::End | Item::Closed | Item::Paused => self.advance(),
            // A part of what is accumulated is shared from now on.
            Item::Response(_) | Item::Data(_) | Item::Trailers(_) => self.freeze(),
            Item::Continue | Item::Interim(_) => {}
        }
        Ok(received.item)
    }

    /// The head that `recv` came upon, sharing its octets with what follows.
    pub(crate) fn take_head(&mut self, spans: HeadSpans) -> ResponseHead {
        let head = ResponseHead::from_shared(self.octets.clone(), spans);
        self.advance();
        head
    }

    /// Passes over an interim head.
    pub(crate) fn consume_head(&mut self) {
        self.advance();
    }

    /// The content that `recv` came upon.
    pub(crate) fn take_data(&mut self, range: Range<usize>) -> Bytes {
        let data = self.octets.slice(range);
        self.advance();
        data
    }

    /// The trailers that `recv` came upon.
    pub(crate) fn take_trailers(&mut self, spans: FieldSpans) -> Fields {
        let fields = Fields::from_shared(self.octets.clone(), spans);
        self.advance();
        fields
    }

    /// Reads once. `content_left` octets of content may come before anything else.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        io: Pin<&mut (impl AsyncRead + ?Sized)>,
        content_left: u64,
    ) -> Poll<io::Result<usize>> {
        if self.is_empty() && content_left > SHORT {
            return self.poll_fill_large(cx, io);
        }
        scratch::with(|scratch| {
            let n = ready!(io.poll_read(cx, scratch))?.min(scratch.len());
            let read = &scratch[..n];
            if self.is_empty() {
                self.octets = Bytes::copy_from_slice(read);
            } else {
                if self.partial.is_empty() {
                    self.partial.extend_from_slice(&self.octets);
                    self.octets = Bytes::new();
                }
                self.partial.extend_from_slice(read);
            }
            Poll::Ready(Ok(n))
        })
    }

    fn poll_fill_large(
        &mut self,
        cx: &mut Context<'_>,
        io: Pin<&mut (impl AsyncRead + ?Sized)>,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = match std::mem::take(&mut self.spare).try_into_mut() {
            Ok(buffer) if buffer.len() == LARGE => buffer,
            _ => BytesMut::zeroed(LARGE),
        };
        let read = io.poll_read(cx, &mut buffer);
        self.spare = buffer.freeze();
        let n = ready!(read)?.min(LARGE);
        self.octets = self.spare.slice(..n);
        Poll::Ready(Ok(n))
    }

    fn freeze(&mut self) {
        if !self.partial.is_empty() {
            self.octets = self.partial.split().freeze();
        }
    }

    fn advance(&mut self) {
        if self.partial.is_empty() {
            self.octets.advance(self.consumed.min(self.octets.len()));
        } else {
            self.partial.advance(self.consumed.min(self.partial.len()));
        }
        self.consumed = 0;
        if self.octets.is_empty() {
            // Let go of the buffer, so that it can be used again.
            self.octets = Bytes::new();
        }
    }
}
