//! Retries that the user asked for: `connect_retries` and a `RetryPolicy`.

mod common;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use martlet::http::{Method, StatusCode};
use martlet::{Body, Client, Delivery, Error, Kind, Phase, Response, RetryBudget, RetryPolicy, RetryVerdict};
use martlet_sim::{Fault, Listener, Point, Sim, SimRequest, SimResponse};

use common::{calm, client_with, dials, echo, expect_pool, millis, seconds, settle};

const A: &str = "http://a.test/";

/// What an ordinary one does is the same in each test: no budget, and waits of exactly 100 ms and its doubles at most.
fn policy(retries: u32) -> RetryPolicy {
    RetryPolicy::new(retries).budget(None)
}

fn with_policy(sim: &Sim, policy: RetryPolicy) -> Client {
    client_with(sim, |builder| builder.retry(policy))
}

#[track_caller]
fn send(sim: &Sim, request: martlet::RequestBuilder) -> Result<Response, Error> {
    sim.block_on(request.send()).expect("no dead-lock")
}

/// Answers with these in turn, and the last one ever after.
fn answers(sim: &Sim, answers: impl IntoIterator<Item = SimResponse>) -> Listener {
    let mut answers: Vec<_> = answers.into_iter().collect();
    sim.listen(
        "a.test",
        80,
        move |_: SimRequest| {
            if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
        },
    )
}

fn processed(server: &Listener) -> usize {
    server.log().iter().filter(|request| request.processed).count()
}

#[test]
fn a_server_that_comes_up_is_met_by_connect_retries_whatever_the_method() {
    let sim = calm();
    let server = echo(&sim);
    for fault in [Fault::Refuse, Fault::Unreachable] {
        server.fail_next(fault);
    }
    let client = client_with(&sim, |builder| builder.connect_retries(2));
    let response = send(&sim, client.post(A).body("once")).expect("it is up");
    assert_eq!(response.attempts(), 3);
    assert_eq!((dials(&sim), processed(&server)), (3, 1));
    // After 50 to 100 ms, then after 100 to 200 ms.
    assert!((millis(150)..millis(300)).contains(&sim.now()), "{:?}", sim.now());
}

#[test]
fn one_that_stays_away_is_given_up_and_the_error_counts() {
    let sim = calm();
    let server = echo(&sim);
    server.fail_always(Some(Fault::Refuse));
    let client = client_with(&sim, |builder| builder.connect_retries(3));
    let e = send(&sim, client.get(A)).expect_err("nobody is there");
    assert_eq!((e.kind(), e.delivery(), e.attempts()), (Kind::Connect, Delivery::NotSent, 4));
    assert!(!e.conn_reused());
    assert_eq!(e.peer_addr().map(|address| address.port()), Some(80));
    assert_eq!(dials(&sim), 4);
    expect_pool(&sim, &client, [0, 0, 0, 0]);
}

#[test]
fn without_connect_retries_a_server_is_tried_once() {
    let sim = calm();
    let server = echo(&sim);
    server.fail_next(Fault::Refuse);
    let e = send(&sim, common::client(&sim).get(A)).expect_err("nobody is there");
    assert_eq!((e.kind(), e.attempts(), dials(&sim)), (Kind::Connect, 1, 1));
}

#[test]
fn a_name_that_does_not_resolve_yet_and_a_slow_server_are_tried_again_too() {
    let sim = calm();
    let server = echo(&sim);
    sim.host("a.test").resolve_fails(io::ErrorKind::NotFound);
    let client = client_with(&sim, |builder| builder.connect_retries(2));
    let waiting = common::start(&sim, client.get(A).send());
    settle(&sim);
    server.fail_next(Fault::NeverAnswer);
    sim.host("a.test").resolve_normally();
    sim.advance(seconds(6)).expect("not endless");
    let response = waiting.result().expect("it is over").expect("an answer");
    assert_eq!(response.attempts(), 3);
}

#[test]
fn the_time_of_the_whole_request_covers_all_attempts_to_connect() {
    let sim = calm();
    echo(&sim).fail_always(Some(Fault::NeverAnswer));
    let client = client_with(&sim, |builder| builder.connect_retries(10).timeout(seconds(12)));
    let e = send(&sim, client.get(A)).expect_err("nobody answers");
    assert!(e.is_timeout());
    assert_eq!((e.attempts(), sim.now()), (3, seconds(12)));
}

#[test]
fn an_answer_that_asks_for_patience_is_tried_again_after_that() {
    let sim = calm();
    let busy = SimResponse::new(503).header("retry-after", "4");
    let server = answers(&sim, [busy.clone(), busy, SimResponse::ok("done")]);
    let client = with_policy(&sim, policy(3));
    let response = send(&sim, client.get(A)).expect("an answer");
    assert_eq!((response.status(), response.attempts()), (StatusCode::OK, 3));
    assert_eq!((sim.now(), processed(&server)), (seconds(8), 3));
    // The same connection: what was left of the answers was read.
    assert_eq!(dials(&sim), 1);
}

#[test]
fn the_last_answer_is_handed_out_when_nothing_more_may_be_tried() {
    let sim = calm();
    let server = answers(&sim, [SimResponse::new(503)]);
    let client = with_policy(&sim, policy(2));
    let response = send(&sim, client.get(A)).expect("an answer");
    assert_eq!((response.status().as_u16(), response.attempts(), processed(&server)), (503, 3, 3));
}

#[test]
fn what_may_have_been_acted_on_is_not_repeated_without_leave() {
    let cases = [
        (Method::POST, false, false, 1),
        (Method::PATCH, false, false, 1),
        (Method::PUT, false, false, 3),
        (Method::POST, true, false, 3),
        (Method::POST, false, true, 3),
    ];
    for (method, is_keyed, is_allowed, expected) in cases {
        let sim = calm();
        let server = answers(&sim, [SimResponse::new(503)]);
        let client = with_policy(&sim, policy(2).non_idempotent(is_allowed));
        let mut request = client.request(method.clone(), A).body("content");
        if is_keyed {
            request = request.header("idempotency-key", "k");
        }
        let response = send(&sim, request).expect("an answer");
        assert_eq!((response.attempts(), processed(&server)), (expected, expected as usize), "{method}");
    }
}

/// A new connection that is closed without an answer is no case for a replay; a policy may think otherwise.
#[test]
fn a_request_that_is_lost_in_doubt_on_a_new_connection_is_repeated_if_that_does_no_harm() {
    for (method, expected) in [(Method::GET, Some(2)), (Method::POST, None)] {
        let sim = calm();
        let server = echo(&sim);
        server.fail_next(Fault::Fin(Point::Response(0)));
        let client = with_policy(&sim, policy(2));
        let result = send(&sim, client.request(method, A).body("content"));
        match (expected, result) {
            (Some(attempts), Ok(response)) => assert_eq!(response.attempts(), attempts),
            (None, Err(e)) => assert_eq!((e.delivery(), e.attempts()), (Delivery::Unknown, 1)),
            (expected, result) => panic!("{expected:?} {result:?}"),
        }
    }
}

#[test]
fn content_that_cannot_be_had_again_is_not_and_a_source_that_can_be_opened_again_is() {
    fn stream() -> Body {
        Body::stream(futures_lite::stream::once(Ok::<_, io::Error>("content")))
    }
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    let replayable = Body::replayable(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        stream()
    });
    for (body, expected) in [(stream(), 1), (replayable, 3)] {
        let sim = calm();
        let server = answers(&sim, [SimResponse::new(503)]);
        let client = with_policy(&sim, policy(2));
        let response = send(&sim, client.put(A).body(body)).expect("an answer");
        assert_eq!((response.attempts(), processed(&server)), (expected, expected as usize));
        assert!(server.log().iter().all(|request| request.content == b"content"));
    }
    assert_eq!(opened.load(Ordering::Relaxed), 3);
}

#[test]
fn a_wait_beyond_the_time_of_the_whole_request_is_not_begun() {
    let sim = calm();
    answers(&sim, [SimResponse::new(503).header("retry-after", "20")]);
    let client = with_policy(&sim, policy(2));
    let response = send(&sim, client.get(A).timeout(seconds(19))).expect("an answer");
    assert_eq!((response.status().as_u16(), response.attempts(), sim.now()), (503, 1, Duration::ZERO));
}

#[test]
fn a_timeout_is_repeated_where_it_does_no_harm_and_the_total_is_not() {
    let sim = calm();
    let server = answers(&sim, [SimResponse::silent(), SimResponse::ok("now")]);
    let client = with_policy(&sim, policy(2));
    let response = send(&sim, client.get(A)).expect("an answer");
    assert_eq!((response.attempts(), server.accepted()), (2, 2));
    assert!(sim.now() > seconds(5));

    let sim = calm();
    answers(&sim, [SimResponse::silent()]);
    let client = with_policy(&sim, policy(2));
    let e = send(&sim, client.get(A).timeout(seconds(3))).expect_err("it is silent");
    assert_eq!((e.kind(), e.attempts()), (Kind::Timeout(Phase::ReceiveHead), 1));
    assert_eq!(sim.now(), seconds(3));
}

#[test]
fn a_budget_bounds_what_many_failures_cost() {
    let sim = calm();
    let server = answers(&sim, [SimResponse::new(503)]);
    let client = with_policy(&sim, RetryPolicy::new(5).budget(RetryBudget::new(10, 4)));
    let made: u32 = (0..40).map(|_| send(&sim, client.get(A)).expect("an answer").attempts()).sum();
    // The reserve, and a tenth of the requests.
    assert_eq!(made as usize, processed(&server));
    assert!((47..=48).contains(&made), "{made}");
}

#[test]
fn a_request_may_have_its_own_policy_or_none() {
    let sim = calm();
    let server = answers(&sim, [SimResponse::new(418)]);
    let picky = policy(1).classify(|outcome| match outcome.status().map(|status| status.as_u16()) {
        Some(418) => RetryVerdict::Retry,
        _ => RetryVerdict::Default,
    });
    let client = with_policy(&sim, picky);
    assert_eq!(send(&sim, client.get(A)).expect("an answer").attempts(), 2);
    assert_eq!(send(&sim, client.get(A).retry(None)).expect("an answer").attempts(), 1);
    assert_eq!(send(&sim, client.get(A).retry(policy(9))).expect("an answer").attempts(), 1);
    assert_eq!(processed(&server), 4);
}

/// What `connect_retries` has used up is so still when the policy tries again.
#[test]
fn both_kinds_go_together() {
    let sim = calm();
    let server = echo(&sim);
    server.fail_always(Some(Fault::Refuse));
    let client = client_with(&sim, |builder| builder.connect_retries(1).retry(policy(2)));
    let e = send(&sim, client.get(A)).expect_err("nobody is there");
    assert_eq!((e.attempts(), dials(&sim)), (4, 4));
}

#[test]
fn an_answer_that_was_not_the_last_word_counts_in_what_was_seen() {
    let sim = calm();
    let server = answers(&sim, [SimResponse::new(503).close()]);
    let client = with_policy(&sim, policy(1));
    let waiting = common::start(&sim, client.get(A).send());
    settle(&sim);
    server.fail_always(Some(Fault::Refuse));
    sim.advance(seconds(1)).expect("not endless");
    let e = waiting.result().expect("it is over").expect_err("nobody is there any more");
    assert_eq!((e.kind(), e.delivery(), e.attempts()), (Kind::Connect, Delivery::Answered, 2));
}

#[test]
fn spans_beyond_all_time_are_waited_for_without_harm() {
    for (asked, is_endless) in
        [("9223372036854775807", true), ("99999999999999999999999999", true), ("1", false)]
    {
        let sim = calm();
        answers(&sim, [SimResponse::new(503).header("retry-after", asked), SimResponse::ok("done")]);
        let client = with_policy(&sim, policy(1).retry_after_at_most(Duration::MAX));
        let waiting = common::start(&sim, client.get(A).send());
        sim.advance(seconds(100_000)).expect("not endless");
        assert_eq!(waiting.is_over(), !is_endless, "{asked}");
        client.close();
        settle(&sim);
        assert!(waiting.is_over());
    }
    let sim = calm();
    answers(&sim, [SimResponse::new(503)]);
    let client = with_policy(&sim, policy(1).backoff(Duration::MAX, Duration::MAX));
    let response = send(&sim, client.get(A).timeout(Duration::MAX)).expect("an answer");
    assert_eq!((response.status().as_u16(), response.attempts()), (503, 2));
    // As long as there is time to be told.
    assert_eq!(sim.now(), seconds(1 << 30));
}

#[test]
fn a_client_that_ends_does_not_leave_a_request_to_its_pause() {
    for closes in [true, false] {
        let sim = calm();
        let server = answers(&sim, [SimResponse::new(503).header("retry-after", "50")]);
        let client = with_policy(&sim, policy(1));
        let waiting = common::start(&sim, client.get(A).send());
        sim.advance(seconds(1)).expect("not endless");
        let ended = if closes { client.close() } else { client.drain() };
        settle(&sim);
        let e = waiting.result().expect("it was woken").expect_err("there is no client any more");
        assert_eq!((e.kind(), e.delivery(), sim.now()), (Kind::Shutdown, Delivery::Answered, seconds(1)));
        sim.block_on(ended).expect("no dead-lock");
        assert_eq!((processed(&server), sim.open_connections()), (1, 0));
    }
}

#[test]
fn a_key_without_a_value_is_none() {
    for (key, expected) in [("", 1), (" ", 1), ("k", 2)] {
        let sim = calm();
        answers(&sim, [SimResponse::new(503)]);
        let client = with_policy(&sim, policy(1));
        let response = send(&sim, client.post(A).header("idempotency-key", key)).expect("an answer");
        assert_eq!(response.attempts(), expected, "{key:?}");
    }
}

/// A refusal is replayed three times, however often the policy has it come again.
#[test]
fn a_policy_does_not_multiply_replays() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::refuse());
    let client = client_with(&sim, |builder| builder.retry(policy(2)).protocols(martlet::Protocols::Http2));
    let e = send(&sim, client.post(A).body("once")).expect_err("it refuses");
    assert_eq!((e.delivery(), e.attempts(), server.log().len()), (Delivery::Refused, 6, 6));
}

#[test]
fn who_has_waited_in_line_in_vain_may_get_in_line_again() {
    let sim = calm();
    echo(&sim);
    let client = client_with(&sim, |builder| builder.retry(policy(1)).max_connections(1));
    let held = common::hold(&sim, &client, A);
    let waiting = common::start(&sim, client.post(A).body("once").send());
    sim.advance(seconds(5) + millis(200)).expect("not endless");
    assert!(!waiting.is_over());
    common::drop_inside(&sim, held);
    settle(&sim);
    let response = waiting.result().expect("it is over").expect("an answer");
    assert_eq!(response.attempts(), 2);
}
