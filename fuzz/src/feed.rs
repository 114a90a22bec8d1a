//! Feeding a machine in several ways that must come to the same.

mod machine;

use bytes::Bytes;
use martlet_core::h1::{Disposition, WaitingOn};
use martlet_core::{Ending, Error, Limits};

pub(crate) use self::machine::{Machine, Seen};

use self::machine::Step;

/// No connection of these bodies serves more exchanges than this.
const MOST_EXCHANGES: usize = 8;

/// What is done with a machine beside showing it octets.
pub(crate) struct Course<'a, M> {
    pub(crate) limits: Limits,
    /// How the stream ends, if it does.
    pub(crate) end: Option<Ending>,
    /// The lengths of the pieces that the input is cut into, in turn. Nothing is also a piece.
    pub(crate) cuts: &'a [usize],
    /// Begins another exchange on a machine whose last message has ended; whether it did.
    pub(crate) next: &'a dyn Fn(&mut Outcome<M>) -> bool,
}

impl<M> Course<'_, M> {
    /// One exchange with the default limits.
    pub(crate) fn of_one(end: Option<Ending>) -> Self {
        Self { limits: Limits::default(), end, cuts: &[], next: &|_| false }
    }
}

/// What it came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<M> {
    pub(crate) conn: M,
    pub(crate) seen: Vec<Seen>,
    pub(crate) rest: Vec<u8>,
    /// Whether the machine takes no more, so that `rest` is not its own.
    pub(crate) paused: bool,
    /// What was transmitted by whoever began further exchanges.
    pub(crate) sent: Vec<u8>,
    /// Messages that have ended.
    pub(crate) exchanges: usize,
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

    /// What was seen up to the end of the first exchange, and whether there was another one.
    fn first(&self) -> (&[Seen], bool) {
        match self.seen.iter().position(|s| *s == Seen::Next) {
            Some(at) => (&self.seen[..at], true),
            None => (&self.seen, false),
        }
    }

    /// Whether the head that is read is that of content which has not ended.
    fn is_in_content(&self) -> bool {
        matches!(
            self.seen.last(),
            Some(Seen::Response(_) | Seen::Request(_) | Seen::Data(_) | Seen::Trailers(_))
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ranges,
    /// Everything is looked at twice where more is wanted.
    Twice,
    Owned,
    Passthrough,
    /// The end of the stream is told before its last octets are shown.
    EndFirst,
}

/// Feeds in all ways and demands that they agree.
pub(crate) fn feed<M: Machine>(conn: &M, input: &[u8], course: &Course<'_, M>) -> Outcome<M> {
    let all = [input.len().max(1)];
    let whole = run(conn, input, &all, Way::Ranges, course);
    // Every way of cutting costs; without a choice the size depends on the input so that all of them come up.
    let some = [2 + input.iter().map(|&b| usize::from(b)).sum::<usize>() % 40];
    let cuts = if course.cuts.is_empty() { &some } else { course.cuts };
    let others = [
        (&[1][..], Way::Ranges),
        (cuts, Way::Passthrough),
        (cuts, Way::Owned),
        (cuts, Way::Twice),
        (&all, Way::Owned),
    ];
    for (cuts, way) in others {
        let other = run(conn, input, cuts, way, course);
        assert_eq!(whole.seen, other.seen, "in pieces of {cuts:?}, {way:?}");
        assert_eq!(whole.sent, other.sent, "in pieces of {cuts:?}, {way:?}");
        assert_eq!(whole.conn.standing(), other.conn.standing(), "in pieces of {cuts:?}, {way:?}");
        if whole.error().is_none() {
            assert_eq!(whole.rest, other.rest, "in pieces of {cuts:?}, {way:?}");
        }
    }
    if course.end.is_some() {
        // Who knows of the end begins no other exchange.
        let other = run(conn, input, &all, Way::EndFirst, course);
        match (whole.first(), other.first()) {
            ((first, false), (seen, false)) => assert_eq!(first, seen, "{:?}", Way::EndFirst),
            ((first, true), (seen, false)) => {
                assert_eq!(first, &seen[..first.len()], "{:?}", Way::EndFirst);
            }
            (_, (_, true)) => panic!("another exchange on a connection that has ended"),
        }
    }
    whole
}

fn run<M: Machine>(conn: &M, input: &[u8], cuts: &[usize], way: Way, course: &Course<'_, M>) -> Outcome<M> {
    let mut outcome = Outcome {
        conn: conn.clone(),
        seen: Vec::new(),
        rest: Vec::new(),
        paused: false,
        sent: Vec::new(),
        exchanges: 0,
    };
    let mut over = if way == Way::EndFirst { false } else { pull(&mut outcome, way, course) };
    for mut piece in pieces(input, cuts) {
        if way == Way::Passthrough && outcome.rest.is_empty() && !over {
            let n = outcome.conn.passthrough(piece.len());
            say(&mut outcome.seen, Seen::Data(piece[..n].to_vec()));
            piece = &piece[n..];
        }
        outcome.rest.extend_from_slice(piece);
        if let (Way::EndFirst, Some(by)) = (way, course.end) {
            outcome.conn.end(by);
        }
        if !over && !outcome.paused {
            over = pull(&mut outcome, way, course);
            let most = match outcome.is_in_content() {
                true => course.limits.max_trailer_size.max(2),
                false => course.limits.max_head_size.max(1),
            };
            assert!(
                over || outcome.paused || outcome.rest.len() < most,
                "{} octets held",
                outcome.rest.len()
            );
        }
    }
    if !over && outcome.paused {
        // What came behind the pause is shown, too: surplus octets spoil the connection.
        over = pull(&mut outcome, way, course);
    }
    if let (Some(by), false) = (course.end, over) {
        outcome.conn.end(by);
        over = pull(&mut outcome, way, course);
        assert!(over || outcome.paused, "more is wanted of a stream that has ended");
    }
    if over {
        stay_over(&mut outcome);
    }
    outcome
}

/// The input, cut into pieces of these lengths in turn.
fn pieces<'a>(input: &'a [u8], cuts: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = input;
    // Lengths of nothing alone would never come to the end.
    let lengths = cuts.iter().copied().chain((cuts.iter().sum::<usize>() == 0).then_some(1)).cycle();
    lengths.map_while(move |length| {
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        let there = !rest.is_empty();
        rest = behind;
        there.then_some(piece)
    })
}

/// Pulls until more input is wanted or none is taken. Whether it is over for good.
fn pull<M: Machine>(outcome: &mut Outcome<M>, way: Way, course: &Course<'_, M>) -> bool {
    let mut input = Bytes::from(std::mem::take(&mut outcome.rest));
    outcome.paused = false;
    let over = loop {
        let before = input.len();
        let step = match way {
            Way::Owned => outcome.conn.step_owned(&mut input),
            _ => outcome.conn.step(&input).map(|(consumed, step)| {
                drop(input.split_to(consumed));
                step
            }),
        };
        let progress = input.len() < before;
        match step {
            Ok(Step::NeedInput) => {
                if way == Way::Twice {
                    assert_eq!(outcome.conn.step(&input), Ok((0, Step::NeedInput)), "looked at twice");
                }
                break false;
            }
            Ok(Step::Paused) => {
                assert!(!progress, "octets were consumed that are not taken");
                assert_eq!(outcome.conn.step(&input), Ok((0, Step::Paused)), "looked at twice");
                outcome.paused = true;
                break false;
            }
            Ok(Step::Said(Seen::Closed)) => {
                assert!(input.is_empty(), "closed in front of octets");
                say(&mut outcome.seen, Seen::Closed);
                break true;
            }
            Ok(Step::Said(seen)) => {
                assert!(!matches!(&seen, Seen::Data(data) if data.is_empty()), "empty content");
                assert!(progress || seen == Seen::End, "no progress by {seen:?}");
                let ended = seen == Seen::End;
                say(&mut outcome.seen, seen);
                if ended && outcome.exchanges < MOST_EXCHANGES {
                    outcome.exchanges += 1;
                    if (course.next)(outcome) {
                        say(&mut outcome.seen, Seen::Next);
                    }
                }
            }
            Err(e) => {
                say(&mut outcome.seen, Seen::Error(e));
                break true;
            }
        }
    };
    outcome.rest = input.to_vec();
    over
}

/// An error stays, and a machine that has failed takes nothing, whatever is shown to it or told.
fn stay_over<M: Machine>(outcome: &mut Outcome<M>) {
    let mut conn = outcome.conn.clone();
    let Some(Seen::Error(e)) = outcome.seen.last() else {
        assert_eq!(conn.step(b"").ok(), Some((0, Step::Said(Seen::Closed))), "closed stays closed");
        assert!(matches!(conn.standing().0, Disposition::Close(_) | Disposition::InProgress));
        return;
    };
    let standing = conn.standing();
    assert!(matches!(standing.0, Disposition::Close(_)), "{standing:?} after {e}");
    assert_eq!(standing.1, WaitingOn::Nothing, "after {e}");
    for input in [&outcome.rest[..], b"", b"HTTP/1.1 200 OK\r\n\r\n", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
        assert_eq!(conn.step(input).err().as_ref(), Some(e), "errors are sticky");
        conn.refuse_all();
        conn.end(Ending::Reset);
        assert_eq!(conn.standing(), standing, "after {e}");
    }
}

fn say(seen: &mut Vec<Seen>, what: Seen) {
    match (seen.last_mut(), what) {
        (Some(Seen::Data(before)), Seen::Data(data)) => before.extend_from_slice(&data),
        (_, Seen::Data(data)) if data.is_empty() => {}
        (_, what) => seen.push(what),
    }
}
