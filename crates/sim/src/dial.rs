//! How connections come about.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;
use crate::link::{Link, Side};
use crate::server::accept;
use crate::tcp::Stream;
use crate::world::{Place, Shared, World};

/// Server tasks live in an instance of their own, which never ends.
pub(crate) const SERVERS: u64 = u64::MAX;

/// Where clients are.
const CLIENT_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 255, 0, 1));
const CLIENT_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0xff, 1));

/// What will become of a connection, and when.
pub(crate) struct Dialling {
    id: u64,
    to: SocketAddr,
    local: IpAddr,
    home: u64,
    pub(crate) takes: Duration,
    plan: Plan,
}

enum Plan {
    Open(Place, Option<Fault>),
    Fail(io::ErrorKind),
    Never,
}

impl Dialling {
    pub(crate) fn is_answered(&self) -> bool {
        !matches!(self.plan, Plan::Never)
    }
}

impl World {
    /// Begins a connection, from this address where it is of the right family.
    pub(crate) fn dial(&mut self, to: SocketAddr, from: Option<IpAddr>) -> Dialling {
        let id = self.next_link;
        self.next_link += 1;
        // There and back.
        let takes =
            self.network.span(&self.config.latency).saturating_add(self.network.span(&self.config.latency));
        let plan = self.plan(to);
        let name = self.addresses.get(&to.ip()).cloned().unwrap_or_else(|| to.ip().to_string());
        self.note(format_args!("c{id} dial {name} {to}"));
        let usual = if to.is_ipv4() { CLIENT_V4 } else { CLIENT_V6 };
        let local = from.filter(|from| from.is_ipv4() == to.is_ipv4()).unwrap_or(usual);
        Dialling { id, to, local, home: self.here.unwrap_or_default(), takes, plan }
    }

    fn plan(&mut self, to: SocketAddr) -> Plan {
        let Some(name) = self.addresses.get(&to.ip()).cloned() else {
            return Plan::Fail(io::ErrorKind::HostUnreachable);
        };
        let by_address = self.hosts.get(&name).and_then(|host| host.faults.get(&to.ip()).cloned());
        let place = (name, to.port());
        let by_hand = self.listeners.get_mut(&place).and_then(|listener| listener.next_fault());
        let drawn = (self.config.fault_percent > 0 && self.faults.percent(self.config.fault_percent))
            .then(|| Fault::draw(&mut self.faults, &self.config.fault_at));
        match by_address.or(by_hand).or(drawn) {
            Some(Fault::Refuse) => Plan::Fail(io::ErrorKind::ConnectionRefused),
            Some(Fault::Unreachable) => Plan::Fail(io::ErrorKind::HostUnreachable),
            Some(Fault::NeverAnswer) => Plan::Never,
            fault => Plan::Open(place, fault),
        }
    }
}

impl Shared {
    /// The answer to a connection comes.
    pub(crate) fn open(self: &Arc<Self>, dialling: Dialling) -> io::Result<Stream> {
        let Dialling { id, to, local, home, plan, .. } = dialling;
        let (place, fault) = match plan {
            Plan::Open(place, fault) => (place, fault),
            Plan::Fail(kind) => {
                self.with(|world| world.note(format_args!("c{id} failed: {kind}")));
                return Err(kind.into());
            }
            Plan::Never => return Err(io::ErrorKind::TimedOut.into()),
        };
        let accepted = self.with(|world| {
            let handler = world.listeners.get_mut(&place).and_then(|listener| listener.accept());
            let Some((handler, session)) = handler else {
                world.note(format_args!("c{id} failed: nobody listens"));
                return None;
            };
            let up = world.network.within(&world.config.buffer);
            let down = world.network.within(&world.config.buffer);
            let port = 49_152 + (id % 16_384) as u16;
            let local = SocketAddr::new(local, port);
            world.note(format_args!("c{id} open"));
            let link = Link::new(place.clone(), local, to, home, [up, down], session, handler.recorder());
            world.establish(id, link, fault);
            Some(handler)
        });
        let Some(handler) = accepted else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let server = Stream::new(Arc::clone(self), id, Side::Server);
        self.spawn(SERVERS, false, Box::pin(accept(server, place, handler)));
        Ok(Stream::new(Arc::clone(self), id, Side::Client))
    }
}
