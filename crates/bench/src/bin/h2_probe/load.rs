//! The checks of a server that is restarted under load.
//!
//! `under load` is printed when it may be restarted; once it is up again, standard input is to be closed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use martlet::{Client, Delivery, Error};
use martlet_bench::SMALL;

use crate::martlets::{Outcome, Target, is_fine, told};

const AT_A_TIME: usize = 64;

/// Requests in all, at least; and those before and after the restart.
const ALL: usize = 2_000;
const BEFORE: usize = 500;
const AFTER: usize = 500;

/// Between a failure and the next request, so that a server that is down is not asked without end.
const PAUSE: Duration = Duration::from_millis(5);

/// How the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// It finishes what it has begun, and there is always somebody who accepts: no request may fail.
    Graceful,
    /// It is killed, and for a while there is none. A connection may be refused or lost before it was of use, and content
    /// may break off. Whatever else happens to a GET, the replay must hide.
    Hard,
}

pub(crate) async fn run(client: &Client, target: &Target, restart: Restart) -> Outcome<String> {
    let is_up_again = Arc::new(AtomicBool::new(false));
    let told = is_up_again.clone();
    thread::spawn(move || {
        // An error is an end, too.
        let _ = stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Release);
    });
    let tally = Tally { restart, ..Tally::default() };
    let url = target.url("/small.txt");
    join_all((0..AT_A_TIME).map(|_| async {
        while !tally.is_done(is_up_again.load(Ordering::Acquire)) {
            if !tally.add(get(client, &url).await) {
                target.runtime.pause(PAUSE).await;
            }
        }
    }))
    .await;
    tally.verdict()
}

/// A response that was read to its end.
struct Answer {
    connection: u64,
    attempts: u32,
}

enum Failed {
    Client(Error),
    Content(String),
}

async fn get(client: &Client, url: &str) -> Result<Answer, Failed> {
    let mut response = client.get(url).send().await.map_err(Failed::Client)?;
    is_fine(&response).map_err(|e| Failed::Content(e.to_string()))?;
    let answer = Answer { connection: response.connection().id(), attempts: response.attempts() };
    let mut content = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(Failed::Client)? {
        content.extend_from_slice(&piece);
    }
    if content == SMALL.as_bytes() { Ok(answer) } else { Err(Failed::Content("other content".to_owned())) }
}

/// What came of all the requests.
struct Tally {
    restart: Restart,
    answered: Cell<usize>,
    after: Cell<usize>,
    replayed: Cell<usize>,
    connections: RefCell<BTreeSet<u64>>,
    /// How often each of them happened.
    allowed: RefCell<BTreeMap<String, usize>>,
    forbidden: RefCell<BTreeMap<String, usize>>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            restart: Restart::Graceful,
            answered: Cell::new(0),
            after: Cell::new(0),
            replayed: Cell::new(0),
            connections: RefCell::default(),
            allowed: RefCell::default(),
            forbidden: RefCell::default(),
        }
    }
}

impl Tally {
    /// Also counts what is begun after the restart.
    fn is_done(&self, is_up_again: bool) -> bool {
        if is_up_again {
            self.after.set(self.after.get() + 1);
        }
        self.after.get() > AFTER && self.answered.get() >= ALL
    }

    /// Whether it went well.
    fn add(&self, outcome: Result<Answer, Failed>) -> bool {
        let failed = match outcome {
            Ok(answer) => {
                self.answered.set(self.answered.get() + 1);
                if self.answered.get() == BEFORE {
                    println!("under load");
                }
                self.replayed.set(self.replayed.get() + usize::from(answer.attempts > 1));
                self.connections.borrow_mut().insert(answer.connection);
                return true;
            }
            Err(failed) => failed,
        };
        let (text, is_allowed) = match failed {
            Failed::Content(text) => (text, false),
            Failed::Client(e) => (told(&e), self.is_allowed(&e)),
        };
        let failures = if is_allowed { &self.allowed } else { &self.forbidden };
        *failures.borrow_mut().entry(text).or_default() += 1;
        false
    }

    fn is_allowed(&self, e: &Error) -> bool {
        if self.restart == Restart::Graceful {
            return false;
        }
        // The response broke off.
        if e.delivery() == Delivery::Answered {
            return true;
        }
        // It was replayed, which happens once, and that found nobody: what it says is what became of it before.
        if e.attempts() > 1 {
            return true;
        }
        if e.is_connect() {
            return e.delivery() == Delivery::NotSent;
        }
        // The system may have accepted a connection for a server that was about to end: nobody replays what is lost with
        // a connection that has never answered.
        e.connection().is_some_and(|connection| !self.connections.borrow().contains(&connection.id()))
    }

    fn verdict(&self) -> Outcome<String> {
        let (answered, replayed) = (self.answered.get(), self.replayed.get());
        let connections = self.connections.borrow().len();
        let mut text = format!("{answered} answered, {replayed} of them replayed, {connections} connections");
        for (failure, times) in self.allowed.borrow().iter() {
            text += &format!("; {times} times (as it may be) {failure}");
        }
        for (failure, times) in self.forbidden.borrow().iter() {
            text += &format!("; {times} times {failure}");
        }
        if !self.forbidden.borrow().is_empty() {
            return Err(text.into());
        }
        // With one connection for everything nobody has noticed the restart.
        if connections < 2 {
            Err(format!("no connection has ended: {text}").into())
        } else {
            Ok(format!(": {text}"))
        }
    }
}
