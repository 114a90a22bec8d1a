//! The client in its test tube, before a server that plays scripts.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Version;
use martlet::{Client, Delivery, Kind, Timeouts};
use martlet_sim::h2::Frame;
use martlet_sim::{ConnectionLog, LoggedRequest, Rng, Script, Sim, SimConfig};

use super::wish::{End, Outcome, Wish, make_all};

/// Octets of an input that say how it is played; what follows them is what servers send.
pub(super) const SETTING: usize = 16;

/// What an input decides of a run beside what servers send.
pub(super) struct Setting {
    wishes: Vec<Wish>,
    /// Nothing takes time, and nothing is cut.
    pub(super) is_calm: bool,
    /// Cuts and delays follow from it.
    seed: u64,
    most_connections: usize,
    replays: bool,
}

impl Setting {
    pub(super) fn draw(octets: &[u8]) -> Self {
        let mut rng = Rng::from_octets(octets);
        let bits = rng.below(256);
        let count = 1 + (bits >> 4) % 4;
        Self {
            is_calm: bits & 1 == 0,
            most_connections: if bits & 2 == 0 { 1 } else { 3 },
            replays: bits & 4 == 0,
            seed: rng.below(256),
            wishes: (0..count).map(|_| Wish::draw(&mut rng)).collect(),
        }
    }
    /// Connections are opened in the order in which they were begun: two at once may overtake each other.
    pub(super) fn is_orderly(&self) -> bool {
        self.is_calm || !self.wishes.iter().any(Wish::may_overlap)
    }
}

/// What a run came to.
pub(super) struct Run {
    pub(super) outcomes: Vec<Outcome>,
    /// All that was shown to the server, in the order in which it came.
    pub(super) log: Vec<LoggedRequest>,
    pub(super) connections: BTreeMap<u64, ConnectionLog>,
    /// The connections that were opened.
    pub(super) accepted: usize,
    /// What came on each connection, in HTTP/2.
    pub(super) frames: Vec<Vec<Frame>>,
    /// All that happened on the network, if it was wanted.
    pub(super) trace: String,
}

/// Makes the requests. What is wrong whatever the server sends is an error.
pub(super) fn run(
    setting: &Setting,
    scripts: Vec<Script>,
    version: Version,
    has_trace: bool,
) -> Result<Run, String> {
    let mut config = if setting.is_calm { SimConfig::calm() } else { SimConfig::default() };
    config.trace = has_trace;
    // More than any input is worth: who goes round in circles is found soon.
    config.max_polls = 300_000;
    let sim = Sim::with_rng(Rng::new(setting.seed), config);
    let server = match version {
        Version::HTTP_2 => sim.listen_h2_script("a.test", 80, scripts),
        _ => sim.listen_script("a.test", 80, scripts),
    };
    let result = play(&sim, setting, version);
    let trace = sim.trace();
    let outcomes = result.map_err(|what| format!("{trace}\n{what}"))?;
    let log = server.log();
    let connections =
        log.iter().map(|request| (request.connection, sim.connection(request.connection))).collect();
    let accepted = server.accepted();
    let frames = (0..accepted).map(|nth| server.h2(nth).frames()).collect();
    Ok(Run { outcomes, log, connections, accepted, frames, trace })
}

fn play(sim: &Sim, setting: &Setting, version: Version) -> Result<Vec<Outcome>, String> {
    let client = client(sim, setting);
    let all =
        make_all(setting.wishes.clone(), client.clone(), sim.runtime(), version, |task| sim.spawn(task));
    let outcomes = sim.block_on(all).map_err(|deadlock| deadlock.to_string())?;
    expect(sim.now() < Duration::from_secs(600), || "it takes for ever".to_owned())?;
    let stats = client.stats();
    let is_exact = (stats.leased, stats.streams, stats.waiting, stats.dialing) == (0, 0, 0, 0);
    expect(is_exact, || format!("no request is left, and the pool: {client:?}"))?;
    drop(client);
    // Taking leave has a second.
    sim.advance(Duration::from_secs(2)).map_err(|deadlock| deadlock.to_string())?;
    let open = sim.open_connections();
    expect(open == 0, || format!("{open} connections are left of the client"))?;
    sim.run().map_err(|deadlock| deadlock.to_string())?;
    Ok(outcomes)
}

fn client(sim: &Sim, setting: &Setting) -> Client {
    let second = Some(Duration::from_secs(1));
    let mut timeouts = Timeouts::default();
    timeouts.pool = Some(Duration::from_secs(5));
    (timeouts.connect, timeouts.read, timeouts.write) = (second, second, second);
    let builder = Client::builder().runtime(sim.runtime()).timeouts(timeouts).replay(setting.replays);
    builder.max_connections(setting.most_connections).build().expect("the settings are sound")
}

impl Run {
    /// What holds of every request, whatever the server sends.
    pub(super) fn judge(&self, is_possible: impl Fn(Kind) -> bool) -> Result<(), String> {
        for (id, outcome) in self.outcomes.iter().enumerate() {
            let End::Error(e) = &outcome.end else { continue };
            expect(is_possible(e.kind()), || format!("{id}: nothing can lead to {:?}: {e}", e.kind()))?;
            let came = self.came(id).count();
            let shown = self.came(id).any(|request| request.head_complete);
            expect(e.delivery() != Delivery::NotSent || !shown, || format!("{id}: the server has its head"))?;
            // An attempt may end without a connection, or before an octet came.
            expect(came <= e.attempts() as usize, || {
                format!("{id}: came {came} times in {} attempts", e.attempts())
            })?;
            expect(outcome.head.is_none() || e.delivery() == Delivery::Answered, || {
                format!("{id}: answered, and {}", e.delivery())
            })?;
        }
        Ok(())
    }

    /// What came of a request to the server, the last attempt last.
    pub(super) fn came(&self, id: usize) -> impl Iterator<Item = &LoggedRequest> {
        self.log.iter().filter(move |request| request.target == format!("/{id}"))
    }
}

pub(super) fn expect(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
