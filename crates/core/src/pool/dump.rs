//! A dump of a pool, for whoever wants to know why a request hangs.

use std::fmt;
use std::time::{Duration, Instant};

use crate::pool::action::WaiterId;
use crate::pool::config::{Capacity, PoolKey, Want};
use crate::pool::entry::{Closing, Conn, Dial, Hope, Kind, Waiter};
use crate::pool::machine::{Pool, Shutdown};
use crate::pool::mark::Mark;
use crate::pool::slab::Id;

/// Entries of each kind that are shown; a pool that hangs may have a hundred thousand waiters.
const SHOWN: usize = 20;

impl<K: PoolKey + fmt::Debug, X, S: Clone, W: Clone + fmt::Debug> fmt::Debug for Pool<K, X, S, W> {
    /// A dump for people, one sentence per line: limits and counts, then connections, dials and waiters and what each of
    /// them is doing, the first twenty of each kind, oldest first. The pool has no clock: all times are as of the last
    /// input.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_limits(f)?;
        self.fmt_stats(f)?;
        self.fmt_state(f)?;
        let mut conns = Vec::from_iter(self.conns.iter());
        conns.sort_unstable_by_key(|(_, conn)| conn.dialled);
        fmt_first(f, &conns, "connection", |f, id, conn| self.fmt_conn(f, id, conn))?;
        let mut dials = Vec::from_iter(self.dials.iter());
        dials.sort_unstable_by_key(|(_, dial)| dial.began);
        fmt_first(f, &dials, "dial", |f, id, dial| self.fmt_dial(f, id, dial))?;
        let mut waiters = Vec::from_iter(self.waiters.iter());
        waiters.sort_unstable_by_key(|(_, waiter)| waiter.turn);
        fmt_first(f, &waiters, "waiter", |f, id, waiter| self.fmt_waiter(f, id, waiter))
    }
}

impl<K: PoolKey + fmt::Debug, X, S: Clone, W: Clone + fmt::Debug> Pool<K, X, S, W> {
    fn fmt_limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        write!(f, "the limits are {}, ", count(config.max_connections, "connection"))?;
        match config.max_connections_per_origin {
            Some(most) => write!(f, "{most} per origin, ")?,
            None => f.write_str("any number per origin, ")?,
        }
        write!(f, "{} idle; dials count as connections", config.max_keepalive_connections)
    }

    fn fmt_stats(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        write!(f, "\nat the last input there were {}", count(stats.connections, "connection"))?;
        write!(f, " ({} idle, {} leased, {})", stats.idle, stats.leased, count(stats.streams, "stream"))?;
        write!(f, ", {} and {}", count(stats.dialing, "dial"), count(stats.waiting, "waiter"))
    }

    fn fmt_state(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shutdown != Shutdown::No {
            f.write_str("\nthe pool is being shut down and serves nobody new")?;
        }
        match &self.mark {
            Mark::None => Ok(()),
            Mark::Draining { claim, conn, until, .. } => write!(
                f,
                "\nconnection {conn:?} makes room for turn {}, or another one in {}",
                claim.turn,
                self.until(*until)
            ),
            Mark::Resting { claim, until } => {
                write!(
                    f,
                    "\nno connection made room for turn {}; asked again in {}",
                    claim.turn,
                    self.until(*until)
                )
            }
        }
    }

    fn fmt_conn(&self, f: &mut fmt::Formatter<'_>, id: Id, conn: &Conn<X, S, W>) -> fmt::Result {
        write!(f, "connection {id:?} to {:?} ", self.key_of(conn.key))?;
        match (&conn.kind, conn.expires) {
            (_, Some(at)) if conn.is_idle => write!(f, "is idle, expires in {}", self.until(at))?,
            (_, None) if conn.is_idle => f.write_str("is idle, never expires")?,
            (Kind::Exclusive { lessee: Some(lessee), .. }, _) => {
                write!(f, "is leased by {:?}", lessee.token)?
            }
            (Kind::Exclusive { lessee: None, .. }, _) => f.write_str("is free")?,
            (Kind::Shared { streams, .. }, _) => write!(f, "has {}", count(*streams as usize, "stream"))?,
        }
        let served = count(usize::try_from(conn.served).unwrap_or(usize::MAX), "request");
        write!(f, ", is {} old, has served {served}", self.since(conn.born))?;
        let Kind::Shared { capacity, closing, .. } = &conn.kind else {
            return Ok(());
        };
        match capacity {
            Capacity::Streams(most) => {
                write!(f, "; its peer allows {}", count(*most as usize, "stream"))?;
            }
            Capacity::Exclusive => f.write_str("; its peer allows 1 stream")?,
            Capacity::Suspect => f.write_str("; its peer is being asked whether it is still there")?,
            Capacity::Retiring => f.write_str("; its peer goes away")?,
        }
        f.write_str(match closing {
            None => "",
            Some(Closing::Aged) => "; it takes no more since it is too old",
            Some(Closing::Marked) => "; it takes no more so as to make room",
        })
    }

    fn fmt_dial(&self, f: &mut fmt::Formatter<'_>, id: Id, dial: &Dial) -> fmt::Result {
        let age = self.since(dial.began_at);
        write!(f, "dial {id:?} to {:?} is {age} old and ", self.key_of(dial.key))?;
        let shared = self.names.keys.get(dial.key).is_some_and(|key| key.shared_dial == Some(id));
        match dial.owner.and_then(|owner| self.waiters.get(owner)) {
            Some(waiter) => write!(f, "works for {:?}", waiter.token),
            None if shared => f.write_str("works for all waiters of its key"),
            None => f.write_str("was given up, but has not ended yet"),
        }
    }

    fn fmt_waiter(&self, f: &mut fmt::Formatter<'_>, id: Id, waiter: &Waiter<W>) -> fmt::Result {
        let want = match waiter.want {
            Want::Any => "any",
            Want::Fresh => "a fresh",
        };
        let (token, turn, key) = (&waiter.token, waiter.turn, self.key_of(waiter.key));
        write!(f, "waiter {token:?} (turn {turn}) for {want} connection to {key:?} ")?;
        if let Hope::Own(dial) = waiter.hope {
            return write!(f, "has dial {dial:?}");
        }
        let Some(since) = self.waiting_since(WaiterId(id)) else {
            return f.write_str("shares the dial of its key");
        };
        write!(f, "has been waiting for {}: ", self.since(since))?;
        match waiter.hope {
            Hope::Patience(Some(at)) => write!(f, "it asks for a dial in {}", self.until(at)),
            Hope::Patience(None) => f.write_str("it asks for no dial while its key has connections"),
            Hope::Dial | Hope::Own(_) => f.write_str(self.hindrance(waiter)),
        }
    }

    /// Why a waiter that has no patience has no dial.
    fn hindrance(&self, waiter: &Waiter<W>) -> &'static str {
        let Some(key) = self.names.keys.get(waiter.key) else {
            return "its key is unknown to the pool";
        };
        let most = self.config.max_connections_per_origin;
        let taken = self.names.origins.get(key.origin).map_or(0, |origin| origin.taken);
        if key.shares_dials && key.shared_dial.is_some() {
            "the dial of its key began too early for it"
        } else if key.shares_dials && key.demand.is_none() {
            "it has to make do with the shared connections there are"
        } else if most.is_some_and(|most| taken >= most) {
            "its origin is at its limit"
        } else if self.taken >= self.config.max_connections {
            "the pool is at its limit"
        } else {
            "it asks for a dial"
        }
    }

    fn key_of(&self, id: Id) -> &dyn fmt::Debug {
        match self.names.keys.get(id) {
            Some(key) => &key.key,
            None => &"unknown",
        }
    }

    fn since(&self, at: Instant) -> Seconds {
        Seconds(self.now.map_or(Duration::ZERO, |now| now.saturating_duration_since(at)))
    }

    fn until(&self, at: Instant) -> Seconds {
        Seconds(self.now.map_or(Duration::ZERO, |now| at.saturating_duration_since(now)))
    }
}

/// The first entries, one per line, and how many more there are.
fn fmt_first<T>(
    f: &mut fmt::Formatter<'_>,
    entries: &[(Id, &T)],
    noun: &str,
    line: impl Fn(&mut fmt::Formatter<'_>, Id, &T) -> fmt::Result,
) -> fmt::Result {
    for (id, entry) in entries.iter().take(SHOWN) {
        f.write_str("\n")?;
        line(f, *id, entry)?;
    }
    match entries.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        1 => write!(f, "\nand 1 more {noun}"),
        more => write!(f, "\nand {more} more {noun}s"),
    }
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A duration as people say it.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}s", self.0.as_secs_f64())
    }
}
