//! Responses that are dropped before their end, or read where their connection does not live.

use futures_lite::AsyncReadExt;

use super::reuse::{OK, REQUEST, assert_idle, get, pooled, serving};
use crate::common::mock::Mock;
use crate::common::poll::run;
use crate::common::wire::{Peer, Read, octets, wire};

const MOST: usize = 64 * 1024;

fn head(length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")
}

/// Whether the connection stays when the response is dropped after so many octets of its content.
#[track_caller]
fn kept(reads: Vec<Read>, after: usize) -> bool {
    let (one, first) = wire(reads, []);
    let (two, second) = serving(1);
    let (client, wires) = pooled(&Mock::default(), [one, two], |builder| builder);
    let mut response = run(client.get("http://a/").send()).unwrap();
    run(response.read_exact(&mut vec![0; after])).unwrap();
    drop(response);
    let kept = client.stats().idle == 1;
    assert_idle(&client, usize::from(kept));
    if kept {
        first.assert_kept();
        // What nobody wanted is not what the next one gets.
        first.say(Read::Written(2 * REQUEST.len()));
        first.say(octets(OK));
    } else {
        first.assert_closed();
    }
    assert_eq!(get(&client).unwrap(), "ok");
    assert_eq!((wires.targets().len(), second.written_len() > 0), if kept { (1, false) } else { (2, true) });
    kept
}

/// Head and content, each in pieces as they come.
fn response(declared: usize, pieces: &[usize]) -> Vec<Read> {
    let content = pieces.iter().map(|&n| octets(vec![b'x'; n]));
    std::iter::once(octets(head(declared))).chain(content).collect()
}

#[test]
fn a_response_that_is_dropped_keeps_its_connection_if_no_more_than_64_kib_are_left_and_all_are_here() {
    assert!(kept(response(1, &[1]), 0));
    assert!(kept(response(MOST, &[MOST]), 0));
    assert!(kept(response(MOST, &[1000, 1, MOST - 1001]), 0));
    assert!(!kept(response(MOST + 1, &[MOST + 1]), 0));
    assert!(!kept(response(1 << 30, &[1 << 20]), 0));
}

#[test]
fn what_was_read_before_does_not_count() {
    assert!(kept(response(MOST + 1, &[MOST + 1]), 1));
    assert!(kept(response(300_000, &[300_000]), 300_000 - MOST));
    assert!(!kept(response(300_000, &[300_000]), 300_000 - MOST - 1));
    assert!(kept(response(5, &[5]), 5));
}

#[test]
fn a_rest_that_is_not_here_is_not_waited_for() {
    assert!(!kept(response(2, &[]), 0));
    assert!(!kept(response(2, &[1]), 0));
    assert!(!kept(response(MOST, &[1; 16]), 16));
    let mut comes_at_once = response(2, &[1]);
    comes_at_once.extend([Read::Pending, octets("x")]);
    assert!(!kept(comes_at_once, 0));
    let mut ends = response(2, &[1]);
    ends.push(Read::Fin);
    assert!(!kept(ends, 0));
}

#[test]
fn a_rest_of_unknown_length_is_not_read() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    assert!(!kept(vec![octets(chunked)], 0));
    assert!(!kept(vec![octets("HTTP/1.1 200 OK\r\n\r\nok"), Read::Fin], 0));
}

#[test]
fn octets_behind_the_rest_end_the_connection() {
    assert!(!kept(response(2, &[3]), 0));
    // Where they come in a read of their own the next request finds them.
    let (one, first) = wire(response(MOST, &[MOST, 1]), []);
    let (two, second) = serving(1);
    let (client, _) = pooled(&Mock::default(), [one, two], |builder| builder);
    drop(run(client.get("http://a/").send()).unwrap());
    assert_eq!(get(&client).unwrap(), "ok");
    first.assert_closed();
    assert_eq!((first.written(), second.written()), (REQUEST.to_owned(), REQUEST.to_owned()));
}

/// A response of home 7 that is read or dropped where the test says. Whether its connection stays.
fn elsewhere(home: Option<u64>, reads: Vec<Read>, whole: bool) -> (bool, Peer) {
    let runtime = Mock::default().keeping_tasks();
    let (one, first) = wire(reads, []);
    let (client, _) = pooled(&runtime, [one], |builder| builder);
    let response = run(client.get("http://a/").send()).unwrap();
    runtime.move_to(home);
    if whole {
        assert_eq!(run(response.text()).unwrap(), "ok");
    } else {
        drop(response);
    }
    (client.stats().idle == 1, first)
}

#[test]
fn a_response_that_is_read_elsewhere_gives_its_connection_back_to_its_own_home() {
    for home in [Some(8), None] {
        let runtime = Mock::default().keeping_tasks();
        let (one, first) = wire([Read::Pending, octets(head(2)), Read::Pending, octets("ok")], []);
        let (two, second) = serving(2);
        let (client, wires) = pooled(&runtime, [one, two], |builder| builder);
        let response = run(client.get("http://a/").send()).unwrap();
        runtime.move_to(home);
        assert_eq!(run(response.text()).unwrap(), "ok");
        assert_idle(&client, 1);
        first.assert_kept();

        runtime.move_to(Some(8));
        assert_eq!(get(&client).unwrap(), "ok");
        assert_eq!((wires.targets().len(), second.written_len()), (2, REQUEST.len()));
        assert_idle(&client, 2);

        runtime.move_to(Some(7));
        first.say(Read::Written(2 * REQUEST.len()));
        first.say(octets(OK));
        assert_eq!(get(&client).unwrap(), "ok");
        assert_eq!((wires.targets().len(), first.written_len()), (2, 2 * REQUEST.len()));
    }
}

#[test]
fn a_response_that_is_dropped_elsewhere_reads_nothing() {
    for (home, kept) in [(Some(7), true), (Some(8), false), (None, false)] {
        let (stays, peer) = elsewhere(home, vec![octets(head(2)), octets("ok")], false);
        assert_eq!(stays, kept, "{home:?}");
        // Nor does it need to, if all of it is read already.
        let whole = format!("{}ok", head(2));
        assert!(elsewhere(home, vec![octets(&whole)], false).0, "{home:?}");
        assert!(elsewhere(home, vec![octets(head(2)), octets("ok")], true).0, "{home:?}");
        peer.assert_closed();
    }
}

#[test]
fn a_connection_of_another_home_makes_room_for_one_that_can_be_used() {
    let runtime = Mock::default();
    let ((one, first), (two, second)) = (serving(1), serving(1));
    let (client, _) = pooled(&runtime, [one, two], |builder| builder.max_connections(1));
    assert_eq!(get(&client).unwrap(), "ok");
    runtime.move_to(Some(8));
    assert_eq!(get(&client).unwrap(), "ok");
    first.assert_closed();
    assert_idle(&client, 1);
    second.assert_kept_as_long_as(client);
}
