//! Many requests to many origins over few connections: all faults, many seeds.

mod common;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::ops::AddAssign;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use martlet::{Client, Delivery, DialPolicy, Error, Kind, Phase, Response, Timeouts};
use martlet_sim::{
    JoinHandle, Listener, LoggedRequest, Rng, Sim, SimConfig, SimHome, SimRequest, SimResponse, SimRuntime,
    for_each_seed,
};

use common::dump::Dump;
use common::{client_with, millis, seconds};

const SEEDS: u64 = 1_000;
const TASKS: u64 = 12;
const REQUESTS: u64 = 5;
/// The last of the tasks run in a home that may be shut down.
const ELSEWHERE: u64 = 4;
const HOSTS: u64 = 10;
const PORTS: [u16; 2] = [80, 8080];

/// What a seed decides for the client.
struct Settings {
    most: usize,
    kept: usize,
    connect: Duration,
}

/// How a request ended.
enum End {
    Whole,
    Error(Error),
    /// It was dropped.
    Dropped,
}

struct Outcome {
    id: u64,
    content: Vec<u8>,
    end: End,
}

/// What was seen over all seeds: a workload in which it does not happen proves nothing of it.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    whole: usize,
    failed: usize,
    reused: usize,
    evicted: usize,
    pool_timeouts: usize,
    dropped_in_line: usize,
    dropped_dials: usize,
    handed_on_dials: usize,
    dropped_unsent: usize,
    dropped_sent: usize,
    dropped_reading: usize,
    ended_with_home: usize,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        for (mine, theirs) in self.fields().into_iter().zip({ other }.fields()) {
            *mine += *theirs;
        }
    }
}

impl Seen {
    fn fields(&mut self) -> [&mut usize; 12] {
        [
            &mut self.whole,
            &mut self.failed,
            &mut self.reused,
            &mut self.evicted,
            &mut self.pool_timeouts,
            &mut self.dropped_in_line,
            &mut self.dropped_dials,
            &mut self.handed_on_dials,
            &mut self.dropped_unsent,
            &mut self.dropped_sent,
            &mut self.dropped_reading,
            &mut self.ended_with_home,
        ]
    }
}

/// What tasks write down.
#[derive(Default)]
struct Notes {
    outcomes: Vec<Outcome>,
    seen: Seen,
    /// Requests that were dropped with a connection, before their responses.
    leased: Vec<u64>,
}

/// The content for a request, which server and test both know.
fn content_of(id: u64) -> Vec<u8> {
    let mut rng = Rng::new(id);
    let len = rng.skewed(&(0..=4_000));
    (0..len).map(|_| rng.next_u64() as u8).collect()
}

fn service(mut rng: Rng) -> impl FnMut(SimRequest) -> SimResponse + Send + 'static {
    move |request| {
        let id: u64 = request.target.trim_start_matches('/').parse().unwrap_or_default();
        let content = Bytes::from(content_of(id));
        let cut = rng.below(content.len() as u64 + 1) as usize;
        let mut response = SimResponse::new(200).after(millis(rng.skewed(&(0..=800)) as u64));
        response = response.piece(content.slice(..cut));
        if rng.percent(10) {
            response = response.pause(millis(rng.below(3_000)));
        }
        response = response.piece(content.slice(cut..));
        if rng.percent(10) {
            response = response.interim(103);
        }
        if rng.percent(10) {
            response = response.close();
        } else if rng.percent(20) {
            response = response.header("keep-alive", &format!("timeout={}", rng.below(4)));
        }
        if rng.percent(30) { response.chunked() } else { response }
    }
}

fn settings(sim: &Sim, rng: &mut Rng) -> (Client, Settings) {
    let most = 1 + rng.below(10) as usize;
    let kept = rng.below(6) as usize;
    let mut timeouts = Timeouts::default();
    timeouts.pool = Some(millis(200 + rng.below(4_000)));
    let connect = millis(300 + rng.below(3_000));
    timeouts.connect = Some(connect);
    timeouts.read = Some(seconds(2));
    timeouts.write = Some(seconds(2));
    timeouts.total = rng.percent(10).then(|| millis(500 + rng.below(5_000)));
    let client = client_with(sim, |mut builder| {
        builder = builder.max_connections(most).max_keepalive_connections(kept).timeouts(timeouts);
        if rng.percent(30) {
            builder = builder.max_connections_per_origin(Some(1 + rng.below(3) as usize));
        }
        if rng.percent(50) {
            builder = builder.dial_policy(DialPolicy::PreferIdle { wait: millis(rng.below(1_000)) });
        }
        if rng.percent(20) {
            builder = builder.max_connection_age(Some(millis(rng.below(4_000))));
        }
        if rng.percent(20) {
            builder = builder.max_requests_per_connection(Some(1 + rng.below(4)));
        }
        let expiry = if rng.percent(10) { 0 } else { 50 + rng.below(3_000) };
        builder.keepalive_expiry(Some(millis(expiry)))
    });
    (client, Settings { most, kept, connect })
}

/// A request of a task.
struct Job {
    client: Client,
    most: usize,
    runtime: SimRuntime,
    notes: Arc<Mutex<Notes>>,
    id: u64,
}

type Sending = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

impl Job {
    fn see(&self, field: impl FnOnce(&mut Seen) -> &mut usize) {
        *field(&mut self.notes.lock().expect("sound").seen) += 1;
    }

    fn ended(&self, content: Vec<u8>, end: End) {
        let outcome = Outcome { id: self.id, content, end };
        self.notes.lock().expect("sound").outcomes.push(outcome);
    }

    fn sending(&self, rng: &mut Rng) -> Sending {
        let (mut host, mut port) = (rng.below(HOSTS), PORTS[rng.below(2) as usize]);
        if rng.percent(60) {
            // Some origins are asked more often than others.
            (host, port) = (host % 2, PORTS[0]);
        }
        let url = format!("http://h{host}.test:{port}/{}", self.id);
        let request = match rng.below(4) {
            0 => self.client.put(url).body(vec![b'u'; rng.skewed(&(0..=8_000))]),
            1 => {
                let content = vec![b'p'; rng.skewed(&(1..=3_000))];
                self.client.post(url).header("expect", "100-continue").body(content)
            }
            _ => self.client.get(url),
        };
        Box::pin(request.send())
    }

    /// Polls it once and sees whether that made room for it.
    async fn begin(&self, sending: &mut Sending) -> Option<Result<Response, Error>> {
        let before = self.client.stats();
        let polled = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
        let after = self.client.stats();
        let full = before.connections + before.dialing == self.most;
        if full && after.idle + 1 == before.idle && after.dialing == before.dialing + 1 {
            self.see(|seen| &mut seen.evicted);
        }
        match polled {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// Drops a request without a response, and sees what that does.
    fn drop_request(&self, sending: Sending) {
        let before = Dump::of(&self.client);
        drop(sending);
        let after = Dump::of(&self.client);
        let mut gone =
            before.waiters.difference(&after.waiters).filter(|token| !after.lessees.contains(*token));
        if let Some(token) = gone.next() {
            match before.dials.iter().find(|(_, owner)| *owner == token) {
                Some((dial, _)) if after.dials.contains_key(dial) => {
                    self.see(|seen| &mut seen.handed_on_dials)
                }
                Some(_) => self.see(|seen| &mut seen.dropped_dials),
                None => self.see(|seen| &mut seen.dropped_in_line),
            }
        } else if before.lessees.iter().any(|token| !after.lessees.contains(token)) {
            self.notes.lock().expect("sound").leased.push(self.id);
        }
        self.ended(Vec::new(), End::Dropped);
    }

    async fn run(self, rng: &mut Rng) {
        let mut sending = self.sending(rng);
        let mut result = self.begin(&mut sending).await;
        if result.is_none() {
            let (polls, patience) = match rng.below(10) {
                0 => (rng.skewed(&(0..=30)), None),
                1 => (usize::MAX, Some(millis(rng.below(1_500)))),
                _ => (usize::MAX, None),
            };
            let stop = async {
                match patience {
                    Some(patience) => self.runtime.sleep(patience).await,
                    None => std::future::pending().await,
                }
            };
            result = within(&mut sending, polls, stop).await;
            if result.is_none() && rng.percent(40) {
                // Held for a while without being polled.
                self.runtime.sleep(millis(rng.below(1_000))).await;
                if rng.percent(50) {
                    result = Some(sending.as_mut().await);
                }
            }
        }
        let mut response = match result {
            None => return self.drop_request(sending),
            Some(Err(e)) => return self.ended(Vec::new(), End::Error(e)),
            Some(Ok(response)) => response,
        };
        let pieces = if rng.percent(10) { rng.below(4) } else { u64::MAX };
        if rng.percent(10) {
            self.runtime.sleep(millis(rng.below(1_000))).await;
        }
        let mut content = Vec::new();
        for _ in 0..pieces {
            match response.chunk().await {
                Ok(Some(piece)) => content.extend_from_slice(&piece),
                Ok(None) => return self.ended(content, End::Whole),
                Err(e) => return self.ended(content, End::Error(e)),
            }
        }
        self.see(|seen| &mut seen.dropped_reading);
        drop(response);
        self.ended(content, End::Dropped);
    }
}

/// What the future yields within so many polls and before the other one is ready.
async fn within<T>(
    future: &mut (impl Future<Output = T> + Unpin),
    mut polls: usize,
    stop: impl Future<Output = ()>,
) -> Option<T> {
    let mut stop = pin!(stop);
    poll_fn(|cx| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => stop.as_mut().poll(cx).map(|()| None),
        }
    })
    .await
}

fn config(rng: &mut Rng) -> SimConfig {
    let mut config = SimConfig::default();
    config.fault_percent = [0, 10, 30][rng.below(3) as usize];
    config.fault_at = 0..=800;
    config.latency = Duration::ZERO..=millis(1 + rng.below(150));
    config.resolve_time = Duration::ZERO..=millis(1 + rng.below(300));
    if rng.percent(30) {
        config.buffer = 10..=200;
    }
    config
}

/// All that a run comes to.
struct Run {
    notes: Notes,
    log: Vec<LoggedRequest>,
    trace: String,
    home_ended: bool,
}

fn run(seed: u64) -> Run {
    let mut rng = Rng::new(seed ^ 0x706f_6f6c);
    let sim = Sim::with_config(seed, config(&mut rng));
    let mut servers: Vec<Listener> = Vec::new();
    for host in 0..HOSTS {
        for port in PORTS {
            servers.push(sim.listen(&format!("h{host}.test"), port, service(rng.fork())));
        }
        if host % 3 == 0 {
            sim.host(&format!("h{host}.test")).add_ipv6();
        }
    }
    let (client, settings) = settings(&sim, &mut rng);
    // The report must not keep the client.
    let shown = Arc::new(Mutex::new(Some(client.clone())));
    let dump = Arc::clone(&shown);
    sim.on_deadlock("pool", move || format!("{:?}", dump.lock().expect("sound").as_ref()));

    let notes = Arc::new(Mutex::new(Notes::default()));
    let elsewhere = sim.new_home();
    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    for task in 0..TASKS {
        let (client, notes, mut rng) = (client.clone(), Arc::clone(&notes), rng.fork());
        let (runtime, most) = (sim.runtime(), settings.most);
        let work = async move {
            for n in 0..REQUESTS {
                runtime.sleep(millis(rng.skewed(&(0..=1_000)) as u64)).await;
                let id = 1 + task * REQUESTS + n;
                let (client, notes) = (client.clone(), Arc::clone(&notes));
                Job { client, most, runtime: runtime.clone(), notes, id }.run(&mut rng).await;
            }
        };
        tasks.push(if task + ELSEWHERE < TASKS { sim.spawn(work) } else { elsewhere.spawn(work) });
    }

    let ends_at = rng.percent(30).then(|| millis(rng.below(3_000)));
    let suspends_at = rng.percent(30).then(|| millis(rng.below(3_000)));
    let home_ended = ends_at.is_some();
    watch(&sim, &client, &settings, tasks, suspends_at, ends_at.map(|at| (at, elsewhere)));

    let stats = client.stats();
    assert_eq!((stats.leased, stats.waiting), (0, 0), "{client:?}");
    sim.advance(settings.connect).expect("not endless");
    assert_eq!(client.stats().dialing, 0, "{client:?}");
    let drained = rng.percent(50).then(|| client.drain());
    drop((client, shown.lock().expect("sound").take()));
    assert_eq!(sim.open_connections(), 0, "connections are left\n{}", sim.trace());
    if let Some(drained) = drained {
        sim.block_on(drained).unwrap_or_else(|deadlock| panic!("{deadlock}"));
    }
    if let Err(deadlock) = sim.run() {
        panic!("{deadlock}");
    }
    for server in &servers {
        assert_eq!(server.complaints(), Vec::<String>::new());
    }
    let log = servers.iter().flat_map(Listener::log).collect();
    let notes = std::mem::take(&mut *notes.lock().expect("sound"));
    Run { notes, log, trace: sim.trace(), home_ended }
}

/// Runs the tasks to their end, with what happens to the machine meanwhile, and looks at the pool all the time.
fn watch(
    sim: &Sim,
    client: &Client,
    settings: &Settings,
    mut tasks: Vec<JoinHandle<()>>,
    mut suspends_at: Option<Duration>,
    mut home: Option<(Duration, SimHome)>,
) {
    let mut sleep = Box::pin(sim.sleep(Duration::ZERO));
    let watched = sim.block_on(poll_fn(|cx| {
        while sleep.as_mut().poll(cx).is_ready() {
            sleep = Box::pin(sim.sleep(millis(13)));
        }
        if suspends_at.take_if(|at| *at <= sim.now()).is_some() {
            sim.suspend(seconds(600));
        }
        if let Some((_, home)) = home.take_if(|(at, _)| *at <= sim.now()) {
            home.shut_down();
        }
        let stats = client.stats();
        assert!(stats.connections + stats.dialing <= settings.most, "{client:?}");
        assert!(stats.idle <= settings.kept, "{client:?}");
        assert_eq!(sim.open_connections(), stats.connections, "{client:?}\n{}", sim.trace());
        tasks.retain_mut(|task| Pin::new(task).poll(cx).is_pending());
        if tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }));
    watched.unwrap_or_else(|deadlock| panic!("{deadlock}"));
    drop(home);
}

/// Checks what every run must be, and gives what was seen in this one.
fn check(run: &Run) -> Seen {
    let Run { notes, log, home_ended, .. } = run;
    let mut seen = notes.seen;
    let mut missing: BTreeSet<u64> = (1..=TASKS * REQUESTS).collect();
    for Outcome { id, content, end } in &notes.outcomes {
        assert!(missing.remove(id), "{id} has ended twice");
        let expected = content_of(*id);
        let target = format!("/{id}");
        let came = || log.iter().filter(|request| request.target == target);
        let processed = came().filter(|request| request.processed).count();
        assert!(expected.starts_with(content), "{id}: not what the server sent for it");
        // A replay may act again on what is idempotent.
        let most = if came().any(|request| request.method == "POST") { 1 } else { 2 };
        assert!(processed <= most, "{id}: processed {processed} times");
        match end {
            End::Dropped => {}
            End::Whole => {
                seen.whole += 1;
                assert_eq!(*content, expected, "{id}: cut short without an error");
                assert!(processed >= 1, "{id}: answered by nobody");
            }
            End::Error(e) => {
                seen.failed += 1;
                seen.pool_timeouts += usize::from(e.kind() == Kind::Timeout(Phase::Pool));
                assert!(!matches!(e.kind(), Kind::Shutdown | Kind::Builder | Kind::Protocol), "{id}: {e:?}");
                match e.delivery() {
                    Delivery::NotSent => assert!(came().all(|request| !request.head_complete), "{id}: {e:?}"),
                    Delivery::Refused => panic!("{id}: nobody can say so: {e:?}"),
                    Delivery::Answered => assert!(came().any(|request| request.head_complete), "{id}: {e:?}"),
                    _ => {}
                }
            }
        }
    }
    if *home_ended {
        seen.ended_with_home = missing.len();
        missing.retain(|id| (id - 1) / REQUESTS < TASKS - ELSEWHERE);
    }
    assert!(missing.is_empty(), "these never ended: {missing:?}");
    for id in &notes.leased {
        let sent = log.iter().any(|request| request.target == format!("/{id}"));
        *(if sent { &mut seen.dropped_sent } else { &mut seen.dropped_unsent }) += 1;
    }
    let connections: BTreeSet<u64> = log.iter().map(|request| request.connection).collect();
    seen.reused = log.len() - connections.len();
    seen
}

#[test]
fn every_request_ends_and_the_pool_keeps_its_limits() {
    let (mut seeds, mut seen) = (0, Seen::default());
    for_each_seed(0..SEEDS, |seed| {
        seen += check(&run(seed));
        seeds += 1;
    });
    if seeds == SEEDS {
        assert!(seen.fields().into_iter().all(|count| *count > 50), "too little happened: {seen:?}");
        assert!(seen.whole > 5 * seen.failed / 4, "{seen:?}");
    }
}

#[test]
fn the_workload_is_the_same_for_the_same_seed() {
    for_each_seed(0..10, |seed| assert_eq!(run(seed).trace, run(seed).trace));
}
