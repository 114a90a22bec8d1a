//! One read buffer per thread, for what is short enough to be copied out.

use std::cell::Cell;

/// Octets of the buffer. Heads with short content fit; longer content gets a buffer of its own.
const SIZE: usize = 16 * 1024;

thread_local! {
    static BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Lends the thread's buffer. A transport that itself runs a request while it is read gets another one.
pub(crate) fn with<T>(f: impl FnOnce(&mut [u8]) -> T) -> T {
    // While a thread ends there is no such buffer any more.
    let kept = BUFFER.try_with(Cell::take).ok().flatten();
    let mut buffer = kept.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice());
    let result = f(&mut buffer);
    let _ = BUFFER.try_with(|cell| cell.set(Some(buffer)));
    result
}
