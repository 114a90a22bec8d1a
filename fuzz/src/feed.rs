//! Feeding a machine in several ways that must come to the same.

use bytes::Bytes;
use martlet_core::h1::{
    ClientConn, ClientEvent, Disposition, Fields, Item, ReceivedRequest, Recv, ResponseHead, ServerConn,
    ServerEvent, ServerItem, WaitingOn,
};
use martlet_core::{Ending, Error};

/// What a machine said; neighbouring pieces of content are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Continue,
    Interim(ResponseHead),
    Response(ResponseHead),
    Request(ReceivedRequest),
    Data(Vec<u8>),
    Trailers(Vec<(Vec<u8>, Vec<u8>)>),
    End,
    Closed,
    Error(Error),
}

/// What it came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<M> {
    pub(crate) conn: M,
    pub(crate) seen: Vec<Seen>,
    pub(crate) rest: Vec<u8>,
    /// Whether the machine takes no more, so that `rest` is not its own.
    pub(crate) paused: bool,
}

impl<M> Outcome<M> {
    pub(crate) fn error(&self) -> Option<&Error> {
        self.seen.iter().find_map(|s| if let Seen::Error(e) = s { Some(e) } else { None })
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        let data =
            self.seen.iter().filter_map(|s| if let Seen::Data(d) = s { Some(d.as_slice()) } else { None });
        data.collect::<Vec<_>>().concat()
    }
}

/// The answer of one step.
pub(crate) enum Step {
    Said(Seen),
    NeedInput,
    Paused,
}

/// Either end of a connection.
pub(crate) trait Machine: Clone {
    fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Error>;
    fn step_owned(&mut self, input: &mut Bytes) -> Result<Step, Error>;
    fn passthrough(&mut self, most: usize) -> usize;
    fn end(&mut self, by: Ending);
    fn standing(&self) -> (Disposition, WaitingOn, String);
}

impl Machine for ClientConn {
    fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Error> {
        let received = self.recv(input)?;
        assert!(received.consumed <= input.len(), "consumed more than was shown");
        let shown = &input[..received.consumed];
        let seen = match received.item {
            Item::NeedInput => return Ok((received.consumed, Step::NeedInput)),
            Item::Paused => return Ok((received.consumed, Step::Paused)),
            Item::Continue => Seen::Continue,
            Item::Interim(head) => Seen::Interim(ResponseHead::copy_from(shown, head)),
            Item::Response(head) => Seen::Response(ResponseHead::copy_from(shown, head)),
            Item::Data(range) => Seen::Data(shown[range].to_vec()),
            Item::Trailers(spans) => Seen::Trailers(pairs(&Fields::copy_from(shown, spans))),
            Item::End => Seen::End,
            Item::Closed => Seen::Closed,
        };
        Ok((received.consumed, Step::Said(seen)))
    }

    fn step_owned(&mut self, input: &mut Bytes) -> Result<Step, Error> {
        Ok(Step::Said(match self.recv_bytes(input)? {
            Recv::NeedInput => return Ok(Step::NeedInput),
            Recv::Paused => return Ok(Step::Paused),
            Recv::Event(ClientEvent::Continue) => Seen::Continue,
            Recv::Event(ClientEvent::Interim(head)) => Seen::Interim(head),
            Recv::Event(ClientEvent::Response(head)) => Seen::Response(head),
            Recv::Event(ClientEvent::Data(data)) => Seen::Data(data.to_vec()),
            Recv::Event(ClientEvent::Trailers(fields)) => Seen::Trailers(pairs(&fields)),
            Recv::Event(ClientEvent::End) => Seen::End,
            Recv::Event(ClientEvent::Closed) => Seen::Closed,
        }))
    }

    fn passthrough(&mut self, most: usize) -> usize {
        let n = self.recv_passthrough().unwrap_or(0).min(most as u64);
        assert_eq!(self.handle_passthrough(n), Ok(()));
        n as usize
    }

    fn end(&mut self, by: Ending) {
        match by {
            Ending::Fin => self.handle_eof(),
            Ending::Reset => self.handle_reset(),
        }
    }

    fn standing(&self) -> (Disposition, WaitingOn, String) {
        (self.disposition(), self.waiting_on(), format!("{:?} {:?}", self.delivery(), self.close_reason()))
    }
}

impl Machine for ServerConn {
    fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Error> {
        let received = self.recv(input)?;
        assert!(received.consumed <= input.len(), "consumed more than was shown");
        let shown = &input[..received.consumed];
        let seen = match received.item {
            ServerItem::NeedInput => return Ok((received.consumed, Step::NeedInput)),
            ServerItem::Paused => return Ok((received.consumed, Step::Paused)),
            ServerItem::Request(head) => Seen::Request(ReceivedRequest::copy_from(shown, head)),
            ServerItem::Data(range) => Seen::Data(shown[range].to_vec()),
            ServerItem::Trailers(spans) => Seen::Trailers(pairs(&Fields::copy_from(shown, spans))),
            ServerItem::End => Seen::End,
            ServerItem::Closed => Seen::Closed,
        };
        Ok((received.consumed, Step::Said(seen)))
    }

    fn step_owned(&mut self, input: &mut Bytes) -> Result<Step, Error> {
        Ok(Step::Said(match self.recv_bytes(input)? {
            Recv::NeedInput => return Ok(Step::NeedInput),
            Recv::Paused => return Ok(Step::Paused),
            Recv::Event(ServerEvent::Request(head)) => Seen::Request(head),
            Recv::Event(ServerEvent::Data(data)) => Seen::Data(data.to_vec()),
            Recv::Event(ServerEvent::Trailers(fields)) => Seen::Trailers(pairs(&fields)),
            Recv::Event(ServerEvent::End) => Seen::End,
            Recv::Event(ServerEvent::Closed) => Seen::Closed,
        }))
    }

    fn passthrough(&mut self, _: usize) -> usize {
        0
    }

    fn end(&mut self, by: Ending) {
        match by {
            Ending::Fin => self.handle_eof(),
            Ending::Reset => self.handle_reset(),
        }
    }

    fn standing(&self) -> (Disposition, WaitingOn, String) {
        (self.disposition(), self.waiting_on(), format!("{:?}", self.close_reason()))
    }
}

fn pairs(fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ranges,
    Owned,
    Passthrough,
}

/// Feeds in all ways and demands that they agree. No more than `most` octets may be left waiting for more.
pub(crate) fn feed<M: Machine>(conn: &M, input: &[u8], end: Option<Ending>, most: usize) -> Outcome<M> {
    let whole = run(conn, input, input.len().max(1), end, Way::Ranges, most);
    // Every way of cutting costs; the sizes depend on the input so that all of them come up.
    let some = 2 + input.iter().map(|&b| usize::from(b)).sum::<usize>() % 40;
    let others =
        [(1, Way::Ranges), (some, Way::Passthrough), (some, Way::Owned), (input.len().max(1), Way::Owned)];
    for (size, way) in others {
        let other = run(conn, input, size, end, way, most);
        assert_eq!(whole.seen, other.seen, "in pieces of {size}, {way:?}");
        assert_eq!(whole.conn.standing(), other.conn.standing(), "in pieces of {size}, {way:?}");
        if whole.error().is_none() {
            assert_eq!(whole.rest, other.rest, "in pieces of {size}, {way:?}");
        }
    }
    whole
}

fn run<M: Machine>(
    conn: &M,
    input: &[u8],
    size: usize,
    end: Option<Ending>,
    way: Way,
    most: usize,
) -> Outcome<M> {
    let mut outcome = Outcome { conn: conn.clone(), seen: Vec::new(), rest: Vec::new(), paused: false };
    let mut over = pull(&mut outcome, way);
    for mut piece in input.chunks(size) {
        if way == Way::Passthrough && outcome.rest.is_empty() && !over {
            let n = outcome.conn.passthrough(piece.len());
            say(&mut outcome.seen, Seen::Data(piece[..n].to_vec()));
            piece = &piece[n..];
        }
        outcome.rest.extend_from_slice(piece);
        if !over && !outcome.paused {
            over = pull(&mut outcome, way);
            assert!(
                over || outcome.paused || outcome.rest.len() <= most,
                "{} octets held",
                outcome.rest.len()
            );
        }
    }
    if !over && outcome.paused {
        // What came behind the pause is shown, too: surplus octets spoil the connection.
        over = pull(&mut outcome, way);
    }
    if let (Some(by), false) = (end, over) {
        outcome.conn.end(by);
        pull(&mut outcome, way);
    }
    outcome
}

/// Pulls until more input is wanted or none is taken. Whether it is over for good.
fn pull<M: Machine>(outcome: &mut Outcome<M>, way: Way) -> bool {
    let mut input = Bytes::from(std::mem::take(&mut outcome.rest));
    outcome.paused = false;
    let mut idle = 0;
    let over = loop {
        let before = input.len();
        let step = match way {
            Way::Owned => outcome.conn.step_owned(&mut input),
            Way::Ranges | Way::Passthrough => outcome.conn.step(&input).map(|(consumed, step)| {
                drop(input.split_to(consumed));
                step
            }),
        };
        match step {
            Ok(Step::NeedInput) => break false,
            Ok(Step::Paused) => {
                outcome.paused = true;
                break false;
            }
            Ok(Step::Said(Seen::Closed)) => {
                say(&mut outcome.seen, Seen::Closed);
                break true;
            }
            Ok(Step::Said(seen)) => {
                assert!(!matches!(&seen, Seen::Data(data) if data.is_empty()), "empty content");
                say(&mut outcome.seen, seen);
            }
            Err(e) => {
                assert_eq!(outcome.conn.step(&input).err().as_ref(), Some(&e), "errors are sticky");
                say(&mut outcome.seen, Seen::Error(e));
                break true;
            }
        }
        idle = if before == input.len() { idle + 1 } else { 0 };
        assert!(idle < 3, "no progress");
    };
    outcome.rest = input.to_vec();
    over
}

fn say(seen: &mut Vec<Seen>, what: Seen) {
    match (seen.last_mut(), what) {
        (Some(Seen::Data(before)), Seen::Data(data)) => before.extend_from_slice(&data),
        (_, Seen::Data(data)) if data.is_empty() => {}
        (_, what) => seen.push(what),
    }
}
