//! Connections while nobody uses them: how long they are kept, what is asked of them, and what time does to the next
//! request.

use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use martlet::http::HeaderMap;
use martlet::{Client, ClientBuilder, Delivery, Error, Kind, Phase, Timeouts, Transport};

use super::reuse::{OK, REQUEST, assert_idle, get, pooled, serving};
use crate::common::mock::Mock;
use crate::common::poll::{Woken, run, stall};
use crate::common::wire::{Peer, Read, Wire, Write, octets, wire};

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn defaults(builder: ClientBuilder) -> ClientBuilder {
    builder
}

/// Whether the second request goes out on the transport of the first, when this lies between them.
#[track_caller]
fn reused(
    answer: &str,
    settings: impl FnOnce(ClientBuilder) -> ClientBuilder,
    between: impl FnOnce(&Mock, &Peer),
) -> bool {
    let runtime = Mock::default();
    let (one, first) = wire([octets(answer), Read::Written(2 * REQUEST.len()), octets(OK)], []);
    let (two, second) = serving(1);
    let (client, wires) = pooled(&runtime, [one, two], settings);
    assert_eq!(get(&client).unwrap(), "ok");
    between(&runtime, &first);
    assert_eq!(get(&client).unwrap(), "ok");
    assert_idle(&client, 1);
    let (reused, kept) = if wires.targets().len() == 1 { (true, first) } else { (false, second) };
    assert_eq!(kept.written_len(), if reused { 2 } else { 1 } * REQUEST.len());
    kept.assert_kept_as_long_as(client);
    reused
}

fn after(pause: Duration, answer: &str, settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> bool {
    reused(answer, settings, |runtime, _| runtime.advance(pause))
}

#[test]
fn s289_20_an_idle_connection_is_kept_for_less_than_five_seconds() {
    assert!(after(millis(4999), OK, defaults));
    assert!(!after(seconds(5), OK, defaults));
    let short = |builder: ClientBuilder| builder.keepalive_expiry(Some(millis(20)));
    assert!(after(millis(19), OK, short));
    assert!(!after(millis(20), OK, short));
    assert!(after(seconds(100_000), OK, |builder| builder.keepalive_expiry(None)));
}

#[test]
fn with_an_expiry_of_zero_nothing_is_kept() {
    let (wire, peer) = serving(1);
    let (client, _) =
        pooled(&Mock::default(), [wire], |builder| builder.keepalive_expiry(Some(Duration::ZERO)));
    assert_eq!(get(&client).unwrap(), "ok");
    peer.assert_closed();
    assert_idle(&client, 0);
}

#[test]
fn s327_15_the_servers_word_shortens_the_time_by_a_margin_of_a_second() {
    let says = |value: &str| OK.replacen("\r\n", &format!("\r\nKeep-Alive: {value}\r\n"), 1);
    let patient = |builder: ClientBuilder| builder.keepalive_expiry(None);
    for (value, less) in
        [("timeout=3", 2), ("max=7, timeout=3", 2), ("timeout=5, max=1", 4), ("Timeout=61", 4)]
    {
        let short = seconds(less.min(4));
        assert!(after(short - millis(1), &says(value), defaults), "{value}");
        if less < 4 {
            assert!(!after(short, &says(value), defaults), "{value}");
        }
    }
    // It does not lengthen what the client keeps by itself.
    assert!(!after(seconds(5), &says("timeout=60"), defaults));
    assert!(after(seconds(58), &says("timeout=60"), patient));
    assert!(!after(seconds(59), &says("timeout=60"), patient));
    // It is for the time after the response that says so.
    assert!(after(seconds(100_000), &says("max=10"), patient));
    for none in ["timeout=1", "timeout=0"] {
        assert!(!after(Duration::ZERO, &says(none), patient), "{none}");
    }
}

#[test]
fn a_connection_that_is_too_old_is_not_used_again_however_busy_it_is() {
    let runtime = Mock::default();
    let ((one, first), (two, second)) = (serving(20), serving(1));
    let (client, wires) =
        pooled(&runtime, [one, two], |builder| builder.max_connection_age(Some(seconds(10))));
    for _ in 0..10 {
        assert_eq!(get(&client).unwrap(), "ok");
        runtime.advance(seconds(1));
    }
    assert_eq!((wires.targets().len(), first.written()), (1, REQUEST.repeat(10)));
    assert_eq!(get(&client).unwrap(), "ok");
    assert_eq!(wires.targets().len(), 2);
    first.assert_closed();
    second.assert_kept_as_long_as(client);
}

#[test]
fn s289_20_after_a_suspend_no_idle_connection_is_trusted() {
    assert!(reused(OK, defaults, |runtime, _| runtime.suspend(seconds(1))));
    assert!(!reused(OK, defaults, |runtime, _| runtime.suspend(millis(1001))));
    assert!(!reused(
        OK,
        |builder| builder.keepalive_expiry(None),
        |runtime, _| {
            runtime.advance(seconds(10));
            runtime.suspend(seconds(3600));
            runtime.advance(seconds(10));
        }
    ));
}

#[test]
fn s289_20_a_suspend_is_noticed_by_a_request_to_anybody() {
    let runtime = Mock::default();
    let ((one, first), (two, second)) = (serving(2), serving(1));
    let (client, _) = pooled(&runtime, [one, two], defaults);
    assert_eq!(get(&client).unwrap(), "ok");
    runtime.suspend(seconds(3600));
    assert_eq!(run(run(client.get("http://b/").send()).unwrap().text()).unwrap(), "ok");
    first.assert_closed();
    assert_idle(&client, 1);
    // It is noticed once.
    second.say(Read::Written(2 * REQUEST.len()));
    second.say(octets(OK));
    assert_eq!(run(run(client.get("http://b/").send()).unwrap().text()).unwrap(), "ok");
    second.assert_kept_as_long_as(client);
}

#[test]
fn the_system_is_asked_only_after_more_than_a_millisecond_of_idleness() {
    let just_more = Duration::from_micros(1_001);
    for (pause, asked) in [(Duration::ZERO, 0), (millis(1), 0), (just_more, 1), (seconds(4), 1)] {
        let mut peer = None;
        let was_reused = reused(OK, defaults, |runtime, first| {
            first.script_peek(Err(io::ErrorKind::WouldBlock));
            runtime.advance(pause);
            peer = Some(first.clone());
        });
        assert!(was_reused);
        assert_eq!(peer.unwrap().peeks(), asked, "{pause:?}");
    }
}

#[test]
fn s327_01_what_only_the_system_knows_of_is_found_after_a_millisecond() {
    for seen in [Ok(0), Ok(1), Err(io::ErrorKind::ConnectionReset)] {
        let is_reused = |pause| {
            reused(OK, defaults, |runtime, first| {
                first.script_peek(seen);
                runtime.advance(pause);
            })
        };
        assert!(is_reused(millis(1)));
        assert!(!is_reused(millis(2)), "{seen:?}");
    }
    assert!(after(millis(2), OK, defaults), "a transport that cannot tell is trusted");
}

#[test]
fn idle_connections_are_closed_in_time_though_nobody_asks_for_anything() {
    let runtime = Mock::default().keeping_tasks();
    let ((one, first), (two, second)) = (serving(1), serving(1));
    let (client, _) = pooled(&runtime, [one, two], defaults);
    assert_eq!(get(&client).unwrap(), "ok");
    // One task for all, while there is something to look after.
    assert_eq!((runtime.spawned(), runtime.run_tasks()), (1, 1));
    runtime.advance(seconds(3));
    assert_eq!(run(run(client.get("http://b/").send()).unwrap().text()).unwrap(), "ok");
    assert_eq!((runtime.spawned(), runtime.run_tasks()), (1, 1));
    runtime.advance(millis(1999));
    assert_eq!(runtime.run_tasks(), 1);
    assert_idle(&client, 2);
    runtime.advance(millis(1));
    assert_eq!(runtime.run_tasks(), 1);
    first.assert_closed();
    assert_idle(&client, 1);
    runtime.advance(seconds(3));
    assert_eq!(runtime.run_tasks(), 0);
    second.assert_closed();
    assert_idle(&client, 0);
    assert_eq!(runtime.spawned(), 1);
}

#[test]
fn nothing_is_spawned_where_connections_are_kept_for_ever() {
    let runtime = Mock::default().keeping_tasks();
    let (wire, peer) = serving(1);
    let (client, _) = pooled(&runtime, [wire], |builder| builder.keepalive_expiry(None));
    assert_eq!(get(&client).unwrap(), "ok");
    assert_eq!((runtime.spawned(), runtime.run_tasks()), (0, 0));
    peer.assert_kept_as_long_as(client);
}

#[test]
fn the_task_ends_with_the_client() {
    let runtime = Mock::default().keeping_tasks();
    let (wire, peer) = serving(1);
    let (client, _) = pooled(&runtime, [wire], defaults);
    assert_eq!(get(&client).unwrap(), "ok");
    assert_eq!(runtime.run_tasks(), 1);
    peer.assert_kept_as_long_as(client);
    assert_eq!(runtime.run_tasks(), 0);
}

#[test]
fn an_idle_connection_keeps_no_task_of_a_request_alive() {
    let runtime = Mock::default();
    let (wire, _peer) = wire([Read::Pending, octets(OK)], []);
    let (client, _) = pooled(&runtime, [wire], defaults);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    {
        let mut cx = Context::from_waker(&waker);
        let mut get = pin!(async { client.get("http://a/").send().await?.text().await });
        while get.as_mut().poll(&mut cx).is_pending() {
            assert!(woken.take());
        }
    }
    assert_idle(&client, 1);
    assert_eq!(runtime.sleeps(), 1);
    drop(waker);
    assert_eq!(Arc::strong_count(&woken), 1, "somebody would wake a request that has ended");
}

#[test]
fn requests_one_after_the_other_share_a_sleep() {
    // Each of them waits, and would have made a sleep of its own.
    let answer = |n: usize| [Read::Written((n + 1) * REQUEST.len()), Read::Pending, octets(OK)];
    for (pause, most) in [(Duration::ZERO, 1), (millis(10), 1), (millis(500), 11)] {
        let runtime = Mock::default();
        let (wire, peer) = wire((0..100).flat_map(answer).collect::<Vec<_>>(), []);
        let (client, _) = pooled(&runtime, [wire], defaults);
        for _ in 0..100 {
            assert_eq!(get(&client).unwrap(), "ok");
            runtime.advance(pause);
        }
        assert_eq!(peer.written(), REQUEST.repeat(100));
        assert!((1..=most).contains(&runtime.sleeps()), "{} at {pause:?}", runtime.sleeps());
    }
}

#[test]
fn the_task_sleeps_for_many_requests_at_once() {
    let runtime = Mock::default().keeping_tasks();
    let (wire, _peer) = serving(1000);
    let (client, _) = pooled(&runtime, [wire], defaults);
    for _ in 0..1000 {
        assert_eq!(get(&client).unwrap(), "ok");
        runtime.advance(millis(10));
        runtime.run_tasks();
    }
    // Ten seconds, and a connection that is kept for five each time.
    assert_eq!(runtime.spawned(), 1);
    assert!(runtime.sleeps() <= 4, "{}", runtime.sleeps());
}

/// A client whose only connection was idle for 4.5 s, and had its sleep set for half a second from now.
fn rested(
    then: impl IntoIterator<Item = Read>,
    settings: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Client, Mock, Peer) {
    let runtime = Mock::default();
    let reads = [Read::Pending, octets(OK)].into_iter().chain(then);
    let (wire, peer): (Wire, Peer) = wire(reads.collect::<Vec<_>>(), []);
    let (client, _) = pooled(&runtime, [wire], settings);
    assert_eq!(get(&client).unwrap(), "ok");
    assert_eq!(runtime.sleeps(), 1);
    runtime.advance(millis(4500));
    (client, runtime, peer)
}

#[track_caller]
fn assert_expired(e: &Error, phase: Phase, elapsed: Duration) {
    assert_eq!((e.kind(), e.elapsed()), (Kind::Timeout(phase), Some(elapsed)), "{e:?}");
}

#[test]
fn a_request_on_a_used_connection_has_its_own_deadline_for_the_head() {
    let (client, runtime, peer) = rested([], defaults);
    let e = runtime.block_on(client.get("http://a/").send()).unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, seconds(5));
    assert_eq!(runtime.elapsed(), millis(9500));
    peer.assert_closed();
}

#[test]
fn a_request_on_a_used_connection_has_its_own_deadline_for_the_content() {
    let (client, runtime, peer) =
        rested([Read::Seen("/again"), octets("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")], defaults);
    let mut response = runtime.block_on(client.get("http://a/again").send()).unwrap();
    runtime.advance(seconds(20));
    // Nobody asked for content meanwhile.
    assert_eq!(run(response.chunk()).unwrap().unwrap(), "ab");
    let e = runtime.block_on(response.chunk()).unwrap_err();
    assert_expired(&e, Phase::ReceiveContent, seconds(5));
    assert_eq!(runtime.elapsed(), millis(29_500));
    peer.assert_closed();
}

#[test]
fn a_request_on_a_used_connection_has_its_own_deadline_for_sending() {
    let (client, runtime, peer) = rested([], defaults);
    peer.resume_writes([Write::Take(20), Write::Stall]);
    let e = runtime.block_on(client.get("http://a/").send()).unwrap_err();
    assert_expired(&e, Phase::Send, seconds(5));
    assert_eq!(runtime.elapsed(), millis(9500));
    peer.assert_closed();
}

#[test]
fn a_request_on_a_used_connection_awaits_100_for_its_own_time() {
    let (client, runtime, peer) = rested([Read::Seen("the end"), octets(OK)], defaults);
    let request = client.post("http://a/").header("expect", "100-continue").body("the end");
    let response = runtime.block_on(request.send()).unwrap();
    assert_eq!(run(response.text()).unwrap(), "ok");
    assert_eq!(runtime.elapsed(), millis(5500));
    peer.assert_kept_as_long_as(client);
}

#[test]
fn a_request_on_a_used_connection_has_its_own_total() {
    let (client, runtime, peer) = rested([], |builder| builder.timeout(seconds(6)));
    let e = runtime.block_on(client.get("http://a/").timeouts(total(seconds(7))).send()).unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, seconds(7));
    assert_eq!(runtime.elapsed(), millis(11_500));
    peer.assert_closed();
}

#[test]
fn a_request_that_meets_a_dead_connection_has_the_whole_time_for_a_new_one() {
    let runtime = Mock::default();
    let (wire, peer) = serving(1);
    let wire = Mutex::new(Some(wire));
    let once = move |_| {
        let wire = wire.lock().unwrap().take();
        async move {
            match wire {
                Some(wire) => Ok(Box::new(wire) as Box<dyn Transport>),
                None => pending().await,
            }
        }
    };
    let client = Client::builder().runtime(runtime.clone()).connector(once);
    let client = client.default_headers(HeaderMap::new()).build().unwrap();
    assert_eq!(get(&client).unwrap(), "ok");
    runtime.advance(seconds(4));
    peer.say(Read::Fin);
    let e = runtime.block_on(client.get("http://a/").send()).unwrap_err();
    assert_expired(&e, Phase::Connect, seconds(5));
    assert_eq!((runtime.elapsed(), e.delivery()), (seconds(9), Delivery::NotSent));
    peer.assert_closed();
    assert_idle(&client, 0);
}

fn total(total: Duration) -> Timeouts {
    let mut timeouts = Timeouts::none();
    timeouts.total = Some(total);
    timeouts
}

#[test]
fn a_deadline_before_the_one_that_the_last_request_had_is_kept() {
    let (client, runtime, peer) = rested([], defaults);
    let e = runtime.block_on(client.get("http://a/").timeout(millis(100)).send()).unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, millis(100));
    assert_eq!(runtime.elapsed(), millis(4600));
    peer.assert_closed();
}

#[test]
fn a_request_without_deadlines_is_not_ended_by_those_of_the_last_one() {
    let (client, runtime, peer) = rested([Read::Seen("/again")], defaults);
    let request = client.get("http://a/again").timeouts(Timeouts::none());
    let mut send = pin!(request.send());
    assert!(stall(send.as_mut()).is_pending());
    runtime.advance(seconds(100_000));
    assert!(stall(send.as_mut()).is_pending());
    peer.say(octets(OK));
    assert!(matches!(stall(send.as_mut()), Poll::Ready(Ok(response)) if response.status() == 200));
}

#[test]
fn s289_02_a_request_waits_five_seconds_for_a_connection_and_the_other_one_goes_on() {
    let (client, runtime, peer) =
        rested([Read::Seen("/again"), octets("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")], |builder| {
            builder.max_connections(1)
        });
    let response = runtime.block_on(client.get("http://a/again").send()).unwrap();
    for url in ["http://a/", "http://b/"] {
        let begun = runtime.elapsed();
        let e = runtime.block_on(client.get(url).send()).unwrap_err();
        assert_expired(&e, Phase::Pool, seconds(5));
        assert_eq!(runtime.elapsed() - begun, seconds(5));
    }
    peer.say(octets("ok"));
    assert_eq!(run(response.text()).unwrap(), "ok");
    peer.assert_kept_as_long_as(client);
}
