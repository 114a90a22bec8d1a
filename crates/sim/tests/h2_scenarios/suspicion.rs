//! What makes a connection suspect and what does not, and other things that are easily taken for something else.

use http::{HeaderMap, Method};
use martlet::{Body, Kind};
use martlet_sim::h2::H2Server;
use martlet_sim::{Sim, SimConfig};

use crate::common::{Held, calm, dials, distant, fetch_now, millis, seconds, settle};
use crate::world::{Feed, client, client_with, site, site_with};

#[test]
fn s289_19_a_connection_is_left_also_if_its_requests_are_given_up_from_outside() {
    let sim = calm();
    site(&sim, "a.test");
    let client = client(&sim);
    fetch_now(&sim, &client, "http://a.test/r1");
    sim.lose_connections();
    let mut given_up = 0;
    while dials(&sim) == 1 {
        let mut held = Held::new(client.get("http://a.test/r2").send());
        assert!(held.poll(&sim).is_none());
        sim.advance(seconds(1)).expect("not endless");
        held.cancel(&sim);
        given_up += 1;
        assert!(given_up < 3, "{}", sim.trace());
        let asked = Held::new(client.get("http://a.test/r3").send());
        drop(asked);
        settle(&sim);
        // The next one finds it suspect, and another one instead.
        let mut next = Held::new(client.get("http://a.test/r4").send());
        if next.poll(&sim).is_none() {
            settle(&sim);
        }
        next.cancel(&sim);
    }
    fetch_now(&sim, &client, "http://a.test/r5");
}

#[test]
fn timeouts_below_the_time_that_it_takes_there_and_back_are_no_suspicion() {
    let sim = distant(millis(20));
    let server = site(&sim, "a.test");
    let client = client(&sim);
    fetch_now(&sim, &client, "http://a.test/r1");
    for _ in 0..5 {
        let e = sim.block_on(client.get("http://a.test/r2").timeout(millis(10)).send());
        assert!(e.expect("no dead-lock").is_err());
        fetch_now(&sim, &client, "http://a.test/r3");
    }
    assert_eq!(dials(&sim), 1);
    assert!(server.complaints().is_empty());
}

#[test]
fn default_fields_of_a_connection_stay_here() {
    let sim = calm();
    let server = site(&sim, "a.test");
    let client = client_with(&sim, |builder| {
        builder.default_header("keep-alive", "timeout=5").default_header("proxy-connection", "keep-alive")
    });
    fetch_now(&sim, &client, "http://a.test/r1");
    fetch_now(&sim, &client, "http://a.test/r2");
    assert_eq!(dials(&sim), 1);
    assert!(server.complaints().is_empty());
}

#[test]
fn trailers_that_speak_of_a_connection_fail_the_request() {
    for name in ["proxy-connection", "connection", "te", "transfer-encoding"] {
        let sim = calm();
        site(&sim, "a.test");
        let client = client(&sim);
        let mut fields = HeaderMap::new();
        fields.insert(name, "close".parse().expect("a value"));
        let body = Body::from("x").with_trailers(async move { Ok::<_, std::io::Error>(fields) });
        let sent = sim.block_on(client.post("http://a.test/r1").body(body).send()).expect("no dead-lock");
        assert_eq!(sent.expect_err("it must not be sent").kind(), Kind::Body, "{name}");
        assert_eq!(sim.now(), millis(0), "{name}");
    }
}

/// The `h2` crate acts on SETTINGS only when it has room for the acknowledgement.
#[test]
fn settings_that_come_while_the_transport_is_full_are_known_for_what_they_are() {
    let mut config = SimConfig::calm();
    config.latency = millis(20)..=millis(20);
    config.buffer = 4096..=4096;
    let sim = Sim::with_config(0, config);
    let settings = H2Server::new().settings_after(millis(50)).extended_connect(true).max_streams(1);
    let server = site_with(&sim, "a.test", settings);
    let client = client(&sim);
    let upload = client.post("http://a.test/up").body(vec![0; 60_000]).send();
    drop(sim.block_on(upload).expect("no dead-lock").expect("an answer"));
    settle(&sim);
    let tunnel = client.request(Method::CONNECT, "http://a.test/ws").connect_protocol("websocket");
    let tunnel = tunnel.body(Body::reader(Feed::default().source())).timeout(seconds(5)).send();
    if let Err(e) = sim.block_on(tunnel).expect("no dead-lock") {
        assert_ne!(e.kind(), Kind::Builder, "the server allows it: {e:?}");
    }
    assert!(server.complaints().is_empty());
}
