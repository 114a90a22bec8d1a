//! Every command in every state: what is refused changes nothing, puts nothing on the wire, and nothing panics.

mod common;

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, StatusCode};
use martlet_core::h1::{ClientConn, Disposition, RequestContent, ResponseContent, ServerConn};
use martlet_core::{Ending, Error, Limits, Misuse};

use common::{Machine, feed, fields, request};

/// Named machines in all states that a client can be in.
fn client_states() -> Vec<(&'static str, ClientConn)> {
    let begun_get = request(Method::GET).begun();
    let mut partly = begun_get.clone();
    partly.take(7);
    let out = request(Method::GET).out();
    let chunked = request(Method::POST).content(RequestContent::Chunked).out();
    let mut in_flight = chunked.clone();
    in_flight.send_data(Bytes::from_static(b"abc")).unwrap();
    let sized = request(Method::POST).content(RequestContent::Sized(5)).out();
    let mut last = sized.clone();
    last.send_last_data(Bytes::from_static(b"abcde")).unwrap();
    let expecting =
        request(Method::POST).with("expect", "100-continue").content(RequestContent::Sized(5)).out();
    let mut abandoned = in_flight.clone();
    abandoned.abandon_content();
    let mut write_failed = in_flight.clone();
    write_failed.handle_write_error();
    let upgrade = request(Method::POST).with("upgrade", "x").content(RequestContent::Chunked).out();
    let early = feed(&in_flight, b"HTTP/1.1 413 x\r\nContent-Length: 2\r\n\r\nno", None).conn;
    let reading = feed(&out, b"HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nn", None).conn;
    let until_close = feed(&out, b"HTTP/1.1 200 x\r\n\r\nn", None).conn;
    let done = feed(&out, b"HTTP/1.1 204 x\r\n\r\n", None).conn;
    let mut rested = done.clone();
    rested.start_next_exchange().unwrap();
    let mut idle_eof = rested.clone();
    idle_eof.handle_eof();
    let mut states = vec![
        ("new", ClientConn::new(Limits::default())),
        ("begun", begun_get),
        ("head partly out", partly),
        ("chunked, head out", chunked),
        ("piece in flight", in_flight),
        ("sized, head out", sized),
        ("last piece in flight", last),
        ("awaiting 100", expecting),
        ("abandoned", abandoned),
        ("write failed", write_failed),
        ("switch agreed", feed(&upgrade, b"HTTP/1.1 101 x\r\nUpgrade: x\r\n\r\n", None).conn),
        ("tunnel", feed(&request(Method::CONNECT).out(), b"HTTP/1.1 200 x\r\n\r\n", None).conn),
        ("early response done", early),
        ("reading content", reading),
        ("reading up to the close", until_close),
        ("done", done.clone()),
        ("surplus", {
            let mut c = done;
            let _ = c.recv(b"x");
            c
        }),
        ("rested", rested),
        ("closed at rest", idle_eof),
        ("broken by the peer", feed(&out, b"\0", None).conn),
        ("closed", feed(&out, b"", Some(Ending::Fin)).conn),
        ("reset", feed(&out, b"HTTP", Some(Ending::Reset)).conn),
    ];
    states.push(("request out", out));
    states
}

type ClientCommand = (&'static str, fn(&mut ClientConn) -> Result<(), Misuse>);

const CLIENT_COMMANDS: [ClientCommand; 12] = [
    ("send_request", |c| request(Method::GET).send(c)),
    ("send_request with content", |c| request(Method::POST).content(RequestContent::Sized(3)).send(c)),
    ("send_request of an invalid host", |c| common::Request { host: b"a b", ..request(Method::GET) }.send(c)),
    ("send_data", |c| c.send_data(Bytes::from_static(b"xy"))),
    ("send_data of nothing", |c| c.send_data(Bytes::new())),
    ("send_data of too much", |c| c.send_data(Bytes::from_static(b"0123456789"))),
    ("send_last_data", |c| c.send_last_data(Bytes::from_static(b"xy"))),
    ("send_last_data of nothing", |c| c.send_last_data(Bytes::new())),
    ("send_trailers", |c| c.send_trailers(&fields(&[("x", "y")]))),
    ("send_trailers that are forbidden", |c| c.send_trailers(&fields(&[("host", "y")]))),
    ("start_next_exchange", ClientConn::start_next_exchange),
    ("handle_passthrough", |c| c.handle_passthrough(3)),
];

fn pending(conn: &ClientConn) -> Vec<u8> {
    conn.clone().taken()
}

#[test]
fn a_refused_command_of_a_client_changes_nothing() {
    let mut refused = 0;
    for (state, conn) in client_states() {
        for (command, run) in CLIENT_COMMANDS {
            let mut after = conn.clone();
            if run(&mut after).is_err() {
                refused += 1;
                assert_eq!(pending(&after), pending(&conn), "{command} when {state}");
                assert_eq!(after.standing(), conn.standing(), "{command} when {state}");
                // Nor can anything that comes later tell the difference.
                assert_eq!(format!("{after:?}"), format!("{conn:?}"), "{command} when {state}");
            }
        }
    }
    assert!(refused > 100, "only {refused} commands were refused: the states are not what they say");
}

#[test]
fn every_command_is_taken_in_some_state_and_refused_in_another() {
    for (command, run) in CLIENT_COMMANDS {
        let taken = client_states().into_iter().filter(|(_, conn)| run(&mut conn.clone()).is_ok()).count();
        let must_fail = command.contains("invalid") || command.contains("forbidden");
        assert_eq!(taken == 0, must_fail, "{command}");
        assert!(taken < client_states().len(), "{command}");
    }
}

#[test]
fn s096_an_error_is_sticky_and_every_command_behind_it_is_refused() {
    for (state, conn) in client_states() {
        let mut conn = conn;
        let Err(error) = conn.recv(b"") else { continue };
        assert!(!matches!(error, Error::Misuse(_)));
        for (command, run) in CLIENT_COMMANDS {
            assert!(run(&mut conn).is_err(), "{command} when {state}");
            conn.handle_eof();
            conn.handle_reset();
            conn.handle_write_error();
            conn.abandon_content();
            conn.stop_awaiting_continue();
            assert_eq!(conn.recv(b"HTTP/1.1 200 OK\r\n\r\n"), Err(error.clone()));
            assert!(matches!(conn.disposition(), Disposition::Close(_)));
            assert_eq!(conn.recv_passthrough(), None);
        }
    }
}

#[test]
fn behind_an_error_nothing_is_left_to_transmit_and_what_is_known_of_the_delivery_stays() {
    for (state, conn) in client_states() {
        for happening in
            [ClientConn::handle_eof, ClientConn::handle_reset, |c: &mut ClientConn| drop(c.recv(b"\0"))]
        {
            let mut conn = conn.clone();
            happening(&mut conn);
            if conn.recv(b"").is_err() {
                let known = conn.delivery();
                assert!(conn.transmit().is_empty(), "octets are left when {state}");
                conn.transmit().advance(usize::MAX);
                assert_eq!(conn.delivery(), known, "{state}");
            }
        }
    }
}

#[test]
fn any_two_things_that_happen_after_each_other_do_not_panic_and_close_reasons_stay() {
    type Happening = fn(&mut ClientConn);
    let happenings: [Happening; 12] = [
        ClientConn::handle_eof,
        ClientConn::handle_reset,
        ClientConn::handle_write_error,
        ClientConn::abandon_content,
        ClientConn::stop_awaiting_continue,
        |c| drop(c.recv(b"")),
        |c| drop(c.recv(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")),
        |c| drop(c.recv(b"HTTP/1.1 100 x\r\n\r\n")),
        |c| drop(c.recv(b"\xff")),
        |c| c.transmit().advance(usize::MAX),
        |c| c.transmit().advance(3),
        |c| assert!(c.handle_passthrough(u64::MAX).is_ok() == (c.recv_passthrough() == Some(u64::MAX))),
    ];
    for (state, conn) in client_states() {
        for first in happenings {
            for second in happenings {
                for (command, run) in CLIENT_COMMANDS {
                    let mut conn = conn.clone();
                    first(&mut conn);
                    let reason = conn.close_reason();
                    let _ = run(&mut conn);
                    second(&mut conn);
                    if reason.is_some() {
                        assert_eq!(conn.close_reason(), reason, "{command} when {state}");
                        assert_ne!(conn.disposition(), Disposition::Reusable, "{command} when {state}");
                    }
                    let _ = (conn.waiting_on(), conn.delivery(), conn.transmit().remaining());
                }
            }
        }
    }
}

#[test]
fn more_passthrough_than_allowed_is_refused() {
    let mut conn =
        feed(&request(Method::GET).out(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", None).conn;
    assert_eq!(conn.handle_passthrough(6), Err(Misuse::PassthroughTooLong));
    conn.handle_passthrough(0).unwrap();
    conn.handle_passthrough(5).unwrap();
    assert_eq!(conn.handle_passthrough(1), Err(Misuse::PassthroughTooLong));
}

/// Named machines in all states that a server can be in.
fn server_states() -> Vec<(&'static str, ServerConn)> {
    let new = ServerConn::new(Limits::default());
    let asked = feed(&new, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None).conn;
    let uploading = feed(&new, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na", None).conn;
    let old = feed(&new, b"GET / HTTP/1.0\r\n\r\n", None).conn;
    let answering = |conn: &ServerConn, content| {
        let mut conn = conn.clone();
        conn.send_response(StatusCode::OK, None, &HeaderMap::new(), content).unwrap();
        conn
    };
    let chunked = answering(&asked, ResponseContent::Chunked);
    let mut in_flight = chunked.clone();
    in_flight.send_data(Bytes::from_static(b"abc")).unwrap();
    let mut done = answering(&asked, ResponseContent::None);
    done.taken();
    let mut reset = in_flight.clone();
    reset.handle_reset();
    vec![
        ("broken by the client", feed(&new, b"\0", None).conn),
        ("closed inside a request", feed(&new, b"GET", Some(Ending::Fin)).conn),
        ("new", new),
        ("uploading", uploading.clone()),
        ("answered early", answering(&uploading, ResponseContent::Sized(3))),
        ("asked by HTTP/1.0", old.clone()),
        ("answering HTTP/1.0", answering(&old, ResponseContent::Chunked)),
        ("asked", asked),
        ("answering in chunks", chunked),
        ("piece in flight", in_flight),
        ("done", done),
        ("reset", reset),
    ]
}

#[test]
fn a_refused_command_of_a_server_changes_nothing() {
    type Command = (&'static str, fn(&mut ServerConn) -> Result<(), Misuse>);
    let commands: [Command; 9] = [
        ("send_interim", |c| c.send_interim(StatusCode::CONTINUE, &HeaderMap::new())),
        ("send_interim of a final status", |c| c.send_interim(StatusCode::OK, &HeaderMap::new())),
        ("send_response", |c| {
            c.send_response(StatusCode::OK, None, &HeaderMap::new(), ResponseContent::Sized(3))
        }),
        ("send_response 101", |c| {
            c.send_response(StatusCode::SWITCHING_PROTOCOLS, None, &HeaderMap::new(), ResponseContent::None)
        }),
        ("send_response of a bad reason", |c| {
            c.send_response(StatusCode::OK, Some(b"\n"), &HeaderMap::new(), ResponseContent::None)
        }),
        ("send_data", |c| c.send_data(Bytes::from_static(b"xy"))),
        ("send_last_data", |c| c.send_last_data(Bytes::from_static(b"xy"))),
        ("send_trailers", |c| c.send_trailers(&fields(&[("x", "y")]))),
        ("start_next_exchange", ServerConn::start_next_exchange),
    ];
    for (state, conn) in server_states() {
        for (command, run) in commands {
            let mut after = conn.clone();
            if run(&mut after).is_err() {
                assert_eq!(after.clone().taken(), conn.clone().taken(), "{command} when {state}");
                assert_eq!(format!("{after:?}"), format!("{conn:?}"), "{command} when {state}");
            }
            after.handle_eof();
            after.handle_write_error();
            after.handle_reset();
            let _ = run(&mut after);
            let _ = (after.recv(b"x"), after.disposition(), after.waiting_on());
        }
    }
}
