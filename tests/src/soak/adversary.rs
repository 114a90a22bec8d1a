//! Servers that do what they may, and what a network or a machine does to connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use martlet_sim::h2::H2Link;
use martlet_sim::{Listener, Rng, SimRuntime};

use super::plan::millis;

/// Codes of GOAWAY: NO_ERROR, INTERNAL_ERROR, PROTOCOL_ERROR, ENHANCE_YOUR_CALM.
const CODES: [u32; 6] = [0, 0, 0, 2, 1, 11];

const REFUSED_STREAM: u32 = 0x7;

/// What is done to the connections of HTTP/2 servers.
pub(super) struct Adversary {
    pub(super) runtime: SimRuntime,
    pub(super) servers: Vec<Listener>,
    pub(super) rng: Rng,
    /// Set once something was done after which streams may stay open at a server.
    pub(super) harms: Arc<AtomicBool>,
}

impl Adversary {
    /// So many mischiefs, with pauses.
    pub(super) async fn run(mut self, times: u64) {
        for _ in 0..times {
            self.runtime.sleep(millis(self.rng.skewed(&(0..=800)) as u64)).await;
            self.act().await;
        }
    }

    async fn act(&mut self) {
        let server = &self.servers[self.rng.below(self.servers.len() as u64) as usize];
        let accepted = server.accepted() as u64;
        // The last ones are those that are in use, and sometimes it is one to come.
        let nth = (accepted + u64::from(self.rng.percent(10))).saturating_sub(1 + self.rng.below(2));
        let link = server.h2(nth as usize);
        match self.rng.below(16) {
            0..=2 => {
                // Down, up, to nothing and back.
                link.settings_max_streams(self.rng.below(4) as u32);
                self.pause(600).await;
                link.settings_max_streams(1 + self.rng.below(8) as u32);
            }
            3 | 4 => self.go_away(&link),
            5 => {
                // As one leaves in good order: first everything is answered, then a last one is named.
                link.goaway(0x7fff_ffff, 0);
                self.pause(400).await;
                self.go_away(&link);
            }
            6..=8 => self.reset_one(&link),
            9 => {
                link.ping([7; 8]);
                link.ping([8; 8]);
            }
            10 => {
                self.harm();
                link.stop_reading();
                self.pause(2_500).await;
                link.resume_reading();
            }
            11 => {
                self.harm();
                link.mute();
            }
            12 => {
                self.harm();
                link.fin();
            }
            13 => {
                self.harm();
                link.rst();
            }
            14 => {
                let server = &self.servers[self.rng.below(self.servers.len() as u64) as usize];
                server.set_listening(false);
                self.pause(1_000).await;
                // All of them listen again, whoever it was.
                self.servers.iter().for_each(|server| server.set_listening(true));
            }
            _ => {
                // A frame of a kind that nobody knows is ignored (RFC 9113 §5.5).
                link.raw(vec![0, 0, 1, 0xfa, 0, 0, 0, 0, 0, 0x55]);
            }
        }
    }

    fn harm(&self) {
        self.harms.store(true, Ordering::Relaxed);
    }

    async fn pause(&mut self, most: u64) {
        self.runtime.sleep(millis(self.rng.below(most))).await;
    }

    /// GOAWAY with any last stream that is no lie.
    fn go_away(&mut self, link: &H2Link) {
        let requests = link.requests();
        let of = |request: &martlet_sim::LoggedRequest| request.stream.unwrap_or_default();
        let processed = requests.iter().filter(|request| request.processed).map(of).max().unwrap_or(0);
        let highest = requests.iter().map(of).max().unwrap_or(0);
        let last = match self.rng.below(4) {
            0 => 0x7fff_ffff,
            1 => highest,
            2 => processed,
            _ => processed + 2 * self.rng.below(4) as u32,
        };
        link.goaway(last, CODES[self.rng.below(CODES.len() as u64) as usize]);
    }

    /// RST_STREAM for one of the last streams, which says that it was refused only if it was not processed.
    fn reset_one(&mut self, link: &H2Link) {
        let requests = link.requests();
        let Some(back) = (requests.len() as u64).checked_sub(1) else { return };
        let chosen = &requests[(back - self.rng.below(back.min(3) + 1)) as usize];
        let Some(stream) = chosen.stream.filter(|_| chosen.head_complete) else { return };
        let code = match self.rng.below(4) {
            0 | 1 if !chosen.processed => REFUSED_STREAM,
            0 => 0x2,
            1 => 0x0,
            _ => 0x8,
        };
        link.reset_stream(stream, code);
    }
}
