//! Clients, servers and content for these scenarios.

use std::time::Duration;

use martlet::{Client, ClientBuilder, Error, Http2Config, Protocols, Response, Timeouts};
use martlet_sim::h2::{FrameKind, H2Link, H2Server};
use martlet_sim::{Listener, Sim, SimRequest, SimResponse};

use crate::common;
pub(crate) use crate::common::feed::Feed;

pub(crate) const A: &str = "http://a.test/";
pub(crate) const B: &str = "http://b.test/";
pub(crate) const C: &str = "http://c.test/";

/// CANCEL (RFC 9113 §7).
pub(crate) const CANCEL: u32 = 0x8;

/// Settings under which nothing depends on the system's clock.
pub(crate) fn config() -> Http2Config {
    let mut config = Http2Config::default();
    config.reset_memory = Duration::MAX;
    config
}

/// A client that speaks HTTP/2 by prior knowledge.
pub(crate) fn client(sim: &Sim) -> Client {
    client_with(sim, |builder| builder)
}

/// The same with further settings.
pub(crate) fn client_with(sim: &Sim, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    common::client_with(sim, |builder| set(builder.protocols(Protocols::Http2).http2(config())))
}

/// The same with so many connections.
pub(crate) fn limited(sim: &Sim, most: usize) -> Client {
    client_with(sim, |builder| builder.max_connections(most))
}

/// Answers with the target, after so many milliseconds as its first segment says if that is a number. A target that begins
/// with `stall` gets one octet and no end.
pub(crate) fn answer(request: SimRequest) -> SimResponse {
    let first = request.target.split('/').nth(1).unwrap_or_default();
    if first == "stall" {
        return SimResponse::ok("x").chunked().stall();
    }
    let delay = Duration::from_millis(first.parse().unwrap_or(0));
    SimResponse::ok(request.target).after(delay)
}

pub(crate) fn site(sim: &Sim, host: &str) -> Listener {
    sim.listen_h2(host, 80, answer)
}

pub(crate) fn site_with(sim: &Sim, host: &str, settings: H2Server) -> Listener {
    sim.listen_h2_with(host, 80, settings, answer)
}

/// Waits for octets as long as it takes.
pub(crate) fn patient() -> Timeouts {
    let mut timeouts = Timeouts::default();
    timeouts.read = None;
    timeouts
}

/// What a pool is to hold: connections, those of them that are idle, streams, dials, and waiters. Nothing else is open.
#[track_caller]
pub(crate) fn expect_pool(sim: &Sim, client: &Client, counts: [usize; 5]) {
    let stats = client.stats();
    let found = [stats.connections, stats.idle, stats.streams, stats.dialing, stats.waiting];
    assert_eq!(found, counts, "connections, idle, streams, dialing, waiting\n{client:?}\n{}", sim.trace());
    assert_eq!(stats.leased, 0);
    assert_eq!(sim.open_connections(), stats.connections, "{client:?}\n{}", sim.trace());
}

/// So many idle connections, and nothing else.
#[track_caller]
pub(crate) fn expect_idle(sim: &Sim, client: &Client, idle: usize) {
    expect_pool(sim, client, [idle, idle, 0, 0, 0]);
}

/// The stream and the code of each RST_STREAM that the client has sent.
pub(crate) fn resets(link: &H2Link) -> Vec<(u32, u32)> {
    let frames = link.frames_of(FrameKind::RstStream);
    frames.iter().map(|frame| (frame.stream, frame.code().unwrap_or(u32::MAX))).collect()
}

/// The codes of the GOAWAY frames that the client has sent.
pub(crate) fn farewells(link: &H2Link) -> Vec<u32> {
    link.frames_of(FrameKind::GoAway).iter().filter_map(martlet_sim::h2::Frame::code).collect()
}

/// The PINGs that the client has sent by itself, by their times.
pub(crate) fn pings(link: &H2Link) -> Vec<Duration> {
    link.frames_of(FrameKind::Ping).iter().filter(|frame| !frame.is_ack()).map(|frame| frame.at).collect()
}

/// What is left of a response.
pub(crate) fn rest(sim: &Sim, response: Response) -> Result<Vec<u8>, Error> {
    sim.block_on(response.bytes()).expect("no dead-lock").map(|content| content.to_vec())
}
