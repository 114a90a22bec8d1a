//! Certificate chains, once for all connections that were shown the same.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::pki_types::CertificateDer;

/// A certificate chain, the server's own certificate first.
pub(super) type SharedChain = Arc<[CertificateDer<'static>]>;

/// Chains of some KiB each would be the larger part of what an idle connection owns beside its TLS state.
static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// Entries before anything is swept.
const FEW: usize = 64;

struct Known {
    chains: HashMap<u64, Weak<[CertificateDer<'static>]>>,
    /// At so many entries those that nobody uses any more are taken out.
    sweep_at: usize,
}

/// The same chain, in the one place where others have it, too.
pub(super) fn shared(chain: &[CertificateDer<'static>]) -> SharedChain {
    let mut hasher = DefaultHasher::new();
    chain.hash(&mut hasher);
    let hash = hasher.finish();

    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_with(|| Known { chains: HashMap::new(), sweep_at: FEW });
    // Two chains of one hash take turns: that costs memory, never the truth.
    if let Some(found) = known.chains.get(&hash).and_then(Weak::upgrade).filter(|found| **found == *chain) {
        return found;
    }
    if known.chains.len() >= known.sweep_at {
        known.chains.retain(|_, chain| chain.strong_count() > 0);
        known.sweep_at = FEW.max(known.chains.len() * 2);
    }
    let chain = SharedChain::from(chain);
    known.chains.insert(hash, Arc::downgrade(&chain));
    chain
}

#[cfg(test)]
mod tests;
