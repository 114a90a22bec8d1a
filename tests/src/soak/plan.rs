//! What a seed decides of a run.

use std::time::Duration;

use martlet::{Client, DialPolicy, Http2Config, Timeouts};
use martlet_sim::h2::H2Server;
use martlet_sim::{Rng, Sim, SimConfig};

/// Origins of each version.
pub(super) const ORIGINS: u64 = 3;

pub(super) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) tasks: u64,
    /// Of each task, one after the other.
    pub(super) requests: u64,
    /// So many of the last tasks run in a home that may be shut down.
    pub(super) elsewhere: u64,
}

impl Crowd {
    /// That of a run from a seed.
    pub(super) const WHOLE: Self = Self { tasks: 8, requests: 4, elsewhere: 3 };

    /// A smaller one.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let tasks = 1 + rng.below(4);
        Self { tasks, requests: 1 + rng.below(3), elsewhere: rng.below(tasks) }
    }
}

/// What a seed decides.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) crowd: Crowd,
    /// All servers speak TLS.
    pub(super) is_secure: bool,
    pub(super) most: usize,
    pub(super) kept: usize,
    pub(super) connect: Duration,
    /// For a request as a whole.
    pub(super) total: Option<Duration>,
    /// What content is made of.
    pub(super) salt: u64,
    /// The longest content.
    pub(super) longest: usize,
    /// What the servers do besides serving.
    pub(super) is_hostile: bool,
    /// Silent connections are asked whether they are there, and given up.
    pub(super) asks: bool,
    /// Whether the client sends requests again that do not say otherwise.
    pub(super) replays: bool,
    /// How many of a hundred answers are none, or end in their midst.
    pub(super) bad_answers: u8,
    /// How many of a hundred HTTP/1.1 connections are left by their server behind an answer, sooner or later.
    pub(super) leaves: u8,
}

/// The network of a run, and how long content may be that it carries.
pub(super) fn network(rng: &mut Rng) -> (SimConfig, usize) {
    let mut config = SimConfig::default();
    let mut longest = [2_000, 2_000, 20_000, 20_000, 200_000][rng.below(5) as usize];
    config.fault_percent = [0, 0, 10, 30][rng.below(4) as usize];
    config.fault_at = 0..=[1_500, 20_000][rng.below(2) as usize];
    config.latency = Duration::ZERO..=millis(rng.below(60));
    config.resolve_time = Duration::ZERO..=millis(rng.below(100));
    if rng.percent(20) {
        config.buffer = 20..=400;
        config.segment = 1..=200;
        longest = 3_000;
    } else {
        config.buffer = 2_000..=70_000;
        config.segment = 100..=20_000;
    }
    config.trace = true;
    (config, longest)
}

impl Plan {
    pub(super) fn new(rng: &mut Rng, crowd: Crowd, longest: usize, is_secure: bool) -> Self {
        Self {
            crowd,
            is_secure,
            most: 1 + rng.below(6) as usize,
            kept: rng.below(6) as usize,
            connect: millis(400 + rng.below(2_000)),
            total: rng.percent(10).then(|| millis(500 + rng.below(5_000))),
            salt: rng.next_u64(),
            longest,
            is_hostile: rng.percent(70),
            asks: rng.percent(40),
            replays: rng.percent(90),
            bad_answers: [0, 3, 15][rng.below(3) as usize],
            leaves: [0, 30, 60][rng.below(3) as usize],
        }
    }

    pub(super) fn client(&self, sim: &Sim, rng: &mut Rng) -> Client {
        let mut timeouts = Timeouts::default();
        timeouts.pool = Some(millis(500 + rng.below(5_000)));
        timeouts.connect = Some(self.connect);
        timeouts.read = Some(millis(800 + rng.below(2_000)));
        timeouts.write = Some(millis(800 + rng.below(2_000)));
        timeouts.total = self.total;
        let mut http2 = Http2Config::default();
        http2.reset_memory = Duration::MAX;
        let least = (self.longest / 20) as u32;
        http2.stream_window = [least, 5_000.max(least), 65_535, 2 << 20][rng.below(4) as usize];
        http2.connection_window = [65_535, 200_000, 16 << 20][rng.below(3) as usize];
        if self.asks {
            http2.keep_alive_interval = Some(millis(100 + rng.below(1_500)));
        }
        http2.keep_alive_timeout = millis(200 + rng.below(2_000));
        let mut builder = Client::builder().runtime(sim.runtime()).timeouts(timeouts).http2(http2);
        builder = builder.max_connections(self.most).max_keepalive_connections(self.kept);
        builder = builder.second_http2_connection(rng.percent(60));
        if rng.percent(30) {
            builder = builder.max_connections_per_origin(Some(1 + rng.below(3) as usize));
        }
        if rng.percent(30) {
            builder = builder.dial_policy(DialPolicy::PreferIdle { wait: millis(rng.below(800)) });
        }
        if rng.percent(20) {
            builder = builder.max_connection_age(Some(millis(rng.below(3_000))));
        }
        if rng.percent(20) {
            builder = builder.max_requests_per_connection(Some(1 + rng.below(5)));
        }
        let expiry = if rng.percent(10) { 0 } else { 50 + rng.below(3_000) };
        builder = builder.replay(self.replays);
        if self.is_secure {
            builder = builder.tls(sim.tls_config());
        }
        builder.keepalive_expiry(Some(millis(expiry))).build().expect("the settings are sound")
    }
}

/// An HTTP/2 server.
pub(super) fn server(rng: &mut Rng, plan: &Plan) -> H2Server {
    let mut server = H2Server::new();
    server = match rng.below(4) {
        0 => server,
        1 => server.max_streams(100),
        _ => server.max_streams(1 + rng.below(4) as u32),
    };
    server = server.enforce_max_streams(rng.percent(70));
    if rng.percent(15) {
        server = server.refuse_above(1 + rng.below(3) as u32);
    }
    server = server.window([10_000, 65_535, 65_535, 1 << 20][rng.below(4) as usize]);
    server = server.connection_window([65_535, 1 << 20][rng.below(2) as usize]);
    if rng.percent(30) {
        server = server.settings_after(millis(rng.below(300)));
    }
    if rng.percent(20) {
        server = server.goaway_after(rng.below(5) as usize, 0).fin_after_goaway(rng.percent(50));
    }
    server.answer_pings(!plan.asks || rng.percent(80))
}
