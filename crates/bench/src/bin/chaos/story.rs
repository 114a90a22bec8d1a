//! What the client says became of a request.

use std::fmt;
use std::time::Duration;

use martlet::{Closed, Delivery, Kind};

use crate::plan::{Asked, Id, Upload};
use crate::weather::Way;

/// How the gateway is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SetUp {
    Http1,
    Http1OverTls,
    Http2OverTls,
    Http2,
}

/// A request, as the client tells it.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) id: Id,
    pub(crate) runtime: &'static str,
    pub(crate) set_up: SetUp,
    /// The hardest that happened to the gateway meanwhile.
    pub(crate) way: Way,
    pub(crate) lasted: Duration,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A response with its own content, whole.
    Answered { attempts: u32 },
    /// The gateway says that it has none from the origin.
    Gateway { status: u16, attempts: u32 },
    /// An error, before the response or in its content.
    Failed(Failed),
    /// Nobody waited for it any longer; this is what the client said then.
    GivenUp { delivery: Delivery, attempts: u32 },
    /// Something that must not be.
    Wrong(String),
}

/// What the client's error says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) kind: Kind,
    pub(crate) delivery: Delivery,
    pub(crate) attempts: u32,
    /// Nobody listened where a connection was to be opened.
    pub(crate) is_turned_away: bool,
    /// The connection had been used before.
    pub(crate) is_reused: bool,
    /// Whether the address of the peer is known.
    pub(crate) has_peer: bool,
    /// What who only watched the request was told of its delivery.
    pub(crate) watched: Delivery,
    /// The head of a response had been handed out before.
    pub(crate) in_content: bool,
    /// With its causes.
    pub(crate) text: String,
}

impl SetUp {
    pub(crate) const ALL: [Self; 4] = [Self::Http1, Self::Http1OverTls, Self::Http2OverTls, Self::Http2];
}

impl Outcome {
    /// `None` if nothing is known of it.
    pub(crate) fn attempts(&self) -> Option<u32> {
        match self {
            Self::Answered { attempts } | Self::Gateway { attempts, .. } => Some(*attempts),
            Self::Failed(failed) => Some(failed.attempts),
            Self::GivenUp { attempts, .. } => Some(*attempts),
            Self::Wrong(_) => None,
        }
    }
}

impl Failed {
    /// The name of its kind, without numbers.
    pub(crate) fn name(&self) -> String {
        match self.kind {
            Kind::Connect if self.is_turned_away => "Connect, nobody listens".to_owned(),
            Kind::Closed(Closed::BeforeResponse { .. }) => "Closed before the response".to_owned(),
            Kind::Closed(Closed::InHead { .. }) => "Closed in the head".to_owned(),
            Kind::Closed(Closed::InContent { .. }) => "Closed in the content".to_owned(),
            Kind::Reset(code) => format!("Reset({code})"),
            kind => format!("{kind:?}"),
        }
    }
}

impl fmt::Display for SetUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http1OverTls => "HTTP/1.1, TLS",
            Self::Http2OverTls => "HTTP/2, TLS",
            Self::Http2 => "HTTP/2",
        })
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.id.plan();
        let what = match plan.asked {
            Asked::KeyedPost => "POST with key".to_owned(),
            asked => asked.method().to_string(),
        };
        let content = match plan.upload {
            Upload::Nothing => String::new(),
            Upload::Octets => format!(" of {} octets", plan.upload_length),
            Upload::Stream => format!(" of a stream of {} octets", plan.upload_length),
            Upload::Replayable => format!(" of {} octets, made again for each attempt", plan.upload_length),
            Upload::SizedStream => format!(" of a sized stream of {} octets", plan.upload_length),
        };
        let Self { id, runtime, set_up, way, lasted, outcome } = self;
        write!(f, "{} ({what}{content}; {set_up}, {runtime}; {way}; {lasted:?}): ", id.0)?;
        match outcome {
            Outcome::Answered { attempts } => write!(f, "answered, {attempts} attempts"),
            Outcome::Gateway { status, attempts } => write!(f, "status {status}, {attempts} attempts"),
            Outcome::Failed(failed) => f.write_str(&failed.text),
            Outcome::GivenUp { delivery, attempts } => write!(f, "given up, {delivery}, {attempts} attempts"),
            Outcome::Wrong(what) => f.write_str(what),
        }
    }
}
