//! Connection attempts side by side, as the machine of `core::connect` says.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use martlet_core::connect::{AttemptId, Eyeballs, EyeballsAction, EyeballsConfig, EyeballsOutcome};
use martlet_core::time::Phase;

use crate::dial::timed_out;
use crate::erased::RuntimeHandle;
use crate::error::{Error, Kind};
use crate::runtime::{BoxFuture, SocketOptions};
use crate::timer::Timer;
use crate::transport::Transport;

type Connecting<'a> = BoxFuture<'a, io::Result<Box<dyn Transport>>>;

/// Connects to the first of the addresses that answers.
pub(crate) async fn race(
    addresses: Vec<SocketAddr>,
    options: &SocketOptions,
    timer: &mut Timer,
) -> Result<Box<dyn Transport>, Error> {
    let runtime = timer.runtime().clone();
    timer.enter(Phase::Connect);
    let mut race = Race {
        machine: Eyeballs::new(addresses, &EyeballsConfig::default(), runtime.now()),
        attempts: Vec::new(),
        failure: None,
    };
    let result = poll_fn(|cx| {
        loop {
            while let Some(action) = race.machine.poll_action() {
                match action {
                    EyeballsAction::Start { attempt, to } => {
                        race.attempts.push((attempt, to, runtime.connect(to, options)));
                    }
                    EyeballsAction::Abort { attempt } => race.attempts.retain(|(id, ..)| *id != attempt),
                }
            }
            match race.poll_attempts(cx, &runtime) {
                Polled::Connected(transport) => return Poll::Ready(Ok(transport)),
                // The next attempt may be due.
                Polled::SomeFailed => continue,
                Polled::NoneFailed => {}
            }
            if race.machine.outcome() == EyeballsOutcome::Exhausted {
                return Poll::Ready(Err(race.failure()));
            }
            let next = race.machine.poll_timeout();
            if next.is_some_and(|at| at <= runtime.now()) {
                race.machine.handle_timeout(runtime.now());
                continue;
            }
            return timer.poll_expired_or(cx, next).map(|expired| Err(timed_out(expired)));
        }
    })
    .await;
    timer.leave(Phase::Connect);
    result
}

struct Race<'a> {
    machine: Eyeballs,
    attempts: Vec<(AttemptId, SocketAddr, Connecting<'a>)>,
    /// What the first attempt to fail said: that of the address which the resolver preferred.
    failure: Option<(SocketAddr, io::Error)>,
}

enum Polled {
    Connected(Box<dyn Transport>),
    SomeFailed,
    NoneFailed,
}

impl Race<'_> {
    /// Polls all attempts, the preferred first. What becomes of them is told to the machine.
    fn poll_attempts(&mut self, cx: &mut Context<'_>, runtime: &RuntimeHandle) -> Polled {
        let mut polled = Polled::NoneFailed;
        let mut i = 0;
        while let Some((id, to, connecting)) = self.attempts.get_mut(i) {
            let Poll::Ready(result) = connecting.as_mut().poll(cx) else {
                i += 1;
                continue;
            };
            let (id, to) = (*id, *to);
            drop(self.attempts.remove(i));
            match result {
                Ok(transport) => {
                    self.machine.handle_connected(id, runtime.now());
                    return Polled::Connected(transport);
                }
                Err(e) => {
                    self.machine.handle_failed(id, runtime.now());
                    self.failure.get_or_insert_with(|| {
                        (to, io::Error::new(e.kind(), AttemptFailed { to, cause: e }))
                    });
                    polled = Polled::SomeFailed;
                }
            }
        }
        polled
    }

    fn failure(&mut self) -> Error {
        let error = Error::new(Kind::Connect);
        match self.failure.take() {
            Some((to, said)) => error.with_source(said).with_tried(Some(to)),
            None => error.with_source(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
}

/// Why the connection to one address could not be opened.
#[derive(Debug)]
struct AttemptFailed {
    to: SocketAddr,
    cause: io::Error,
}

impl fmt::Display for AttemptFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.to, self.cause)
    }
}

impl StdError for AttemptFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}
