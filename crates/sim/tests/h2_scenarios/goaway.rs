//! GOAWAY: who is sent again, who goes on, and when it is enough.

use http::Method;
use martlet::{Body, Closed, Delivery, Ending, ErrorCode, Kind};
use martlet_sim::h2::H2Server;
use martlet_sim::{Listener, Service, Sim, SimRequest, SimResponse, for_each_seed};

use crate::book::{Book, Failed, attempts};
use crate::common::{calm, hold, millis, seconds, settle, start};
use crate::world::{A, Feed, answer, client, expect_idle, expect_pool, limited, site};

/// Acts on nothing that is called `lost` as long as it comes on the first connection.
fn hard_of_hearing(sim: &Sim) -> Listener {
    sim.listen_h2("a.test", 80, |request: SimRequest| {
        if request.connection == 1 && request.target.contains("lost") {
            return SimResponse::silent();
        }
        answer(request)
    })
}

#[test]
fn g_01_what_is_above_the_last_stream_is_sent_again_and_the_rest_goes_on() {
    let sim = calm();
    let a = hard_of_hearing(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    let first = start(&sim, book.get("http://a.test/2000/first"));
    settle(&sim);
    let third = start(&sim, book.get("http://a.test/2000/third"));
    settle(&sim);
    let fifth = start(&sim, book.get("http://a.test/2000/lost"));
    sim.advance(seconds(1)).expect("not endless");
    assert_eq!(a.h2(0).goaway(3, 0), 3);
    settle(&sim);
    assert_eq!((a.accepted(), a.h2(0).active_streams(), a.h2(1).active_streams()), (2, 2, 1));
    // No new streams for the old one.
    let new = start(&sim, book.get("http://a.test/0/new"));
    sim.advance(seconds(1)).expect("not endless");
    assert_eq!([&first, &third, &new].map(|told| attempts(&told.result())), [Some(1); 3]);
    expect_pool(&sim, &client, [1, 0, 1, 0, 0]);
    sim.advance(seconds(1)).expect("not endless");
    assert_eq!(attempts(&fifth.result()), Some(2));
    assert_eq!((a.h2(0).requests().len(), a.h2(1).requests().len()), (3, 2));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn g_02_none_at_all_is_a_last_stream_too() {
    let sim = calm();
    let a = hard_of_hearing(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    let first = start(&sim, book.get("http://a.test/lost"));
    settle(&sim);
    assert_eq!(a.h2(0).goaway(0, 0), 0);
    settle(&sim);
    assert_eq!(attempts(&first.result()), Some(2));
    assert_eq!(a.accepted(), 2);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn g_03_a_warning_only_drains_and_the_word_after_it_counts() {
    let sim = calm();
    let a = hard_of_hearing(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    let all = ["2000/first", "2000/third", "0/lost"].map(|path| {
        let told = start(&sim, book.get(&format!("http://a.test/{path}")));
        settle(&sim);
        told
    });
    let link = a.h2(0);
    assert_eq!(link.goaway(0x7fff_ffff, 0), 0x7fff_ffff);
    sim.advance(millis(500)).expect("not endless");
    // Nothing was sent again, and what is new goes elsewhere.
    assert_eq!((a.accepted(), link.active_streams()), (1, 3));
    sim.block_on(book.get("http://a.test/0/new")).expect("no dead-lock").expect("an answer");
    assert_eq!((a.accepted(), a.h2(1).requests().len()), (2, 1));
    assert_eq!(link.goaway(3, 0), 3);
    settle(&sim);
    assert_eq!(attempts(&all[2].result()), Some(2));
    assert!(!all[0].is_over() && !all[1].is_over());
    sim.advance(millis(1_500)).expect("not endless");
    assert_eq!([&all[0], &all[1]].map(|told| attempts(&told.result())), [Some(1); 2]);
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn g_04_a_promise_that_is_not_kept_is_made_good_only_where_that_is_harmless() {
    for by in [Ending::Fin, Ending::Reset] {
        let sim = calm();
        let a = sim.listen_h2("a.test", 80, |request: SimRequest| {
            let is_first = request.connection == 1 && request.target != "/0/proof";
            if is_first { SimResponse::ok("late").after(seconds(60)) } else { answer(request) }
        });
        let client = client(&sim);
        let book = Book::new(&client);
        sim.block_on(book.get("http://a.test/0/proof")).expect("no dead-lock").expect("an answer");
        let post = start(&sim, book.post("http://a.test/0/post", "content"));
        settle(&sim);
        let get = start(&sim, book.get("http://a.test/0/get"));
        let put = book.send(Method::PUT, "http://a.test/0/put", |builder| builder.body("x"));
        let put = start(&sim, put);
        let keyed = book.send(Method::POST, "http://a.test/0/keyed", |builder| {
            builder.header("idempotency-key", "1").body("x")
        });
        let keyed = start(&sim, keyed);
        settle(&sim);
        assert_eq!(a.h2(0).goaway(9, 0), 9);
        settle(&sim);
        match by {
            Ending::Fin => a.h2(0).fin(),
            Ending::Reset => a.h2(0).rst(),
        }
        settle(&sim);
        assert_eq!([get, put, keyed].map(|told| attempts(&told.result())), [Some(2); 3]);
        let closed = Closed::BeforeResponse { interim: false, by };
        let failed = post.result().expect("it is over").expect_err("it may have been acted on");
        let expected = Failed { kind: Kind::Closed(closed), delivery: Delivery::Unknown, attempts: 1 };
        assert_eq!(failed, expected);
        // Those that came too late for the first dial share the second.
        assert_eq!(a.accepted(), 3);
        expect_idle(&sim, &client, 2);
        book.check(&[&a]);
    }
}

#[test]
fn g_05_an_error_code_changes_nothing_about_who_is_sent_again() {
    for code in [0x1, 0x2, 0x3, 0x9, 0x7f] {
        let sim = calm();
        let a = hard_of_hearing(&sim);
        let client = client(&sim);
        let book = Book::new(&client);
        let first = start(&sim, book.get("http://a.test/2000/first"));
        settle(&sim);
        let third = start(&sim, book.post("http://a.test/0/lost", "content"));
        settle(&sim);
        assert_eq!(a.h2(0).goaway(1, code), 1);
        settle(&sim);
        assert_eq!(attempts(&third.result()), Some(2), "{code}");
        assert_eq!(a.h2(1).requests()[0].content, b"content");
        sim.advance(seconds(2)).expect("not endless");
        assert_eq!(attempts(&first.result()), Some(1), "{code}");
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

#[test]
fn g_06_servers_that_always_go_away_are_asked_four_times_and_not_at_once() {
    let mut spans = Vec::new();
    for_each_seed(0..20, |seed| {
        let mut calm = martlet_sim::SimConfig::calm();
        calm.max_polls = 2_000;
        let sim = Sim::with_config(seed, calm);
        let settings = H2Server::new().goaway_after(0, 0).fin_after_goaway(true);
        let a = sim.listen_h2_with("a.test", 80, settings, answer);
        let client = client(&sim);
        let book = Book::new(&client);
        let failed = sim.block_on(book.post(A, "content")).expect("no dead-lock").expect_err("enough");
        let expected =
            Failed { kind: Kind::Reset(ErrorCode::NO_ERROR), delivery: Delivery::Refused, attempts: 4 };
        assert_eq!(failed, expected);
        assert_eq!(a.accepted(), 4);
        // The first time at once, then half of 100 ms at least, then of 200.
        assert!(sim.now() >= millis(150) && sim.now() <= millis(300), "{:?}", sim.now());
        spans.push(sim.now());
        settle(&sim);
        expect_idle(&sim, &client, 0);
        book.check(&[&a]);
    });
    let seeds = spans.len();
    spans.sort();
    spans.dedup();
    assert!(spans.len() > seeds / 2, "by chance: {spans:?}");
}

/// However the octets fall: also where the connection is known to be gone before the request is sent on it.
#[test]
fn g_06_servers_that_always_go_away_never_make_a_tight_loop() {
    for_each_seed(0..60, |seed| {
        let mut config = martlet_sim::SimConfig::default();
        config.max_polls = 20_000;
        let sim = Sim::with_config(seed, config);
        let settings = H2Server::new().goaway_after(0, 0).fin_after_goaway(seed % 2 == 0);
        let a = sim.listen_h2_with("a.test", 80, settings, answer);
        let client = client(&sim);
        let book = Book::new(&client);
        let failed = sim.block_on(book.get(A)).expect("no dead-lock").expect_err("enough");
        assert!(matches!(failed.kind, Kind::Reset(ErrorCode::NO_ERROR)), "{failed:?}");
        assert!(a.accepted() <= 8, "{} connections", a.accepted());
        sim.advance(seconds(2)).expect("not endless");
        expect_idle(&sim, &client, 0);
        book.check(&[&a]);
    });
}

#[test]
fn g_07_a_server_that_denies_what_it_has_answered_is_not_asked_again() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, answer);
    let client = client(&sim);
    let book = Book::new(&client);
    let lied = start(&sim, book.get("http://a.test/stall"));
    settle(&sim);
    assert_eq!(a.h2(0).goaway_lying(0, 0), 0);
    settle(&sim);
    let failed = lied.result().expect("it is over").expect_err("it is no whole");
    let expected =
        Failed { kind: Kind::Reset(ErrorCode::NO_ERROR), delivery: Delivery::Answered, attempts: 1 };
    assert_eq!(failed, expected);
    assert_eq!((a.accepted(), a.log().len()), (1, 1));
    expect_idle(&sim, &client, 0);
    book.check(&[&a]);
}

/// All of a response is here, only nobody has read it: what comes behind it cannot take it away.
#[test]
fn g_07_a_response_that_is_here_is_not_lost_to_goaway() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, answer);
    let client = client(&sim);
    let held = hold(&sim, &client, "http://a.test/held");
    settle(&sim);
    a.h2(0).goaway_lying(0, 0x1);
    a.h2(0).fin();
    settle(&sim);
    let content = sim.block_on(held.bytes()).expect("no dead-lock");
    assert_eq!(content.expect("it is whole"), "/held");
    settle(&sim);
    expect_idle(&sim, &client, 0);
    assert_eq!(a.complaints(), Vec::<String>::new());
}

#[test]
fn g_08_a_connection_that_goes_away_counts_until_it_is_gone() {
    let sim = calm();
    let (a, b) = (hard_of_hearing(&sim), site(&sim, "b.test"));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let first = start(&sim, book.get("http://a.test/2000/first"));
    settle(&sim);
    let lost = start(&sim, book.post("http://a.test/0/lost", "content"));
    settle(&sim);
    a.h2(0).goaway(1, 0);
    settle(&sim);
    let same = start(&sim, book.get("http://a.test/0/same"));
    settle(&sim);
    let other = start(&sim, book.get("http://b.test/"));
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 1, 0, 3]);
    sim.advance(millis(1_999)).expect("not endless");
    assert_eq!(a.accepted(), 1);
    sim.advance(millis(1)).expect("not endless");
    assert_eq!([&first, &lost, &same, &other].map(|told| attempts(&told.result())), [1, 2, 1, 1].map(Some));
    assert_eq!((a.accepted(), sim.now()), (2, seconds(2)));
    expect_idle(&sim, &client, 1);
    book.check(&[&a, &b]);
}

#[test]
fn g_09_content_that_is_half_sent_cannot_be_sent_again() {
    let sim = calm();
    let a = hard_of_hearing(&sim);
    let client = client(&sim);
    let book = Book::new(&client);
    let feed = Feed::default();
    let lost = start(&sim, book.post("http://a.test/lost", Body::reader(feed.source())));
    feed.push(b"half of it");
    settle(&sim);
    assert_eq!(a.log()[0].content, b"half of it");
    let polls = feed.polls();
    a.h2(0).goaway(0, 0);
    feed.push(b"the rest");
    feed.end();
    settle(&sim);
    let failed = lost.result().expect("it is over").expect_err("it is gone");
    let expected =
        Failed { kind: Kind::Reset(ErrorCode::NO_ERROR), delivery: Delivery::Refused, attempts: 1 };
    assert_eq!(failed, expected);
    assert!(feed.is_dropped());
    assert!(feed.polls() <= polls + 2);
    assert_eq!(a.log().len(), 1);
    expect_idle(&sim, &client, 0);
    book.check(&[&a]);
}

/// Says nothing to what comes on the first connection, not even 100 (Continue).
struct Mute;

impl Service for Mute {
    fn respond(&mut self, request: SimRequest) -> SimResponse {
        answer(request)
    }

    fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
        (head.connection == 1).then(SimResponse::silent)
    }
}

/// Held back until 100 (Continue), it was not touched.
#[test]
fn g_09_a_stream_that_was_never_polled_is_sent_again() {
    let sim = calm();
    let a = sim.listen_h2("a.test", 80, Mute);
    let client = client(&sim);
    let book = Book::new(&client);
    let feed = Feed::default();
    feed.push(b"content");
    feed.end();
    let lost = book.send(Method::POST, "http://a.test/0/lost", |builder| {
        builder.header("expect", "100-continue").body(Body::reader(feed.source()))
    });
    let lost = start(&sim, lost);
    settle(&sim);
    assert_eq!((feed.polls(), a.log().len()), (0, 1));
    a.h2(0).goaway(0, 0);
    settle(&sim);
    assert_eq!(attempts(&lost.result()), Some(2));
    assert_eq!(a.log()[1].content, b"content");
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}
