//! Every deadline, on tokio's paused clock: it moves when nothing else can.

use std::future::pending;
use std::io;
use std::time::Duration;

use futures_lite::stream;
use martlet::{Body, Client, Connect, Delivery, Error, Kind, Phase, Timeouts, Transport};
use tokio::time::{Instant, sleep, timeout};

use crate::common::wire::{Peer, Read, Wire, Wires, Write, octets, wire};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn none() -> Timeouts {
    Timeouts::none()
}

fn client(connector: impl Connect, timeouts: Timeouts) -> Client {
    Client::builder().connector(connector).timeouts(timeouts).build().unwrap()
}

fn over(wire: Wire, timeouts: Timeouts) -> Client {
    client(Wires::new([wire]), timeouts)
}

#[track_caller]
fn assert_expired(e: &Error, phase: Phase, elapsed: Duration, delivery: Delivery) {
    assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(phase), delivery), "{e:?}");
    assert!(e.is_timeout());
    assert_about(e.elapsed().unwrap(), elapsed);
    assert!(e.to_string().contains(&phase.to_string()), "{e}");
}

/// tokio's timers have a resolution of a millisecond.
#[track_caller]
fn assert_about(measured: Duration, expected: Duration) {
    assert!(measured >= expected && measured < expected + Duration::from_millis(10), "{measured:?}");
}

/// Says each of these after a pause before it.
fn say_slowly(peer: &Peer, pause: Duration, pieces: Vec<String>) {
    let peer = peer.clone();
    tokio::spawn(async move {
        for piece in pieces {
            sleep(pause).await;
            peer.say(octets(piece));
        }
    });
}

#[tokio::test(start_paused = true)]
async fn the_defaults_are_five_seconds_for_each_part() {
    let begun = Instant::now();
    let (wire, peer) = wire([], []);
    let e = over(wire, Timeouts::default()).get("http://a/").send().await.unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, seconds(5), Delivery::Unknown);
    assert_about(begun.elapsed(), seconds(5));
    peer.assert_closed();
}

#[tokio::test(start_paused = true)]
async fn connect() {
    let hangs = |_| pending::<io::Result<Box<dyn Transport>>>();
    let mut timeouts = none();
    timeouts.connect = Some(seconds(3));
    let e = client(hangs, timeouts).get("http://a/").send().await.unwrap_err();
    assert_expired(&e, Phase::Connect, seconds(3), Delivery::NotSent);
    assert!(e.is_connect());
}

#[tokio::test(start_paused = true)]
async fn a_slow_connection_within_its_time_is_fine_and_the_read_begins_anew() {
    let (wire, _peer) = wire([], []);
    let wire = std::sync::Mutex::new(Some(wire));
    let slow = move |_| {
        let wire = wire.lock().unwrap().take().unwrap();
        async move {
            sleep(seconds(4)).await;
            Ok(Box::new(wire) as Box<dyn Transport>)
        }
    };
    let begun = Instant::now();
    let e = client(slow, Timeouts::default()).get("http://a/").send().await.unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, seconds(5), Delivery::Unknown);
    assert_about(begun.elapsed(), seconds(9));
}

#[tokio::test(start_paused = true)]
async fn read_starts_anew_with_each_octet_of_the_head() {
    let mut timeouts = none();
    timeouts.read = Some(seconds(5));
    let (wire, peer) = wire([], []);
    say_slowly(&peer, seconds(4), HEAD.chars().map(String::from).collect());
    let begun = Instant::now();
    let response = over(wire, timeouts).get("http://a/").send().await.unwrap();
    assert_about(begun.elapsed(), seconds(4) * u32::try_from(HEAD.len()).unwrap());
    drop(response);
}

#[tokio::test(start_paused = true)]
async fn head_is_for_the_whole_head_however_it_trickles() {
    let mut timeouts = none();
    timeouts.head = Some(seconds(30));
    timeouts.read = Some(seconds(5));
    let (wire, peer) = wire([], []);
    say_slowly(&peer, seconds(4), HEAD.chars().map(String::from).collect());
    let e = over(wire, timeouts).get("http://a/").send().await.unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, seconds(30), Delivery::Answered);
    peer.assert_closed();
}

#[tokio::test(start_paused = true)]
async fn interim_responses_do_not_end_the_wait_for_the_head() {
    let mut timeouts = none();
    timeouts.head = Some(seconds(10));
    let (wire, peer) = wire([], []);
    say_slowly(&peer, seconds(3), vec!["HTTP/1.1 103 Early Hints\r\n\r\n".to_owned(); 9]);
    let e = over(wire, timeouts).get("http://a/").send().await.unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, seconds(10), Delivery::Answered);
}

#[tokio::test(start_paused = true)]
async fn read_is_for_each_piece_of_the_content() {
    let (wire, peer) = wire([octets(HEAD)], []);
    let mut response = over(wire, Timeouts::default()).get("http://a/").send().await.unwrap();
    say_slowly(&peer, seconds(4), vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(response.chunk().await.unwrap().unwrap(), "a");
    assert_eq!(response.chunk().await.unwrap().unwrap(), "b");
    let begun = Instant::now();
    let e = response.chunk().await.unwrap_err();
    assert_expired(&e, Phase::ReceiveContent, seconds(5), Delivery::Answered);
    assert_about(begun.elapsed(), seconds(5));
    assert_eq!(response.chunk().await.unwrap_err().kind(), e.kind());
    peer.assert_closed();
}

#[tokio::test(start_paused = true)]
async fn the_reader_has_the_same_deadline() {
    use futures_lite::AsyncReadExt;
    let (wire, peer) = wire([octets(HEAD)], []);
    let mut response = over(wire, Timeouts::default()).get("http://a/").send().await.unwrap();
    say_slowly(&peer, seconds(4), vec!["a".to_owned(), "b".to_owned()]);
    let mut all = Vec::new();
    let e = response.read_to_end(&mut all).await.unwrap_err();
    assert_eq!((e.kind(), &all[..]), (io::ErrorKind::TimedOut, &b"ab"[..]));
    let e = e.get_ref().unwrap().downcast_ref::<Error>().unwrap();
    assert_expired(e, Phase::ReceiveContent, seconds(5), Delivery::Answered);
    peer.assert_closed();
}

#[tokio::test(start_paused = true)]
async fn an_application_that_does_not_read_for_an_hour_gets_no_timeout_from_that() {
    let (wire, peer) = wire([octets(HEAD), octets("a")], []);
    let mut response = over(wire, Timeouts::default()).get("http://a/").send().await.unwrap();
    sleep(seconds(3600)).await;
    assert_eq!(response.chunk().await.unwrap().unwrap(), "a");
    sleep(seconds(3600)).await;
    // Nothing is there now, and the time begins when it is asked for.
    say_slowly(&peer, seconds(4), vec!["b".to_owned()]);
    assert_eq!(response.chunk().await.unwrap().unwrap(), "b");
    sleep(seconds(3600)).await;
    peer.say(octets("cdefghij"));
    assert_eq!(response.bytes().await.unwrap(), "cdefghij");
}

#[tokio::test(start_paused = true)]
async fn what_came_while_nobody_asked_wins_over_the_deadline() {
    let (wire, peer) = wire([octets(HEAD)], []);
    let mut response = over(wire, Timeouts::default()).get("http://a/").send().await.unwrap();
    // Asked for and given up.
    assert!(timeout(seconds(1), response.chunk()).await.is_err());
    sleep(seconds(3600)).await;
    peer.say(octets("0123456789"));
    assert_eq!(response.bytes().await.unwrap(), "0123456789");
}

#[tokio::test(start_paused = true)]
async fn asking_anew_does_not_put_the_deadline_off() {
    let (wire, _peer) = wire([octets(HEAD)], []);
    let mut response = over(wire, Timeouts::default()).get("http://a/").send().await.unwrap();
    let begun = Instant::now();
    let e = loop {
        if let Ok(result) = timeout(seconds(1), response.chunk()).await {
            break result.unwrap_err();
        }
    };
    assert_expired(&e, Phase::ReceiveContent, seconds(5), Delivery::Answered);
    assert_about(begun.elapsed(), seconds(5));
}

#[tokio::test(start_paused = true)]
async fn write_is_for_a_peer_that_does_not_read() {
    for (taken, delivery) in [(10, Delivery::NotSent), (1000, Delivery::Unknown)] {
        let (wire, peer) = wire([], [Write::Take(taken), Write::Stall]);
        let request = over(wire, Timeouts::default()).post("http://a/").body(vec![0; 100_000]);
        let e = request.send().await.unwrap_err();
        assert_expired(&e, Phase::Send, seconds(5), delivery);
        assert_eq!(peer.written_len(), taken);
        peer.assert_closed();
    }
}

#[tokio::test(start_paused = true)]
async fn write_starts_anew_with_each_octet_that_is_taken() {
    let (wire, peer) = wire([], [Write::Take(100), Write::Stall]);
    let reader = peer.clone();
    tokio::spawn(async move {
        for _ in 0..10 {
            sleep(seconds(4)).await;
            reader.resume_writes([Write::Take(1), Write::Stall]);
        }
    });
    let begun = Instant::now();
    let request = over(wire, Timeouts::default()).post("http://a/").body(vec![0; 100_000]);
    let e = request.send().await.unwrap_err();
    assert_eq!(e.kind(), Kind::Timeout(Phase::Send));
    assert_about(begun.elapsed(), seconds(45));
    assert_eq!(peer.written_len(), 110);
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_hangs_is_a_write_that_hangs() {
    let (wire, peer) = wire([], []);
    peer.script_flushes([Write::Stall]);
    let e = over(wire, Timeouts::default()).get("http://a/").send().await.unwrap_err();
    assert_eq!(e.kind(), Kind::Timeout(Phase::Send));
}

#[tokio::test(start_paused = true)]
async fn a_slow_source_of_content_is_no_timeout() {
    let (wire, _peer) = wire([Read::Seen("0\r\n\r\n"), octets("HTTP/1.1 204 No Content\r\n\r\n")], []);
    let slow = stream::unfold(0, |n| async move {
        sleep(seconds(60)).await;
        (n < 3).then_some((io::Result::Ok("piece"), n + 1))
    });
    let begun = Instant::now();
    let request = over(wire, Timeouts::default()).post("http://a/").body(Body::stream(slow));
    assert_eq!(request.send().await.unwrap().status(), 204);
    assert_about(begun.elapsed(), seconds(240));
}

#[tokio::test(start_paused = true)]
async fn an_upload_beside_the_response_that_hangs_is_given_up_and_the_response_goes_on() {
    let (wire, peer) = wire([Read::Written(100), octets(HEAD)], [Write::Take(100), Write::Stall]);
    let mut timeouts = none();
    timeouts.write = Some(seconds(5));
    let mut response = over(wire, timeouts).post("http://a/").body(vec![0; 100_000]).send().await.unwrap();
    say_slowly(&peer, seconds(20), vec!["01234".to_owned(), "56789".to_owned()]);
    assert_eq!(response.chunk().await.unwrap().unwrap(), "01234");
    peer.resume_writes([]);
    assert_eq!(response.bytes().await.unwrap(), "56789");
    assert_eq!(peer.written_len(), 100);
    peer.assert_closed();
}

fn total(n: u64) -> Timeouts {
    let mut timeouts = none();
    timeouts.total = Some(seconds(n));
    timeouts
}

#[tokio::test(start_paused = true)]
async fn total_names_what_was_going_on() {
    let hangs = |_| pending::<io::Result<Box<dyn Transport>>>();
    let e = client(hangs, total(7)).get("http://a/").send().await.unwrap_err();
    assert_expired(&e, Phase::Connect, seconds(7), Delivery::NotSent);

    let (stalled, _peer) = wire([], [Write::Stall]);
    let e = over(stalled, total(7)).get("http://a/").send().await.unwrap_err();
    assert_expired(&e, Phase::Send, seconds(7), Delivery::NotSent);

    let (silent, _peer) = wire([], []);
    let e = over(silent, total(7)).get("http://a/").send().await.unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, seconds(7), Delivery::Unknown);

    let (endless, peer) = wire([octets(HEAD)], []);
    let response = over(endless, total(7)).get("http://a/").send().await.unwrap();
    say_slowly(&peer, seconds(2), vec!["a".to_owned(); 9]);
    let e = response.bytes().await.unwrap_err();
    assert_expired(&e, Phase::ReceiveContent, seconds(7), Delivery::Answered);
}

#[tokio::test(start_paused = true)]
async fn total_ends_a_request_whose_source_never_has_anything() {
    let (wire, peer) = wire([], []);
    let body = Body::stream(stream::pending::<io::Result<&str>>());
    let e = over(wire, total(7)).post("http://a/").body(body).send().await.unwrap_err();
    assert_expired(&e, Phase::Send, seconds(7), Delivery::Unknown);
    peer.assert_closed();
}

#[tokio::test(start_paused = true)]
async fn total_ends_the_wait_for_100_and_no_content_is_sent_then() {
    let mut timeouts = total(3);
    timeouts.continue_ = Some(seconds(10));
    let (wire, peer) = wire([], []);
    let request = over(wire, timeouts).post("http://a/").header("expect", "100-continue").body("hello");
    let e = request.send().await.unwrap_err();
    assert_expired(&e, Phase::Continue, seconds(3), Delivery::Unknown);
    assert!(!peer.written().contains("hello"), "content was sent when the time was over");
    peer.assert_closed();
}

#[tokio::test(start_paused = true)]
async fn total_ends_a_response_beside_an_upload_that_hangs() {
    for stalls_in_flush in [false, true] {
        let writes = if stalls_in_flush { vec![] } else { vec![Write::Take(100), Write::Stall] };
        let (wire, peer) = wire([Read::Written(100), octets(HEAD)], writes);
        if stalls_in_flush {
            peer.script_flushes([Write::Stall]);
        }
        let request = over(wire, total(3)).post("http://a/").body(vec![0; 10_000]);
        let response = request.send().await.unwrap();
        let begun = Instant::now();
        let e = response.bytes().await.unwrap_err();
        assert!(e.is_timeout());
        assert_about(e.elapsed().unwrap(), seconds(3));
        assert_about(begun.elapsed(), seconds(3));
        assert_eq!(e.delivery(), Delivery::Answered);
        peer.assert_closed();
    }
}

#[tokio::test(start_paused = true)]
async fn total_ends_a_response_beside_an_upload_that_begins_to_hang_later() {
    // The content of the request comes after the response's head, and is never flushed.
    let late = stream::once_future(async {
        sleep(seconds(2)).await;
        io::Result::Ok("late")
    });
    let (wire, peer) = wire([Read::Seen("\r\n\r\n"), octets(HEAD)], []);
    let client = over(wire, total(3));
    let mut response = client.post("http://a/").body(Body::stream(late)).send().await.unwrap();
    peer.script_flushes([Write::Stall]);
    let e = response.chunk().await.unwrap_err();
    assert!(e.is_timeout());
    assert_about(e.elapsed().unwrap(), seconds(3));
    assert!(peer.written().contains("late"));
    peer.assert_closed();
}

#[tokio::test(start_paused = true)]
async fn total_counts_while_the_application_does_not_read() {
    let (wire, _peer) = wire([octets(HEAD)], []);
    let mut response = over(wire, total(7)).get("http://a/").send().await.unwrap();
    sleep(seconds(10)).await;
    assert!(response.chunk().await.unwrap_err().is_timeout());
}

#[tokio::test(start_paused = true)]
async fn a_request_has_timeouts_of_its_own() {
    let (wire, _peer) = wire([], []);
    let mut timeouts = none();
    timeouts.read = Some(seconds(1));
    let e = over(wire, Timeouts::default()).get("http://a/").timeouts(timeouts).send().await.unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, seconds(1), Delivery::Unknown);
}

#[tokio::test(start_paused = true)]
async fn without_timeouts_it_waits_for_days() {
    let (wire, peer) = wire([], []);
    say_slowly(&peer, seconds(1_000_000), vec![HEAD.to_owned(), "0123456789".to_owned()]);
    let response = over(wire, none()).get("http://a/").send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), "0123456789");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_too_large_for_a_clock_is_none() {
    let (wire, peer) = wire([], []);
    let mut timeouts = none();
    timeouts.read = Some(Duration::MAX);
    timeouts.total = Some(Duration::MAX);
    say_slowly(&peer, seconds(10), vec![HEAD.to_owned()]);
    assert!(over(wire, timeouts).get("http://a/").send().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_fails_at_once_unless_everything_is_there() {
    let mut timeouts = none();
    timeouts.read = Some(Duration::ZERO);
    let (silent, _peer) = wire([], []);
    let e = over(silent, timeouts.clone()).get("http://a/").send().await.unwrap_err();
    assert_eq!(e.kind(), Kind::Timeout(Phase::ReceiveHead));
    let (ready, _peer) = wire([octets(HEAD), octets("0123456789")], []);
    let response = over(ready, timeouts).get("http://a/").send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), "0123456789");
}

#[tokio::test(start_paused = true)]
async fn after_a_write_error_the_wait_for_a_response_is_bounded() {
    let (wire, peer) = wire([], [Write::Take(170), Write::Fail(io::ErrorKind::BrokenPipe)]);
    let post = over(wire, Timeouts::default()).post("http://a/").body("x".repeat(99));
    let e = post.send().await.unwrap_err();
    assert_eq!((e.kind(), e.delivery()), (Kind::Timeout(Phase::ReceiveHead), Delivery::Unknown));
    assert_eq!(crate::cause::<io::Error>(&e).unwrap().kind(), io::ErrorKind::BrokenPipe);
    peer.assert_closed();
}

#[tokio::test(start_paused = true)]
async fn a_response_that_goes_on_in_another_task_keeps_its_deadline() {
    let (wire, _peer) = wire([octets(HEAD)], []);
    let mut response = over(wire, Timeouts::default()).get("http://a/").send().await.unwrap();
    assert!(timeout(seconds(2), response.chunk()).await.is_err());
    let begun = Instant::now();
    let e = tokio::spawn(async move { response.chunk().await.unwrap_err() }).await.unwrap();
    assert_expired(&e, Phase::ReceiveContent, seconds(5), Delivery::Answered);
    assert_about(begun.elapsed(), seconds(3));
}

#[tokio::test(start_paused = true)]
async fn octets_of_framing_are_progress_too() {
    let (wire, peer) = wire([octets("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")], []);
    let mut response = over(wire, Timeouts::default()).get("http://a/").send().await.unwrap();
    say_slowly(&peer, seconds(4), "1;extension=value\r\nx".chars().map(String::from).collect());
    assert_eq!(response.chunk().await.unwrap().unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_comes_up_before_the_last_one_is_kept() {
    let (wire, _peer) = wire([], []);
    let wire = std::sync::Mutex::new(Some(wire));
    let slow = move |_| {
        let wire = wire.lock().unwrap().take().unwrap();
        async move {
            sleep(seconds(1)).await;
            Ok(Box::new(wire) as Box<dyn Transport>)
        }
    };
    let mut timeouts = Timeouts::default();
    timeouts.connect = Some(seconds(60));
    let begun = Instant::now();
    let e = client(slow, timeouts).get("http://a/").send().await.unwrap_err();
    assert_expired(&e, Phase::ReceiveHead, seconds(5), Delivery::Unknown);
    assert_about(begun.elapsed(), seconds(6));
}
