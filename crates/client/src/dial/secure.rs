//! TLS over the transport that was opened.

use std::sync::Arc;

use martlet_core::time::Phase;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::{Plan, Progress, within};
use crate::error::{Error, Kind};
use crate::protocols::Protocols;
use crate::timer::Timer;
use crate::tls::{self, TlsConfig, TlsFailure, TlsInfo};
use crate::transport::Transport;

/// Where the client's TLS comes from.
pub(crate) enum TlsSource {
    /// It was described, and is loaded when a request first needs it.
    Described(TlsConfig),
    /// The user's own, with our protocols unless it had its own.
    Own(Prepared),
}

impl TlsSource {
    pub(crate) fn own(config: &Arc<ClientConfig>) -> Self {
        Self::Own(Prepared::new(config))
    }

    /// Whether HTTP/2 can come out of it where both versions are allowed.
    #[cfg(feature = "http2")]
    pub(crate) fn may_choose_http2(&self) -> bool {
        match self {
            Self::Described(_) => true,
            Self::Own(own) => may_choose_http2(&own.negotiated),
        }
    }

    fn config(&self, protocols: Protocols) -> Result<Arc<ClientConfig>, Error> {
        match self {
            Self::Described(config) => config.load(protocols.alpn()).map_err(unusable),
            Self::Own(own) => Ok(own.get(protocols)),
        }
    }
}

/// Whether a configuration of the user's own leaves it to the server, or to us, to choose HTTP/2.
#[cfg(feature = "http2")]
pub(crate) fn may_choose_http2(config: &ClientConfig) -> bool {
    let offered = &config.alpn_protocols;
    offered.is_empty() || offered.iter().any(|protocol| protocol == b"h2")
}

/// A configuration with each list of protocols that may be offered, made once.
pub(crate) struct Prepared {
    negotiated: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl Prepared {
    fn new(config: &Arc<ClientConfig>) -> Self {
        let with = |protocols: Protocols| tls::prepare(config, protocols.alpn());
        Self {
            negotiated: with(Protocols::Negotiated),
            http1: with(Protocols::Http1),
            http2: with(Protocols::Http2),
        }
    }

    fn get(&self, protocols: Protocols) -> Arc<ClientConfig> {
        Arc::clone(match protocols {
            Protocols::Negotiated => &self.negotiated,
            Protocols::Http1 => &self.http1,
            Protocols::Http2 => &self.http2,
        })
    }
}

/// Shakes hands, and says which version of HTTP came out of it. The time that it takes is part of what connecting may take.
pub(super) async fn secure(
    plan: &Plan,
    io: Box<dyn Transport>,
    timer: &mut Timer,
    progress: &Progress,
) -> Result<(Box<dyn Transport>, TlsInfo, Protocols), Error> {
    progress.set(Phase::Tls);
    let route = plan.route.as_deref();
    let config = match route.and_then(|route| route.tls.as_ref()) {
        Some(own) => tls::prepare(&own.0, plan.protocols.alpn()),
        None => plan.settings.tls.config(plan.protocols)?,
    };
    let host = plan.url.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = route.and_then(|route| route.server_name.as_deref()).unwrap_or(address.unwrap_or(host));
    let name = ServerName::try_from(name.to_owned()).map_err(unusable)?;
    timer.enter(Phase::Tls);
    let shaken = within(timer, Box::pin(tls::handshake(io, config, name))).await;
    timer.leave(Phase::Tls);
    let (stream, info) = shaken?.map_err(Error::tls)?;
    let chosen = match info.alpn() {
        Some(b"h2") if plan.protocols != Protocols::Http1 && cfg!(feature = "http2") => Protocols::Http2,
        Some(b"http/1.1") if plan.protocols != Protocols::Http2 => Protocols::Http1,
        None => plan.protocols,
        // A configuration of the user's own may offer what is not spoken here, or not by this request.
        Some(other) => {
            return Err(unusable(format!(
                "the server has chosen the protocol `{}`, which the configuration offered and this request does not speak",
                other.escape_ascii()
            )));
        }
    };
    Ok((Box::new(stream), info, chosen))
}

fn unusable(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Kind::Tls(TlsFailure::Config)).with_source(e)
}
