//! `chaos`: the client against gateways that are restarted and killed under it, and an origin behind them that counts.

mod haproxy;
mod load;
mod nginx;
mod site;

#[cfg(test)]
mod tests;

use std::{
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use self::{load::Load, site::Site};
use crate::{
    process::Processes,
    scratch::Scratch,
    shell::{Failure, cargo, root, run as run_command, target_directory},
};

const GATEWAYS: [Gateway; 2] = [nginx::GATEWAY, haproxy::GATEWAY];

const DEFAULT_SECONDS: u64 = 120;

/// Between two restarts. Something must have become idle, and something must be under way.
const CALM: Duration = Duration::from_millis(700);

/// For what a restart leaves behind: processes that finish what they have begun, connections that are lost.
const SETTLING: Duration = Duration::from_millis(900);

/// Nobody is there for so long.
const ABSENCE: Duration = Duration::from_millis(100);

/// For a gateway that finishes what it has begun, and for one that is told to end at once.
const END_TIME: Duration = Duration::from_secs(5);

/// Another process may take a port between our look and the gateway's start.
const START_ATTEMPTS: usize = 5;

/// A server that passes requests on, once and never again.
struct Gateway {
    name: &'static str,
    /// Writes its configuration.
    prepare: fn(&Site) -> std::io::Result<()>,
    /// It is to stay in the foreground.
    command: fn(&Site) -> Result<Command, Failure>,
    /// The signal for: take the configuration anew, and finish what was begun by the old one.
    reload: &'static str,
    /// The signal for: accept nothing any more, finish what was begun, and end.
    quit: &'static str,
    /// Kills what serves. It returns when there is something else.
    crash: fn(&Self, &Site, &mut Processes) -> Result<(), Failure>,
}

/// What is done to a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Its configuration is taken anew, and what was begun is finished.
    Reload,
    /// What serves is killed, and something else is there to accept.
    Crash,
    /// It finishes what was begun, and ends.
    Quit,
    /// It ends.
    Term,
    /// It is killed with all its processes.
    Kill,
}

impl Way {
    const ALL: [Self; 5] = [Self::Reload, Self::Crash, Self::Kill, Self::Quit, Self::Term];

    /// The load's word for it.
    fn name(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Crash => "crash",
            Self::Quit => "quit",
            Self::Term => "term",
            Self::Kill => "kill",
        }
    }
}

/// What is to be run.
struct Options {
    gateways: Vec<Gateway>,
    /// For each of them.
    time: Duration,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self, Failure> {
        let (seconds, only) = match words {
            ["--seconds", seconds, only @ ..] => {
                let unreadable = |_| Failure::new(format!("`{seconds}` is no number of seconds"));
                (seconds.parse().map_err(unreadable)?, only)
            }
            only => (DEFAULT_SECONDS, only),
        };
        let gateways: Vec<Gateway> = match only {
            [] => GATEWAYS.into(),
            [only] => GATEWAYS.into_iter().filter(|gateway| gateway.name == *only).collect(),
            _ => Vec::new(),
        };
        if gateways.is_empty() {
            return Err(Failure::new(format!("`{}` names no gateway", only.join(" "))));
        }
        Ok(Self { gateways, time: Duration::from_secs(seconds) })
    }
}

pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let Options { gateways, time } = Options::parse(words)?;
    // Building first keeps a compiler's error apart from a contradiction.
    let target = target_directory().join("bench");
    let mut build = cargo(&["build", "--locked", "--bin", "chaos", "--manifest-path"]);
    run_command(build.arg(root().join("crates/bench/Cargo.toml")).env("CARGO_TARGET_DIR", &target))?;

    let mut failed = Vec::new();
    for gateway in gateways {
        if let Err(failure) = gateway.run(&target.join("debug/chaos"), time) {
            eprintln!("{}: {failure}", gateway.name);
            failed.push(gateway.name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(format!("chaos with {}", failed.join(", ")))) }
}

impl Gateway {
    fn run(&self, program: &Path, time: Duration) -> Result<(), Failure> {
        let scratch = Scratch::new(&format!("chaos-{}", self.name))
            .map_err(Failure::of("cannot make a temporary directory"))?;
        let (site, mut load, mut processes) = self.begin(program, scratch.path())?;
        let deadline = Instant::now() + time;
        let mut restarts = [0; Way::ALL.len()];
        load.tell("up")?;
        for at in (0..Way::ALL.len()).cycle() {
            thread::sleep(CALM);
            // Each way is tried once, however little time there is.
            if Instant::now() >= deadline && !restarts.contains(&0) {
                break;
            }
            load.tell(Way::ALL[at].name())?;
            self.restart(Way::ALL[at], &site, &mut processes)?;
            thread::sleep(SETTLING);
            load.tell("up")?;
            restarts[at] += 1;
        }
        let told: Vec<String> =
            Way::ALL.iter().zip(restarts).map(|(way, count)| format!("{count} {}", way.name())).collect();
        println!("{}: {} s with {}", self.name, time.as_secs(), told.join(", "));
        // The gateway stays until the origin has nothing more to expect.
        load.end()
    }

    fn begin(&self, program: &Path, directory: &Path) -> Result<(Site, Load, Processes), Failure> {
        let mut last = Failure::new("the gateway does not start");
        for _ in 0..START_ATTEMPTS {
            let site = Site::find(directory)?;
            (self.prepare)(&site).map_err(Failure::of("cannot write the configuration"))?;
            let mut load = Load::start(program, &site)?;
            match load.wait_for_origin(&site).and_then(|()| self.start(&site)) {
                Ok(processes) => return Ok((site, load, processes)),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    fn start(&self, site: &Site) -> Result<Processes, Failure> {
        let mut processes = Processes::default();
        processes.add(&site.directory, &mut (self.command)(site)?)?;
        processes.wait_for(&site.front())?;
        Ok(processes)
    }

    /// Returns when it accepts connections, and nothing is left of what was there before.
    fn restart(&self, way: Way, site: &Site, processes: &mut Processes) -> Result<(), Failure> {
        let mut old = match way {
            Way::Reload => {
                processes.signal(self.reload)?;
                return processes.wait_for(&site.front());
            }
            Way::Crash => return (self.crash)(self, site, processes),
            Way::Quit => {
                processes.signal(self.quit)?;
                site.wait_for_absence(END_TIME)?;
                std::mem::take(processes)
            }
            Way::Term => {
                processes.signal("TERM")?;
                processes.wait_for_end(END_TIME);
                std::mem::take(processes)
            }
            Way::Kill => {
                processes.kill_tree()?;
                std::mem::take(processes)
            }
        };
        thread::sleep(ABSENCE);
        *processes = self.start(site)?;
        old.wait_for_end(END_TIME);
        Ok(())
    }
}
