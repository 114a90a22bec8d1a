//! Connections and streams that end in the midst of something: nothing ends silently, nothing turns in circles.

use martlet::{Closed, Delivery, Ending, ErrorCode, Kind};
use martlet_sim::{Fault, Point, Sim, SimConfig, SimRequest, SimResponse};

use crate::book::{Book, attempts};
use crate::common::{calm, hold, seconds, settle, start};
use crate::world::{A, answer, client, expect_idle, limited, site};

/// A calm world in which a loop is found out.
fn strict(polls: u64) -> Sim {
    let mut config = SimConfig::calm();
    config.max_polls = polls;
    Sim::with_config(0, config)
}

#[test]
fn s327_17_with_the_connection_every_stream_ends_in_an_error() {
    for by in [Ending::Fin, Ending::Reset] {
        let sim = strict(2_000);
        let a = sim.listen_h2("a.test", 80, |request: SimRequest| match request.target.as_str() {
            "/sized" => SimResponse::ok("four").piece("never").pause(seconds(60)).piece("!").stall(),
            target if target.starts_with("/slow") => SimResponse::ok("late").after(seconds(60)),
            _ => answer(request),
        });
        let client = limited(&sim, 1);
        let book = Book::new(&client);
        sim.block_on(book.get(A)).expect("no dead-lock").expect("an answer");
        let mut unsized_ = hold(&sim, &client, "http://a.test/stall");
        let mut sized = hold(&sim, &client, "http://a.test/sized");
        let first = start(&sim, book.post("http://a.test/slow/1", "content"));
        let second = start(&sim, book.post("http://a.test/slow/2", ""));
        settle(&sim);
        match by {
            Ending::Fin => a.h2(0).fin(),
            Ending::Reset => a.h2(0).rst(),
        }
        settle(&sim);
        for told in [first, second] {
            let failed = told.result().expect("it is over").expect_err("nobody is there");
            let closed = Closed::BeforeResponse { interim: false, by };
            assert_eq!((failed.kind, failed.delivery), (Kind::Closed(closed), Delivery::Unknown));
            assert_eq!(failed.attempts, 1);
        }
        let ends = [(&mut unsized_, None, &b"x"[..]), (&mut sized, Some(10), &b"fournever"[..])];
        for (response, expected, whole) in ends {
            let mut content = Vec::new();
            let end = loop {
                match sim.block_on(response.chunk()).expect("no dead-lock") {
                    Ok(Some(piece)) => content.extend_from_slice(&piece),
                    end => break end,
                }
            };
            let e = end.expect_err("it is no whole");
            // What arrived is handed on first, unless a reset has destroyed it.
            assert!(whole.starts_with(&content), "{content:?}");
            if by == Ending::Fin {
                assert_eq!(content, whole);
            }
            let received = content.len() as u64;
            assert_eq!(e.kind(), Kind::Closed(Closed::InContent { expected, received, by }));
            assert_eq!(e.delivery(), Delivery::Answered);
            // And it stays so.
            assert!(sim.block_on(response.chunk()).expect("no dead-lock").is_err());
        }
        expect_idle(&sim, &client, 0);
        sim.advance(seconds(60)).expect("not endless");
        sim.block_on(book.get("http://a.test/next")).expect("no dead-lock").expect("an answer");
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

/// Wherever the connection breaks, the response is whole or an error.
#[test]
fn s327_17_a_connection_that_breaks_at_any_octet_never_looks_like_an_end() {
    for chunked in [true, false] {
        for fault in [Fault::Fin as fn(Point) -> Fault, Fault::Reset, Fault::HalfClose] {
            for octets in 0..120 {
                let sim = strict(2_000);
                let a = sim.listen_h2("a.test", 80, move |request: SimRequest| {
                    let response = SimResponse::ok("0123456789").piece("abcdefghij").piece("ABCDEFGHIJ");
                    if chunked { response.chunked().trailer("x", &request.target) } else { response }
                });
                a.fail_next(fault(Point::Response(octets)));
                let client = limited(&sim, 1);
                let book = Book::new(&client);
                let told = sim.block_on(book.post("http://a.test/r1", "x")).expect("no dead-lock");
                match told {
                    Ok(answer) => assert_eq!(answer.content.len(), 30, "{octets}"),
                    Err(failed) => {
                        assert!(matches!(failed.kind, Kind::Closed(_)), "{octets}: {failed:?}");
                        assert_eq!(failed.attempts, 1);
                    }
                }
                // The same connection may be lost behind the response, too.
                sim.block_on(book.get("http://a.test/r2")).expect("no dead-lock").expect("an answer");
                sim.advance(seconds(1)).expect("not endless");
                let idle = client.stats().idle;
                expect_idle(&sim, &client, idle);
                book.check(&[&a]);
            }
        }
    }
}

#[test]
fn s327_18_a_stream_that_is_reset_gives_what_came_and_then_the_error() {
    for (chunked, octets) in [(true, 4), (false, 4), (true, 0), (false, 0), (false, 9)] {
        let sim = calm();
        let a = sim.listen_h2("a.test", 80, move |request: SimRequest| match request.target.as_str() {
            "/cut" => {
                let response = SimResponse::ok("0123456789").reset_after(octets, 0x2);
                if chunked { response.chunked() } else { response }
            }
            _ => answer(request),
        });
        let client = client(&sim);
        let book = Book::new(&client);
        let mut cut = hold(&sim, &client, "http://a.test/cut");
        settle(&sim);
        let mut content = Vec::new();
        let end = loop {
            match sim.block_on(cut.chunk()).expect("no dead-lock") {
                Ok(Some(piece)) => content.extend_from_slice(&piece),
                end => break end,
            }
        };
        let e = end.expect_err("it is no whole");
        assert_eq!(content, b"0123456789"[..octets as usize]);
        assert_eq!(e.kind(), Kind::Reset(ErrorCode::INTERNAL_ERROR));
        assert_eq!((e.delivery(), e.attempts()), (Delivery::Answered, 1));
        assert!(sim.block_on(cut.chunk()).expect("no dead-lock").is_err());
        // The connection is none the worse.
        sim.block_on(book.get("http://a.test/next")).expect("no dead-lock").expect("an answer");
        assert_eq!(a.accepted(), 1);
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

/// NO_ERROR before the end of a response is no end either.
#[test]
fn s327_18_no_code_makes_half_a_response_a_whole() {
    for code in 0..=0xe {
        let sim = calm();
        let a = sim.listen_h2("a.test", 80, move |_: SimRequest| {
            SimResponse::ok("0123456789").chunked().reset_after(4, code)
        });
        let client = client(&sim);
        let book = Book::new(&client);
        let failed = sim.block_on(book.get(A)).expect("no dead-lock").expect_err("it is no whole");
        assert_eq!(failed.kind, Kind::Reset(ErrorCode(code)));
        assert_eq!((failed.delivery, failed.attempts), (Delivery::Answered, 1));
        expect_idle(&sim, &client, 1);
        book.check(&[&a]);
    }
}

#[test]
fn s327_19_a_network_that_was_down_is_no_reason_to_give_up_the_client() {
    let sim = calm();
    let a = site(&sim, "a.test");
    let client = client(&sim);
    let book = Book::new(&client);
    a.set_listening(false);
    for n in 0..3 {
        let told = sim.block_on(book.get(&format!("http://a.test/r{n}"))).expect("no dead-lock");
        let failed = told.expect_err("nobody listens");
        assert_eq!((failed.kind, failed.delivery), (Kind::Connect, Delivery::NotSent));
        expect_idle(&sim, &client, 0);
    }
    a.set_listening(true);
    let told = sim.block_on(book.get("http://a.test/up")).expect("no dead-lock");
    assert_eq!(attempts(&Some(told)), Some(1));
    expect_idle(&sim, &client, 1);
    book.check(&[&a]);
}

/// It says that it speaks HTTP/2, and speaks something else.
#[test]
fn s327_17_what_is_no_http2_is_an_error_and_no_loop() {
    for said in ["HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", "\0\0\0\0\0\0\0\0\0", "x"] {
        let sim = strict(2_000);
        let script = martlet_sim::Script::new().read(24).send(said).read_to_end();
        sim.listen_script("a.test", 80, [script]);
        let client = limited(&sim, 1);
        let told = sim.block_on(client.get(A).send()).expect("no dead-lock");
        let e = told.expect_err("it is no HTTP/2");
        assert!(matches!(e.kind(), Kind::Protocol | Kind::Timeout(_)), "{said:?}: {e:?}");
        sim.advance(seconds(10)).expect("not endless");
        expect_idle(&sim, &client, 0);
    }
}
