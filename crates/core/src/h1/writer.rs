//! The sending half: a head, content in its framing, trailers; all as slices for one vectored write.

use std::io::IoSlice;

use bytes::{Buf, Bytes};
use http::HeaderMap;

use crate::error::Misuse;
use crate::framing::announce::{Bound, Sending};
use crate::framing::chunk_write::{CHUNK_END, CHUNK_END_AND_LAST, LAST_CHUNK, SizeLine};
use crate::framing::trailers::write_last_chunk;

/// A head buffer up to this size is kept from exchange to exchange.
const KEPT_HEAD: usize = 512;

/// What is to be transmitted, in the order of the fields.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    head: Vec<u8>,
    head_sent: usize,
    /// Whether the last head that was begun went out to its last octet.
    head_out: bool,
    size_line: SizeLine,
    data: Bytes,
    tail: &'static [u8],
    last: Vec<u8>,
    last_sent: usize,
    sending: Sending,
    /// Content waits for 100 (Continue).
    withheld: bool,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self {
            head: Vec::new(),
            head_sent: 0,
            head_out: false,
            size_line: SizeLine::empty(),
            data: Bytes::new(),
            tail: b"",
            last: Vec::new(),
            last_sent: 0,
            sending: Sending::Ended,
            withheld: false,
        }
    }

    /// The buffer that the next head is to be written to, behind what is still in it.
    pub(crate) fn head_buffer(&mut self) -> &mut Vec<u8> {
        if self.head_sent == self.head.len() {
            self.head.clear();
            self.head_sent = 0;
        }
        &mut self.head
    }

    /// The head is written: content follows under this framing.
    pub(crate) fn begin_content(&mut self, sending: Sending, withheld: bool) {
        self.head_out = false;
        self.sending = sending;
        self.withheld = withheld && sending != Sending::Ended;
    }

    pub(crate) fn send_data(&mut self, data: Bytes) -> Result<(), Misuse> {
        if data.is_empty() {
            // An empty chunk would be the last one.
            return if self.sending == Sending::Ended { Err(Misuse::OutOfTurn) } else { Ok(()) };
        }
        self.check_room(&data)?;
        match self.sending {
            Sending::Ended => return Err(Misuse::OutOfTurn),
            Sending::Chunked(_) => {
                self.size_line = SizeLine::new(data.len() as u64);
                self.tail = CHUNK_END;
            }
            Sending::Length(_) | Sending::UntilClose => {}
        }
        if let Some(bound) = self.sending.bound_mut() {
            bound.left -= data.len() as u64;
        }
        self.data = data;
        Ok(())
    }

    pub(crate) fn send_last_data(&mut self, data: Bytes) -> Result<(), Misuse> {
        self.check_end(data.len())?;
        self.send_data(data.clone())?;
        if let Sending::Chunked(_) = self.sending {
            if !data.is_empty() {
                self.tail = CHUNK_END_AND_LAST;
            } else if self.has_content_pending() {
                self.last.extend_from_slice(LAST_CHUNK);
            } else {
                self.tail = LAST_CHUNK;
            }
        }
        self.sending = Sending::Ended;
        Ok(())
    }

    pub(crate) fn send_trailers(&mut self, fields: &HeaderMap) -> Result<(), Misuse> {
        match self.sending {
            Sending::Chunked(_) => self.check_end(0)?,
            Sending::Ended => return Err(Misuse::OutOfTurn),
            Sending::Length(_) | Sending::UntilClose => return Err(Misuse::TrailersNotAllowed),
        }
        write_last_chunk(&mut self.last, fields)?;
        self.sending = Sending::Ended;
        Ok(())
    }

    /// Content need not wait any longer.
    pub(crate) fn release(&mut self) {
        self.withheld = false;
    }

    pub(crate) fn is_withheld(&self) -> bool {
        self.withheld
    }

    /// No more content, and none of what was handed over. What of the head is left still goes out.
    pub(crate) fn abandon_content(&mut self) {
        self.size_line = SizeLine::empty();
        self.data = Bytes::new();
        self.tail = b"";
        self.last = Vec::new();
        self.last_sent = 0;
        self.sending = Sending::Ended;
        self.withheld = false;
    }

    /// Nothing more can be transmitted.
    pub(crate) fn fail(&mut self) {
        self.abandon_content();
        self.head = Vec::new();
        self.head_sent = 0;
    }

    /// Gives back what an idle connection need not hold.
    pub(crate) fn rest(&mut self) {
        self.head.clear();
        self.head_sent = 0;
        if self.head.capacity() > KEPT_HEAD {
            self.head = Vec::new();
        }
        self.last = Vec::new();
        self.last_sent = 0;
    }

    /// Whether the last head that was begun has been transmitted to its last octet.
    pub(crate) fn was_head_sent(&self) -> bool {
        self.head_out
    }

    fn is_head_out(&self) -> bool {
        self.head_sent == self.head.len()
    }

    /// Whether the application owes content.
    pub(crate) fn wants_content(&self) -> bool {
        self.sending != Sending::Ended
    }

    /// Whether the application owes content and none of it is pending.
    pub(crate) fn takes_content(&self) -> bool {
        self.wants_content() && !self.has_content_pending()
    }

    /// Whether the message is handed over and transmitted to its last octet.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_head_out() && !self.has_content()
    }

    /// Whether content is owed, or handed over and not transmitted to its last octet.
    pub(crate) fn has_content(&self) -> bool {
        self.wants_content() || self.has_content_pending()
    }

    fn has_content_pending(&self) -> bool {
        !(self.size_line.rest().is_empty()
            && self.data.is_empty()
            && self.tail.is_empty()
            && self.last.len() == self.last_sent)
    }

    fn check_room(&mut self, data: &Bytes) -> Result<(), Misuse> {
        if let Some(bound) = self.sending.bound_mut().filter(|bound| data.len() as u64 > bound.left) {
            return Err(Misuse::ContentTooLong { declared: bound.declared });
        }
        if self.has_content_pending() { Err(Misuse::Backpressure) } else { Ok(()) }
    }

    /// Whether content may end with a last piece of this length.
    fn check_end(&mut self, last: usize) -> Result<(), Misuse> {
        match self.sending.bound_mut() {
            Some(&mut Bound { declared, left }) if (last as u64) < left => {
                Err(Misuse::ContentTooShort { declared, sent: declared - left + last as u64 })
            }
            _ => Ok(()),
        }
    }

    /// The stretches to transmit, empty ones included.
    fn parts(&self) -> [&[u8]; 5] {
        let head = &self.head[self.head_sent..];
        if self.withheld {
            return [head, b"", b"", b"", b""];
        }
        [head, self.size_line.rest(), &self.data, self.tail, &self.last[self.last_sent..]]
    }

    pub(crate) fn remaining(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }

    pub(crate) fn chunk(&self) -> &[u8] {
        self.parts().into_iter().find(|part| !part.is_empty()).unwrap_or_default()
    }

    pub(crate) fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for part in self.parts().into_iter().filter(|part| !part.is_empty()) {
            let Some(slice) = slices.get_mut(count) else {
                break;
            };
            *slice = IoSlice::new(part);
            count += 1;
        }
        count
    }

    /// So many octets were transmitted. More than there are count as all.
    pub(crate) fn advance(&mut self, mut n: usize) {
        let mut take = |len: usize| {
            let taken = len.min(n);
            n -= taken;
            taken
        };
        if self.head_sent < self.head.len() {
            self.head_sent += take(self.head.len() - self.head_sent);
            self.head_out = self.head_sent == self.head.len();
        }
        if self.withheld {
            return;
        }
        self.size_line.advance(take(self.size_line.rest().len()));
        let data = take(self.data.len());
        self.data.advance(data);
        if self.data.is_empty() {
            // Let go of the caller's memory.
            self.data = Bytes::new();
        }
        self.tail = &self.tail[take(self.tail.len())..];
        self.last_sent += take(self.last.len() - self.last_sent);
    }
}
