//! What clients of the simulation need.

use std::sync::Arc;
use std::time::SystemTime;

use martlet_client::Runtime;
use martlet_client::tls::TlsConfig;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use super::entropy::provider;
use super::identity::root;
use crate::runtime::SimRuntime;
use crate::sim::Sim;

impl Sim {
    /// A configuration for [`ClientBuilder::tls`](martlet_client::ClientBuilder::tls): it trusts the servers of
    /// simulations and nobody else, draws from the seed and compares with the wall clock of this world.
    pub fn tls_config(&self) -> TlsConfig {
        TlsConfig::new()
            .add_root_certificate_der(root().to_vec())
            .only_added_roots()
            .trust_environment(false)
            .crypto_provider(provider())
            .time_provider(Arc::new(WorldTime(self.runtime())))
    }
}

#[derive(Debug)]
struct WorldTime(SimRuntime);

impl TimeProvider for WorldTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since = self.0.wall_clock().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}
