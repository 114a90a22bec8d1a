//! Takes down what a client sends, where it arrives.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;

use super::frame::{Frame, FrameKind, HEAD, Head};
use super::heads::Heads;
use super::splitter::PREFACE;
use crate::server::LoggedRequest;

/// The frames and requests of one connection, whatever its server does with them.
pub(crate) struct Tap {
    rest: BytesMut,
    /// Octets of the present frame that are in the log already.
    logged: usize,
    stage: Stage,
    heads: Heads,
    /// The stream whose field section is open.
    block: Option<u32>,
    frames: Vec<Frame>,
    /// Where the requests of the streams are in the log.
    entries: BTreeMap<u32, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Preface,
    Frames,
    /// What came is no HTTP/2.
    Deaf,
}

impl Default for Tap {
    fn default() -> Self {
        Self {
            rest: BytesMut::new(),
            logged: 0,
            stage: Stage::Preface,
            heads: Heads::new(),
            block: None,
            frames: Vec::new(),
            entries: BTreeMap::new(),
        }
    }
}

impl Tap {
    /// Octets have arrived. Gives what is to be noted of them.
    pub(crate) fn feed(
        &mut self,
        log: &mut Vec<LoggedRequest>,
        connection: u64,
        at: Duration,
        octets: &[u8],
    ) -> Vec<String> {
        let mut notes = Vec::new();
        self.rest.extend_from_slice(octets);
        if self.stage == Stage::Preface {
            let n = self.rest.len().min(PREFACE.len());
            if self.rest[..n] != PREFACE[..n] {
                notes.push("no HTTP/2 preface".to_owned());
                self.stage = Stage::Deaf;
            } else if n == PREFACE.len() {
                let _ = self.rest.split_to(n);
                self.stage = Stage::Frames;
            }
        }
        while self.stage == Stage::Frames {
            let Some(head) = Head::parse(&self.rest) else { break };
            if head.kind == FrameKind::Headers {
                self.entries.entry(head.stream).or_insert_with(|| {
                    log.push(LoggedRequest::of_stream(connection, at, head.stream));
                    log.len() - 1
                });
            }
            let entry = self.entries.get(&head.stream).and_then(|entry| log.get_mut(*entry));
            let whole = HEAD + head.len;
            let n = self.rest.len().min(whole);
            let known = std::mem::replace(&mut self.logged, n).min(n);
            if let Some(entry) = entry {
                entry.octets.extend_from_slice(&self.rest[known..n]);
                if n == whole {
                    notes.extend(self.frame_of(entry, head));
                }
            }
            if n < whole {
                break;
            }
            notes.push(self.take_frame(head, at));
        }
        notes
    }

    /// A frame of a request is whole.
    fn frame_of(&mut self, entry: &mut LoggedRequest, head: Head) -> Vec<String> {
        let stream = head.stream;
        let octets = &self.rest[..HEAD + head.len];
        let mut notes = Vec::new();
        match head.kind {
            FrameKind::Headers | FrameKind::Continuation => {
                let request = self.heads.recv(octets);
                if let Some(request) = request.filter(|_| !entry.head_complete) {
                    entry.take_h2_head(&request);
                    notes.push(format!("request {} {} on stream {stream}", entry.method, entry.target));
                }
            }
            FrameKind::Data => entry.content.extend_from_slice(head.content(&octets[HEAD..])),
            FrameKind::RstStream => {
                let code = octets[HEAD..].try_into().map(u32::from_be_bytes);
                entry.reset = code.ok();
                self.heads.forget(stream);
            }
            _ => {}
        }
        if head.ends_stream() {
            entry.complete = true;
            notes.push(format!("request complete on stream {stream}, {} of content", entry.content.len()));
        }
        self.block = head.is_open_block().then_some(stream);
        if entry.complete && self.block.is_none() {
            self.heads.forget(stream);
        }
        notes
    }

    fn take_frame(&mut self, head: Head, at: Duration) -> String {
        let octets = self.rest.split_to(HEAD + head.len);
        self.logged = 0;
        let Head { kind, flags, stream, len } = head;
        let payload = if kind == FrameKind::Data { Vec::new() } else { octets[HEAD..].to_vec() };
        self.frames.push(Frame { at, kind, flags, stream, len, payload });
        format!("{kind:?} on stream {stream}, flags {flags}, {len} of payload")
    }

    pub(crate) fn frames(&self) -> Vec<Frame> {
        self.frames.clone()
    }

    pub(crate) fn mark_processed(&self, log: &mut [LoggedRequest], stream: u32) {
        if let Some(entry) = self.entries.get(&stream).and_then(|at| log.get_mut(*at)) {
            entry.processed = true;
        }
    }
}

#[cfg(test)]
mod tests;
