//! The peer's word on how many streams there may be: it changes, comes late, and is obeyed.

use std::sync::{Arc, Mutex};

use martlet_sim::h2::H2Server;
use martlet_sim::{SimRequest, SimResponse};

use crate::book::{Book, attempts};
use crate::common::{calm, millis, seconds, settle, start};
use crate::world::{client, client_with, expect_idle, expect_pool, limited, site_with};

#[test]
fn s289_07_a_limit_that_falls_to_nothing_and_rises_again_is_obeyed() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(100));
    let link = a.h2(0);
    let client = client_with(&sim, |builder| builder.second_http2_connection(false));
    let book = Book::new(&client);
    let start_all = |delay: u32, name: &str, most: usize| -> Vec<_> {
        (0..most).map(|n| start(&sim, book.get(&format!("http://a.test/{delay}/{name}{n}")))).collect()
    };
    let first = start_all(1_000, "first", 10);
    sim.advance(millis(500)).expect("not endless");
    assert_eq!(link.active_streams(), 10);
    link.settings_max_streams(2);
    settle(&sim);
    let second = start_all(1_000, "second", 4);
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 10, 0, 4]);
    sim.advance(millis(500)).expect("not endless");
    assert!(first.iter().all(|told| attempts(&told.result()) == Some(1)));
    expect_pool(&sim, &client, [1, 0, 2, 0, 2]);
    assert_eq!(link.active_streams(), 2);
    sim.advance(millis(500)).expect("not endless");
    link.settings_max_streams(0);
    sim.advance(millis(500)).expect("not endless");
    assert_eq!(second.iter().filter(|told| told.is_over()).count(), 2);
    let third = start_all(1_000, "third", 5);
    sim.advance(seconds(1)).expect("not endless");
    // None is none.
    assert_eq!(link.active_streams(), 0);
    assert_eq!(client.stats().waiting, 7);
    link.settings_max_streams(5);
    settle(&sim);
    expect_pool(&sim, &client, [1, 0, 5, 0, 2]);
    sim.advance(seconds(2)).expect("not endless");
    assert!(second.iter().chain(&third).all(|told| attempts(&told.result()) == Some(1)));
    assert_eq!((a.accepted(), link.peak_streams()), (1, 10));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// With the flag as it is by default, those who wait for nothing get another connection.
#[test]
fn s289_07_a_limit_of_none_is_a_reason_for_another_connection() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(1));
    let client = limited(&sim, 2);
    let book = Book::new(&client);
    sim.block_on(book.get("http://a.test/0/first")).expect("no dead-lock").expect("an answer");
    a.h2(0).settings_max_streams(0);
    settle(&sim);
    sim.block_on(book.get("http://a.test/0/second")).expect("no dead-lock").expect("an answer");
    assert_eq!((a.accepted(), sim.now()), (2, millis(0)));
    expect_idle(&sim, &client, 2);
    book.check(&[&a]);
}

/// A limit below what is in flight, then none, while an upload still runs: nothing of it is touched.
#[test]
fn s289_07_a_limit_of_none_lets_an_upload_end() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(100));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let feed = crate::world::Feed::default();
    let upload = start(&sim, book.post("http://a.test/0/up", martlet::Body::reader(feed.source())));
    settle(&sim);
    feed.push(b"one");
    settle(&sim);
    a.h2(0).settings_max_streams(0);
    settle(&sim);
    feed.push(b"two");
    feed.end();
    settle(&sim);
    assert_eq!(attempts(&upload.result()), Some(1));
    assert_eq!(a.log()[0].content, b"onetwo");
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_08_requests_do_not_wait_for_settings() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().max_streams(100).settings_after(millis(300)));
    let client = client(&sim);
    let book = Book::new(&client);
    let all: Vec<_> = (0..20).map(|n| start(&sim, book.get(&format!("http://a.test/0/{n}")))).collect();
    settle(&sim);
    assert_eq!(a.log().len(), 20);
    sim.advance(millis(300)).expect("not endless");
    assert!(all.iter().all(|told| attempts(&told.result()) == Some(1)));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_08_before_settings_no_more_than_a_hundred_streams_are_opened() {
    let sim = calm();
    let a = site_with(&sim, "a.test", H2Server::new().settings_after(millis(300)));
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let all: Vec<_> = (0..150).map(|n| start(&sim, book.get(&format!("http://a.test/0/{n}")))).collect();
    sim.advance(millis(299)).expect("not endless");
    assert_eq!(a.log().len(), 100);
    expect_pool(&sim, &client, [1, 0, 100, 0, 50]);
    sim.advance(millis(1)).expect("not endless");
    assert!(all.iter().all(|told| attempts(&told.result()) == Some(1)));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

#[test]
fn s289_08_streams_beyond_settings_that_come_late_are_sent_again() {
    for most in [1, 2, 100] {
        for delay in [0, 10, 1_000] {
            let sim = calm();
            let settings = H2Server::new().max_streams(1).settings_after(millis(100));
            let a = site_with(&sim, "a.test", settings);
            let client = limited(&sim, most);
            let book = Book::new(&client);
            let all: Vec<_> =
                (0..5).map(|n| start(&sim, book.get(&format!("http://a.test/{delay}/{n}")))).collect();
            sim.run().expect("no dead-lock");
            let told: Vec<_> = all.iter().map(|told| told.result().expect("it is over")).collect();
            let about = format!("{most} connections, {delay} ms: {told:?}");
            assert!(told.iter().all(Result::is_ok), "{about}");
            assert!(told.iter().flatten().any(|answer| answer.attempts > 1), "{about}");
            expect_idle(&sim, &client, 0);
            book.check(&[&a]);
        }
    }
}

/// Content goes along with what is sent again.
#[test]
fn s289_08_content_is_sent_again_as_well() {
    let sim = calm();
    let seen: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
    let inside = Arc::clone(&seen);
    let settings = H2Server::new().max_streams(1).settings_after(millis(100));
    let a = sim.listen_h2_with("a.test", 80, settings, move |request: SimRequest| {
        inside.lock().expect("sound").push((request.target.clone(), request.content.len()));
        SimResponse::ok(request.target)
    });
    let client = limited(&sim, 1);
    let book = Book::new(&client);
    let all: Vec<_> =
        (0..3).map(|n| start(&sim, book.post(&format!("http://a.test/r{n}"), vec![b'x'; 20_000]))).collect();
    sim.advance(seconds(2)).expect("not endless");
    assert!(all.iter().all(|told| told.result().is_some_and(|told| told.is_ok())));
    let mut seen = seen.lock().expect("sound").clone();
    seen.sort();
    assert_eq!(seen, ["/r0", "/r1", "/r2"].map(|target| (target.to_owned(), 20_000)));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}
