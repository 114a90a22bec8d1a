//! What makes connections interchangeable.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use martlet_core::pool::PoolKey;

use crate::protocols::Protocols;
use crate::route::Route;
use crate::url::{Scheme, Url};

/// The origin, what else a request wants of its connection, and the home whose connections may serve it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    origin: Origin,
    route: Option<Arc<Route>>,
    home: u64,
    protocols: Protocols,
    may_multiplex: bool,
}

impl Key {
    /// `may_multiplex`: whether it may turn out that its connections carry several requests at a time.
    pub(crate) fn new(
        url: &Url,
        route: Option<Arc<Route>>,
        home: u64,
        protocols: Protocols,
        may_multiplex: bool,
    ) -> Self {
        Self { origin: Origin::new(url), route, home, protocols, may_multiplex }
    }

    /// The home that its connections live in.
    pub(crate) fn home(&self) -> u64 {
        self.home
    }

    /// Whether requests of this key share their dials.
    pub(crate) fn is_shared(&self) -> bool {
        self.may_multiplex
    }
}

impl PoolKey for Key {
    type Origin = Origin;

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn may_multiplex(&self) -> bool {
        self.may_multiplex
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocols = match self.protocols {
            Protocols::Negotiated => "",
            Protocols::Http1 => " by HTTP/1.1",
            Protocols::Http2 => " by HTTP/2",
        };
        write!(f, "{:?}{protocols} (home {})", self.origin, self.home)?;
        if let Some(route) = &self.route {
            route.fmt_wishes(f)?;
        }
        Ok(())
    }
}

/// Scheme, host and port. It keeps nothing else of the URL, which may hold secrets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    scheme: Scheme,
    port: u16,
    host: HostName,
}

impl Origin {
    fn new(url: &Url) -> Self {
        Self { scheme: url.scheme(), port: url.port(), host: HostName::new(url.host()) }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.as_str(), self.host.as_str(), self.port)
    }
}

/// So many octets of a name need no allocation. Nearly every name is shorter.
const SHORT: usize = 46;

#[derive(Clone)]
enum HostName {
    Short { octets: [u8; SHORT], len: u8 },
    Long(Arc<str>),
}

impl HostName {
    fn new(name: &str) -> Self {
        let mut octets = [0; SHORT];
        match octets.get_mut(..name.len()) {
            Some(place) => {
                place.copy_from_slice(name.as_bytes());
                Self::Short { octets, len: name.len() as u8 }
            }
            None => Self::Long(name.into()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { octets, len } => octets.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(name) => name.as_bytes(),
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl PartialEq for HostName {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for HostName {}

impl Hash for HostName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

#[cfg(test)]
mod tests;
