//! TLS over the transport that was opened.

use std::sync::Arc;

use martlet_core::time::Phase;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::{Plan, Progress, within};
use crate::error::{Error, Kind};
use crate::timer::Timer;
use crate::tls::{self, TlsConfig, TlsFailure, TlsInfo};
use crate::transport::Transport;

/// What is offered by ALPN, the preferred first.
const PROTOCOLS: &[&[u8]] = &[b"http/1.1"];

/// Where the client's TLS comes from.
pub(crate) enum TlsSource {
    /// It was described, and is loaded when a request first needs it.
    Described(TlsConfig),
    /// The user's own, with our protocols unless it had its own.
    Own(Arc<ClientConfig>),
}

impl TlsSource {
    pub(crate) fn own(config: &Arc<ClientConfig>) -> Self {
        Self::Own(tls::prepare(config, PROTOCOLS))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        match self {
            Self::Described(config) => config.load(PROTOCOLS).map_err(unusable),
            Self::Own(config) => Ok(Arc::clone(config)),
        }
    }
}

/// Shakes hands. The time that it takes is part of what connecting may take.
pub(super) async fn secure(
    plan: &Plan,
    io: Box<dyn Transport>,
    timer: &mut Timer,
    progress: &Progress,
) -> Result<(Box<dyn Transport>, TlsInfo), Error> {
    progress.set(Phase::Tls);
    let route = plan.route.as_deref();
    let config = match route.and_then(|route| route.tls.as_ref()) {
        Some(own) => tls::prepare(&own.0, PROTOCOLS),
        None => plan.settings.tls.config()?,
    };
    let host = plan.url.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = route.and_then(|route| route.server_name.as_deref()).unwrap_or(address.unwrap_or(host));
    let name = ServerName::try_from(name.to_owned()).map_err(unusable)?;
    timer.enter(Phase::Tls);
    let shaken = within(timer, Box::pin(tls::handshake(io, config, name))).await;
    timer.leave(Phase::Tls);
    let (stream, info) = shaken?.map_err(Error::tls)?;
    match info.alpn() {
        // A configuration of the user's own may offer what is not spoken here.
        Some(chosen) if !PROTOCOLS.contains(&chosen) => Err(unusable(format!(
            "the server has chosen the protocol `{}`, which the configuration offered and this client does not speak",
            chosen.escape_ascii()
        ))),
        _ => Ok((Box::new(stream), info)),
    }
}

fn unusable(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Kind::Tls(TlsFailure::Config)).with_source(e)
}
