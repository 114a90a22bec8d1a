//! The octets to transmit, as a [`Buf`].

use std::io::IoSlice;

use bytes::Buf;

use crate::h1::cycle::Cycle;
use crate::h1::writer::Writer;

/// The octets that are to be written to the transport now.
///
/// Write them, from [`chunks_vectored`](Buf::chunks_vectored) in one call where the transport can, and
/// [`advance`](Buf::advance) by what the transport accepted. What is not advanced over is offered again next
/// time. Advancing over more than there is counts as all of it.
#[derive(Debug)]
pub struct Transmit<'a> {
    writer: &'a mut Writer,
    cycle: &'a mut Cycle,
    on_complete: fn(&mut Cycle),
}

impl<'a> Transmit<'a> {
    pub(crate) fn new(writer: &'a mut Writer, cycle: &'a mut Cycle, on_complete: fn(&mut Cycle)) -> Self {
        Self { writer, cycle, on_complete }
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        !self.has_remaining()
    }
}

impl Buf for Transmit<'_> {
    fn remaining(&self) -> usize {
        self.writer.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.writer.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.writer.chunks_vectored(slices)
    }

    fn advance(&mut self, n: usize) {
        self.writer.advance(n);
        if self.writer.is_complete() {
            (self.on_complete)(self.cycle);
        }
    }
}
