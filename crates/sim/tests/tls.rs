//! Servers that speak TLS.

#![cfg(feature = "tls")]

mod common;

use http::Version;
use martlet::tls::TlsVersion;
use martlet::{Client, Closed, Delivery, Ending, Error, Kind};
use martlet_sim::{Fault, Listener, Point, Script, Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use common::{calm, dials, expect_pool, millis, seconds};

const URL: &str = "https://a.test/";
const SIZED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789";

fn client(sim: &Sim) -> Client {
    Client::builder().runtime(sim.runtime()).tls(sim.tls_config()).build().expect("the settings are sound")
}

fn echo(sim: &Sim) -> Listener {
    sim.listen("a.test", 443, |request: SimRequest| SimResponse::ok(request.content)).behind_tls()
}

fn scripted(sim: &Sim, script: Script) -> Listener {
    sim.listen_script("a.test", 443, [script]).behind_tls()
}

async fn post(client: &Client, content: Vec<u8>) -> Result<(Version, Vec<u8>), Error> {
    let response = client.post(URL).body(content).send().await?;
    let version = response.version();
    Ok((version, response.bytes().await?.to_vec()))
}

/// What came of a POST without content.
fn outcome(sim: &Sim) -> Result<Vec<u8>, (Kind, Delivery)> {
    let client = client(sim);
    let posted = sim.block_on(post(&client, Vec::new())).expect("no dead-lock");
    posted.map(|(_, content)| content).map_err(|e| (e.kind(), e.delivery()))
}

#[test]
fn a_request_goes_through_tls_on_any_network_and_is_logged_as_it_was_written() {
    for_each_seed(0..40, |seed| {
        let sim = Sim::new(seed);
        let server = echo(&sim);
        let client = client(&sim);
        for len in [10, 5_000] {
            let content = vec![b'x'; len];
            let (version, came) =
                sim.block_on(post(&client, content.clone())).expect("no dead-lock").expect("an answer");
            assert_eq!((version, came), (Version::HTTP_11, content));
        }
        let log = server.log();
        assert!(log.iter().all(|seen| seen.complete && seen.processed && seen.connection == 1));
        assert!(log[0].octets.starts_with(b"POST / HTTP/1.1\r\nhost: a.test\r\n"));
        assert_eq!(server.complaints(), Vec::<String>::new());
    });
}

#[test]
fn a_server_of_http2_is_chosen_by_alpn() {
    let sim = Sim::new(3);
    let server =
        sim.listen_h2("a.test", 443, |request: SimRequest| SimResponse::ok(request.content)).behind_tls();
    let client = client(&sim);
    let (version, came) =
        sim.block_on(post(&client, b"data".to_vec())).expect("no dead-lock").expect("an answer");
    assert_eq!((version, came), (Version::HTTP_2, b"data".to_vec()));
    assert!(server.log()[0].processed);
}

/// Keys differ from run to run, and nothing that can be seen from outside does.
#[test]
fn the_same_seed_gives_the_same_trace_under_tls() {
    let trace = |seed, is_http2| {
        let mut config = SimConfig::default();
        config.fault_percent = 40;
        let sim = Sim::with_config(seed, config);
        let service = |request: SimRequest| SimResponse::ok(request.content).chunked();
        if is_http2 {
            sim.listen_h2("a.test", 443, service).behind_tls();
        } else {
            sim.listen("a.test", 443, service).behind_tls();
        }
        let client = client(&sim);
        for len in [0, 1, 3_000] {
            // Some fail.
            let _ = sim.block_on(post(&client, vec![0; len])).expect("no dead-lock");
            sim.advance(seconds(1)).expect("not endless");
        }
        drop(client);
        sim.run().expect("it comes to its end");
        sim.trace()
    };
    for is_http2 in [false, true] {
        let mut traces: Vec<_> = (0..20).map(|seed| trace(seed, is_http2)).collect();
        for (seed, first) in traces.iter().enumerate() {
            assert_eq!(*first, trace(seed as u64, is_http2), "seed {seed}");
        }
        traces.sort();
        traces.dedup();
        assert_eq!(traces.len(), 20);
    }
}

#[test]
fn a_server_ends_with_close_notify_or_without_or_by_a_reset() {
    let said = |version, end: fn(Script) -> Script| {
        let sim = calm();
        scripted(&sim, end(Script::new().expect_head().send(&SIZED[..SIZED.len() - 5])));
        let config = sim.tls_config().max_version(version);
        let client = Client::builder().runtime(sim.runtime()).tls(config).build().expect("it is sound");
        let posted = sim.block_on(post(&client, Vec::new())).expect("no dead-lock");
        posted.map(|(_, content)| content).map_err(|e| (e.kind(), e.delivery()))
    };
    let closed = |by| {
        let closed = Closed::InContent { expected: Some(10), received: 5, by };
        Err((Kind::Closed(closed), Delivery::Answered))
    };
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        assert_eq!(said(version, Script::fin), closed(Ending::Fin));
        assert_eq!(said(version, Script::cut), closed(Ending::Reset));
        assert_eq!(said(version, Script::reset), closed(Ending::Reset));
    }
}

#[test]
fn a_client_that_closes_says_so_by_tls() {
    let sim = calm();
    echo(&sim);
    assert_eq!(outcome(&sim), Ok(Vec::new()));
    sim.run().expect("both ends leave");
    assert!(sim.trace().contains("c1 > close_notify"), "{}", sim.trace());
}

/// Octets of the wire are counted, from the first of the handshake on.
#[test]
fn a_fault_strikes_at_any_octet_of_the_wire() {
    let server_octets = {
        let sim = calm();
        echo(&sim);
        assert_eq!(outcome(&sim), Ok(Vec::new()));
        written(&sim.trace(), '<').iter().sum::<u64>()
    };
    for fault in [Fault::Fin, Fault::Reset, Fault::HalfClose, Fault::Break] {
        for at in (0..server_octets).step_by(17) {
            let sim = calm();
            let server = echo(&sim);
            server.fail_next(fault(Point::Response(at)));
            let (kind, delivery) = outcome(&sim).expect_err("it is cut");
            assert!(matches!(kind, Kind::Tls(_) | Kind::Closed(_)), "{kind:?} at {at}");
            if delivery == Delivery::NotSent {
                assert!(server.log().is_empty(), "at {at}");
            }
            assert_eq!(sim.open_connections(), 0);
        }
    }
}

#[test]
fn what_a_server_that_died_had_not_read_is_in_its_log() {
    let sim = calm();
    let server = scripted(&sim, Script::new().pause(seconds(1)).reset());
    let (kind, delivery) = outcome(&sim).expect_err("the server is gone");
    assert_eq!(kind, Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Reset }));
    assert_eq!(delivery, Delivery::Unknown);
    assert!(server.log()[0].complete);
}

#[test]
fn s327_11_keys_that_change_while_it_is_idle_do_not_cost_the_connection() {
    for wait in [millis(20), millis(1_500)] {
        let sim = calm();
        let script = Script::new().expect_head().send(SIZED).pause(millis(10)).update_keys();
        let server = scripted(&sim, script.expect_head().send(SIZED).read_to_end());
        let client = client(&sim);
        for _ in 0..2 {
            sim.block_on(post(&client, Vec::new())).expect("no dead-lock").expect("an answer");
            sim.advance(wait).expect("not endless");
            expect_pool(&sim, &client, [1, 0, 0, 0]);
        }
        assert_eq!((server.accepted(), dials(&sim)), (1, 1));
    }
}

/// The octets of each write in a direction of the first connection, under TLS as the wire has them.
fn written(trace: &str, sign: char) -> Vec<u64> {
    let arrived = format!("c1 {sign} arrived ");
    let octets = |line: &str| line.split_once(&arrived)?.1.parse().ok();
    trace.lines().filter_map(octets).collect()
}
