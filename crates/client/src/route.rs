//! What a request wants of its connection besides that it leads to its origin.

use std::fmt;
use std::net::SocketAddr;
#[cfg(feature = "tls")]
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

#[cfg(feature = "tls")]
use rustls::ClientConfig;

/// Requests of different wishes never share a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    /// Connect to this address, whatever the host's name is.
    pub(crate) connect_to: Option<SocketAddr>,
    /// The name that the certificate is to be for.
    #[cfg(feature = "tls")]
    pub(crate) server_name: Option<Box<str>>,
    /// The configuration in place of the client's.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<OwnConfig>,
}

impl Route {
    /// For people. Neither of these is a secret.
    pub(crate) fn fmt_wishes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.connect_to {
            write!(f, " at {address}")?;
        }
        #[cfg(feature = "tls")]
        {
            if let Some(name) = &self.server_name {
                write!(f, " as {name}")?;
            }
            if self.tls.is_some() {
                f.write_str(" with TLS settings of its own")?;
            }
        }
        Ok(())
    }
}

/// A configuration as a value: the same one is equal to itself only.
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
pub(crate) struct OwnConfig(pub(crate) Arc<ClientConfig>);

#[cfg(feature = "tls")]
impl PartialEq for OwnConfig {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(feature = "tls")]
impl Eq for OwnConfig {}

#[cfg(feature = "tls")]
impl Hash for OwnConfig {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}
