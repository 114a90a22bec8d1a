//! Named hosts, their addresses, and how their names resolve.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;
use crate::world::{Shared, World};

/// A host of the simulated network, made by [`Sim::host`](crate::Sim::host). Clones are the same host.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
    name: String,
}

/// What the world knows of a host.
#[derive(Default)]
pub(crate) struct HostState {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) faults: BTreeMap<IpAddr, Fault>,
    resolution: Resolution,
    delay: Duration,
}

#[derive(Clone, Copy, Default)]
enum Resolution {
    #[default]
    Works,
    Fails(io::ErrorKind),
    Never,
}

/// What a resolver is going to say, and when. `None` is never.
pub(crate) type Answer = (Duration, Option<io::Result<Vec<SocketAddr>>>);

impl Host {
    pub(crate) fn new(shared: Arc<Shared>, name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        shared.with(|world| world.add_host(&name));
        Self { shared, name }
    }

    /// The name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The addresses in the order in which the resolver gives them. A new host has one IPv4 address of its own, from
    /// 10.0.0.0/8 in the order in which hosts are made.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.state(|host| host.addresses.clone())
    }

    /// Adds an IPv6 address in front of the others, as systems with IPv6 prefer it. Returns it.
    pub fn add_ipv6(&self) -> IpAddr {
        self.shared.with(|world| {
            let n = world.addresses.len() as u16 + 1;
            let address = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n));
            world.addresses.insert(address, self.name.clone());
            if let Some(host) = world.hosts.get_mut(&self.name) {
                host.addresses.insert(0, address);
            }
            address
        })
    }

    /// Every connection to this address meets the fault, until `None` is set.
    pub fn fail_address(&self, address: IpAddr, fault: Option<Fault>) {
        self.state(|host| {
            match fault {
                Some(fault) => host.faults.insert(address, fault),
                None => host.faults.remove(&address),
            };
        });
    }

    /// The name resolves after this time beyond the usual one.
    pub fn resolve_slowly(&self, delay: Duration) {
        self.state(|host| host.delay = delay);
    }

    /// The resolver fails with this kind of error.
    pub fn resolve_fails(&self, kind: io::ErrorKind) {
        self.state(|host| host.resolution = Resolution::Fails(kind));
    }

    /// The resolver never answers.
    pub fn resolve_never(&self) {
        self.state(|host| host.resolution = Resolution::Never);
    }

    /// The name resolves as it did in the beginning.
    pub fn resolve_normally(&self) {
        self.state(|host| {
            host.resolution = Resolution::Works;
            host.delay = Duration::ZERO;
        });
    }

    fn state<T: Default>(&self, act: impl FnOnce(&mut HostState) -> T) -> T {
        self.shared.with(|world| world.hosts.get_mut(&self.name).map(act).unwrap_or_default())
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("name", &self.name).finish_non_exhaustive()
    }
}

impl World {
    fn add_host(&mut self, name: &str) {
        if self.hosts.contains_key(name) {
            return;
        }
        let n = self.hosts.len() as u32 + 1;
        let address = IpAddr::V4(Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + n));
        self.addresses.insert(address, name.to_owned());
        let host = HostState { addresses: vec![address], ..HostState::default() };
        self.hosts.insert(name.to_owned(), host);
    }

    /// Asks the resolver.
    pub(crate) fn resolve(&mut self, name: &str, port: u16) -> Answer {
        let name = name.to_ascii_lowercase();
        let usual = self.network.span(&self.config.resolve_time);
        self.note(format_args!("resolve {name}"));
        let Some(host) = self.hosts.get(&name) else {
            return (usual, Some(Err(io::ErrorKind::NotFound.into())));
        };
        let answer = match host.resolution {
            Resolution::Works => {
                Some(Ok(host.addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect()))
            }
            Resolution::Fails(kind) => Some(Err(kind.into())),
            Resolution::Never => None,
        };
        (usual.saturating_add(host.delay), answer)
    }
}
