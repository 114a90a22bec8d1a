//! Which connections serve a second request, and which do not.

use std::io;

use futures_lite::stream;
use martlet::http::{HeaderMap, Method, Version};
use martlet::{Body, Client, ClientBuilder, Closed, Ending, Error, Kind};

use crate::common::mock::Mock;
use crate::common::poll::run;
use crate::common::wire::{Peer, Read, Wire, Wires, Write, answering, octets, wire};

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
pub(super) const REQUEST: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// A client that sends no fields of its own, and hands these transports out in order.
pub(super) fn pooled(
    runtime: &Mock,
    wires: impl IntoIterator<Item = Wire>,
    settings: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Client, Wires) {
    let wires = Wires::new(wires);
    let builder = Client::builder().runtime(runtime.clone()).connector(wires.clone());
    (settings(builder.default_headers(HeaderMap::new())).build().unwrap(), wires)
}

/// A transport that answers so many requests, each once it was written.
pub(super) fn serving(count: usize) -> (Wire, Peer) {
    let answer = |n: usize| [Read::Written((n + 1) * REQUEST.len()), octets(OK)];
    wire((0..count).flat_map(answer).collect::<Vec<_>>(), [])
}

pub(super) fn get(client: &Client) -> Result<String, Error> {
    run(async { client.get("http://a/").send().await?.text().await })
}

/// What is left is idle.
#[track_caller]
pub(super) fn assert_idle(client: &Client, idle: usize) {
    let stats = client.stats();
    let seen = (stats.connections, stats.idle, stats.leased, stats.dialing, stats.waiting);
    assert_eq!(seen, (idle, idle, 0, 0, 0), "{client:?}");
}

/// The next request goes out on a second transport and is answered, and nothing of it on the first.
#[track_caller]
fn assert_not_reused(client: Client, first: &Peer, second: &Peer) {
    let before = first.written();
    assert_eq!(get(&client).unwrap(), "ok");
    first.assert_closed();
    assert_eq!((first.written(), second.written()), (before, REQUEST.to_owned()));
    assert_idle(&client, 1);
    second.assert_kept_as_long_as(client);
}

#[test]
fn requests_go_out_on_the_same_transport_one_after_the_other() {
    let runtime = Mock::default();
    let (wire, peer) = serving(3);
    let (client, wires) = pooled(&runtime, [wire], |builder| builder);
    for count in 1..=3 {
        assert_eq!(get(&client).unwrap(), "ok");
        // Octet for octet, and with no `Connection` field.
        assert_eq!(peer.written(), REQUEST.repeat(count));
        assert_idle(&client, 1);
    }
    assert_eq!(wires.targets().len(), 1);
    peer.assert_kept_as_long_as(client);
}

#[test]
fn connections_are_kept_for_their_origin_only() {
    let runtime = Mock::default();
    let ((one, first), (two, second)) = (serving(2), serving(1));
    let (client, wires) = pooled(&runtime, [one, two], |builder| builder);
    for url in ["http://a/", "http://a:81/", "http://A:80/"] {
        assert_eq!(run(run(client.get(url).send()).unwrap().text()).unwrap(), "ok");
    }
    assert_eq!(wires.targets().len(), 2);
    assert_eq!((first.written_len(), second.written()), (2 * REQUEST.len(), REQUEST.replace('a', "a:81")));
    assert_idle(&client, 2);
}

#[test]
fn s327_14_octets_behind_a_response_end_its_connection() {
    for surplus in ["x", "\r\n", OK, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse"] {
        let ((one, first), (two, second)) = (answering(format!("{OK}{surplus}")), serving(1));
        let (client, _) = pooled(&Mock::default(), [one, two], |builder| builder);
        assert_eq!(get(&client).unwrap(), "ok");
        first.assert_closed();
        assert_idle(&client, 0);
        assert_not_reused(client, &first, &second);
    }
}

#[test]
fn s327_01_to_13_what_comes_while_it_is_idle_is_met_by_the_next_request_without_harm() {
    let timed_out = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let forged = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse";
    for comes in [
        vec![Read::Fin],
        vec![Read::Fail(io::ErrorKind::ConnectionReset)],
        vec![Read::Fail(io::ErrorKind::TimedOut)],
        vec![octets("x")],
        vec![octets("\r\n")],
        vec![octets(forged)],
        vec![octets(timed_out), Read::Fin],
    ] {
        let ((one, first), (two, second)) = (serving(1), serving(1));
        let (client, wires) = pooled(&Mock::default(), [one, two], |builder| builder);
        assert_eq!(get(&client).unwrap(), "ok");
        first.assert_kept();
        comes.into_iter().for_each(|read| first.say(read));
        assert_not_reused(client, &first, &second);
        assert_eq!(wires.targets().len(), 2);
    }
}

#[test]
fn s327_09_all_that_died_while_they_were_idle_are_passed_over_and_one_is_dialled() {
    let (wires, peers): (Vec<_>, Vec<_>) = (0..4).map(|_| wire([octets(&OK[..OK.len() - 2])], [])).unzip();
    let (client, wires) = pooled(&Mock::default(), wires, |builder| builder);
    let responses: Vec<_> = (0..3).map(|_| run(client.get("http://a/").send()).unwrap()).collect();
    for (response, peer) in responses.into_iter().zip(&peers) {
        peer.say(octets("ok"));
        assert_eq!(run(response.text()).unwrap(), "ok");
    }
    assert_idle(&client, 3);
    peers[..3].iter().for_each(|peer| peer.say(Read::Fin));
    peers[3].say(octets("ok"));
    assert_eq!(get(&client).unwrap(), "ok");
    for peer in &peers[..3] {
        peer.assert_closed();
        assert_eq!(peer.written(), REQUEST);
    }
    assert_eq!(wires.targets().len(), 4);
    assert_idle(&client, 1);
}

#[test]
fn only_a_message_that_says_where_it_ends_and_nothing_of_closing_keeps_its_connection() {
    let request = |client: &Client| client.get("http://a/");
    let closing = |client: &Client| request(client).header("connection", "x, Close");
    let old = |client: &Client| request(client).version(Version::HTTP_10);
    let ok = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nok");
    let sized = "Content-Length: 2";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    type Begin<'a> = &'a dyn Fn(&Client) -> martlet::RequestBuilder;
    let cases: [(Begin<'_>, String, bool); 11] = [
        (&request, ok(sized), true),
        (&request, chunked.to_owned(), true),
        (&request, chunked.replace("\r\n\r\n2", "\r\nContent-Length: 2\r\n\r\n2"), false),
        (&request, ok("Connection: close\r\nContent-Length: 2"), false),
        (&request, ok("Connection: keep-alive, close\r\nContent-Length: 2"), false),
        (&closing, ok(sized), false),
        (&closing, ok("Connection: keep-alive\r\nContent-Length: 2"), false),
        (&request, ok(sized).replace("1.1", "1.0"), false),
        (&request, ok("Connection: Keep-Alive\r\nContent-Length: 2").replace("1.1", "1.0"), true),
        (&old, ok(sized), false),
        // Up to the end of the stream.
        (&request, "HTTP/1.1 200 OK\r\n\r\nok".to_owned(), false),
    ];
    for (begin, response, kept) in cases {
        let (wire, peer) = answering(&response);
        let (client, _) = pooled(&Mock::default(), [wire], |builder| builder);
        let response = run(begin(&client).send()).unwrap();
        let has = |name: &str| response.fields().get(name).is_some();
        if !has("content-length") && !has("transfer-encoding") {
            peer.say(Read::Fin);
        }
        assert_eq!(run(response.text()).unwrap(), "ok");
        assert_idle(&client, usize::from(kept));
        if kept {
            peer.assert_kept_as_long_as(client);
        } else {
            peer.assert_closed();
        }
    }
}

#[test]
fn a_response_without_content_gives_its_connection_back_with_its_head() {
    for (method, response) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
        (Method::HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (Method::HEAD, "HTTP/1.1 200 OK\r\n\r\n"),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n"),
        (Method::GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
        (Method::GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        (Method::POST, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let (wire, peer) = wire([octets(response), Read::Seen("/again"), octets(OK)], []);
        let (client, wires) = pooled(&Mock::default(), [wire], |builder| builder);
        let first = run(client.request(method, "http://a/").send()).unwrap();
        peer.assert_kept();
        assert_idle(&client, 1);
        // The next one uses it while the first response is still held.
        let second = run(client.get("http://a/again").send()).unwrap();
        assert_eq!(run(second.text()).unwrap(), "ok");
        assert_eq!(wires.targets().len(), 1);
        assert_eq!(run(first.text()).unwrap(), "");
        peer.assert_kept_as_long_as(client);
    }
}

#[test]
fn a_refusal_keeps_its_connection_only_if_the_request_is_out() {
    let refusal = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig";
    let whole: fn() -> Body = || "content".into();
    let endless: fn() -> Body = || Body::stream(stream::repeat_with(|| io::Result::Ok("x")));
    let silent: fn() -> Body = || Body::stream(stream::pending::<io::Result<&str>>());
    let cases = [
        (whole, vec![], true),
        (whole, vec![Write::Take(50), Write::Stall], false),
        (silent, vec![], false),
        (endless, vec![Write::Take(200), Write::Stall], false),
    ];
    for ((body, writes, kept), reads) in
        cases.into_iter().flat_map(|case| [(case.clone(), true), (case, false)])
    {
        let (wire, peer) = wire([Read::Written(50), octets(refusal)], writes);
        let (client, _) = pooled(&Mock::default(), [wire], |builder| builder);
        let response = run(client.post("http://a/").body(body()).send()).unwrap();
        if reads {
            assert_eq!(run(response.text()).unwrap(), "big");
        } else {
            drop(response);
        }
        assert_idle(&client, usize::from(kept));
        if kept {
            peer.assert_kept_as_long_as(client);
        } else {
            peer.assert_closed();
        }
    }
}

#[test]
fn a_connection_that_has_switched_protocols_serves_no_request() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    for reads in [true, false] {
        let ((one, first), (two, second)) = (answering(switching), serving(1));
        let (client, _) = pooled(&Mock::default(), [one, two], |builder| builder);
        let request = client.get("http://a/").header("connection", "upgrade").header("upgrade", "x");
        let response = run(request.send()).unwrap();
        assert_eq!(response.status(), 101);
        if reads {
            assert_eq!(run(response.text()).unwrap(), "");
        } else {
            drop(response);
        }
        first.assert_closed();
        assert_idle(&client, 0);
        assert_not_reused(client, &first, &second);
    }
}

#[test]
fn a_transport_that_takes_no_more_is_not_used_again_though_its_response_is_whole() {
    let broken = Write::Fail(io::ErrorKind::BrokenPipe);
    for (writes, flushes) in [(vec![Write::Take(30), broken.clone()], vec![]), (vec![], vec![broken])] {
        let (one, first) = wire([Read::Written(30), octets(OK)], writes);
        let (two, second) = serving(1);
        first.script_flushes(flushes);
        let (client, _) = pooled(&Mock::default(), [one, two], |builder| builder);
        let response = run(client.post("http://a/").body("content").send()).unwrap();
        assert_eq!(run(response.text()).unwrap(), "ok");
        first.assert_closed();
        assert_idle(&client, 0);
        assert_not_reused(client, &first, &second);
    }
}

#[test]
fn a_transport_that_still_holds_octets_back_is_not_used_again() {
    let ((one, first), (two, second)) = (answering(OK), serving(1));
    first.script_flushes([Write::Stall]);
    let (client, _) = pooled(&Mock::default(), [one, two], |builder| builder);
    assert_eq!(get(&client).unwrap(), "ok");
    first.assert_closed();
    assert_idle(&client, 0);
    assert_not_reused(client, &first, &second);
}

#[test]
fn s327_10_a_connection_that_dies_under_a_request_spoils_nothing_for_the_next() {
    for (dies, by) in [(Read::Fin, Ending::Fin), (Read::Fail(io::ErrorKind::ConnectionReset), Ending::Reset)]
    {
        let (one, first) = wire([octets(OK), Read::Seen("again"), dies], []);
        let (two, second) = serving(1);
        let (client, wires) = pooled(&Mock::default(), [one, two], |builder| builder);
        assert_eq!(get(&client).unwrap(), "ok");
        // It was alive when it was looked at; a POST that may have arrived is not sent again.
        let e = run(client.post("http://a/").body("again").send()).unwrap_err();
        assert_eq!(e.kind(), Kind::Closed(Closed::BeforeResponse { interim: false, by }));
        assert!(e.connection().is_some_and(|connection| connection.is_reused()));
        assert_eq!(wires.targets().len(), 1);
        assert_idle(&client, 0);
        assert_not_reused(client, &first, &second);
    }
}

#[test]
fn s289_24_a_connection_that_has_served_enough_is_closed_and_the_next_request_dials() {
    let (wires, peers): (Vec<_>, Vec<_>) = (0..3).map(|_| serving(3)).unzip();
    let (client, wires) =
        pooled(&Mock::default(), wires, |builder| builder.max_requests_per_connection(Some(2)));
    for count in 1..=6_usize {
        assert_eq!(get(&client).unwrap(), "ok");
        assert_eq!(wires.targets().len(), count.div_ceil(2));
        assert_idle(&client, count % 2);
    }
    for peer in peers {
        peer.assert_closed();
        assert_eq!(peer.written(), REQUEST.repeat(2));
    }
}
