//! HTTP/1.1 servers that leave: in the midst of an answer, behind it, or when the next request comes.

mod common;

use martlet::{Delivery, Kind, Protocols, Timeouts};
use martlet_sim::{Ending, Listener, Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use common::{calm, client, client_with, distant, fetch, get, millis, run, seconds, start};

fn serving(sim: &Sim, response: impl Fn(&SimRequest) -> SimResponse + Send + 'static) -> Listener {
    sim.listen("a.test", 80, move |request: SimRequest| response(&request))
}

#[test]
fn an_answer_is_broken_off_behind_any_number_of_octets() {
    let answer = || SimResponse::ok("hello").interim(103);
    let whole =
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".len() as u64;
    for by in [Ending::Fin, Ending::Reset, Ending::HalfClose] {
        for octets in 0..=whole + 1 {
            let sim = calm();
            let server = serving(&sim, move |_| answer().broken_off(octets, by));
            let result = run(&sim);
            assert_eq!(result.is_ok(), octets >= whole, "{octets} {by:?}: {result:?}\n{}", sim.trace());
            let delivery = if octets == 0 { Delivery::Unknown } else { Delivery::Answered };
            assert!(result.is_ok() || result.is_err_and(|(_, told)| told == delivery), "{octets} {by:?}");
            let sent: u64 = octets.min(whole);
            assert_eq!(sim.connection(1).read, sent);
            assert!(sim.connection(1).saw_end || octets >= whole);
            assert!(server.log()[0].processed);
            assert_eq!(server.complaints(), Vec::<String>::new());
        }
    }
}

#[test]
fn content_up_to_the_end_of_the_connection_arrives() {
    let sim = calm();
    serving(&sim, |_| SimResponse::ok("as long ").piece("as it is").until_close());
    assert_eq!(run(&sim), Ok(b"as long as it is".to_vec()));
    assert!(sim.connection(1).saw_end);
    assert_eq!(sim.open_connections(), 0);
}

#[test]
fn content_up_to_the_end_can_be_broken_off() {
    let sim = calm();
    let head = "HTTP/1.1 200 OK\r\n\r\n".len() as u64;
    serving(&sim, move |_| {
        SimResponse::ok("as long as it is").until_close().broken_off(head + 7, Ending::Reset)
    });
    let (kind, delivery) = run(&sim).expect_err("a reset is no end");
    assert!(matches!(kind, Kind::Closed(_)), "{kind:?}");
    assert_eq!(delivery, Delivery::Answered);
}

#[test]
fn an_idle_connection_is_left_in_time() {
    for (pause, connections) in [(seconds(1), 1), (seconds(3), 2)] {
        let sim = calm();
        let server = serving(&sim, |_| SimResponse::ok("hello").then_end_if_idle(seconds(2), Ending::Fin));
        let client = client(&sim);
        for _ in 0..2 {
            sim.block_on(fetch(&client, "http://a.test/")).expect("no dead-lock").expect("an answer");
            sim.advance(pause).expect("not endless");
        }
        assert_eq!(server.accepted(), connections);
    }
}

#[test]
fn a_connection_is_left_when_the_next_request_comes() {
    for octets in [1, 10, 10_000] {
        let sim = calm();
        let server = serving(&sim, move |request| match request.connection {
            1 => SimResponse::ok("first").then_end_at_next(octets, Ending::Reset),
            _ => SimResponse::ok("second"),
        });
        let client = client(&sim);
        sim.block_on(get(&client, "http://a.test/")).expect("no dead-lock").expect("an answer");
        let request = client.post("http://a.test/").body(vec![b'p'; 20_000]).send();
        let e = sim.block_on(request).expect("no dead-lock").expect_err("the server is gone");
        assert!(matches!(e.kind(), Kind::Closed(_)), "{e:?}");
        let log = server.log();
        assert_eq!(log.iter().filter(|request| request.processed).count(), 1);
        assert!(log[1].head_complete);
    }
}

#[test]
fn a_request_that_is_turned_down_is_not_processed() {
    let sim = calm();
    let server = serving(&sim, |_| SimResponse::new(503).unprocessed());
    let response = sim.block_on(client(&sim).get("http://a.test/").send()).expect("no dead-lock");
    assert_eq!(response.expect("an answer").status(), 503);
    assert!(!server.log()[0].processed);
}

#[test]
fn octets_that_nobody_has_asked_for_are_no_answer() {
    let sim = distant(millis(10));
    let timeout = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let server = serving(&sim, move |_| SimResponse::ok("hello").then_say(timeout));
    let client = client(&sim);
    for _ in 0..2 {
        let content = sim.block_on(get(&client, "http://a.test/")).expect("no dead-lock");
        assert_eq!(content.expect("an answer"), b"hello");
        sim.advance(millis(100)).expect("not endless");
    }
    assert_eq!(server.accepted(), 2);
    assert_eq!(server.complaints(), Vec::<String>::new());
}

#[test]
fn a_connection_whose_response_was_read_late_is_looked_at_with_care() {
    for_each_seed(0..100, |seed| {
        let mut config = SimConfig::calm();
        // What a runtime says need not be what the system knows.
        config.spurious_pending = 50;
        let sim = Sim::with_config(seed, config);
        let server = serving(&sim, |_| SimResponse::ok("hello").then_end_if_idle(millis(1), Ending::Fin));
        let client = client(&sim);
        let done = sim.block_on(async {
            let mut response = client.get("http://a.test/").send().await?;
            let first = response.chunk().await?;
            sim.sleep(millis(100)).await;
            // The server is gone since long, and what is left of the response is no news.
            assert_eq!((first.as_deref(), response.chunk().await?), (Some(&b"hello"[..]), None));
            client.post("http://a.test/").body("once").send().await.map(|_| ())
        });
        assert!(matches!(done, Ok(Ok(()))), "{done:?}\n{}", sim.trace());
        assert_eq!(server.log().len(), 2);
    });
}

/// Every connection is lost with its second request: a replay must not get one that somebody else had first.
#[test]
fn a_replay_in_a_crowd_has_a_connection_that_served_nobody() {
    for (most, count) in [(1, 20), (4, 200)] {
        let sim = distant(millis(1));
        let server = serving(&sim, |_| SimResponse::ok("hello").then_end_at_next(1, Ending::Fin));
        let client = client_with(&sim, |builder| {
            builder.max_connections(most).timeouts(Timeouts::none()).protocols(Protocols::Http1)
        });
        let asked: Vec<_> = (0..count).map(|_| start(&sim, fetch(&client, "http://a.test/"))).collect();
        sim.advance(seconds(100)).expect("not endless");
        for result in asked {
            assert_eq!(result.result(), Some(Ok(b"hello".to_vec())), "{most}");
        }
        assert!(server.accepted() > count / 2);
    }
}
