//! SETTINGS, PING and windows.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use h2::Ping;
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{Sim, SimConfig, SimRequest, SimResponse};

use crate::client::{calm, connect, connect_with, read, reset_code, seconds, settings, settle, upload};

fn ok(_: SimRequest) -> SimResponse {
    SimResponse::ok("x")
}

#[test]
fn the_client_sees_the_limit_of_streams_and_its_changes() {
    let sim = calm();
    let server = sim.listen_h2_with("a.test", 80, H2Server::new().max_streams(7), ok);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        client.fetch("/").await.expect("an answer");
        assert_eq!(client.send.current_max_send_streams(), 7);
        server.h2(0).settings_max_streams(3);
        client.fetch("/").await.expect("an answer");
        sim.sleep(seconds(1)).await;
        assert_eq!(client.send.current_max_send_streams(), 3);
        server.h2(0).settings_max_streams(0);
        server.h2(0).settings_max_streams(9);
        sim.sleep(seconds(1)).await;
        assert_eq!(client.send.current_max_send_streams(), 9);
        client.fetch("/").await.expect("the connection is sound");
    })
    .expect("no dead-lock");
    let acks = server.h2(0).frames_of(FrameKind::Settings).into_iter().filter(|frame| frame.is_ack());
    assert_eq!(acks.count(), 4);
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[test]
fn streams_above_the_limit_are_refused_before_settings_have_come() {
    let sim = calm();
    let settings_of_server = H2Server::new().max_streams(2).settings_after(seconds(1));
    let server = sim.listen_h2_with("a.test", 80, settings_of_server, ok);
    sim.block_on(async {
        let mut client = connect_with(&sim, settings().initial_max_send_streams(10)).await;
        let responses: Vec<_> = (0..4).map(|_| client.get("/")).collect();
        let mut outcomes = Vec::new();
        for response in responses {
            outcomes.push(response.await.map(|response| response.status().as_u16()));
        }
        // Nothing comes before SETTINGS.
        assert_eq!(sim.now(), seconds(1));
        assert!(outcomes[..2].iter().all(|outcome| matches!(outcome, Ok(200))), "{outcomes:?}");
        for outcome in outcomes.split_off(2) {
            assert_eq!(reset_code(outcome), 0x7);
        }
    })
    .expect("no dead-lock");
    let processed: Vec<_> = server.log().iter().map(|seen| seen.processed).collect();
    assert_eq!(processed, [true, true, false, false]);
    // It could not know better.
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}

#[test]
fn a_limit_that_is_not_told_refuses_too() {
    let sim = calm();
    let slow = |_: SimRequest| SimResponse::ok("x").after(seconds(1));
    let server = sim.listen_h2_with("a.test", 80, H2Server::new().refuse_above(1), slow);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        client.fetch("/").await.expect("an answer");
        let first = client.get("/");
        assert_eq!(reset_code(client.fetch("/").await), 0x7);
        first.await.expect("an answer");
        client.fetch("/").await.expect("there is room again");
    })
    .expect("no dead-lock");
    let processed: Vec<_> = server.log().iter().map(|seen| seen.processed).collect();
    assert_eq!(processed, [true, true, false, true]);
}

#[test]
fn orders_may_be_given_before_the_connection_begins() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, ok);
    let link = server.h2(0);
    link.settings_max_streams(5);
    link.settings(&[(0x3, 4)]);
    link.ping(*b"too soon");
    assert!(link.frames().is_empty() && link.requests().is_empty() && link.complaints().is_empty());
    sim.block_on(async {
        let mut client = connect(&sim).await;
        client.fetch("/").await.expect("an answer");
        sim.sleep(seconds(1)).await;
        assert_eq!(client.send.current_max_send_streams(), 4);
    })
    .expect("no dead-lock");
    let pings = link.frames_of(FrameKind::Ping);
    assert_eq!(pings.len(), 1);
    assert!(pings[0].is_ack() && pings[0].payload == b"too soon");
}

#[test]
fn pings_are_answered_unless_they_are_not_to_be() {
    for answers in [true, false] {
        let sim = calm();
        let server = sim.listen_h2_with("a.test", 80, H2Server::new().answer_pings(answers), ok);
        let answered = sim
            .block_on(async {
                let mut client = connect(&sim).await;
                let pong = client.pings.ping(Ping::opaque());
                let mut pong = std::pin::pin!(pong);
                let mut timer = std::pin::pin!(sim.sleep(seconds(5)));
                poll_fn(|cx| match pong.as_mut().poll(cx) {
                    Poll::Ready(pong) => Poll::Ready(pong.is_ok()),
                    Poll::Pending => timer.as_mut().poll(cx).map(|()| false),
                })
                .await
            })
            .expect("no dead-lock");
        assert_eq!(answered, answers);
        let pings = server.h2(0).frames_of(FrameKind::Ping);
        assert_eq!(pings.len(), 1);
        assert!(!pings[0].is_ack() && pings[0].at == Duration::ZERO);
    }
}

#[test]
fn an_upload_waits_for_the_windows_of_a_server_that_gives_none_back() {
    let sim = calm();
    let settings = H2Server::new().window(1_000).swallow(FrameKind::WindowUpdate);
    let server = sim.listen_h2_with("a.test", 80, settings, ok);
    let done = sim
        .block_on(async {
            let mut client = connect(&sim).await;
            client.fetch("/").await.expect("an answer");
            let (_response, mut body) = client.post("/");
            let mut upload = std::pin::pin!(upload(&mut body, vec![0; 5_000].into()));
            let mut timer = std::pin::pin!(sim.sleep(seconds(5)));
            poll_fn(|cx| match upload.as_mut().poll(cx) {
                Poll::Ready(_) => Poll::Ready(true),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| false),
            })
            .await
        })
        .expect("no dead-lock");
    assert!(!done);
    assert_eq!(server.log()[1].content.len(), 1_000);
}

#[test]
fn a_server_that_does_not_read_holds_the_client_up_on_the_wire() {
    let mut config = SimConfig::calm();
    config.buffer = 1_000..=1_000;
    let sim = Sim::with_config(0, config);
    let server = sim.listen_h2("a.test", 80, ok);
    let link = server.h2(0);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        client.fetch("/").await.expect("an answer");
        link.stop_reading();
        let (response, mut body) = client.post("/");
        upload(&mut body, vec![0; 10_000].into()).await.expect("the windows are wide");
        sim.sleep(seconds(1)).await;
        let seen = &link.requests()[1];
        assert!(seen.octets.len() <= 1_000 && !seen.complete, "{}", seen.octets.len());
        link.resume_reading();
        response.await.expect("an answer");
    })
    .expect("no dead-lock");
    assert_eq!(link.requests()[1].content.len(), 10_000);
}

#[test]
fn a_server_that_is_mute_reads_and_processes() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, ok);
    let link = server.h2(0);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        client.fetch("/").await.expect("an answer");
        link.mute();
        let _response = client.get("/");
        sim.sleep(seconds(1)).await;
    })
    .expect("no dead-lock");
    assert!(link.requests()[1].processed);
    // Nothing of it came.
    let last = sim.trace().lines().rev().find(|line| line.contains("c1 < arrived")).map(str::to_owned);
    assert!(last.is_some_and(|line| line.starts_with("0.000000000")), "{}", sim.trace());
}

#[test]
fn a_server_that_accepts_no_streams_answers_pings() {
    let sim = calm();
    let server = sim.listen_h2_with("a.test", 80, H2Server::new().accept_streams(false), ok);
    sim.block_on(async {
        let mut client = connect(&sim).await;
        let _response = client.get("/");
        client.pings.ping(Ping::opaque()).await.expect("an answer");
        sim.sleep(seconds(60)).await;
        assert!(!client.has_ended());
    })
    .expect("no dead-lock");
    settle(&sim);
    assert!(server.log()[0].complete && !server.log()[0].processed);
}

#[test]
fn many_streams_are_answered_by_a_small_limit_one_after_the_other() {
    let sim = Sim::new(11);
    let server = sim.listen_h2_with("a.test", 80, H2Server::new().max_streams(3), |request: SimRequest| {
        SimResponse::ok(request.target)
    });
    sim.block_on(async {
        let mut client = connect(&sim).await;
        client.fetch("/").await.expect("an answer");
        let mut responses = Vec::new();
        for n in 0..200 {
            client.ready().await;
            responses.push(client.get(&format!("/{n}")));
            if responses.len() == 20 {
                for response in responses.drain(..) {
                    read(response.await.expect("an answer")).await.expect("content");
                }
            }
        }
    })
    .expect("no dead-lock");
    assert_eq!(server.log().iter().filter(|seen| seen.processed).count(), 201);
    assert!(server.h2(0).peak_streams() <= 3);
    assert!(server.complaints().is_empty(), "{:?}", server.complaints());
}
