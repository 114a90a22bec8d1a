//! What must come of a request whose answer is cut: the rule of each row, and nothing of how the client works.

use martlet::{Closed, Delivery, Kind};

use crate::answers::{Answer, Length, Part};
use crate::common::leave::Leave;

/// What comes of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The content that was handed out, in the end or before the error.
    pub(crate) content: Vec<u8>,
    /// How it failed.
    pub(crate) failed: Option<(Kind, Delivery)>,
    /// The connections on which the server saw the request.
    pub(crate) seen_on: Vec<u64>,
}

/// RFC 9110 §9.2.2.
fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

/// What comes of a request of which the first connection of the server gave so many octets of an answer.
pub(crate) fn expect(answer: &Answer, method: &str, octets: usize, leave: Leave, reused: bool) -> Outcome {
    if octets == 0 && reused && is_idempotent(method) {
        // Nothing came, where something had come before: it is sent again, and answered there.
        let content = if method == "HEAD" { Vec::new() } else { b"ok".to_vec() };
        return Outcome { content, failed: None, seen_on: vec![1, 2] };
    }
    let (content, kind) = cut(answer, octets, leave);
    // The request had come whole; an octet of an answer says that it was acted on.
    let delivery = if octets == 0 { Delivery::Unknown } else { Delivery::Answered };
    Outcome { content, failed: kind.map(|kind| (kind, delivery)), seen_on: vec![1] }
}

/// What was delivered, and how it failed if it did.
fn cut(answer: &Answer, octets: usize, leave: Leave) -> (Vec<u8>, Option<Kind>) {
    let by = leave.by();
    let mut left = octets;
    let mut content = Vec::new();
    let mut interim = false;
    for part in answer.parts {
        let whole = part.octets().len();
        let came = &part.octets()[..whole.min(left)];
        match part {
            Part::Interim(_) | Part::Head(_) if left == 0 => {
                return (content, Some(Kind::Closed(Closed::BeforeResponse { interim, by })));
            }
            Part::Interim(_) | Part::Head(_) if left < whole => {
                let received = left as u64;
                return (content, Some(Kind::Closed(Closed::InHead { received, by })));
            }
            Part::Interim(_) => interim = true,
            Part::Content(_) => content.extend_from_slice(came),
            Part::Wrong(_) if left > 0 => return (content, Some(Kind::Protocol)),
            // In the place of a head, or inside of one.
            Part::Wrong(_) if answer.length == Length::None => {
                let received = octets as u64;
                let closed = match received {
                    0 => Closed::BeforeResponse { interim, by },
                    _ => Closed::InHead { received, by },
                };
                return (content, Some(Kind::Closed(closed)));
            }
            Part::Head(_) | Part::Framing(_) | Part::Wrong(_) => {}
        }
        left -= came.len();
    }
    if answer.parts.is_empty() {
        return (content, Some(Kind::Closed(Closed::BeforeResponse { interim, by })));
    }
    let is_whole = match answer.length {
        Length::None => true,
        Length::Sized(_) | Length::Chunked => octets == answer.len(),
        // Nothing but the end in order says where it ends.
        Length::ToTheEnd => leave.is_in_order(),
    };
    let expected = if let Length::Sized(length) = answer.length { Some(length) } else { None };
    let received = content.len() as u64;
    let closed = Kind::Closed(Closed::InContent { expected, received, by });
    (content, (!is_whole).then_some(closed))
}
