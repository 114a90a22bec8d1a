//! Where two readers disagree.

use super::message::{Message, Role};
use super::outcome::{End, Line, Outcome, Seen};
use super::shape;

/// In what a peer disagrees with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// They took a message that we refused.
    WeRefuse,
    /// They took a message that is not complete for us.
    WeWait,
    /// We took a message that they refused.
    TheyRefuse,
    /// We took a message that is not complete for them.
    TheyWait,
    /// The interim responses differ.
    Interim,
    /// The status, or the method or the target, differs.
    Start,
    /// The version differs.
    Version,
    /// The field lines differ.
    Fields,
    /// The content differs.
    Content,
    /// The trailer section differs.
    Trailers,
    /// The message ends elsewhere.
    Ended,
    /// They keep a connection that we close.
    TheyKeep,
    /// We keep a connection that they close.
    WeKeep,
    /// Only one of us hands the connection over.
    Switch,
}

impl Kind {
    /// Whether both took the message and hold different octets for it: what smuggling lives on.
    pub fn is_split(self) -> bool {
        matches!(
            self,
            Self::WeWait | Self::TheyWait | Self::Start | Self::Content | Self::Ended | Self::Switch
        )
    }
}

/// A disagreement.
#[derive(Clone, Copy, Debug)]
pub struct Difference<'a> {
    /// What was read.
    pub message: &'a Message,
    /// By whom.
    pub peer: &'a str,
    /// In what they disagree.
    pub kind: Kind,
    /// What we saw.
    pub ours: &'a Outcome,
    /// What they saw.
    pub theirs: &'a Outcome,
    /// On which message they disagree, from 0.
    pub at: usize,
}

/// Everything in which a peer disagrees with us, up to the first message that ends or says something else.
///
/// A reader that refuses and one that waits for more do not disagree: some look at a head only when it is there.
pub fn differences<'a>(
    message: &'a Message,
    peer: &'a str,
    ours: &'a Outcome,
    theirs: &'a Outcome,
) -> Vec<Difference<'a>> {
    let mut found: Vec<(usize, Kind)> = Vec::new();
    let mut agree = true;
    for (at, (a, b)) in ours.messages.iter().zip(&theirs.messages).enumerate() {
        let kinds = in_messages(message, a, b);
        // Those who read the same octets otherwise go on reading at the same place.
        agree = !kinds.iter().any(|kind| kind.is_split());
        found.extend(kinds.into_iter().map(|kind| (at, kind)));
        if !agree {
            break;
        }
    }
    if agree {
        let both = ours.messages.len().min(theirs.messages.len());
        found.extend(in_ends(ours, theirs).map(|kind| match kind {
            Kind::TheyKeep | Kind::WeKeep | Kind::Switch => (both.saturating_sub(1), kind),
            _ => (both, kind),
        }));
    }
    let both = !ours.messages.is_empty() && !theirs.messages.is_empty();
    if message.role == Role::Client && both && ours.interim != theirs.interim {
        found.push((0, Kind::Interim));
    }
    found.into_iter().map(|(at, kind)| Difference { message, peer, kind, ours, theirs, at }).collect()
}

fn in_messages(message: &Message, ours: &Seen, theirs: &Seen) -> Vec<Kind> {
    let folds = message.octets.windows(2).any(|w| matches!(w, b"\n " | b"\n\t"));
    let same = |ours: &[Line], theirs: &[Line]| {
        ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(a, b)| {
                a.0 == b.0 && (a.1 == b.1 || (folds && shape::unfolded(&a.1) == shape::unfolded(&b.1)))
            })
    };
    let trailers = match (&ours.trailers, &theirs.trailers) {
        (Some(ours), Some(theirs)) => same(ours, theirs),
        _ => true,
    };
    let ended = match (ours.ended, theirs.ended) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => true,
    };
    let aspects = [
        (Kind::Start, ours.start == theirs.start),
        (Kind::Version, ours.version == theirs.version),
        (Kind::Fields, same(&ours.fields, &theirs.fields)),
        (Kind::Content, ours.content == theirs.content),
        (Kind::Trailers, trailers),
        (Kind::Ended, ended),
    ];
    aspects.into_iter().filter(|(_, same)| !same).map(|(kind, _)| kind).collect()
}

/// Those who agree on the messages that both have may disagree on what follows.
fn in_ends(ours: &Outcome, theirs: &Outcome) -> Option<Kind> {
    let (we_have, they_have) = (ours.messages.len(), theirs.messages.len());
    if we_have > they_have {
        return Some(match theirs.end {
            End::Closed => Kind::WeKeep,
            End::Switched => Kind::Switch,
            End::Waiting => Kind::TheyWait,
            End::Refused | End::Kept => Kind::TheyRefuse,
        });
    }
    if we_have < they_have {
        return Some(match ours.end {
            End::Closed => Kind::TheyKeep,
            End::Switched => Kind::Switch,
            End::Waiting => Kind::WeWait,
            End::Refused | End::Kept => Kind::WeRefuse,
        });
    }
    if we_have == 0 {
        return None;
    }
    let is_open = |end: End| matches!(end, End::Refused | End::Waiting);
    match (ours.end, theirs.end) {
        (ours, theirs) if ours == theirs || (is_open(ours) && is_open(theirs)) => None,
        (End::Switched, _) | (_, End::Switched) => Some(Kind::Switch),
        (End::Closed, _) => Some(Kind::TheyKeep),
        (_, _) => Some(Kind::WeKeep),
    }
}
