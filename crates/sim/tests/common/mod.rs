//! What the tests share.

#![allow(dead_code)]

use std::time::Duration;

use martlet::{Client, Delivery, Error, Kind};
use martlet_sim::{Listener, Script, Sim, SimConfig, SimRequest, SimResponse};

/// A client whose timeouts are the defaults.
pub(crate) fn client(sim: &Sim) -> Client {
    Client::builder().runtime(sim.runtime()).build().expect("the defaults build")
}

/// A world in which nothing but what the test sets takes time.
pub(crate) fn calm() -> Sim {
    Sim::with_config(0, SimConfig::calm())
}

/// Answers every request with its own target.
pub(crate) fn echo(sim: &Sim) -> Listener {
    sim.listen("a.test", 80, |request: SimRequest| SimResponse::ok(request.target))
}

pub(crate) fn raw(sim: &Sim, script: Script) -> Listener {
    sim.listen_script("a.test", 80, [script])
}

/// A GET of the whole content.
pub(crate) async fn get(client: &Client, url: &str) -> Result<Vec<u8>, Error> {
    Ok(client.get(url).send().await?.bytes().await?.to_vec())
}

/// What a GET of `http://a.test/` comes to.
pub(crate) fn run(sim: &Sim) -> Result<Vec<u8>, (Kind, Delivery)> {
    let client = client(sim);
    sim.block_on(get(&client, "http://a.test/")).expect("no dead-lock").map_err(|e| (e.kind(), e.delivery()))
}

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
