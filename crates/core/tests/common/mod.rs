//! What the tests of one connection share: short ways into a state, and one way to feed octets that is all ways.

#![allow(dead_code, reason = "each test file uses its own part")]

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use martlet_core::h1::{
    ClientConn, ClientEvent, Disposition, FieldBlock, Fields, Item, Recv, RequestContent, RequestHead,
    ServerConn, ServerEvent, ServerItem, Target, WaitingOn,
};
use martlet_core::{CloseReason, Delivery, Ending, Error, Limits, Misuse};

/// What a machine said, free of the ways in which the octets came: neighbouring pieces of content are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Continue,
    Interim(u16),
    Response(u16),
    Request(String),
    Data(Vec<u8>),
    Trailers(Vec<(String, String)>),
    End,
    Closed,
    Error(Error),
}

/// What is left to know when the octets are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) disposition: Disposition,
    pub(crate) waiting_on: WaitingOn,
    pub(crate) delivery: Option<Delivery>,
    pub(crate) close_reason: Option<CloseReason>,
}

/// The outcome of feeding octets.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<M> {
    pub(crate) conn: M,
    pub(crate) seen: Vec<Seen>,
    /// What was not consumed.
    pub(crate) rest: Vec<u8>,
}

impl<M> Outcome<M> {
    /// The content, joined.
    pub(crate) fn content(&self) -> Vec<u8> {
        let data =
            self.seen.iter().filter_map(|s| if let Seen::Data(d) = s { Some(d.as_slice()) } else { None });
        data.collect::<Vec<_>>().concat()
    }

    /// The error, if it came to one.
    pub(crate) fn error(&self) -> Option<&Error> {
        self.seen.iter().find_map(|s| if let Seen::Error(e) = s { Some(e) } else { None })
    }
}

/// What a step of a machine came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Said(Seen),
    NeedInput,
    Paused,
}

/// Either end, as far as feeding is concerned.
pub(crate) trait Machine: Clone {
    fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Error>;
    fn step_owned(&mut self, input: &mut Bytes) -> Result<Step, Error>;
    fn passthrough(&mut self, most: usize) -> usize;
    fn end(&mut self, by: Ending);
    fn standing(&self) -> Standing;
    /// Takes up to `most` octets out of the machine, as a transport does.
    fn take(&mut self, most: usize) -> Vec<u8>;

    /// Takes all octets out of the machine.
    fn taken(&mut self) -> Vec<u8> {
        self.take(usize::MAX)
    }
}

fn take_from(mut out: impl Buf, most: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    while out.has_remaining() && taken.len() < most {
        let n = out.chunk().len().min(most - taken.len());
        taken.extend_from_slice(&out.chunk()[..n]);
        out.advance(n);
    }
    taken
}

fn strings<'a>(lines: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<(String, String)> {
    let string = |octets| String::from_utf8_lossy(octets).into_owned();
    lines.map(|(name, value)| (string(name), string(value))).collect()
}

impl Machine for ClientConn {
    fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Error> {
        let received = self.recv(input)?;
        let seen = match received.item {
            Item::NeedInput => return Ok((received.consumed, Step::NeedInput)),
            Item::Paused => return Ok((received.consumed, Step::Paused)),
            Item::Continue => Seen::Continue,
            Item::Interim(head) => Seen::Interim(head.status()),
            Item::Response(head) => {
                assert_eq!(head.head_len(), received.consumed);
                Seen::Response(head.status())
            }
            Item::Data(range) => {
                assert_eq!(range.end, received.consumed, "what lies behind content is not consumed with it");
                Seen::Data(input[range].to_vec())
            }
            Item::Trailers(spans) => Seen::Trailers(strings(Fields::copy_from(input, spans).iter())),
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
            Recv::Event(ClientEvent::Interim(head)) => Seen::Interim(head.status().as_u16()),
            Recv::Event(ClientEvent::Response(head)) => Seen::Response(head.status().as_u16()),
            Recv::Event(ClientEvent::Data(data)) => Seen::Data(data.to_vec()),
            Recv::Event(ClientEvent::Trailers(fields)) => Seen::Trailers(strings(fields.iter())),
            Recv::Event(ClientEvent::End) => Seen::End,
            Recv::Event(ClientEvent::Closed) => Seen::Closed,
        }))
    }

    fn passthrough(&mut self, most: usize) -> usize {
        let n = self.recv_passthrough().unwrap_or(0).min(most as u64);
        self.handle_passthrough(n).unwrap();
        n as usize
    }

    fn end(&mut self, by: Ending) {
        match by {
            Ending::Fin => self.handle_eof(),
            Ending::Reset => self.handle_reset(),
        }
    }

    fn standing(&self) -> Standing {
        Standing {
            disposition: self.disposition(),
            waiting_on: self.waiting_on(),
            delivery: Some(self.delivery()),
            close_reason: self.close_reason(),
        }
    }

    fn take(&mut self, most: usize) -> Vec<u8> {
        take_from(self.transmit(), most)
    }
}

impl Machine for ServerConn {
    fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Error> {
        let received = self.recv(input)?;
        let seen = match received.item {
            ServerItem::NeedInput => return Ok((received.consumed, Step::NeedInput)),
            ServerItem::Paused => return Ok((received.consumed, Step::Paused)),
            ServerItem::Request(head) => {
                assert_eq!(head.head_len(), received.consumed);
                Seen::Request(request_line(head.method(input), head.target(input)))
            }
            ServerItem::Data(range) => Seen::Data(input[range].to_vec()),
            ServerItem::Trailers(spans) => Seen::Trailers(strings(Fields::copy_from(input, spans).iter())),
            ServerItem::End => Seen::End,
            ServerItem::Closed => Seen::Closed,
        };
        Ok((received.consumed, Step::Said(seen)))
    }

    fn step_owned(&mut self, input: &mut Bytes) -> Result<Step, Error> {
        Ok(Step::Said(match self.recv_bytes(input)? {
            Recv::NeedInput => return Ok(Step::NeedInput),
            Recv::Paused => return Ok(Step::Paused),
            Recv::Event(ServerEvent::Request(head)) => {
                Seen::Request(request_line(head.method(), head.target()))
            }
            Recv::Event(ServerEvent::Data(data)) => Seen::Data(data.to_vec()),
            Recv::Event(ServerEvent::Trailers(fields)) => Seen::Trailers(strings(fields.iter())),
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

    fn standing(&self) -> Standing {
        Standing {
            disposition: self.disposition(),
            waiting_on: self.waiting_on(),
            delivery: None,
            close_reason: self.close_reason(),
        }
    }

    fn take(&mut self, most: usize) -> Vec<u8> {
        take_from(self.transmit(), most)
    }
}

fn request_line(method: &[u8], target: &[u8]) -> String {
    format!("{} {}", String::from_utf8_lossy(method), String::from_utf8_lossy(target))
}

/// Through which of its methods a machine is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ranges,
    Owned,
    Passthrough,
}

/// Octets that belong to nobody: if a machine took them for its message, it would show.
pub(crate) const TRAILING: &[u8] = b"HTTP/1.1 666 Trailing\r\nContent-Length: 3\r\n\r\n0\r\n\r\n";

/// Feeds `input`, and then the end of the stream if there is one: whole, octet by octet, cut in two at every octet
/// of a short input, with shared octets and past the machine. All must come to the same. If the machine takes no
/// more afterwards, octets are put behind the input; they must be left alone and change nothing that was said.
pub(crate) fn feed<M: Machine>(conn: &M, input: &[u8], end: Option<Ending>) -> Outcome<M> {
    let whole = run(conn, input, &[], end, Way::Ranges);
    let each: Vec<usize> = (1..input.len().max(1)).collect();
    for way in [Way::Ranges, Way::Owned, Way::Passthrough] {
        agree(&whole, &run(conn, input, &each, end, way), input, &format!("octet by octet, {way:?}"));
        agree(&whole, &run(conn, input, &[], end, way), input, &format!("whole, {way:?}"));
    }
    if input.len() <= 600 {
        for cut in &each {
            agree(&whole, &run(conn, input, &[*cut], end, Way::Ranges), input, &format!("cut at {cut}"));
        }
    }
    if whole.conn.clone().step(&whole.rest) == Ok((0, Step::Paused)) {
        let trailed = [input, TRAILING].concat();
        for cuts in [&[][..], &(1..trailed.len()).collect::<Vec<_>>()] {
            let outcome = run(conn, &trailed, cuts, end, Way::Ranges);
            assert_eq!(outcome.seen, whole.seen, "octets behind the end changed what was said");
            assert_eq!(
                outcome.rest,
                [&whole.rest[..], TRAILING].concat(),
                "octets behind the end were consumed"
            );
        }
    }
    whole
}

fn agree<M: Machine>(whole: &Outcome<M>, other: &Outcome<M>, input: &[u8], how: &str) {
    let shown = String::from_utf8_lossy(input);
    assert_eq!(whole.seen, other.seen, "{how} of {shown:?}");
    if whole.error().is_none() {
        // Behind an error nothing is said about what was consumed.
        assert_eq!(whole.rest, other.rest, "{how} of {shown:?}");
    }
    assert_eq!(whole.conn.standing(), other.conn.standing(), "{how} of {shown:?}");
}

fn run<M: Machine>(conn: &M, input: &[u8], cuts: &[usize], end: Option<Ending>, way: Way) -> Outcome<M> {
    let mut outcome = Outcome { conn: conn.clone(), seen: Vec::new(), rest: Vec::new() };
    let mut over = false;
    let mut start = 0;
    for &cut in cuts.iter().chain([&input.len()]) {
        let mut piece = &input[start..cut];
        start = cut;
        if way == Way::Passthrough && outcome.rest.is_empty() && !over {
            let n = outcome.conn.passthrough(piece.len());
            say(&mut outcome.seen, Seen::Data(piece[..n].to_vec()));
            piece = &piece[n..];
        }
        outcome.rest.extend_from_slice(piece);
        over = over || pull(&mut outcome, way);
    }
    if let Some(by) = end {
        outcome.conn.end(by);
        if !over {
            pull(&mut outcome, way);
        }
    }
    outcome
}

/// Pulls until the machine wants more or takes no more. Whether it is over.
fn pull<M: Machine>(outcome: &mut Outcome<M>, way: Way) -> bool {
    let mut input = Bytes::from(std::mem::take(&mut outcome.rest));
    let over = loop {
        let before = input.len();
        let step = match way {
            Way::Owned => outcome.conn.step_owned(&mut input),
            Way::Ranges | Way::Passthrough => outcome.conn.step(&input).map(|(consumed, step)| {
                input.advance(consumed);
                step
            }),
        };
        match step {
            Ok(Step::NeedInput) => break false,
            // Anything but more octets is the same again; an end of the stream may still be news.
            Ok(Step::Paused) => break false,
            Ok(Step::Said(Seen::Closed)) => {
                say(&mut outcome.seen, Seen::Closed);
                break true;
            }
            Ok(Step::Said(seen)) => {
                assert!(before > input.len() || seen == Seen::End, "{seen:?} out of nothing");
                say(&mut outcome.seen, seen);
            }
            Err(e) => {
                assert_eq!(outcome.conn.step(&input), Err(e.clone()), "errors are sticky");
                assert_eq!(outcome.conn.step(b""), Err(e.clone()), "errors are sticky");
                say(&mut outcome.seen, Seen::Error(e));
                break true;
            }
        }
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

/// A request to be sent, `GET / HTTP/1.1` to `example.test` unless changed.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target<'static>,
    pub(crate) version: Version,
    pub(crate) host: &'static [u8],
    pub(crate) fields: HeaderMap,
    pub(crate) block: FieldBlock,
    pub(crate) content: RequestContent,
}

pub(crate) fn request(method: Method) -> Request {
    let target = match method {
        Method::CONNECT => Target::Authority(b"example.test:443"),
        _ => Target::Origin(b"/"),
    };
    Request {
        method,
        target,
        version: Version::HTTP_11,
        host: b"example.test",
        fields: HeaderMap::new(),
        block: FieldBlock::empty(),
        content: RequestContent::None,
    }
}

impl Request {
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.fields.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn content(mut self, content: RequestContent) -> Self {
        self.content = content;
        self
    }

    pub(crate) fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn target(mut self, target: Target<'static>) -> Self {
        self.target = target;
        self
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            target: self.target,
            version: self.version,
            host: self.host,
            fields: &self.fields,
            block: &self.block,
        }
    }

    /// Hands it to a machine.
    pub(crate) fn send(&self, conn: &mut ClientConn) -> Result<(), Misuse> {
        conn.send_request(self.head(), self.content)
    }

    /// A new machine that has it, none of it transmitted.
    pub(crate) fn begun(&self) -> ClientConn {
        self.begun_with(Limits::default())
    }

    pub(crate) fn begun_with(&self, limits: Limits) -> ClientConn {
        let mut conn = ClientConn::new(limits);
        self.send(&mut conn).unwrap();
        conn
    }

    /// A new machine that has transmitted its head.
    pub(crate) fn out(&self) -> ClientConn {
        self.out_with(Limits::default())
    }

    pub(crate) fn out_with(&self, limits: Limits) -> ClientConn {
        let mut conn = self.begun_with(limits);
        conn.taken();
        conn
    }

    /// The octets of its head, or why it is refused.
    pub(crate) fn written(&self) -> Result<String, Misuse> {
        let mut conn = ClientConn::new(Limits::default());
        match self.send(&mut conn) {
            Ok(()) => Ok(String::from_utf8_lossy(&conn.taken()).into_owned()),
            Err(e) => {
                assert!(conn.transmit().is_empty(), "a refused head left octets");
                assert_eq!(conn.disposition(), Disposition::Reusable, "a refused head changed the machine");
                Err(e)
            }
        }
    }
}

/// A machine that has sent GET.
pub(crate) fn get() -> ClientConn {
    request(Method::GET).out()
}

/// A machine that has sent the head of a POST.
pub(crate) fn post(content: RequestContent) -> ClientConn {
    request(Method::POST).content(content).out()
}

/// A server's machine that has read a request, its content included.
pub(crate) fn asked(input: &[u8]) -> ServerConn {
    let outcome = feed(&ServerConn::new(Limits::default()), input, None);
    assert_eq!(outcome.error(), None);
    outcome.conn
}

pub(crate) fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

pub(crate) fn data(octets: &[u8]) -> Seen {
    Seen::Data(octets.to_vec())
}

/// All of these, and the end of a message behind them.
pub(crate) fn complete(mut seen: Vec<Seen>) -> Vec<Seen> {
    seen.push(Seen::End);
    seen
}

/// Each is one lower-case clause without a full stop, and no two are the same.
#[track_caller]
pub(crate) fn assert_clauses(texts: &[String]) {
    for (at, text) in texts.iter().enumerate() {
        let proper_noun = text.starts_with("HTTP/") || text.starts_with("RFC");
        assert!(proper_noun || !text.starts_with(|first: char| first.is_uppercase()), "{text:?}");
        assert!(text.contains(' ') && !text.ends_with('.') && !text.contains('\n'), "{text:?}");
        assert!(!texts[..at].contains(text), "{text:?} is there twice");
    }
}

/// A source of numbers that a seed decides (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
