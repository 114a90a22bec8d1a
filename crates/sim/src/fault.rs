//! What can befall a connection.

use std::time::Duration;

use crate::rng::Rng;

/// What befalls a connection. Set it for the next one by [`Listener::fail_next`](crate::Listener::fail_next), or let the
/// seed choose by [`SimConfig::fault_percent`](crate::SimConfig::fault_percent).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nobody listens: the connection is refused.
    Refuse,
    /// There is no way to the host: the connection fails with `HostUnreachable`.
    Unreachable,
    /// The connection is never answered.
    NeverAnswer,
    /// The server goes away in order: a FIN, and a reset in answer to whatever the client still sends.
    Fin(Point),
    /// The server goes away abruptly.
    Reset(Point),
    /// The server ends its sending side, and goes on reading.
    HalfClose(Point),
    /// The connection breaks for both ends at once. What each got rid of comes through, of the one that the point is about
    /// just so much; not an octet more is taken of either.
    Break(Point),
    /// Nothing more comes through in the direction of the point; the connection stays open.
    Stall(Point),
    /// The same for a while. What was sent meanwhile comes through then.
    Pause(Point, Duration),
}

/// A place in the octets of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// So many octets of the client have come to the server.
    Request(u64),
    /// So many octets of the server have been sent to the client; all of them arrive.
    Response(u64),
}

impl Fault {
    /// Where it strikes; `None` for those that prevent the connection.
    pub fn point(&self) -> Option<Point> {
        match self {
            Self::Refuse | Self::Unreachable | Self::NeverAnswer => None,
            Self::Fin(point)
            | Self::Reset(point)
            | Self::HalfClose(point)
            | Self::Break(point)
            | Self::Stall(point)
            | Self::Pause(point, _) => Some(*point),
        }
    }

    /// Whether it befalls the way between the ends: from the octet at which it was accepted, not at which it came.
    pub(crate) fn is_of_the_way(&self) -> bool {
        matches!(self, Self::Break(_) | Self::Stall(_) | Self::Pause(..))
    }

    /// Any fault, somewhere in the range of octets.
    pub(crate) fn draw(rng: &mut Rng, at: &std::ops::RangeInclusive<usize>) -> Self {
        let octets = rng.skewed(at) as u64;
        let point = if rng.percent(70) { Point::Response(octets) } else { Point::Request(octets) };
        match rng.below(11) {
            0 => Self::Refuse,
            1 => Self::Unreachable,
            2 => Self::NeverAnswer,
            3 | 4 => Self::Fin(point),
            5 | 6 => Self::Reset(point),
            7 => Self::HalfClose(point),
            8 | 9 => Self::Stall(point),
            _ => Self::Pause(point, Duration::from_millis(rng.below(8_000))),
        }
    }
}
