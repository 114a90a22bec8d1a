//! What is sent again, row by row, and what never is.

use http::Method;
use martlet::{Closed, Delivery, Ending, ErrorCode, Kind, Phase};
use martlet_sim::{Listener, Service, Sim, SimRequest, SimResponse};

use crate::book::{Book, Failed, attempts};
use crate::common::{calm, millis, seconds, settle, start};
use crate::world::{answer, client, client_with, expect_idle, limited, patient};

const A: &str = "http://a.test/r1";
const PROOF: &str = "http://a.test/0/proof";

/// Acts on everything; the first `lost` connections never answer what is called `late`.
fn forgetful(sim: &Sim, lost: u64) -> Listener {
    sim.listen_h2("a.test", 80, move |request: SimRequest| {
        if request.connection <= lost && request.target.contains("late") {
            return SimResponse::ok("late").after(seconds(60));
        }
        answer(request)
    })
}

/// Resets each request by this code before anything is said.
fn resetting(sim: &Sim, code: u32) -> Listener {
    sim.listen_h2("a.test", 80, move |_: SimRequest| SimResponse::reset(code))
}

#[test]
fn codes_that_promise_nothing_are_told_and_nothing_is_sent_again() {
    for code in (0..=0xe).filter(|code| ![0x7, 0xd].contains(code)) {
        let sim = calm();
        let a = resetting(&sim, code);
        let client = client(&sim);
        let book = Book::new(&client);
        let failed = sim.block_on(book.get(A)).expect("no dead-lock").expect_err("reset");
        let expected =
            Failed { kind: Kind::Reset(ErrorCode(code)), delivery: Delivery::Unknown, attempts: 1 };
        assert_eq!(failed, expected);
        assert_eq!(a.log().len(), 1);
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

#[test]
fn r_10_refused_is_sent_again_by_any_method_also_on_the_same_connection() {
    for method in [Method::GET, Method::POST, Method::PATCH, Method::DELETE] {
        let sim = calm();
        let a = sim.listen_h2("a.test", 80, |request: SimRequest| match request.nth {
            0 | 1 => SimResponse::refuse(),
            _ => SimResponse::ok(request.content),
        });
        let client = limited(&sim, 1);
        let book = Book::new(&client);
        let told = sim.block_on(book.send(method, A, |builder| builder.body("content")));
        let answer = told.expect("no dead-lock").expect("an answer");
        assert_eq!((answer.content.as_slice(), answer.attempts), (&b"content"[..], 3));
        assert_eq!((a.accepted(), a.log().len()), (1, 3));
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

#[test]
fn r_09_a_goaway_that_asks_for_calm_is_told_and_nothing_is_sent_again() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::silent());
    let client = client(&sim);
    let book = Book::new(&client);
    let waiting = start(&sim, book.get(A));
    settle(&sim);
    a.h2(0).goaway(0, 0xb);
    settle(&sim);
    let failed = waiting.result().expect("it is over").expect_err("calm");
    let kind = Kind::Reset(ErrorCode::ENHANCE_YOUR_CALM);
    assert_eq!(failed, Failed { kind, delivery: Delivery::Refused, attempts: 1 });
    assert_eq!(a.accepted(), 1);
    expect_idle(&sim, &client, 0);
    book.check(&[&a]);
}

#[test]
fn r_12_a_lost_connection_that_has_answered_before_is_replaced_once_for_what_may_be_repeated() {
    for by in [Ending::Fin, Ending::Reset] {
        for (method, has_key, is_repeated) in [
            (Method::GET, false, true),
            (Method::HEAD, false, true),
            (Method::OPTIONS, false, true),
            (Method::PUT, false, true),
            (Method::DELETE, false, true),
            (Method::POST, true, true),
            (Method::POST, false, false),
            (Method::PATCH, false, false),
        ] {
            let sim = calm();
            let a = forgetful(&sim, 1);
            let client = client(&sim);
            let book = Book::new(&client);
            sim.block_on(book.get(PROOF)).expect("no dead-lock").expect("an answer");
            let request = book.send(method.clone(), "http://a.test/0/late", |builder| {
                let builder = if method == Method::GET { builder } else { builder.body("content") };
                if has_key { builder.header("idempotency-key", "1") } else { builder }
            });
            let waiting = start(&sim, request);
            settle(&sim);
            match by {
                Ending::Fin => a.h2(0).fin(),
                Ending::Reset => a.h2(0).rst(),
            }
            settle(&sim);
            let told = waiting.result().expect("it is over");
            let about = format!("{method} {has_key} {by:?}: {told:?}");
            if is_repeated {
                let answer = told.expect(&about);
                assert_eq!((answer.attempts, answer.is_reused), (2, false), "{about}");
            } else {
                let kind = Kind::Closed(Closed::BeforeResponse { interim: false, by });
                assert_eq!(told, Err(Failed { kind, delivery: Delivery::Unknown, attempts: 1 }), "{about}");
            }
            expect_idle(&sim, &client, usize::from(is_repeated));
            book.check(&[&a]);
        }
    }
}

#[test]
fn r_12_a_connection_that_never_answered_is_not_replaced() {
    let sim = calm();
    let a = forgetful(&sim, 1);
    let client = client(&sim);
    let book = Book::new(&client);
    let waiting = start(&sim, book.get("http://a.test/0/late"));
    settle(&sim);
    a.h2(0).fin();
    settle(&sim);
    let failed = waiting.result().expect("it is over").expect_err("the end");
    let kind = Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Fin });
    assert_eq!(failed, Failed { kind, delivery: Delivery::Unknown, attempts: 1 });
    assert_eq!(a.accepted(), 1);
    expect_idle(&sim, &client, 0);
    book.check(&[&a]);
}

/// The one that replaces it is lost as well.
#[test]
fn a_second_loss_is_told() {
    let sim = calm();
    let a = forgetful(&sim, 9);
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get(PROOF)).expect("no dead-lock").expect("an answer");
    let waiting = start(&sim, book.get("http://a.test/0/late"));
    settle(&sim);
    a.h2(0).fin();
    settle(&sim);
    assert_eq!(a.accepted(), 2);
    // It is proven by then.
    sim.block_on(book.get("http://a.test/0/proof/2")).expect("no dead-lock").expect("an answer");
    a.h2(1).fin();
    settle(&sim);
    let failed = waiting.result().expect("it is over").expect_err("the end");
    assert_eq!((failed.delivery, failed.attempts), (Delivery::Unknown, 2));
    assert!(matches!(failed.kind, Kind::Closed(_)));
    assert_eq!(a.accepted(), 2);
    expect_idle(&sim, &client, 0);
    book.check(&[&a]);
}

/// Several connections are as dead as the first: none of them is tried.
#[test]
fn who_lost_one_connection_is_given_a_fresh_one() {
    let sim = calm();
    let a = sim.listen_h2_with(
        "a.test",
        80,
        martlet_sim::h2::H2Server::new().max_streams(1),
        |request: SimRequest| {
            if request.connection <= 2 && request.target.contains("late") {
                return SimResponse::ok("late").after(seconds(60));
            }
            answer(request)
        },
    );
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/0/settled")).expect("no dead-lock").expect("an answer");
    let both = ["1", "2"].map(|n| start(&sim, book.get(&format!("http://a.test/10/{n}"))));
    sim.advance(millis(20)).expect("not endless");
    assert!(both.iter().all(|told| attempts(&told.result()) == Some(1)));
    expect_idle(&sim, &client, 2);
    let late = start(&sim, book.get("http://a.test/0/late"));
    settle(&sim);
    a.h2(0).rst();
    settle(&sim);
    assert_eq!(attempts(&late.result()), Some(2));
    assert_eq!((a.accepted(), a.h2(1).requests().len(), a.h2(2).requests().len()), (3, 1, 1));
    expect_idle(&sim, &client, 2);
    book.check(&[&a]);
}

/// The buffers are full of another's content: the head of the second never left.
#[test]
fn r_11_what_never_left_is_sent_again_by_any_method() {
    for most in [1, 100] {
        let sim = calm();
        let a = forgetful(&sim, 0);
        let client = limited(&sim, most);
        let book = Book::new(&client);
        sim.block_on(book.get(PROOF)).expect("no dead-lock").expect("an answer");
        a.h2(0).stop_reading();
        let first = start(&sim, book.post("http://a.test/0/first", vec![0; 900_000]));
        settle(&sim);
        let second = start(&sim, book.post("http://a.test/0/second", "content"));
        sim.advance(seconds(1)).expect("not endless");
        a.h2(0).fin();
        settle(&sim);
        let failed = first.result().expect("it is over").expect_err("lost");
        assert_eq!((failed.delivery, failed.attempts), (Delivery::Unknown, 1));
        let second = second.result();
        assert_eq!(attempts(&second), Some(2), "{second:?}");
        // The one that was lost may take a second to take leave.
        sim.advance(seconds(1)).expect("not endless");
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

/// If it is said that nothing was sent, nothing may be later, although the connection lives on.
#[test]
fn what_timed_out_before_it_was_sent_is_never_sent() {
    let sim = calm();
    let a = forgetful(&sim, 0);
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get(PROOF)).expect("no dead-lock").expect("an answer");
    a.h2(0).stop_reading();
    let mut timeouts = patient();
    timeouts.write = None;
    let first = book.send(Method::POST, "http://a.test/0/first", |builder| {
        builder.timeouts(timeouts).body(vec![0; 900_000])
    });
    let first = start(&sim, first);
    settle(&sim);
    let second = start(&sim, book.post("http://a.test/0/second", "content"));
    sim.advance(seconds(5)).expect("not endless");
    let failed = second.result().expect("it is over").expect_err("it takes too long");
    assert_eq!((failed.kind, failed.attempts), (Kind::Timeout(Phase::Send), 1));
    a.h2(0).resume_reading();
    sim.advance(seconds(1)).expect("not endless");
    assert_eq!(attempts(&first.result()), Some(1));
    sim.block_on(book.get("http://a.test/0/next")).expect("no dead-lock").expect("an answer");
    book.check(&[&a]);
}

#[test]
fn a_timeout_is_never_sent_again() {
    let sim = calm();
    let a = forgetful(&sim, 1);
    let client = client_with(&sim, |builder| builder.keepalive_expiry(None));
    let book = Book::new(&client);
    sim.block_on(book.get(PROOF)).expect("no dead-lock").expect("an answer");
    let failed = sim.block_on(book.get("http://a.test/0/late")).expect("no dead-lock").expect_err("late");
    let kind = Kind::Timeout(Phase::ReceiveHead);
    assert_eq!(failed, Failed { kind, delivery: Delivery::Unknown, attempts: 1 });
    assert_eq!((a.accepted(), a.log().len(), sim.now()), (1, 2, seconds(5)));
    settle(&sim);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// HEADERS with `:status: 103` and nothing else, on this stream.
fn early_hints(stream: u8) -> Vec<u8> {
    [&[0, 0, 5, 1, 4, 0, 0, 0, stream, 0x08, 3][..], b"103"].concat()
}

#[test]
fn behind_an_interim_response_nothing_is_sent_again() {
    type Act = fn(&Listener) -> u32;
    let ends: [(&str, Act); 4] = [
        ("FIN", |a| {
            a.h2(0).fin();
            0
        }),
        ("RST_STREAM", |a| {
            a.h2(0).reset_stream(3, 0x7);
            1
        }),
        ("HTTP_1_1_REQUIRED", |a| {
            a.h2(0).reset_stream(3, 0xd);
            1
        }),
        ("GOAWAY", |a| {
            a.h2(0).goaway_lying(1, 0);
            0
        }),
    ];
    for (name, end) in ends {
        let sim = calm();
        let a = forgetful(&sim, 1);
        let client = client(&sim);
        let book = Book::new(&client);
        sim.block_on(book.get(PROOF)).expect("no dead-lock").expect("an answer");
        let waiting = start(&sim, book.get("http://a.test/0/late"));
        settle(&sim);
        a.h2(0).raw(early_hints(3));
        settle(&sim);
        assert!(!waiting.is_over());
        let idle = end(&a);
        settle(&sim);
        let failed = waiting.result().expect("it is over").expect_err(name);
        assert_eq!((failed.delivery, failed.attempts), (Delivery::Answered, 1), "{name}");
        if name == "FIN" {
            let closed = Closed::BeforeResponse { interim: true, by: Ending::Fin };
            assert_eq!(failed.kind, Kind::Closed(closed));
        }
        assert_eq!(a.accepted(), 1, "{name}");
        expect_idle(&sim, &client, idle as usize);
        book.check(&[&a]);
    }
}

/// What the first attempt may have done counts for the error of the last.
#[test]
fn the_delivery_of_several_attempts_is_the_highest() {
    struct Worse;
    impl Service for Worse {
        fn respond(&mut self, request: SimRequest) -> SimResponse {
            match (request.connection, request.target.as_str()) {
                (_, "/0/proof") => SimResponse::ok("proof"),
                (1, _) => SimResponse::ok("late").after(seconds(60)),
                _ => SimResponse::refuse(),
            }
        }
    }
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, Worse);
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get(PROOF)).expect("no dead-lock").expect("an answer");
    let waiting = start(&sim, book.get("http://a.test/0/late"));
    settle(&sim);
    a.h2(0).fin();
    sim.advance(seconds(1)).expect("not endless");
    let failed = waiting.result().expect("it is over").expect_err("refused for ever");
    // Lost once, refused four times.
    let kind = Kind::Reset(ErrorCode::REFUSED_STREAM);
    assert_eq!(failed, Failed { kind, delivery: Delivery::Unknown, attempts: 5 });
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn time_that_is_over_between_two_attempts_was_spent_in_line() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::refuse());
    let mut timeouts = patient();
    // Nothing but the pauses takes time, and the last one is at least 100 ms.
    timeouts.total = Some(millis(101));
    let client = client_with(&sim, |builder| builder.timeouts(timeouts));
    let book = Book::new(&client);
    let failed = sim.block_on(book.get(A)).expect("no dead-lock").expect_err("no time");
    let kind = Kind::Timeout(Phase::Pool);
    assert_eq!((failed.kind, failed.delivery), (kind, Delivery::Refused), "{}", sim.trace());
    assert!(failed.attempts > a.log().len() as u32);
}
