//! Connections that nobody uses: they answer PINGs, hear of their end, expire, and are not believed when they are silent.

use std::time::Duration;

use http::Method;
use martlet::{Delivery, Kind, Phase};
use martlet_sim::h2::{FrameKind, H2Link};
use martlet_sim::{Listener, Sim, SimRequest, SimResponse};

use crate::book::Book;
use crate::common::{calm, dials, distant, hold, millis, seconds, settle, start};
use crate::world::{
    A, answer, client, client_with, expect_idle, expect_pool, farewells, limited, patient, pings, rest, site,
};

#[test]
fn s289_17_an_idle_connection_answers_pings() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    sim.advance(seconds(3)).expect("not endless");
    a.h2(0).ping(*b"whatever");
    settle(&sim);
    let acks: Vec<_> = a.h2(0).frames_of(FrameKind::Ping);
    assert_eq!(acks.len(), 1);
    assert!(acks[0].is_ack());
    assert_eq!((acks[0].at, acks[0].payload.as_slice()), (seconds(3), &b"whatever"[..]));
    // It was kept, and a PING is no use that keeps it longer.
    sim.advance(millis(1_999)).expect("not endless");
    expect_idle(&sim, &client, 1);
    sim.advance(millis(1)).expect("not endless");
    expect_idle(&sim, &client, 0);
    book.check(&[&a]);
}

/// How a server ends an idle connection.
type End = (&'static str, fn(&H2Link));

const ENDS: [End; 7] = [
    ("GOAWAY and FIN", |link| {
        link.goaway(1, 0);
        link.fin();
    }),
    ("GOAWAY that names any stream, and FIN", |link| {
        link.goaway(0x7fff_ffff, 0);
        link.fin();
    }),
    ("GOAWAY alone", |link| {
        link.goaway(1, 0);
    }),
    ("GOAWAY with an error", |link| {
        link.goaway(1, 0x2);
    }),
    ("GOAWAY that asks for calm", |link| {
        link.goaway(1, 0xb);
    }),
    ("FIN", H2Link::fin),
    ("RST", H2Link::rst),
];

#[test]
fn s289_18_s327_16_a_connection_that_ended_while_idle_is_not_used() {
    for (name, end) in ENDS {
        let sim = calm();
        let a = site(&sim, "a.test");
        let client = limited(&sim, 1);
        let book = Book::new(&client);
        sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
        end(&a.h2(0));
        settle(&sim);
        // It is gone already, and nobody has asked.
        expect_idle(&sim, &client, 0);
        let answer = sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect(name);
        assert_eq!((answer.attempts, answer.is_reused), (1, false), "{name}");
        assert_eq!((a.accepted(), sim.now()), (2, millis(0)), "{name}");
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

/// The end is on its way when the request goes out: the same in the user's eyes.
#[test]
fn s289_18_an_end_that_crosses_the_request_is_survived_by_a_get() {
    for (name, end) in ENDS {
        if name.contains("calm") {
            continue;
        }
        let sim = distant(millis(50));
        let a = site(&sim, "a.test");
        let client = limited(&sim, 1);
        let book = Book::new(&client);
        sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
        end(&a.h2(0));
        let answer = sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect(name);
        assert_eq!(answer.attempts, 2, "{name}");
        sim.advance(seconds(1)).expect("not endless");
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

/// Answers `/silent` never, everything else at once.
fn taciturn(sim: &Sim) -> Listener {
    sim.listen_h2("a.test", 80, |request: SimRequest| {
        if request.target.starts_with("/silent") { SimResponse::silent() } else { answer(request) }
    })
}

#[test]
fn s289_19_a_peer_that_vanished_is_asked_and_not_believed() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    sim.lose_connections();
    let failed = sim.block_on(book.send(Method::GET, "http://a.test/r2", |builder| builder));
    let failed = failed.expect("no dead-lock").expect_err("nobody is there");
    assert_eq!((failed.kind, failed.attempts), (Kind::Timeout(Phase::ReceiveHead), 1));
    assert_eq!((failed.delivery, sim.now()), (Delivery::Unknown, seconds(5)));
    let answer = sim.block_on(book.get("http://a.test/r3")).expect("no dead-lock").expect("an answer");
    assert!(!answer.is_reused);
    assert_eq!((sim.now(), dials(&sim)), (seconds(5), 2));
    expect_pool(&sim, &client, [2, 2, 0, 0, 0]);
    // Five seconds for the answer to the PING. The other one is kept in use meanwhile.
    sim.advance(millis(4_900)).expect("not endless");
    expect_pool(&sim, &client, [2, 2, 0, 0, 0]);
    sim.block_on(book.get("http://a.test/r4")).expect("no dead-lock").expect("an answer");
    sim.advance(millis(100)).expect("not endless");
    expect_idle(&sim, &client, 1);
    assert_eq!(dials(&sim), 2);
    assert_eq!(a.complaints(), Vec::<String>::new());
}

#[test]
fn s289_19_a_peer_that_answers_the_ping_is_used_again() {
    let sim = distant(millis(100));
    let a = taciturn(&sim);
    let client = client_with(&sim, |builder| builder.keepalive_expiry(None));
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    let began = sim.now();
    let failed = sim.block_on(book.get("http://a.test/silent")).expect("no dead-lock").expect_err("silence");
    assert_eq!(failed.kind, Kind::Timeout(Phase::ReceiveHead));
    assert_eq!(sim.now(), began + seconds(5));
    // Not before there is an answer.
    let second = start(&sim, book.get("http://a.test/r2"));
    sim.advance(millis(150)).expect("not endless");
    assert_eq!(pings(&a.h2(0)), [began + millis(5_100)]);
    assert_eq!(dials(&sim), 2);
    sim.advance(seconds(1)).expect("not endless");
    assert!(second.result().expect("it is over").is_ok_and(|answer| !answer.is_reused));
    expect_pool(&sim, &client, [2, 2, 0, 0, 0]);
    // The one that was dialled first is taken first, if it is offered.
    sim.block_on(book.get("http://a.test/r3")).expect("no dead-lock").expect("an answer");
    assert_eq!((a.h2(0).requests().len(), a.h2(1).requests().len()), (3, 1));
    assert_eq!(dials(&sim), 2);
    book.check(&[&a]);
}

#[test]
fn s289_19_without_an_answer_the_connection_ends_and_its_streams_say_why() {
    let sim = calm();
    let a = taciturn(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    a.h2(0).swallow(FrameKind::Ping);
    let waiting =
        start(&sim, book.send(Method::GET, "http://a.test/silent/1", |builder| builder.timeouts(patient())));
    let read = start(&sim, book.get("http://a.test/silent/2"));
    sim.advance(seconds(5)).expect("not endless");
    assert_eq!(
        read.result().expect("it is over").expect_err("silence").kind,
        Kind::Timeout(Phase::ReceiveHead)
    );
    assert_eq!(pings(&a.h2(0)), [seconds(5)]);
    assert!(!waiting.is_over());
    sim.advance(millis(4_999)).expect("not endless");
    assert!(!waiting.is_over());
    sim.advance(millis(1)).expect("not endless");
    let failed = waiting.result().expect("it is over").expect_err("silence");
    assert_eq!((failed.kind, failed.delivery), (Kind::Timeout(Phase::KeepAlive), Delivery::Unknown));
    assert_eq!(failed.attempts, 1);
    settle(&sim);
    expect_idle(&sim, &client, 0);
    sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect("an answer");
    assert_eq!(a.accepted(), 2);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// It was not the connection: others got something on it.
#[test]
fn s289_19_a_timeout_beside_others_that_are_served_is_no_suspicion() {
    let sim = calm();
    let a = taciturn(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    let read = start(&sim, book.get("http://a.test/silent"));
    sim.advance(millis(4_600)).expect("not endless");
    sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect("an answer");
    sim.advance(millis(400)).expect("not endless");
    assert!(read.result().expect("it is over").is_err());
    assert!(pings(&a.h2(0)).is_empty());
    sim.block_on(book.get("http://a.test/r3")).expect("no dead-lock").expect("an answer");
    assert_eq!(a.accepted(), 1);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_20_an_idle_connection_is_kept_for_five_seconds() {
    for (idle, expected) in [(4_999, 1), (5_000, 2)] {
        let sim = calm();
        let a = site(&sim, "a.test");
        let client = client(&sim);
        let book = Book::new(&client);
        sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
        sim.advance(millis(idle)).expect("not endless");
        expect_idle(&sim, &client, 2 - expected);
        assert_eq!(farewells(&a.h2(0)).len(), expected - 1);
        sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect("an answer");
        assert_eq!(a.accepted(), expected);
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

/// Nobody looks in between: the request itself sees that the time is over.
#[test]
fn s289_20_an_expired_connection_is_not_used_before_the_janitor_comes() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    let sleep = sim.sleep(seconds(5));
    let later = book.get("http://a.test/r2");
    let asked = sim.block_on(async {
        sleep.await;
        later.await
    });
    assert!(!asked.expect("no dead-lock").expect("an answer").is_reused);
    settle(&sim);
    assert_eq!(a.accepted(), 2);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_20_a_machine_that_slept_trusts_no_idle_connection() {
    let cases: [(Duration, usize); 3] = [(seconds(3_600), 2), (millis(1_001), 2), (millis(1_000), 1)];
    for (slept, expected) in cases {
        let sim = calm();
        let (a, b) = (site(&sim, "a.test"), site(&sim, "b.test"));
        let client = client(&sim);
        let book = Book::new(&client);
        let held = hold(&sim, &client, "http://b.test/held");
        sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
        sim.suspend(slept);
        sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect("an answer");
        settle(&sim);
        assert_eq!(a.accepted(), expected, "{slept:?}");
        // What is in use is not touched.
        expect_pool(&sim, &client, [2, 1, 1, 0, 0]);
        assert_eq!(rest(&sim, held).expect("it is whole"), b"/held");
        expect_idle(&sim, &client, 2);
        book.check(&[&a, &b]);
    }
}

#[test]
fn s289_20_a_wall_clock_that_is_set_back_means_nothing() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = client(&sim);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/r1")).expect("no dead-lock").expect("an answer");
    sim.set_wall_clock(sim.wall_clock() - seconds(7_200));
    sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect("an answer");
    sim.advance(seconds(2)).expect("not endless");
    sim.block_on(book.get(A)).expect("no dead-lock").expect("an answer");
    assert_eq!(a.accepted(), 1);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_21_connections_in_use_do_not_count_as_kept() {
    let sim = calm();
    let hosts = ["a", "b", "c", "d", "e"].map(|host| format!("{host}.test"));
    let servers = hosts.each_ref().map(|host| site(&sim, host));
    let client = client_with(&sim, |builder| builder.max_keepalive_connections(2));
    let held = hosts.each_ref().map(|host| hold(&sim, &client, &format!("http://{host}/")));
    expect_pool(&sim, &client, [5, 0, 5, 0, 0]);
    for (n, response) in held.into_iter().enumerate() {
        rest(&sim, response).expect("it is whole");
        settle(&sim);
        let idle = (n + 1).min(2);
        expect_pool(&sim, &client, [4 - n + idle, idle, 4 - n, 0, 0]);
    }
    // The ones that were idle for longest have gone.
    let gone: Vec<usize> = servers.iter().map(|server| farewells(&server.h2(0)).len()).collect();
    assert_eq!(gone, [1, 1, 1, 0, 0]);
    assert!(servers.iter().all(|server| server.complaints().is_empty()));
}
