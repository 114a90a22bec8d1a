//! Between the server's HTTP/2 machine and the wire: it passes frames on, keeps some back and puts others in.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};

use super::frame::{
    ACK, FrameKind, HEAD, HEADER_TABLE_SIZE, Head, MAX_CONCURRENT_STREAMS, encode, goaway, parameters, reset,
    settings,
};
use super::ledger::Ledger;
use super::settings::H2Server;
use super::splitter::{Splitter, Unit};

/// REFUSED_STREAM (RFC 9113 §7).
pub(super) const REFUSED_STREAM: u32 = 0x7;

/// Octets for the wire above which the machine has to wait.
const ENOUGH: usize = 16_384;

/// The gate of one connection. Pure: octets and orders go in, octets for the machine and for the wire come out, whole
/// frames each.
#[derive(Debug)]
pub(super) struct Gate {
    up: Splitter,
    down: Splitter,
    pub(super) to_machine: BytesMut,
    pub(super) to_wire: BytesMut,
    pub(super) ledger: Ledger,
    settings: H2Server,
    /// SETTINGS of the client's that it has not acknowledged, in their order.
    unacknowledged: VecDeque<Sent>,
    /// The limit of streams that the client has acknowledged.
    acknowledged: Option<u32>,
    /// Frames that were put in before the first SETTINGS, or within a field section.
    waiting: Vec<Bytes>,
    opened: bool,
    in_block: bool,
    pings: Vec<[u8; 8]>,
    cuts: BTreeMap<u32, Cut>,
    processed: usize,
    refunded: bool,
    muted: bool,
    /// What went to the wire since somebody asked, for the trace.
    pub(super) sent: Vec<String>,
    pub(super) complaints: Vec<String>,
}

/// SETTINGS that went out.
#[derive(Debug)]
struct Sent {
    by_machine: bool,
    max_streams: Option<u32>,
}

/// Where the response of a stream is to be cut off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Field sections before it, those of interim responses too.
    pub(super) heads: usize,
    /// Octets of content before it; `None` for the end of the response.
    pub(super) octets: Option<u64>,
    pub(super) code: u32,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            up: Splitter::of_client(),
            down: Splitter::of_server(),
            to_machine: BytesMut::new(),
            to_wire: BytesMut::new(),
            ledger: Ledger::default(),
            settings: H2Server::new(),
            unacknowledged: VecDeque::new(),
            acknowledged: None,
            waiting: Vec::new(),
            opened: false,
            in_block: false,
            pings: Vec::new(),
            cuts: BTreeMap::new(),
            processed: 0,
            refunded: false,
            muted: false,
            sent: Vec::new(),
            complaints: Vec::new(),
        }
    }

    /// A connection begins. What was ordered before stands.
    pub(super) fn begin(&mut self, settings: &H2Server) {
        let max_streams = self.settings.max_streams.or(settings.max_streams);
        let swallowed = self.settings.swallowed.union(&settings.swallowed).copied().collect();
        self.settings = H2Server { max_streams, swallowed, ..settings.clone() };
        self.go_away_if_due();
    }

    /// Octets have come from the client.
    pub(super) fn recv(&mut self, octets: &[u8]) {
        self.up.push(octets);
        while let Some(unit) = self.up.next() {
            match unit {
                Unit::Raw(raw) => self.to_machine.extend_from_slice(&raw),
                Unit::Frame(head, octets) => self.recv_frame(head, &octets),
            }
        }
    }

    /// The client sends nothing more.
    pub(super) fn recv_end(&mut self) {
        let rest = self.up.take_rest();
        self.to_machine.extend_from_slice(&rest);
    }

    fn recv_frame(&mut self, head: Head, octets: &[u8]) {
        match head.kind {
            FrameKind::Settings if head.is(FrameKind::Settings, ACK) => {
                if let Some(sent) = self.unacknowledged.pop_front() {
                    self.acknowledged = sent.max_streams.or(self.acknowledged);
                    if !sent.by_machine {
                        return;
                    }
                }
            }
            FrameKind::Settings => {
                // Field sections may be kept back, so none may lean on another: no dynamic table.
                let payload = [&octets[HEAD..], &settings(&[(HEADER_TABLE_SIZE, 0)])].concat();
                self.to_machine.extend_from_slice(&encode(FrameKind::Settings, 0, 0, &payload));
                return;
            }
            FrameKind::Ping if head.is(FrameKind::Ping, ACK) => {
                if let Some(at) = self.pings.iter().position(|ping| ping == &octets[HEAD..]) {
                    self.pings.remove(at);
                    return;
                }
            }
            FrameKind::Headers => self.recv_head(head.stream),
            FrameKind::RstStream => self.ledger.client_reset(head.stream),
            _ => {}
        }
        if head.ends_stream() {
            self.ledger.client_ended(head.stream);
        }
        self.to_machine.extend_from_slice(octets);
    }

    fn recv_head(&mut self, stream: u32) {
        if !self.ledger.open(stream) {
            return;
        }
        let active = self.ledger.active();
        let above = |most: Option<u32>| most.is_some_and(|most| active > most as usize);
        if above(self.acknowledged) {
            let most = self.acknowledged.unwrap_or_default();
            self.complaints.push(format!("stream {stream} is the {active}th at once of {most} acknowledged"));
        }
        let limit = self.settings.max_streams.filter(|_| self.settings.enforces);
        if above(limit) || above(self.settings.refuse_above) {
            self.reset_stream(stream, REFUSED_STREAM);
        }
    }

    /// Whether the machine was given something to read while it sent, since the last call.
    pub(super) fn take_refunded(&mut self) -> bool {
        std::mem::take(&mut self.refunded)
    }

    /// Whether the machine has to wait before it sends more.
    pub(super) fn is_full(&self) -> bool {
        self.to_wire.len() >= ENOUGH
    }

    /// The machine sends octets.
    pub(super) fn send(&mut self, octets: &[u8]) {
        self.down.push(octets);
        while let Some(unit) = self.down.next() {
            match unit {
                Unit::Raw(raw) => self.put(&raw),
                Unit::Frame(head, octets) => self.send_frame(head, &octets),
            }
        }
    }

    fn send_frame(&mut self, head: Head, octets: &Bytes) {
        if self.settings.swallowed.contains(&head.kind) || self.ledger.is_dead(head.stream) {
            if head.kind == FrameKind::Data && head.len > 0 {
                // The machine has spent its window for nothing.
                let back = (head.len as u32).to_be_bytes();
                self.to_machine.extend_from_slice(&encode(FrameKind::WindowUpdate, 0, 0, &back));
                self.refunded = true;
            }
            return;
        }
        match head.kind {
            FrameKind::Settings if !self.opened => self.send_first(octets),
            FrameKind::GoAway => {
                let code = octets.get(HEAD + 4..HEAD + 8).and_then(|code| code.try_into().ok());
                let last = self.ledger.go_away(self.ledger.highest_claimed());
                self.put(&goaway(last, code.map_or(0, u32::from_be_bytes)));
            }
            FrameKind::RstStream => {
                let code =
                    octets.get(HEAD..).and_then(|code| code.try_into().ok()).map_or(0, u32::from_be_bytes);
                self.complaints
                    .push(format!("stream {}: the client broke the protocol, code {code}", head.stream));
                self.ledger.kill(head.stream);
                self.put(octets);
            }
            _ => {
                self.put(octets);
                self.in_block = head.is_open_block();
                self.cut_if_due(head);
                if head.ends_stream() {
                    self.ledger.server_ended(head.stream);
                }
                self.put_waiting();
            }
        }
    }

    /// The first frame of a server is SETTINGS (RFC 9113 §3.4).
    fn send_first(&mut self, octets: &[u8]) {
        let limit = self.settings.max_streams.map(|most| (MAX_CONCURRENT_STREAMS, most));
        let payload = [&octets[HEAD..], &settings(limit.as_slice())].concat();
        self.put(&encode(FrameKind::Settings, 0, 0, &payload));
        // Others may wait behind them.
        self.unacknowledged.push_front(Sent { by_machine: true, max_streams: self.settings.max_streams });
        self.opened = true;
        self.put_waiting();
    }

    fn cut_if_due(&mut self, head: Head) {
        let Some(cut) = self.cuts.get_mut(&head.stream) else { return };
        match head.kind {
            FrameKind::Headers => cut.heads = cut.heads.saturating_sub(1),
            FrameKind::Data => cut.octets = cut.octets.map(|left| left.saturating_sub(head.len as u64)),
            _ => {}
        }
        let code = cut.code;
        if !self.in_block && (head.ends_stream() || (cut.heads == 0 && cut.octets == Some(0))) {
            self.cuts.remove(&head.stream);
            self.reset_stream(head.stream, code);
        }
    }

    /// Cuts off a response by RST_STREAM once so much of it has gone out.
    pub(super) fn cut(&mut self, stream: u32, cut: Cut) {
        self.cuts.insert(stream, cut);
    }

    /// Puts frames in, at the next place where one may stand.
    pub(super) fn inject(&mut self, octets: Bytes) {
        self.waiting.push(octets);
        self.put_waiting();
    }

    fn put_waiting(&mut self) {
        if self.opened && !self.in_block {
            for octets in std::mem::take(&mut self.waiting) {
                self.put(&octets);
            }
        }
    }

    fn put(&mut self, octets: &[u8]) {
        if self.muted {
            return;
        }
        self.to_wire.extend_from_slice(octets);
        let Some(Head { kind, stream, flags, len }) = Head::parse(octets) else { return };
        self.sent.push(format!("sends {kind:?} on stream {stream}, flags {flags}, {len} of payload"));
    }

    /// Sends nothing more, for good. What is on its way goes out.
    pub(super) fn mute(&mut self) {
        self.muted = true;
    }

    /// Keeps back frames of this kind that the machine sends from now on.
    pub(super) fn swallow(&mut self, kind: FrameKind) {
        self.settings.swallowed.insert(kind);
    }

    /// Changes the limit of streams, and says so.
    pub(super) fn set_max_streams(&mut self, most: u32) {
        self.settings.max_streams = Some(most);
        if self.opened {
            self.send_settings(&[(MAX_CONCURRENT_STREAMS, most)]);
        }
    }

    /// Sends SETTINGS of which the machine knows nothing.
    pub(super) fn send_settings(&mut self, values: &[(u16, u32)]) {
        let payload = settings(values);
        let max_streams = parameters(&payload).filter(|(id, _)| *id == MAX_CONCURRENT_STREAMS).last();
        self.inject(encode(FrameKind::Settings, 0, 0, &payload));
        let sent = Sent { by_machine: false, max_streams: max_streams.map(|(_, most)| most) };
        self.unacknowledged.push_back(sent);
    }

    pub(super) fn send_ping(&mut self, payload: [u8; 8]) {
        self.pings.push(payload);
        self.inject(encode(FrameKind::Ping, 0, 0, &payload));
    }

    /// Resets a stream, and is done with it.
    pub(super) fn reset_stream(&mut self, stream: u32, code: u32) {
        self.inject(reset(stream, code));
        self.ledger.kill(stream);
    }

    /// Sends GOAWAY; `last` is raised to the last stream that the service may have acted on. Gives what was announced.
    pub(super) fn go_away(&mut self, last: u32, code: u32) -> u32 {
        let truth = self.ledger.highest_claimed();
        if last < truth {
            self.complaints.push(format!("GOAWAY of {last}, but stream {truth} is processed: raised to it"));
        }
        self.go_away_lying(last.max(truth), code)
    }

    /// The same, whatever was processed.
    pub(super) fn go_away_lying(&mut self, last: u32, code: u32) -> u32 {
        let last = self.ledger.go_away(last & 0x7fff_ffff);
        self.inject(goaway(last, code));
        last
    }

    /// The service has acted on a request.
    pub(super) fn processed(&mut self) {
        self.processed += 1;
        self.go_away_if_due();
    }

    fn go_away_if_due(&mut self) {
        if let Some((_, code)) = self.settings.goaway_after.filter(|(after, _)| self.processed >= *after) {
            if !self.ledger.is_going_away() {
                self.go_away(self.ledger.highest_claimed(), code);
            }
        }
    }

    /// The server ends the connection by itself.
    pub(super) fn is_done(&self) -> bool {
        self.settings.fin_after_goaway && self.opened && self.waiting.is_empty() && self.ledger.is_over()
    }
}

#[cfg(test)]
mod tests;
