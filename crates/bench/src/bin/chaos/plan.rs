//! What a request is to be like, and its response: all of it follows from the number of the request.

use std::time::Duration;

use martlet::http::Method;

/// The field in which the number travels, in both directions.
pub(crate) const FIELD: &str = "x-id";

/// The most that content is, in octets.
const LARGE: u64 = 300 * 1024;

/// Which number a request has. No other has it, in a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(crate) u64);

/// What is asked for, and what that means for who would send it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    Get,
    Put,
    Delete,
    /// Must not be acted on twice.
    Post,
    /// The same with a key by which a server recognises it.
    KeyedPost,
}

/// How the content of a request is given to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upload {
    Nothing,
    Octets,
    /// Of unknown length.
    Stream,
    /// Of known length.
    SizedStream,
    /// A stream that can be opened again.
    Replayable,
}

/// A request and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) asked: Asked,
    pub(crate) upload: Upload,
    /// Of the request's content.
    pub(crate) upload_length: usize,
    /// Between the pieces of it, if it is a stream.
    pub(crate) upload_pause: Duration,
    /// Before the response, when the request has been acted on.
    pub(crate) delay: Duration,
    /// Of the response's content.
    pub(crate) length: usize,
    /// With a length that is announced.
    pub(crate) is_sized: bool,
    /// Between the pieces of the response.
    pub(crate) pause: Duration,
    /// The client may send it again where that is safe.
    pub(crate) may_be_replayed: bool,
    /// Nobody waits longer than this for the whole of it.
    pub(crate) patience: Option<Duration>,
}

impl Id {
    /// The path of its target.
    pub(crate) fn path(self) -> String {
        format!("/{}", self.0)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    pub(crate) fn plan(self) -> Plan {
        let mut draw = Draw(self.0);
        let (asked, upload) = match draw.below(100) {
            0..40 => (Asked::Get, Upload::Nothing),
            40..50 => (Asked::Put, Upload::Octets),
            50..53 => (Asked::Put, Upload::Stream),
            53..55 => (Asked::Put, Upload::Replayable),
            55..60 => (Asked::Delete, Upload::Nothing),
            60..73 => (Asked::Post, Upload::Octets),
            73..76 => (Asked::Post, Upload::Replayable),
            76..81 => (Asked::Post, Upload::Stream),
            81..85 => (Asked::Post, Upload::SizedStream),
            85..95 => (Asked::KeyedPost, Upload::Octets),
            _ => (Asked::KeyedPost, Upload::Stream),
        };
        let upload_length = if upload == Upload::Nothing { 0 } else { draw.length() };
        let upload_pause = draw.sometimes(4, 5..30);
        let delay = draw.sometimes(4, 20..400);
        Plan {
            asked,
            upload,
            upload_length,
            upload_pause,
            delay,
            length: draw.length(),
            is_sized: draw.below(2) == 0,
            pause: draw.sometimes(10, 5..40),
            may_be_replayed: draw.below(20) != 0,
            // Most of all is decided in the first millisecond.
            patience: (draw.below(12) == 0).then(|| Duration::from_micros(1 << draw.below(18))),
        }
    }

    /// The content of the request.
    pub(crate) fn upload(self) -> Vec<u8> {
        octets(self.0.wrapping_mul(2), self.plan().upload_length)
    }

    /// The content of its response.
    pub(crate) fn content(self) -> Vec<u8> {
        octets(self.0.wrapping_mul(2) + 1, self.plan().length)
    }
}

impl Plan {
    /// Whether the client can and may send it once more, as far as its content is concerned.
    pub(crate) fn can_be_replayed(&self) -> bool {
        let is_at_hand = matches!(self.upload, Upload::Nothing | Upload::Octets | Upload::Replayable);
        is_at_hand && self.may_be_replayed
    }
}

impl Asked {
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Put => Method::PUT,
            Self::Delete => Method::DELETE,
            Self::Post | Self::KeyedPost => Method::POST,
        }
    }

    pub(crate) fn has_key(self) -> bool {
        self == Self::KeyedPost
    }

    /// Acting on it twice does no harm.
    pub(crate) fn is_harmless(self) -> bool {
        self != Self::Post
    }
}

/// Octets that no other seed has.
fn octets(seed: u64, length: usize) -> Vec<u8> {
    let mut draw = Draw(seed);
    let mut octets = Vec::with_capacity(length + 8);
    while octets.len() < length {
        octets.extend_from_slice(&draw.next().to_le_bytes());
    }
    octets.truncate(length);
    octets
}

/// Numbers that look as if drawn by lot, from a seed (SplitMix64).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Nothing, mostly little, and now and then much.
    fn length(&mut self) -> usize {
        let limit = match self.below(20) {
            0 | 1 => 1,
            2..10 => 1024,
            10..17 => 32 * 1024,
            _ => LARGE,
        };
        self.below(limit) as usize
    }

    /// A time out of this range of milliseconds, once in so many times, and otherwise none.
    fn sometimes(&mut self, once_in: u64, milliseconds: std::ops::Range<u64>) -> Duration {
        let span = milliseconds.end - milliseconds.start;
        let drawn = milliseconds.start + self.below(span);
        Duration::from_millis(if self.below(once_in) == 0 { drawn } else { 0 })
    }
}

#[cfg(test)]
mod tests;
