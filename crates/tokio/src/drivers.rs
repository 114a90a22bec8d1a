//! Whether a runtime was built with the drivers that a client needs.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::panic::catch_unwind;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Id;
use tokio::time::Instant;

/// How many runtimes are remembered; the oldest is forgotten first and would be asked again.
const REMEMBERED: usize = 64;

static KNOWN: Mutex<VecDeque<(Id, Drivers)>> = Mutex::new(VecDeque::new());

#[derive(Clone, Copy)]
pub(crate) enum Drivers {
    Complete,
    /// What is missing, and what to do about it.
    Lacking(&'static str),
    /// The system has refused the socket that is needed to find out.
    Unknown,
}

/// The drivers of the current runtime, whose id is given.
pub(crate) fn of_current(id: Id) -> Drivers {
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, drivers)) = known().iter().find(|(known, _)| *known == id) {
        return *drivers;
    }
    // The lock is not held meanwhile: a panic hook may do anything, even send a request.
    let found = probe();
    if !matches!(found, Drivers::Unknown) {
        let mut known = known();
        known.push_back((id, found));
        let surplus = known.len().saturating_sub(REMEMBERED);
        known.drain(..surplus);
    }
    found
}

/// tokio tells that a driver is missing by panicking, and in no other way that is stable.
fn probe() -> Drivers {
    if catch_unwind(|| drop(tokio::time::sleep_until(Instant::now()))).is_err() {
        return Drivers::Lacking(
            "this tokio runtime has no time driver: call `enable_time()` or `enable_all()` on its builder",
        );
    }
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .or_else(|_| UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)))
        .and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    let Ok(socket) = socket else {
        return Drivers::Unknown;
    };
    match catch_unwind(|| tokio::net::UdpSocket::from_std(socket)) {
        Ok(Ok(_)) => Drivers::Complete,
        Ok(Err(_)) => Drivers::Unknown,
        Err(_) => Drivers::Lacking(
            "this tokio runtime has no IO driver: call `enable_io()` or `enable_all()` on its builder",
        ),
    }
}
