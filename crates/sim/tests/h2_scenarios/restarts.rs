//! Servers that come and go in order, and requests that are between two attempts.

use martlet::{Delivery, ErrorCode, Kind};
use martlet_sim::h2::H2Server;
use martlet_sim::{Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use crate::book::{Book, Failed};
use crate::common::{Held, calm, millis, seconds, settle, start};
use crate::world::{A, answer, client, client_with, expect_idle, expect_pool, limited};

/// A server that is replaced in order is nobody's error, whatever was under way, POST or not.
#[test]
fn g_01_a_graceful_restart_costs_nobody_his_request() {
    for_each_seed(0..40, |seed| {
        let mut config = SimConfig::default();
        config.trace = false;
        let sim = Sim::with_config(seed, config);
        let settings = H2Server::new().goaway_after(20, 0).fin_after_goaway(seed % 2 == 0);
        let a = sim.listen_h2_with("a.test", 80, settings, answer);
        let client = limited(&sim, 1 + (seed % 3) as usize);
        let book = Book::new(&client);
        let mut random = sim.rng();
        let all: Vec<_> = (0..50)
            .map(|n| {
                let (sleep, delay) = (sim.sleep(millis(random.below(1_000))), random.below(100));
                let url = format!("http://a.test/{delay}/{n}");
                let request = if n % 3 == 0 { book.get(&url) } else { book.post(&url, vec![b'x'; 100 * n]) };
                start(&sim, async move {
                    sleep.await;
                    request.await
                })
            })
            .collect();
        sim.run().expect("no dead-lock");
        let told: Vec<_> = all.iter().map(|told| told.result().expect("it is over")).collect();
        assert!(told.iter().all(Result::is_ok), "{told:?}");
        assert!(a.accepted() >= 2);
        expect_idle(&sim, &client, 0);
        book.check(&[&a]);
    });
}

/// The limit changes all the time. It is never exceeded, and nobody waits for ever.
#[test]
fn s289_07_a_limit_that_never_rests_is_obeyed_at_every_moment() {
    for_each_seed(0..40, |seed| {
        let mut config = SimConfig::default();
        config.trace = false;
        let sim = Sim::with_config(seed, config);
        let settings = H2Server::new().max_streams(3).enforce_max_streams(false);
        let a = sim.listen_h2_with("a.test", 80, settings, answer);
        let client = client_with(&sim, |builder| builder.second_http2_connection(false));
        let book = Book::new(&client);
        let mut random = sim.rng();
        let all: Vec<_> = (0..40)
            .map(|n| {
                let (sleep, delay) = (sim.sleep(millis(random.below(2_000))), random.below(50));
                let request = book.get(&format!("http://a.test/{delay}/{n}"));
                start(&sim, async move {
                    sleep.await;
                    request.await
                })
            })
            .collect();
        for _ in 0..100 {
            sim.advance(millis(random.below(40))).expect("not endless");
            a.h2(0).settings_max_streams(random.below(5) as u32);
        }
        a.h2(0).settings_max_streams(2);
        sim.run().expect("no dead-lock");
        let told: Vec<_> = all.iter().map(|told| told.result().expect("it is over")).collect();
        assert!(told.iter().all(|told| told.as_ref().is_ok_and(|answer| answer.attempts == 1)), "{told:?}");
        assert_eq!(a.accepted(), 1);
        expect_idle(&sim, &client, 0);
        book.check(&[&a]);
    });
}

/// A peer that has ended may read on: what it was not sent before must not reach it after.
#[test]
fn what_never_left_does_not_leave_behind_the_end_either() {
    for buffer in (20..400).step_by(10) {
        let mut config = SimConfig::calm();
        config.buffer = buffer..=buffer;
        let sim = Sim::with_config(0, config);
        let a = sim.listen_h2("a.test", 80, answer);
        let client = client(&sim);
        let book = Book::new(&client);
        sim.block_on(book.get("http://a.test/0/proof")).expect("no dead-lock").expect("an answer");
        a.h2(0).stop_reading();
        let all: Vec<_> =
            (0..5).map(|n| start(&sim, book.post(&format!("http://a.test/0/{n}"), vec![b'x'; 50]))).collect();
        sim.advance(millis(10)).expect("not endless");
        a.h2(0).fin();
        settle(&sim);
        a.h2(0).resume_reading();
        sim.advance(seconds(2)).expect("not endless");
        for told in &all {
            match told.result().expect("it is over") {
                Ok(answer) => assert_eq!(answer.attempts, 2),
                Err(failed) => {
                    assert!(matches!(failed.kind, Kind::Closed(_)), "{failed:?}");
                    assert_eq!((failed.delivery, failed.attempts), (Delivery::Unknown, 1));
                }
            }
        }
        // What was sent again was not there before.
        let log = a.log();
        for n in 0..5 {
            let target = format!("/0/{n}");
            let came = log.iter().filter(|seen| seen.head_complete && seen.target == target).count();
            assert_eq!(came, 1, "{target} with {buffer}");
        }
        let idle = client.stats().idle;
        expect_idle(&sim, &client, idle);
        book.check(&[&a]);
    }
}

fn refusing(sim: &Sim) -> martlet_sim::Listener {
    sim.listen_h2("a.test", 80, |_: SimRequest| SimResponse::refuse())
}

#[test]
fn g_10_between_two_attempts_a_request_holds_nothing_and_can_be_dropped() {
    let sim = calm();
    let a = refusing(&sim);
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let mut waiting = Held::new(book.get(A));
    assert!(waiting.poll(&sim).is_none());
    settle(&sim);
    // Refused, sent again at once, refused again.
    while a.log().len() < 2 {
        assert!(waiting.poll(&sim).is_none());
        settle(&sim);
    }
    assert!(waiting.poll(&sim).is_none());
    expect_pool(&sim, &client, [1, 1, 0, 0, 0]);
    waiting.cancel(&sim);
    sim.advance(seconds(1)).expect("not endless");
    assert_eq!(a.log().len(), 2);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_22_a_client_that_is_closed_ends_what_is_between_two_attempts() {
    for close in [true, false] {
        let sim = calm();
        let a = refusing(&sim);
        let client = limited(&sim, 1);
        let book = Book::new(&client);
        let waiting = start(&sim, book.get(A));
        settle(&sim);
        assert_eq!((a.log().len(), waiting.is_over()), (2, false));
        let over = if close { client.close() } else { client.drain() };
        let over = start(&sim, over);
        sim.advance(seconds(1)).expect("not endless");
        assert!(over.is_over());
        let failed = waiting.result().expect("it is over").expect_err("closed");
        assert_eq!((failed.kind, failed.delivery), (Kind::Shutdown, Delivery::Refused));
        assert_eq!(a.log().len(), 2);
        expect_idle(&sim, &client, 0);
        book.check(&[&a]);
    }
}

/// Who is refused waits, others do not: the back-off is the request's own.
#[test]
fn g_10_the_back_off_of_one_keeps_nobody_else_waiting() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, |request: SimRequest| {
        if request.target.starts_with("/refused") { SimResponse::refuse() } else { answer(request) }
    });
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let refused = start(&sim, book.get("http://a.test/refused"));
    settle(&sim);
    assert!(!refused.is_over());
    sim.block_on(book.get("http://a.test/0/other")).expect("no dead-lock").expect("an answer");
    assert_eq!(sim.now(), millis(0));
    sim.advance(seconds(1)).expect("not endless");
    let kind = Kind::Reset(ErrorCode::REFUSED_STREAM);
    let expected = Failed { kind, delivery: Delivery::Refused, attempts: 4 };
    assert_eq!(refused.result(), Some(Err(expected)));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}
