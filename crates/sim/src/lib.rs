//! The whole martlet client in a test tube: a virtual clock, a deterministic executor and a network in memory.
//!
//! **Who should use this crate:** those who test code that makes requests with martlet, and want to see it meet refused
//! connections, servers that stall, resets at any octet, slow resolvers and suspended laptops, thousands of times a
//! second and always in the same way.
//!
//! **Who should not:** those who want to test a server, or a runtime: no real socket is opened here, and no other
//! runtime runs.
//!
//! # A test
//!
//! The code under test takes a [`martlet::Client`](martlet_client::Client). Build one over the simulation, say what the
//! servers do, and run:
//!
//! ```
//! use std::time::Duration;
//!
//! use martlet_sim::{Fault, Point, Sim, SimRequest, SimResponse, for_each_seed};
//!
//! // The code under test: asks again once when the server went away.
//! async fn price(client: &martlet::Client) -> Result<String, martlet::Error> {
//!     let response = match client.get("http://shop.test/price").send().await {
//!         Err(e) if matches!(e.kind(), martlet::Kind::Closed(_)) => {
//!             client.get("http://shop.test/price").send().await?
//!         }
//!         other => other?,
//!     };
//!     response.text().await
//! }
//!
//! for_each_seed(0..20, |seed| {
//!     let sim = Sim::new(seed);
//!     let shop = sim.listen("shop.test", 80, |request: SimRequest| match request.target.as_str() {
//!         "/price" => SimResponse::ok("12.50").after(Duration::from_secs(2)),
//!         _ => SimResponse::new(404),
//!     });
//!     // The first connection breaks before the response.
//!     shop.fail_next(Fault::Reset(Point::Response(0)));
//!
//!     let client = martlet::Client::builder().runtime(sim.runtime()).build().expect("the settings are sound");
//!     let price = sim.block_on(price(&client)).expect("no dead-lock").expect("an answer");
//!     assert_eq!(price, "12.50");
//!     // The second request waited for two seconds, of virtual time only.
//!     assert!(sim.now() >= Duration::from_secs(2));
//!     assert_eq!(shop.log().iter().filter(|request| request.processed).count(), 1);
//!     assert!(shop.complaints().is_empty());
//! });
//! ```
//!
//! When a seed fails, its number is printed, and `MARTLET_SEED=7 cargo test` runs that one alone. [`Sim::trace`] has
//! everything that happened on the network.
//!
//! # What is simulated
//!
//! | of the world | in the simulation |
//! |---|---|
//! | time | [`Sim::now`] jumps to the next timer when nobody can run; an hour takes no time |
//! | the wall clock | [`Sim::wall_clock`], which [`Sim::suspend`] and [`Sim::set_wall_clock`] let jump |
//! | tasks | one thread; the seed chooses which of several runs next |
//! | connections | latency, reads and writes cut anywhere, bounded buffers, FIN and RST as TCP has them |
//! | names | [`Host`]: several addresses, slow, failing and silent resolvers |
//! | failures | [`Fault`]: set by hand, or drawn by [`SimConfig::fault_percent`] |
//! | servers | [`Sim::listen`]: a closure behind a real HTTP/1.1 machine; [`Sim::listen_script`]: raw octets |
//! | HTTP/2 | [`Sim::listen_h2`]: the same closures; [`Listener::h2`] resets streams, sends GOAWAY and other frames, and has what the client sent |
//! | TLS | [`Listener::behind_tls`] and [`Sim::tls_config`], with the feature `tls`: sessions of rustls; faults strike at octets of the wire |
//! | runtimes that end | [`Sim::new_home`] and [`SimHome::shut_down`] |
//!
//! A run in which somebody waits and nothing can happen any more ends with a [`Deadlock`] that says who waits for what.
//! [`Sim::on_deadlock`] adds what you know: the pool of a client, for instance, which its `Debug` shows in full.
//!
//! # Determinism
//!
//! The same seed, program and versions give the same [`Sim::trace`], byte for byte. All chance comes from [`Rng`], nothing
//! here reads a clock, starts a thread or depends on the order of a hash map, and the trace holds virtual times, numbers
//! and lengths only. (Under TLS the keys of an exchange are chance that no seed decides; no length and no time depends on
//! them.) The code under test must keep to it: no clock but [`SimRuntime`]'s, no threads, no iteration over a
//! `HashMap`, no `select!` that draws who is polled first.
//!
//! # Under a fuzzer
//!
//! [`Rng::from_octets`] and [`Sim::with_rng`] let the input of a fuzzer decide in the place of a seed: coverage can then
//! guide the simulation to faults and timings that no seed of thousands meets.

#![forbid(unsafe_code)]

mod clock;
mod config;
mod connection;
mod deadlock;
mod dial;
mod executor;
mod fault;
pub mod h2;
mod hosts;
mod link;
mod pipe;
mod rng;
mod runtime;
mod secure;
mod seeds;
mod server;
mod sim;
mod strike;
mod tcp;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
#[cfg(feature = "tls")]
mod tls;
mod world;

pub use self::config::SimConfig;
pub use self::connection::ConnectionLog;
pub use self::deadlock::{Deadlock, DeadlockReason};
pub use self::fault::{Fault, Point};
pub use self::hosts::Host;
pub use self::rng::Rng;
pub use self::runtime::{SimRuntime, Sleep};
pub use self::seeds::for_each_seed;
pub use self::server::{Ending, Listener, LoggedRequest, Script, Service, SimRequest, SimResponse};
pub use self::sim::{JoinHandle, Sim, SimHome};
pub use self::tcp::SimTcp;
