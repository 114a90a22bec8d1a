use std::io;

use http::{HeaderMap, HeaderValue};
use martlet_core::time::Phase;
use martlet_core::{Closed, Ending};

use super::*;

const CLOSED: Kind = Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Fin });

fn circumstances(retries: u32, is_harmless: bool) -> Circumstances {
    Circumstances { retries, is_harmless, time_left: None, now: SystemTime::UNIX_EPOCH, random: 0 }
}

fn judge(policy: &RetryPolicy, end: Result<(StatusCode, &Fields), &Error>, is_harmless: bool) -> bool {
    let outcome = RetryOutcome { method: &Method::GET, attempts: 1, end };
    policy.judge(&outcome, circumstances(0, is_harmless)).is_some()
}

fn error(kind: Kind, delivery: Delivery) -> Error {
    Error::new(kind).with_delivery(delivery).with_source(io::Error::other("it failed"))
}

fn fields(retry_after: &str) -> Fields {
    let mut map = HeaderMap::new();
    map.insert("retry-after", HeaderValue::from_str(retry_after).unwrap());
    Fields::from_header_map(&map)
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let policy = RetryPolicy::new(3).budget(None);
    for kind in [Kind::Resolve, Kind::Connect, Kind::Timeout(Phase::ReceiveHead), CLOSED] {
        assert!(judge(&policy, Err(&error(kind, Delivery::NotSent)), false), "{kind:?}");
    }
    for kind in [Kind::Builder, Kind::Runtime, Kind::Protocol, Kind::Body, Kind::Shutdown] {
        assert!(!judge(&policy, Err(&error(kind, Delivery::NotSent)), true), "{kind:?}");
    }
    for (status, is_retried) in [(200, false), (404, false), (429, true), (500, false), (503, true)] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(judge(&policy, Ok((status, &Fields::default())), true), is_retried, "{status}");
    }
}

#[test]
fn what_may_have_been_acted_on_is_repeated_only_if_that_does_no_harm_or_was_allowed() {
    let policy = RetryPolicy::new(3).budget(None);
    let bold = policy.clone().non_idempotent(true);
    let eager = policy.clone().classify(|_| RetryVerdict::Retry);
    for delivery in [Delivery::NotSent, Delivery::Refused, Delivery::Unknown, Delivery::Answered] {
        let e = error(CLOSED, delivery);
        let is_safe = delivery <= Delivery::Refused;
        for (policy, is_harmless, expected) in
            [(&policy, true, true), (&policy, false, is_safe), (&bold, false, true), (&eager, false, is_safe)]
        {
            assert_eq!(judge(policy, Err(&e), is_harmless), expected, "{delivery:?} {policy:?}");
        }
    }
    let answer = (StatusCode::SERVICE_UNAVAILABLE, &Fields::default());
    assert!(!judge(&policy, Ok(answer), false));
    assert!(!judge(&eager, Ok(answer), false));
    assert!(judge(&bold, Ok(answer), false));
}

#[test]
fn a_classifier_has_its_way_in_all_else() {
    let policy = RetryPolicy::new(3).budget(None).classify(|outcome| match outcome.status() {
        Some(StatusCode::NOT_FOUND) => RetryVerdict::Retry,
        Some(StatusCode::SERVICE_UNAVAILABLE) => RetryVerdict::Stop,
        _ => RetryVerdict::Default,
    });
    for (status, expected) in [(404, true), (503, false), (502, true), (200, false)] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(judge(&policy, Ok((status, &Fields::default())), true), expected, "{status}");
    }
}

#[test]
fn waits_double_up_to_the_longest_and_half_of_each_is_chance() {
    let policy =
        RetryPolicy::new(50).budget(None).backoff(Duration::from_millis(100), Duration::from_secs(1));
    let e = error(CLOSED, Delivery::NotSent);
    let wait = |retries, random| {
        let outcome = RetryOutcome { method: &Method::GET, attempts: 1, end: Err(&e) };
        let wait = policy.judge(&outcome, Circumstances { random, ..circumstances(retries, true) });
        wait.unwrap().as_millis()
    };
    assert_eq!([0, 1, 2, 3, 4, 40].map(|retries| wait(retries, 0)), [50, 100, 200, 400, 500, 500]);
    assert_eq!(wait(0, 49_999_999), 99);
    let outcome = RetryOutcome { method: &Method::GET, attempts: 1, end: Err(&e) };
    assert_eq!(policy.judge(&outcome, circumstances(50, true)), None);
}

#[test]
fn a_server_is_left_alone_as_long_as_it_asks_unless_that_is_too_long() {
    let policy = RetryPolicy::new(3).budget(None).retry_after_at_most(Duration::from_secs(30));
    let wait = |asked: &str| {
        let fields = fields(asked);
        let end = Ok((StatusCode::TOO_MANY_REQUESTS, &fields));
        policy.judge(&RetryOutcome { method: &Method::GET, attempts: 1, end }, circumstances(0, true))
    };
    assert_eq!(wait("30"), Some(Duration::from_secs(30)));
    assert_eq!(wait("31"), None);
    assert_eq!(wait("Thu, 01 Jan 1970 00:00:20 GMT"), Some(Duration::from_secs(20)));
    assert_eq!(wait("gibberish"), Some(Duration::from_millis(50)));
}

#[test]
fn a_wait_beyond_the_time_of_the_request_is_not_begun_and_costs_nothing() {
    let budget = RetryBudget::new(0, 1);
    let policy = RetryPolicy::new(3).budget(budget.clone());
    let e = error(CLOSED, Delivery::NotSent);
    let outcome = RetryOutcome { method: &Method::GET, attempts: 1, end: Err(&e) };
    let within =
        |left| Circumstances { time_left: Some(Duration::from_millis(left)), ..circumstances(0, true) };
    assert_eq!(policy.judge(&outcome, within(50)), None);
    assert!(policy.judge(&outcome, within(51)).is_some());
    assert_eq!(policy.judge(&outcome, within(51)), None, "the budget is spent");
}
