//! A run from its beginning to the end of all that it left.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use martlet::Client;
use martlet_sim::h2::FrameKind;
use martlet_sim::{ConnectionLog, JoinHandle, Listener, LoggedRequest, Rng, Sim, SimConfig, SimHome};

use super::adversary::Adversary;
use super::invariant::{Broken, Invariant};
use super::job::{Book, Job, Outcome};
use super::plan::{Crowd, ORIGINS, Plan, millis, network, seconds, server};
use super::site::{Mistakes, Site};

/// All that a run comes to.
pub(super) struct Run {
    pub(super) plan: Plan,
    /// All that was asked for, whatever became of it.
    pub(super) outcomes: Vec<Outcome>,
    pub(super) log: Vec<LoggedRequest>,
    pub(super) connections: BTreeMap<u64, ConnectionLog>,
    pub(super) mistakes: Vec<String>,
    /// Some connections are never answered.
    pub(super) has_faults: bool,
    /// Those that ended with their home, or never.
    pub(super) unended: BTreeSet<u64>,
    /// The home of the last tasks has ended.
    pub(super) home_ended: bool,
}

/// A world and what it is to go through.
pub(super) struct World {
    pub(super) sim: Sim,
    rng: Rng,
    plan: Plan,
    /// Where a frame takes seconds, one may be on its way still when it is looked for.
    is_slow: bool,
    has_faults: bool,
}

impl World {
    pub(super) fn new(seed: u64, has_trace: bool) -> Self {
        let mut rng = Rng::new(seed ^ 0x6832);
        let (mut config, longest) = network(&mut rng);
        config.trace = has_trace;
        let sim = Sim::with_config(seed, config.clone());
        Self::over(sim, &config, rng, longest, Crowd::WHOLE, seed % 5 == 1)
    }

    /// A smaller world, of which the octets decide all that a seed decides otherwise.
    pub(super) fn of_octets(octets: &[u8], has_trace: bool) -> Self {
        let mut rng = Rng::from_octets(octets);
        let crowd = Crowd::draw(&mut rng);
        let is_secure = rng.percent(4);
        let (mut config, longest) = network(&mut rng);
        config.trace = has_trace;
        let sim = Sim::with_rng(rng.fork(), config.clone());
        Self::over(sim, &config, rng, longest.min(20_000), crowd, is_secure)
    }

    fn over(
        sim: Sim,
        config: &SimConfig,
        mut rng: Rng,
        longest: usize,
        crowd: Crowd,
        is_secure: bool,
    ) -> Self {
        let is_slow = *config.buffer.start() < 1_000;
        let has_faults = config.fault_percent > 0;
        // A handshake takes more octets than a slow network carries in time.
        let plan = Plan::new(&mut rng, crowd, longest, is_secure && !is_slow);
        Self { sim, rng, plan, is_slow, has_faults }
    }

    /// From the first request to the end of all that it left.
    pub(super) fn run(&mut self) -> Result<Run, Broken> {
        let Self { sim, rng, plan, is_slow, has_faults } = self;
        let mistakes = Mistakes::default();
        let (mut two, mut one) = (Vec::new(), Vec::new());
        for origin in 0..ORIGINS {
            let mut site = || Site { rng: rng.fork(), plan: plan.clone(), mistakes: Arc::clone(&mistakes) };
            let (of_two, of_one) = (site(), site());
            let port = if plan.is_secure { 443 } else { 80 };
            two.push(sim.listen_h2_with(&format!("two{origin}.test"), port, server(rng, plan), of_two));
            one.push(sim.listen(&format!("one{origin}.test"), port, of_one));
        }
        if plan.is_secure {
            for listeners in [&mut two, &mut one] {
                *listeners = listeners.drain(..).map(Listener::behind_tls).collect();
            }
        }
        sim.host("one2.test").add_ipv6();
        let client = plan.client(sim, rng);
        // The report must not keep the client.
        let shown = Arc::new(Mutex::new(Some(client.clone())));
        let dump = Arc::clone(&shown);
        sim.on_deadlock("pool", move || format!("{:?}", dump.lock().expect("sound").as_ref()));

        let book = Book::default();
        let elsewhere = sim.new_home();
        let mut tasks = Vec::new();
        let Crowd { tasks: of_tasks, requests, elsewhere: last } = plan.crowd;
        for task in 0..of_tasks {
            let (client, book, plan) = (client.clone(), book.clone(), plan.clone());
            let (runtime, mut rng) = (sim.runtime(), rng.fork());
            let work = async move {
                for n in 0..requests {
                    runtime.sleep(millis(rng.skewed(&(0..=800)) as u64)).await;
                    let id = 1 + task * requests + n;
                    let (client, book) = (client.clone(), book.clone());
                    Job { client, runtime: runtime.clone(), book, plan: plan.clone(), id }
                        .run(&mut rng)
                        .await;
                }
            };
            tasks.push(if task + last < of_tasks { sim.spawn(work) } else { elsewhere.spawn(work) });
        }
        let harms = Arc::new(AtomicBool::new(false));
        if plan.is_hostile {
            let (servers, rng_of, harms) = (two.clone(), rng.fork(), Arc::clone(&harms));
            let times = 1 + rng.below(12);
            tasks.push(
                sim.spawn(Adversary { runtime: sim.runtime(), servers, rng: rng_of, harms }.run(times)),
            );
        }
        let ends_at = rng.percent(20).then(|| millis(rng.below(3_000)));
        let suspends_at = rng.percent(15).then(|| millis(rng.below(3_000)));
        let loses_at = rng.percent(10).then(|| millis(rng.below(3_000)));
        let home_ended = ends_at.is_some();
        let is_harmed = home_ended || *has_faults || *is_slow || loses_at.is_some();
        let events = Events { suspends_at, loses_at, home: ends_at.map(|at| (at, elsewhere)) };
        watch(sim, &client, plan, tasks, events)?;

        advance(sim, plan.connect)?;
        if !(is_harmed || plan.asks || harms.load(Ordering::Relaxed)) {
            expect_no_streams(&two)?;
        }
        finish(sim, client, &shown, rng.percent(50))?;
        expect_no_complaints(&one, &two)?;
        let log: Vec<_> = two.iter().chain(&one).flat_map(Listener::log).collect();
        let connections =
            log.iter().map(|request| (request.connection, sim.connection(request.connection))).collect();
        let mut outcomes = std::mem::take(&mut *book.outcomes.lock().expect("sound"));
        let ended: BTreeSet<u64> = outcomes.iter().map(|outcome| outcome.wish.id).collect();
        let begun = std::mem::take(&mut *book.begun.lock().expect("sound"));
        let unended = begun.into_iter().filter(|(wish, _)| !ended.contains(&wish.id));
        let unended: Vec<_> = unended.map(|(wish, watch)| Outcome::dropped(wish, watch)).collect();
        let ids = unended.iter().map(|outcome| outcome.wish.id).collect();
        outcomes.extend(unended);
        let mistakes = std::mem::take(&mut *mistakes.lock().expect("sound"));
        Ok(Run {
            plan: plan.clone(),
            outcomes,
            log,
            connections,
            mistakes,
            has_faults: *has_faults,
            unended: ids,
            home_ended,
        })
    }
}

fn advance(sim: &Sim, span: Duration) -> Result<(), Broken> {
    sim.advance(span).map_err(|deadlock| Invariant::NobodyWaits.broken(deadlock.to_string()))
}

/// No server may have a stream open on a connection of which nobody has taken leave.
fn expect_no_streams(servers: &[Listener]) -> Result<(), Broken> {
    for server in servers {
        for nth in 0..server.accepted() {
            let link = server.h2(nth);
            if link.frames_of(FrameKind::GoAway).is_empty() {
                let left = link.active_streams();
                Invariant::NothingLeaks
                    .holds(left == 0, || format!("{left} streams of connection {nth} of {server:?}"))?;
            }
        }
    }
    Ok(())
}

fn expect_no_complaints(one: &[Listener], two: &[Listener]) -> Result<(), Broken> {
    let of_one = one.iter().flat_map(Listener::complaints);
    let of_two = two.iter().flat_map(|server| {
        let mut complaints = server.complaints();
        if resets_what_was_not_opened(server) {
            complaints.retain(|complaint| !complaint.contains("the client broke the protocol"));
        }
        complaints
    });
    match of_one.chain(of_two).next() {
        Some(complaint) => Err(Invariant::ServersDoNotComplain.broken(complaint)),
        None => Ok(()),
    }
}

/// A mistake of the `h2` crate's: a request that was given up before its HEADERS went out, and is above the last stream of a
/// GOAWAY that came then, is reset without ever having been opened.
fn resets_what_was_not_opened(server: &Listener) -> bool {
    (0..server.accepted()).any(|nth| {
        let link = server.h2(nth);
        let opened: BTreeSet<u32> =
            link.frames_of(FrameKind::Headers).iter().map(|frame| frame.stream).collect();
        link.frames_of(FrameKind::RstStream).iter().any(|frame| !opened.contains(&frame.stream))
    })
}

/// Nothing may be left of the requests, and nothing of the client when it is gone.
fn finish(sim: &Sim, client: Client, shown: &Mutex<Option<Client>>, drains: bool) -> Result<(), Broken> {
    let stats = client.stats();
    let is_exact = (stats.leased, stats.streams, stats.waiting, stats.dialing) == (0, 0, 0, 0);
    Invariant::NothingLeaks.holds(is_exact, || format!("no request is left, and the pool: {client:?}"))?;
    let drained = drains.then(|| client.drain());
    drop((client, shown.lock().expect("sound").take()));
    if let Some(drained) = drained {
        sim.block_on(drained).map_err(|deadlock| Invariant::NobodyWaits.broken(deadlock.to_string()))?;
    }
    // Taking leave has a second.
    advance(sim, seconds(1))?;
    let open = sim.open_connections();
    Invariant::NothingLeaks.holds(open == 0, || format!("{open} connections are left of the client"))?;
    sim.run().map_err(|deadlock| Invariant::NobodyWaits.broken(deadlock.to_string()))
}

/// What happens to the machine.
struct Events {
    suspends_at: Option<Duration>,
    loses_at: Option<Duration>,
    home: Option<(Duration, SimHome)>,
}

/// Runs the tasks to their end, and looks at the pool all the time.
fn watch(
    sim: &Sim,
    client: &Client,
    plan: &Plan,
    mut tasks: Vec<JoinHandle<()>>,
    mut events: Events,
) -> Result<(), Broken> {
    let mut sleep = Box::pin(sim.sleep(Duration::ZERO));
    let watched = sim.block_on(poll_fn(|cx| {
        while sleep.as_mut().poll(cx).is_ready() {
            sleep = Box::pin(sim.sleep(millis(13)));
        }
        if events.suspends_at.take_if(|at| *at <= sim.now()).is_some() {
            sim.suspend(seconds(600));
        }
        if events.loses_at.take_if(|at| *at <= sim.now()).is_some() {
            sim.lose_connections();
        }
        if let Some((_, home)) = events.home.take_if(|(at, _)| *at <= sim.now()) {
            home.shut_down();
        }
        if let Err(broken) = look_at(sim, client, plan) {
            return Poll::Ready(Err(broken));
        }
        tasks.retain_mut(|task| Pin::new(task).poll(cx).is_pending());
        if tasks.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }));
    watched.map_err(|deadlock| Invariant::NobodyWaits.broken(deadlock.to_string()))?
}

/// What holds at every moment.
fn look_at(sim: &Sim, client: &Client, plan: &Plan) -> Result<(), Broken> {
    let stats = client.stats();
    let keeps_limits = stats.connections + stats.dialing <= plan.most && stats.idle <= plan.kept;
    Invariant::NothingLeaks.holds(keeps_limits, || format!("more than may be: {client:?}"))?;
    let open = sim.open_connections();
    let knows = open >= stats.connections;
    Invariant::NothingLeaks
        .holds(knows, || format!("{open} connections are open, and the pool: {client:?}"))?;
    let in_time = sim.now() < seconds(600);
    Invariant::NobodyWaits.holds(in_time, || format!("it takes for ever: {client:?}"))
}
