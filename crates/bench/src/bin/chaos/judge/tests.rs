use martlet::{Ending, ErrorCode, Phase};

use super::*;
use crate::plan::{Asked, Id, Upload};
use crate::story::SetUp;

const NOTHING: Seen = Seen { heads: 0, processed: 0, spoiled: None };
const ONCE: Seen = Seen { heads: 1, processed: 1, spoiled: None };
const TWICE: Seen = Seen { heads: 2, processed: 2, spoiled: None };
const CUT: Seen = Seen { heads: 1, processed: 0, spoiled: None };

const BEFORE: Kind = Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Fin });

/// The first request of this sort that may be replayed.
fn id(asked: Asked, upload: Upload) -> Id {
    let is_it = |id: &Id| {
        let plan = id.plan();
        (plan.asked, plan.upload) == (asked, upload) && plan.may_be_replayed
    };
    (0..).map(Id).find(is_it).expect("every sort comes up some time")
}

fn get() -> Id {
    id(Asked::Get, Upload::Nothing)
}

fn post() -> Id {
    id(Asked::Post, Upload::Octets)
}

fn story(id: Id, way: Way, outcome: Outcome) -> Story {
    let lasted = Duration::from_millis(3);
    Story { id, runtime: "tokio", set_up: SetUp::Http1, way, lasted, outcome }
}

fn answered(attempts: u32) -> Outcome {
    Outcome::Answered { attempts }
}

fn failed(kind: Kind, delivery: Delivery) -> Outcome {
    Outcome::Failed(error(kind, delivery))
}

fn error(kind: Kind, delivery: Delivery) -> Failed {
    Failed {
        kind,
        delivery,
        attempts: 1,
        is_turned_away: false,
        is_reused: false,
        has_peer: true,
        watched: delivery,
        in_content: false,
        text: String::new(),
    }
}

/// What is found, and nothing else is.
#[track_caller]
fn finds(what: &[&str], id: Id, way: Way, outcome: Outcome, seen: &Seen) {
    assert_eq!(judge(&story(id, way, outcome), seen), what);
}

#[test]
fn a_story_that_both_tell_is_no_mistake() {
    for id in [get(), post(), id(Asked::KeyedPost, Upload::Stream)] {
        finds(&[], id, Way::Up, answered(1), &ONCE);
        finds(&[], id, Way::Kill, failed(Kind::Connect, Delivery::NotSent), &NOTHING);
        for seen in [NOTHING, CUT, ONCE] {
            finds(&[], id, Way::Kill, failed(BEFORE, Delivery::Unknown), &seen);
            finds(&[], id, Way::Term, Outcome::Gateway { status: 502, attempts: 1 }, &seen);
        }
        let refused = failed(Kind::Reset(ErrorCode::REFUSED_STREAM), Delivery::Refused);
        finds(&[], id, Way::Quit, refused, &NOTHING);
    }
    finds(&[], get(), Way::Kill, answered(2), &TWICE);
}

#[test]
fn an_answer_that_nobody_gave_is_found() {
    finds(&["answered, and not acted on"], get(), Way::Up, answered(1), &NOTHING);
    finds(&["answered, and not acted on"], post(), Way::Kill, answered(1), &CUT);
}

#[test]
fn what_is_acted_on_twice_without_leave_is_found() {
    finds(&["acted on twice without leave"], post(), Way::Kill, answered(2), &TWICE);
    let both = ["acted on twice without leave", "acted on more often than it was sent"];
    finds(&both, post(), Way::Kill, failed(BEFORE, Delivery::Unknown), &TWICE);
    finds(&["acted on more often than it was sent"], get(), Way::Kill, answered(1), &TWICE);
}

#[test]
fn a_promise_that_the_origin_has_seen_broken_is_found() {
    for seen in [CUT, ONCE] {
        finds(&[BROKEN], post(), Way::Kill, failed(BEFORE, Delivery::NotSent), &seen);
    }
    let refused = failed(Kind::Reset(ErrorCode::NO_ERROR), Delivery::Refused);
    finds(&[BROKEN], post(), Way::Kill, refused, &ONCE);
}

#[test]
fn what_is_told_of_a_request_that_was_given_up_is_held_against_the_origin() {
    let given_up = |delivery| Outcome::GivenUp { delivery, attempts: 1 };
    finds(&[], post(), Way::Up, given_up(Delivery::NotSent), &NOTHING);
    finds(&[], post(), Way::Up, given_up(Delivery::Refused), &CUT);
    for seen in [NOTHING, CUT, ONCE] {
        finds(&[], post(), Way::Up, given_up(Delivery::Unknown), &seen);
    }
    finds(&[BROKEN], post(), Way::Up, given_up(Delivery::NotSent), &CUT);
    finds(&[BROKEN], post(), Way::Up, given_up(Delivery::Refused), &ONCE);
    let none = Outcome::GivenUp { delivery: Delivery::Unknown, attempts: 0 };
    finds(&["acted on more often than it was sent"], get(), Way::Up, none, &ONCE);
}

#[test]
fn who_watches_is_told_the_same() {
    let outcome = Outcome::Failed(Failed { watched: Delivery::NotSent, ..error(BEFORE, Delivery::Unknown) });
    finds(&["who watched was told something else"], get(), Way::Kill, outcome, &ONCE);
}

#[test]
fn a_replay_that_was_switched_off_is_found() {
    let is_it = |id: &Id| id.plan().asked == Asked::Get && !id.plan().may_be_replayed;
    let id = (0..).map(Id).find(is_it).expect("every sort comes up some time");
    let twice = Outcome::Failed(Failed { attempts: 2, ..error(BEFORE, Delivery::Unknown) });
    finds(&["replayed against the will of who asked"], id, Way::Kill, twice, &TWICE);
    let once = Outcome::Failed(Failed { is_reused: true, ..error(BEFORE, Delivery::Unknown) });
    finds(&[], id, Way::Reload, once, &NOTHING);
}

#[test]
fn errors_that_no_gateway_causes_are_found() {
    let timeout = Kind::Timeout(Phase::ReceiveHead);
    for kind in [Kind::Protocol, Kind::Builder, Kind::Runtime, Kind::Shutdown, Kind::Body, timeout] {
        let what = ["an error that no end of a gateway explains"];
        finds(&what, get(), Way::Kill, failed(kind, Delivery::Unknown), &NOTHING);
    }
}

#[test]
fn a_kind_that_contradicts_the_delivery_is_found() {
    let in_head = Kind::Closed(Closed::InHead { received: 1, by: Ending::Fin });
    let interim = Kind::Closed(Closed::BeforeResponse { interim: true, by: Ending::Fin });
    for (kind, delivery) in [
        (Kind::Connect, Delivery::Unknown),
        (BEFORE, Delivery::Answered),
        (in_head, Delivery::Unknown),
        (interim, Delivery::Unknown),
    ] {
        let what = ["what the error says contradicts itself"];
        finds(&what, get(), Way::Kill, failed(kind, delivery), &NOTHING);
    }
    let nobody = Outcome::Failed(Failed { has_peer: false, ..error(BEFORE, Delivery::Unknown) });
    finds(&["what the error says contradicts itself"], get(), Way::Kill, nobody, &NOTHING);
}

#[test]
fn nothing_fails_while_the_gateway_is_up() {
    finds(&["an error without need"], post(), Way::Up, failed(BEFORE, Delivery::Unknown), &ONCE);
    finds(&["an error without need"], get(), Way::Up, failed(Kind::Connect, Delivery::NotSent), &NOTHING);
}

#[test]
fn a_reload_costs_only_what_cannot_be_sent_again() {
    let (keyed, stream) = (id(Asked::KeyedPost, Upload::Octets), id(Asked::Post, Upload::Stream));
    let lost = || failed(BEFORE, Delivery::Unknown);
    finds(&[], post(), Way::Reload, lost(), &NOTHING);
    finds(&[], id(Asked::Put, Upload::Stream), Way::Reload, lost(), &NOTHING);
    for id in [get(), keyed] {
        finds(&["an error without need"], id, Way::Reload, lost(), &NOTHING);
    }
    let not_sent = || failed(BEFORE, Delivery::NotSent);
    finds(&["an error without need"], post(), Way::Reload, not_sent(), &NOTHING);
    finds(&[], stream, Way::Reload, not_sent(), &NOTHING);
    let nobody = failed(Kind::Connect, Delivery::NotSent);
    finds(&["an error without need"], stream, Way::Reload, nobody, &NOTHING);
    let broken_off = failed(
        Kind::Closed(Closed::InContent { expected: None, received: 0, by: Ending::Fin }),
        Delivery::Answered,
    );
    finds(&["an error without need"], post(), Way::Reload, broken_off, &ONCE);
}

#[test]
fn nobody_is_turned_away_by_a_crash() {
    finds(&[], get(), Way::Crash, failed(BEFORE, Delivery::Unknown), &ONCE);
    let nobody = error(Kind::Connect, Delivery::NotSent);
    finds(&[], get(), Way::Crash, Outcome::Failed(nobody.clone()), &NOTHING);
    let turned_away = Outcome::Failed(Failed { is_turned_away: true, ..nobody });
    finds(&["an error without need"], get(), Way::Crash, turned_away, &NOTHING);
}

#[test]
fn a_replay_that_was_safe_and_not_made_is_found() {
    let lost = |delivery, attempts, is_reused| {
        Outcome::Failed(Failed { attempts, is_reused, ..error(BEFORE, delivery) })
    };
    let what = ["not replayed, and it could have been"];
    finds(&what, get(), Way::Kill, lost(Delivery::Unknown, 1, true), &ONCE);
    finds(&what, post(), Way::Kill, lost(Delivery::NotSent, 1, true), &NOTHING);
    finds(&[], get(), Way::Kill, lost(Delivery::Unknown, 2, true), &TWICE);
    finds(&[], get(), Way::Kill, lost(Delivery::Unknown, 1, false), &ONCE);
    finds(&[], post(), Way::Kill, lost(Delivery::Unknown, 1, true), &ONCE);
    finds(&[], id(Asked::Put, Upload::Stream), Way::Kill, lost(Delivery::Unknown, 1, true), &ONCE);
}

#[test]
fn a_request_that_takes_too_long_is_found() {
    let mut story = story(get(), Way::Kill, answered(1));
    story.lasted = TOTAL + GRACE + Duration::from_millis(1);
    assert_eq!(judge(&story, &ONCE), ["it took longer than it may"]);
}

#[test]
fn what_the_origin_or_the_client_finds_wrong_is_told() {
    let spoiled = Seen { spoiled: Some("other content".to_owned()), ..ONCE };
    finds(&["the origin got other content"], get(), Way::Kill, answered(1), &spoiled);
    finds(&["status 404"], get(), Way::Kill, Outcome::Wrong("status 404".to_owned()), &ONCE);
}
