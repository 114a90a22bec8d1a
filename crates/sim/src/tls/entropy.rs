//! Cryptography whose chance is the seed's.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, ring};

use crate::rng::Rng;

thread_local! {
    /// What this thread draws from. A run puts the generator of its simulation here; rustls takes nothing but a source
    /// that lives for ever.
    static SOURCE: RefCell<Rng> = const { RefCell::new(Rng::new(0)) };
}

/// Draws from the generator of the simulation that runs on this thread.
#[derive(Debug)]
struct Drawn;

impl SecureRandom for Drawn {
    fn fill(&self, octets: &mut [u8]) -> Result<(), GetRandomFailed> {
        SOURCE.with_borrow_mut(|rng| {
            for chunk in octets.chunks_mut(8) {
                chunk.copy_from_slice(&rng.next_u64().to_be_bytes()[..chunk.len()]);
            }
        });
        Ok(())
    }
}

/// The provider of both sides. Keys of the key exchange are still ring's own chance: only their values depend on it, and
/// neither a length nor a time.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { secure_random: &Drawn, ..ring::default_provider() })
}

/// Puts a generator in place for as long as a run lasts.
pub(crate) struct Seeded {
    before: Option<Rng>,
}

impl Seeded {
    pub(crate) fn new(rng: Rng) -> Self {
        Self { before: Some(SOURCE.replace(rng)) }
    }

    /// The generator as the run has left it.
    pub(crate) fn end(mut self) -> Rng {
        self.restore()
    }

    fn restore(&mut self) -> Rng {
        let before = self.before.take().unwrap_or(Rng::new(0));
        SOURCE.replace(before)
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        if self.before.is_some() {
            self.restore();
        }
    }
}
