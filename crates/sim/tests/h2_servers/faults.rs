//! Faults by octets strike HTTP/2 connections as any other.

use martlet_sim::{Fault, Point, Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use crate::client::{calm, connect, seconds, settings, try_connect};

fn ok(request: SimRequest) -> SimResponse {
    SimResponse::ok(request.target)
}

/// Octets of a connection with one request, each way.
fn octets() -> (u64, u64) {
    let sim = calm();
    sim.listen_h2("a.test", 80, ok);
    sim.block_on(async { connect(&sim).await.fetch("/").await }).expect("no dead-lock").expect("an answer");
    let trace = sim.trace();
    let sum = |sign: &str| {
        let lines = trace.lines().filter_map(|line| line.split_once(sign));
        lines.filter_map(|(_, n)| n.trim().parse::<u64>().ok()).sum()
    };
    (sum("c1 > arrived "), sum("c1 < arrived "))
}

#[test]
fn a_connection_may_be_cut_at_every_octet_of_the_server() {
    let (_, all) = octets();
    assert!(all > 40, "{all}");
    let faults: [fn(Point) -> Fault; 3] = [Fault::Fin, Fault::Reset, Fault::HalfClose];
    for fault in faults {
        for at in 0..all {
            let sim = calm();
            let server = sim.listen_h2("a.test", 80, ok);
            server.fail_next(fault(Point::Response(at)));
            let result = sim
                .block_on(async {
                    let mut client = try_connect(&sim, &settings()).await?;
                    client.fetch("/").await.ok()
                })
                .unwrap_or_else(|e| panic!("{:?} {e}", fault(Point::Response(at))));
            // What is behind the answer is an acknowledgement or an end.
            assert!(result.is_none() || at > 30, "{at}: {result:?}");
            assert!(server.complaints().is_empty(), "{at}: {:?}", server.complaints());
        }
    }
}

#[test]
fn what_had_arrived_when_the_server_died_is_in_the_log() {
    let (all, _) = octets();
    let mut whole = 0;
    for at in 1..all {
        let sim = calm();
        let server = sim.listen_h2("a.test", 80, ok);
        server.fail_next(Fault::Reset(Point::Request(at)));
        sim.block_on(async {
            if let Some(mut client) = try_connect(&sim, &settings()).await {
                let _ = client.fetch("/").await;
            }
        })
        .expect("no dead-lock");
        assert!(server.complaints().is_empty(), "{at}: {:?}", server.complaints());
        whole += usize::from(server.log().iter().any(|seen| seen.head_complete && seen.target == "/"));
    }
    assert!(whole > 0, "the head is not the last octet");
}

#[test]
fn a_pause_holds_frames_up_and_a_stall_for_good() {
    let sim = calm();
    let server = sim.listen_h2("a.test", 80, ok);
    server.fail_next(Fault::Pause(Point::Response(20), seconds(3)));
    sim.block_on(async { connect(&sim).await.fetch("/").await }).expect("no dead-lock").expect("an answer");
    assert_eq!(sim.now(), seconds(3));
    server.fail_next(Fault::Stall(Point::Request(30)));
    let stuck = sim.block_on(async { connect(&sim).await.fetch("/").await });
    assert!(stuck.is_err(), "nothing came through");
}

#[test]
fn drawn_faults_are_no_complaint() {
    for_each_seed(0..100, |seed| {
        let mut config = SimConfig::default();
        config.fault_percent = 100;
        config.fault_at = 0..=400;
        let sim = Sim::with_config(seed, config);
        let server = sim.listen_h2("a.test", 80, ok);
        // Whoever meets a stall waits for ever.
        let _ = sim.block_on(async {
            let mut client = try_connect(&sim, &settings()).await?;
            for _ in 0..5 {
                client.fetch("/").await.ok()?;
            }
            Some(())
        });
        assert!(server.complaints().is_empty(), "seed {seed}: {:?}", server.complaints());
    });
}
