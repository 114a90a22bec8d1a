//! REFUSED_STREAM in numbers.

use std::collections::BTreeSet;

use http::{Method, Version};
use martlet::{Delivery, ErrorCode, Kind};
use martlet_sim::h2::H2Server;
use martlet_sim::{SimRequest, SimResponse};

use crate::book::{Book, Failed, attempts};
use crate::common::{calm, client_with as any_client, millis, settle, start};
use crate::world::{A, answer, client, client_with, expect_idle, limited, site_with};

#[test]
fn g_10_a_hundred_that_are_refused_once_are_each_sent_once_more() {
    for most in [1, 100] {
        let sim = calm();
        let mut seen = BTreeSet::new();
        let a = sim.listen_h2("a.test", 80, move |request: SimRequest| {
            if seen.insert(request.target.clone()) { SimResponse::refuse() } else { answer(request) }
        });
        let client = limited(&sim, most);
        let book = Book::new(&client);
        let all: Vec<_> = (0..100)
            .map(|n| start(&sim, book.post(&format!("http://a.test/0/{n}"), format!("content {n}"))))
            .collect();
        sim.advance(millis(300)).expect("not endless");
        assert!(all.iter().all(|told| attempts(&told.result()) == Some(2)));
        assert_eq!((a.log().len(), a.accepted()), (200, 1));
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

/// It says so, but only when a hundred are under way.
#[test]
fn g_10_a_limit_that_is_learned_by_refusals_is_obeyed_from_then_on() {
    for most in [1, 100] {
        let sim = calm();
        let a = site_with(&sim, "a.test", H2Server::new().max_streams(10));
        let client = limited(&sim, most);
        let book = Book::new(&client);
        let all: Vec<_> = (0..100).map(|n| start(&sim, book.get(&format!("http://a.test/10/{n}")))).collect();
        sim.run().expect("no dead-lock");
        let told: Vec<_> = all.iter().map(|told| told.result().expect("it is over")).collect();
        assert!(told.iter().all(Result::is_ok), "{most}: {told:?}");
        let sent: usize = a.log().len();
        assert!(sent <= 300, "{most}: {sent} for a hundred");
        expect_idle(&sim, &client, 0);
        book.check(&[&a]);
    }
}

#[test]
fn g_10_who_is_always_refused_is_told_after_four_times() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::refuse());
    let client = client(&sim);
    let book = Book::new(&client);
    let all: Vec<_> = (0..100).map(|n| start(&sim, book.get(&format!("http://a.test/r{n}")))).collect();
    sim.run().expect("no dead-lock");
    let expected =
        Failed { kind: Kind::Reset(ErrorCode::REFUSED_STREAM), delivery: Delivery::Refused, attempts: 4 };
    assert!(all.iter().all(|told| told.result() == Some(Err(expected.clone()))));
    assert_eq!((a.log().len(), a.accepted()), (400, 1));
    // Not all at once: those of the third and fourth time are spread.
    let times: BTreeSet<_> = a.log().iter().map(|seen| seen.at).collect();
    assert!(times.len() > 100, "{} times", times.len());
    let last = a.log().iter().map(|seen| seen.at).max().expect("there are some");
    assert!(last <= millis(300), "{last:?}");
    expect_idle(&sim, &client, 0);
    book.check(&[&a]);
}

/// The waiting between two attempts is a part of the whole time.
#[test]
fn g_10_the_total_timeout_runs_on_through_all_attempts() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::refuse().after(millis(20)));
    let client = client_with(&sim, |builder| builder.timeout(millis(60)));
    let book = Book::new(&client);
    let failed = sim.block_on(book.get(A)).expect("no dead-lock").expect_err("it takes too long");
    assert!(matches!(failed.kind, Kind::Timeout(_)), "{failed:?}");
    assert_eq!((failed.delivery, sim.now()), (Delivery::Refused, millis(60)));
    assert!(a.log().iter().all(|seen| !seen.processed));
    settle(&sim);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// A request may ask for HTTP/2 by itself; it is sent again just so.
#[test]
fn g_10_a_request_that_asked_for_http2_is_sent_again_by_http2() {
    let sim = calm();
    let a =
        sim.listen_h2(
            "a.test",
            80,
            |request: SimRequest| {
                if request.nth == 0 { SimResponse::refuse() } else { answer(request) }
            },
        );
    let client = any_client(&sim, |builder| builder.http2(crate::world::config()));
    let book = Book::new(&client);
    let asked = book.send(Method::GET, A, |builder| builder.version(Version::HTTP_2));
    let answer = sim.block_on(asked).expect("no dead-lock").expect("an answer");
    assert_eq!((answer.attempts, answer.version), (2, Version::HTTP_2));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}
