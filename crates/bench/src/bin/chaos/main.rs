//! `chaos <CA file> <origin's address> <URL>...`: martlet against a gateway that somebody restarts in every way, and the
//! gateway's origin, which knows what was really done.
//!
//! The URLs are those of the gateway for HTTP/1.1, HTTP/1.1 over TLS, HTTP/2 over TLS and HTTP/2 by prior knowledge. The
//! gateway must pass requests on to the origin once and never again.
//!
//! A line of standard input says what happens to the gateway from now on (`up`, `reload`, `crash`, `quit`, `term` or `kill`), and
//! is printed when that is understood. At the end of the input the clients end, and what they say is held against what the
//! origin has seen. Each contradiction is printed, and makes the program fail.

#![forbid(unsafe_code)]

mod judge;
mod load;
mod log;
mod origin;
mod plan;
mod story;
mod table;
mod weather;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::future::Future;
use std::io::stdin;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::judge::judge;
use crate::load::{Load, TOTAL};
use crate::log::{Log, Seen};
use crate::plan::Id;
use crate::table::Table;
use crate::weather::Way;

const USAGE: &str = "chaos <CA file> <origin's address> <URL> <URL over TLS> <URL over TLS> <URL of HTTP/2>";

/// For the last requests to end, beyond the client's own limit.
const PATIENCE: Duration = Duration::from_secs(5);

/// A gateway may pass on what its client has given up already.
const QUIET: Duration = Duration::from_millis(500);

/// Contradictions that are told in full.
const SHOWN: usize = 10;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ca, origin, urls @ ..] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let urls: [String; 4] = urls.to_vec().try_into().map_err(|_| USAGE)?;
    let load = Arc::new(Load::new(fs::read(ca)?, urls));
    let log = Arc::new(Log::new());
    start_origin(origin.parse()?, Arc::clone(&log));
    let (ended, ends) = mpsc::channel();
    let mut started = false;
    for line in stdin().lines() {
        let line = line?;
        load.weather.set(Way::named(&line).ok_or("nothing like that can happen")?);
        // What happens must not happen before it is known.
        println!("{line}");
        if !started {
            // The first line says that the gateway is up.
            started = true;
            start("tokio", &load, &ended, |load| on_tokio(load));
            start("smol", &load, &ended, |load| async_io::block_on(load));
        }
    }
    load.end();
    drop(ended);
    let deadline = Instant::now() + TOTAL + PATIENCE;
    while let Ok(end) = ends.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        end?;
    }
    let mistakes = report(&load, &log.settle(QUIET, TOTAL));
    Ok(if mistakes == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type End = Result<(), martlet::Error>;

fn on_tokio(load: impl Future<Output = End>) -> End {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the system gives a runtime what it needs").block_on(load)
}

fn start_origin(address: SocketAddr, log: Arc<Log>) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let served = runtime.and_then(|runtime| runtime.block_on(origin::serve(address, log)));
        // Whoever has started this waits for the address.
        if let Err(e) = served {
            eprintln!("chaos: no origin at {address}: {e}");
        }
    });
}

/// Runs clients in a thread of their own.
fn start(
    runtime: &'static str,
    load: &Arc<Load>,
    ended: &mpsc::Sender<End>,
    block_on: fn(std::pin::Pin<&mut dyn Future<Output = End>>) -> End,
) {
    let (load, ended) = (Arc::clone(load), ended.clone());
    thread::spawn(move || {
        let end = block_on(std::pin::pin!(load.run(runtime)));
        // Nobody is left to be told if this was given up.
        let _ = ended.send(end);
    });
}

/// Prints what became of all requests, and returns how many mistakes there were.
fn report(load: &Load, seen: &BTreeMap<Id, Seen>) -> usize {
    let mut table = Table::default();
    let mut mistakes = Vec::new();
    for story in load.take_stories() {
        let seen = seen.get(&story.id).cloned().unwrap_or_default();
        table.add(&story, &seen);
        for what in judge(&story, &seen) {
            let Seen { heads, processed, .. } = seen;
            mistakes.push(format!(
                "{what}: {story}; the origin has seen {heads} heads and acted {processed} times"
            ));
        }
    }
    mistakes.extend(table.mistakes());
    for (Id(number), age) in load.under_way() {
        mistakes.push(format!("{number} waits for ever: {age:?} so far"));
    }
    println!("{table}");
    for mistake in mistakes.iter().take(SHOWN) {
        println!("  MISTAKE: {mistake}");
    }
    if mistakes.len() > SHOWN {
        println!("  and {} more", mistakes.len() - SHOWN);
    }
    mistakes.len()
}
