//! A run from its beginning to the end of all that it left.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use martlet::Client;
use martlet_sim::h2::FrameKind;
use martlet_sim::{JoinHandle, Listener, LoggedRequest, Rng, Sim, SimHome};

use crate::adversary::Adversary;
use crate::job::{Job, Outcome, Outcomes};
use crate::plan::{ORIGINS, Plan, millis, network, seconds, server};
use crate::site::{Mistakes, service};

pub(crate) const TASKS: u64 = 8;
pub(crate) const REQUESTS: u64 = 4;
/// The last of the tasks run in a home that may be shut down.
pub(crate) const ELSEWHERE: u64 = 3;

/// All that a run comes to.
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) log: Vec<LoggedRequest>,
    pub(crate) trace: String,
    pub(crate) home_ended: bool,
}

pub(crate) fn run(seed: u64) -> Run {
    let mut rng = Rng::new(seed ^ 0x6832);
    let (config, longest) = network(&mut rng);
    // Where a frame takes seconds, one may be on its way still when it is looked for.
    let is_slow = *config.buffer.start() < 1_000;
    let has_faults = config.fault_percent > 0;
    let sim = Sim::with_config(seed, config);
    let plan = Plan::new(&mut rng, longest);
    let mistakes = Mistakes::default();
    let (mut two, mut one) = (Vec::new(), Vec::new());
    for origin in 0..ORIGINS {
        let answers = service(rng.fork(), plan.clone(), Arc::clone(&mistakes));
        two.push(sim.listen_h2_with(&format!("two{origin}.test"), 80, server(&mut rng, &plan), answers));
        let answers = service(rng.fork(), plan.clone(), Arc::clone(&mistakes));
        one.push(sim.listen(&format!("one{origin}.test"), 80, answers));
    }
    let client = plan.client(&sim, &mut rng);
    // The report must not keep the client.
    let shown = Arc::new(Mutex::new(Some(client.clone())));
    let dump = Arc::clone(&shown);
    sim.on_deadlock("pool", move || format!("{:?}", dump.lock().expect("sound").as_ref()));

    let outcomes = Outcomes::default();
    let elsewhere = sim.new_home();
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let (client, outcomes, plan) = (client.clone(), Arc::clone(&outcomes), plan.clone());
        let (runtime, mut rng) = (sim.runtime(), rng.fork());
        let work = async move {
            for n in 0..REQUESTS {
                runtime.sleep(millis(rng.skewed(&(0..=800)) as u64)).await;
                let id = 1 + task * REQUESTS + n;
                let (client, outcomes) = (client.clone(), Arc::clone(&outcomes));
                Job { client, runtime: runtime.clone(), outcomes, plan: plan.clone(), id }
                    .run(&mut rng)
                    .await;
            }
        };
        tasks.push(if task + ELSEWHERE < TASKS { sim.spawn(work) } else { elsewhere.spawn(work) });
    }
    let harms = Arc::new(AtomicBool::new(false));
    if plan.is_hostile {
        let (servers, rng_of, harms) = (two.clone(), rng.fork(), Arc::clone(&harms));
        let times = 1 + rng.below(12);
        tasks.push(sim.spawn(Adversary { runtime: sim.runtime(), servers, rng: rng_of, harms }.run(times)));
    }
    let ends_at = rng.percent(20).then(|| millis(rng.below(3_000)));
    let suspends_at = rng.percent(15).then(|| millis(rng.below(3_000)));
    let loses_at = rng.percent(10).then(|| millis(rng.below(3_000)));
    let home_ended = ends_at.is_some();
    let is_harmed = home_ended || has_faults || is_slow || loses_at.is_some();
    let events = Events { suspends_at, loses_at, home: ends_at.map(|at| (at, elsewhere)) };
    watch(&sim, &client, &plan, tasks, events);

    sim.advance(plan.connect).expect("not endless");
    if !(is_harmed || plan.asks || harms.load(Ordering::Relaxed)) {
        expect_no_streams(&sim, &two);
    }
    finish(&sim, client, &shown, rng.percent(50));
    for server in &one {
        assert_eq!(server.complaints(), Vec::<String>::new(), "{}", sim.trace());
    }
    for server in &two {
        let mut complaints = server.complaints();
        if resets_what_was_not_opened(server) {
            complaints.retain(|complaint| !complaint.contains("the client broke the protocol"));
        }
        assert_eq!(complaints, Vec::<String>::new(), "{}", sim.trace());
    }
    assert_eq!(*mistakes.lock().expect("sound"), Vec::<String>::new());
    let log = two.iter().chain(&one).flat_map(Listener::log).collect();
    let outcomes = std::mem::take(&mut *outcomes.lock().expect("sound"));
    Run { plan, outcomes, log, trace: sim.trace(), home_ended }
}

/// No server may have a stream open on a connection of which nobody has taken leave.
fn expect_no_streams(sim: &Sim, servers: &[Listener]) {
    for server in servers {
        for nth in 0..server.accepted() {
            let link = server.h2(nth);
            if link.frames_of(FrameKind::GoAway).is_empty() {
                assert_eq!(link.active_streams(), 0, "connection {nth}\n{}", sim.trace());
            }
        }
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
fn finish(sim: &Sim, client: Client, shown: &Mutex<Option<Client>>, drains: bool) {
    let stats = client.stats();
    assert_eq!((stats.leased, stats.streams, stats.waiting), (0, 0, 0), "{client:?}");
    assert_eq!(client.stats().dialing, 0, "{client:?}");
    let drained = drains.then(|| client.drain());
    drop((client, shown.lock().expect("sound").take()));
    if let Some(drained) = drained {
        sim.block_on(drained).unwrap_or_else(|deadlock| panic!("{deadlock}"));
    }
    // Taking leave has a second.
    sim.advance(seconds(1)).expect("not endless");
    assert_eq!(sim.open_connections(), 0, "connections are left\n{}", sim.trace());
    if let Err(deadlock) = sim.run() {
        panic!("{deadlock}");
    }
}

/// What happens to the machine.
struct Events {
    suspends_at: Option<Duration>,
    loses_at: Option<Duration>,
    home: Option<(Duration, SimHome)>,
}

/// Runs the tasks to their end, and looks at the pool all the time.
fn watch(sim: &Sim, client: &Client, plan: &Plan, mut tasks: Vec<JoinHandle<()>>, mut events: Events) {
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
        let stats = client.stats();
        assert!(stats.connections + stats.dialing <= plan.most, "{client:?}");
        assert!(stats.idle <= plan.kept, "{client:?}");
        assert!(sim.open_connections() >= stats.connections, "{client:?}\n{}", sim.trace());
        assert!(sim.now() < seconds(600), "it takes for ever\n{client:?}\n{}", sim.trace());
        tasks.retain_mut(|task| Pin::new(task).poll(cx).is_pending());
        if tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }));
    watched.unwrap_or_else(|deadlock| panic!("{deadlock}"));
}
