//! What was read from a transport and not handed on yet.

use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

/// Octets that are read at a time: several frames by one call.
const SIZE: usize = 64 * 1024;

thread_local! {
    /// Between the reads of all connections of a thread there is one buffer, initialised once.
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// A buffer that is there only while it holds something.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    buffer: Option<Box<[u8]>>,
    /// What of it is to be handed on.
    rest: Range<usize>,
}

impl ReadAhead {
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads once. To be called when it is empty.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        io: Pin<&mut (impl AsyncRead + ?Sized)>,
    ) -> Poll<io::Result<usize>> {
        // While a thread ends there is no spare one any more.
        let buffer = self.buffer.get_or_insert_with(|| {
            let spare = SPARE.try_with(Cell::take).ok().flatten();
            spare.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice())
        });
        let read = io.poll_read(cx, buffer);
        if let Poll::Ready(Ok(n)) = &read {
            self.rest = 0..(*n).min(buffer.len());
        }
        self.release();
        Poll::Ready(ready!(read).map(|_| self.rest.len()))
    }

    /// The next octets, no more than so many.
    pub(super) fn take(&mut self, most: usize) -> &[u8] {
        let n = self.rest.len().min(most);
        let part = self.rest.start..self.rest.start + n;
        self.rest.start += n;
        self.buffer.as_deref().and_then(|buffer| buffer.get(part)).unwrap_or_default()
    }

    /// Gives the buffer back to the thread if it holds nothing.
    pub(super) fn release(&mut self) {
        if self.rest.is_empty() {
            if let Some(buffer) = self.buffer.take() {
                let _ = SPARE.try_with(|spare| spare.set(Some(buffer)));
            }
        }
    }
}
