use martlet_core::time::Phase;
use martlet_core::{Closed, Ending};
use proptest::prelude::*;

use super::*;
use crate::url::Url;

fn request(method: Method) -> Request {
    Request::new(method, Url::parse("https://a.test/").unwrap())
}

fn error(delivery: Delivery, kind: Kind) -> Error {
    Error::new(kind).with_delivery(delivery)
}

const CLOSED: Kind = Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Fin });
const REFUSED: Kind = Kind::Reset(ErrorCode::REFUSED_STREAM);
const PROVEN: Lost = Lost { is_stream: true, is_proven: true, is_to_calm_down: false };
const NEW: Lost = Lost { is_stream: true, is_proven: false, is_to_calm_down: false };

fn judge_once(method: Method, error: &Error, lost: Lost) -> Option<Replay> {
    Attempts::new(true, 0).judge(error, lost, &request(method))
}

#[test]
fn what_was_refused_is_replayed_whatever_the_method_three_times_and_ever_later() {
    let (mut attempts, e) = (Attempts::new(true, 0), error(Refused, REFUSED));
    let post = request(Method::POST);
    let waits: Vec<_> = (0..4).map(|_| attempts.judge(&e, NEW, &post)).collect();
    let anywhere = |ms| Some(Replay::Anywhere(Duration::from_millis(ms)));
    assert_eq!(waits, [anywhere(0), anywhere(100), anywhere(200), None]);
    assert_eq!(attempts.made(), 4);
}

#[test]
fn a_connection_that_goes_away_before_anything_is_sent_counts_as_a_refusal() {
    let e = error(NotSent, Kind::Reset(ErrorCode::NO_ERROR));
    assert_eq!(judge_once(Method::POST, &e, NEW), Some(Replay::Anywhere(Duration::ZERO)));
}

#[test]
fn whoever_is_told_to_calm_down_does_not_come_again() {
    for delivery in [Refused, NotSent] {
        let e = error(delivery, Kind::Reset(ErrorCode::ENHANCE_YOUR_CALM));
        assert_eq!(judge_once(Method::GET, &e, PROVEN), None);
    }
}

#[test]
fn nor_does_whoever_loses_a_connection_that_was_ended_for_it() {
    let calm = Lost { is_to_calm_down: true, ..PROVEN };
    for delivery in [NotSent, Unknown] {
        assert_eq!(judge_once(Method::GET, &error(delivery, CLOSED), calm), None);
    }
}

#[test]
fn what_was_not_sent_is_replayed_once_on_a_new_connection() {
    let (mut attempts, e) = (Attempts::new(true, 0), error(NotSent, CLOSED));
    let post = request(Method::POST);
    assert_eq!(attempts.judge(&e, NEW, &post), Some(Replay::Fresh));
    assert_eq!(attempts.judge(&e, NEW, &post), None);
}

#[test]
fn what_may_have_been_processed_is_replayed_only_if_that_does_no_harm_and_the_connection_was_proven() {
    let e = error(Unknown, CLOSED);
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE] {
        assert_eq!(judge_once(method.clone(), &e, PROVEN), Some(Replay::Fresh), "{method}");
        assert_eq!(judge_once(method.clone(), &e, NEW), None, "{method}");
    }
    for method in [Method::POST, Method::PATCH, Method::from_bytes(b"LINK").unwrap()] {
        assert_eq!(judge_once(method.clone(), &e, PROVEN), None, "{method}");
        for key in ["idempotency-key", "x-idempotency-key"] {
            let mut keyed = request(method.clone());
            keyed.headers_mut().insert(key, "1".parse().unwrap());
            assert_eq!(
                Attempts::new(true, 0).judge(&e, PROVEN, &keyed),
                Some(Replay::Fresh),
                "{method} {key}"
            );
        }
    }
}

#[test]
fn an_answer_a_timeout_and_any_other_reset_are_final() {
    let kinds = [CLOSED, REFUSED, Kind::Timeout(Phase::ReceiveHead), Kind::Protocol, Kind::Body];
    for kind in kinds {
        assert_eq!(judge_once(Method::GET, &error(Answered, kind), PROVEN), None, "{kind:?}");
    }
    let reset = Kind::Reset(ErrorCode::CANCEL);
    assert_eq!(judge_once(Method::GET, &error(Unknown, reset), PROVEN), None);
    for kind in [Kind::Timeout(Phase::Send), Kind::Shutdown, Kind::Body, Kind::Protocol] {
        assert_eq!(judge_once(Method::GET, &error(Unknown, kind), PROVEN), None, "{kind:?}");
        assert_eq!(judge_once(Method::GET, &error(NotSent, kind), PROVEN), None, "{kind:?}");
    }
}

#[test]
fn http_1_1_is_fallen_back_to_once_unless_the_request_must_be_http_2() {
    let e = error(Refused, Kind::Reset(ErrorCode::HTTP_1_1_REQUIRED));
    let mut attempts = Attempts::new(true, 0);
    assert_eq!(attempts.judge(&e, NEW, &request(Method::POST)), Some(Replay::ByHttp1));
    assert_eq!(attempts.judge(&e, NEW, &request(Method::POST)), None);
    let mut bound = request(Method::GET);
    bound.version = Some(Version::HTTP_2);
    assert_eq!(Attempts::new(true, 0).judge(&e, NEW, &bound), None);
}

#[test]
fn over_several_attempts_the_most_that_was_seen_counts() {
    let mut attempts = Attempts::new(true, 0);
    let get = request(Method::GET);
    assert!(attempts.judge(&error(Unknown, CLOSED), PROVEN, &get).is_some());
    let e = attempts.conclude(error(NotSent, Kind::Connect));
    assert_eq!((e.delivery(), e.attempts()), (Unknown, 2));
}

#[test]
fn chance_takes_up_to_half_of_a_wait_away() {
    let span = Duration::from_millis(100);
    for random in [0, 1, 49_999_999, 50_000_000, u64::MAX] {
        let wait = jittered(span, random);
        assert!(wait >= span / 2 && wait < span, "{wait:?}");
    }
    assert_ne!(jittered(span, 1), jittered(span, 2));
}

#[test]
fn what_was_not_sent_on_a_connection_of_its_own_is_replayed_only_if_that_was_used_before() {
    let e = error(NotSent, CLOSED);
    assert_eq!(judge_once(Method::POST, &e, Lost { is_stream: false, ..PROVEN }), Some(Replay::Fresh));
    assert_eq!(judge_once(Method::POST, &e, Lost { is_stream: false, ..NEW }), None);
}

#[test]
fn nothing_is_replayed_where_that_is_switched_off() {
    for (delivery, kind) in [(Refused, REFUSED), (NotSent, CLOSED), (Unknown, CLOSED)] {
        let mut attempts = Attempts::new(false, 0);
        assert_eq!(attempts.judge(&error(delivery, kind), PROVEN, &request(Method::GET)), None);
        let e = attempts.conclude(error(NotSent, Kind::Connect));
        assert_eq!((e.delivery(), e.attempts()), (delivery, 1));
    }
}

#[test]
fn connections_that_cannot_be_opened_are_tried_as_often_as_it_was_said_with_growing_waits() {
    let e = error(NotSent, Kind::Connect);
    assert_eq!(Attempts::new(true, 0).judge_connect(&e, None), None);
    let mut attempts = Attempts::new(true, 40);
    let waits: Vec<_> = (0..41).map(|_| attempts.judge_connect(&e, None)).collect();
    let connect = |ms| Some(Replay::Connect(Duration::from_millis(ms)));
    assert_eq!(waits[..4], [connect(100), connect(200), connect(400), connect(800)]);
    assert_eq!((waits[39], waits[40]), (connect(10_000), None));
    assert_eq!(attempts.made(), 41);
}

#[test]
fn what_no_other_connection_would_change_is_not_tried_again() {
    let kinds = [Kind::Runtime, Kind::Builder, Kind::Shutdown, Kind::Timeout(Phase::Pool)];
    for kind in kinds {
        assert_eq!(Attempts::new(true, 3).judge_connect(&error(NotSent, kind), None), None, "{kind:?}");
    }
    for phase in [Phase::Resolve, Phase::Connect, Phase::Tls] {
        let e = error(NotSent, Kind::Timeout(phase));
        assert!(Attempts::new(true, 3).judge_connect(&e, None).is_some(), "{phase:?}");
    }
}

#[test]
fn a_policy_adds_an_attempt_and_no_replays_and_forgets_nothing_that_was_seen() {
    let (mut attempts, e) = (Attempts::new(true, 0), error(Unknown, CLOSED));
    assert!(attempts.judge(&e, PROVEN, &request(Method::GET)).is_some());
    assert!(attempts.judge(&e, PROVEN, &request(Method::GET)).is_none());
    attempts.retried(Unknown);
    assert!(attempts.judge(&e, PROVEN, &request(Method::GET)).is_none());
    let e = attempts.conclude(error(NotSent, Kind::Connect));
    assert_eq!((e.delivery(), e.attempts()), (Unknown, 3));
}

proptest! {
    #[test]
    fn each_wait_is_twice_the_one_before_up_to_the_longest(first: u64, small in 0..64_u32, longest: u64, doubled in 0..80_u32) {
        let (first, longest) = (Duration::from_nanos(first >> small), Duration::from_nanos(longest));
        prop_assert_eq!(backoff(first, 0, longest), first.min(longest));
        let twice = backoff(first, doubled, longest).saturating_mul(2).min(longest);
        prop_assert_eq!(backoff(first, doubled + 1, longest), twice);
    }

    #[test]
    fn half_of_a_wait_is_certain_and_the_rest_is_chance(nanos: u64, small in 0..64_u32, random: u64) {
        let span = Duration::from_nanos(nanos >> small);
        let wait = jittered(span, random);
        prop_assert!(wait >= span / 2 && wait <= span, "{wait:?} of {span:?}");
    }
}
