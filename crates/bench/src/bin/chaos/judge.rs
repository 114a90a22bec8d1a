//! Whether what the client says and what the origin has seen can both be true, and be what they should.

use std::time::Duration;

use martlet::tls::TlsFailure;
use martlet::{Closed, Delivery, Kind};

use crate::load::TOTAL;
use crate::log::Seen;
use crate::plan::Plan;
use crate::story::{Failed, Outcome, SetUp, Story};
use crate::weather::Way;

/// What a busy machine takes longer.
const GRACE: Duration = Duration::from_secs(5);

/// What is wrong with one request, by what the origin has seen of it.
pub(crate) fn judge(story: &Story, seen: &Seen) -> Vec<String> {
    let plan = story.id.plan();
    let mut found = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            found.push(what.to_owned());
        }
    };
    must(story.lasted <= TOTAL + GRACE, "it took longer than it may");
    if let Some(spoiled) = &seen.spoiled {
        must(false, &format!("the origin got {spoiled}"));
    }
    if !plan.asked.is_harmless() {
        must(seen.processed <= 1, "acted on twice without leave");
    }
    if let Some(attempts) = story.outcome.attempts() {
        must(seen.processed <= attempts, "acted on more often than it was sent");
    }
    match &story.outcome {
        Outcome::Answered { .. } => must(seen.processed >= 1, "answered, and not acted on"),
        Outcome::Gateway { .. } => {}
        Outcome::GivenUp { delivery, .. } => must(is_kept(*delivery, seen), BROKEN),
        Outcome::Wrong(what) => must(false, what),
        Outcome::Failed(failed) => {
            must(is_classified(failed.kind), "an error that no end of a gateway explains");
            must(is_coherent(failed), "what the error says contradicts itself");
            must(is_kept(failed.delivery, seen), BROKEN);
            must(failed.watched == failed.delivery, "who watched was told something else");
            must(plan.may_be_replayed || failed.attempts == 1, "replayed against the will of who asked");
            must(is_due(failed, &plan, story.way), "an error without need");
            must(!is_forgotten(failed, &plan, story.set_up), "not replayed, and it could have been");
        }
    }
    found
}

/// What is said of a delivery that cannot be.
const BROKEN: &str = "reported as not sent and seen, or as refused and acted on";

/// Whether the origin has seen nothing of what was not sent, and has not acted on what was refused.
fn is_kept(delivery: Delivery, seen: &Seen) -> bool {
    match delivery {
        Delivery::NotSent => seen.heads == 0,
        Delivery::Refused => seen.processed == 0,
        Delivery::Unknown | Delivery::Answered => true,
    }
}

/// Whether this can come of a gateway that ends.
fn is_classified(kind: Kind) -> bool {
    matches!(kind, Kind::Connect | Kind::Tls(TlsFailure::Interrupted) | Kind::Closed(_) | Kind::Reset(_))
}

/// Whether the kind of an error goes with what it says of the delivery.
fn is_coherent(failed: &Failed) -> bool {
    if matches!(failed.kind, Kind::Closed(_) | Kind::Reset(_)) && !failed.has_peer {
        return false;
    }
    if failed.in_content {
        return failed.delivery == Delivery::Answered;
    }
    match failed.kind {
        Kind::Connect | Kind::Tls(_) => failed.delivery == Delivery::NotSent,
        Kind::Closed(Closed::BeforeResponse { interim, .. }) => {
            interim == (failed.delivery == Delivery::Answered)
        }
        Kind::Closed(_) => failed.delivery == Delivery::Answered,
        _ => true,
    }
}

/// Whether nothing could have been done about it, after what has happened to the gateway.
fn is_due(failed: &Failed, plan: &Plan, way: Way) -> bool {
    match way {
        Way::Up => false,
        // A connection that was kept may end just when a request goes out on it; a stream may be refused. Both are
        // replayed if it does no harm and the content is there. A new connection is accepted and served, and what has
        // begun is finished.
        Way::Reload => match failed.delivery {
            Delivery::NotSent | Delivery::Refused => {
                !plan.can_be_replayed() && matches!(failed.kind, Kind::Closed(_) | Kind::Reset(_))
            }
            Delivery::Unknown => !(plan.asked.is_harmless() && plan.can_be_replayed()),
            Delivery::Answered => false,
        },
        // There is always somebody who listens. Who was let in by the one that is killed loses the connection.
        Way::Crash => !failed.is_turned_away,
        // Answers may break off when a gateway quits, too, since in the end it is killed: nginx (1.22 does so) says no
        // GOAWAY on a connection that it accepts just when it begins to quit, and serves it as long as it is asked.
        Way::Quit | Way::Term | Way::Kill => true,
    }
}

/// Whether nothing was done about it although it did no harm: a connection that had served before was lost, and the
/// content is there.
fn is_forgotten(failed: &Failed, plan: &Plan, set_up: SetUp) -> bool {
    let Kind::Closed(_) = failed.kind else {
        return false;
    };
    let is_harmless = match failed.delivery {
        Delivery::NotSent => true,
        // A connection by HTTP/2 may be used again before it has ever answered.
        Delivery::Unknown => plan.asked.is_harmless() && matches!(set_up, SetUp::Http1 | SetUp::Http1OverTls),
        Delivery::Refused | Delivery::Answered => false,
    };
    failed.attempts == 1 && failed.is_reused && plan.can_be_replayed() && is_harmless
}

#[cfg(test)]
mod tests;
