//! Connections whose server speaks TLS: what the network does for them.

use bytes::{Bytes, BytesMut};

use crate::link::{Dir, Side};
use crate::pipe::{End, Parcel};
use crate::tls::Came;
use crate::world::World;

impl World {
    pub(crate) fn is_secure(&self, id: u64) -> bool {
        self.links.get(&id).is_some_and(|link| link.tls.is_some())
    }

    /// Octets of the wire have come to the server's host. Gives what is in them for the server, as far as that can be
    /// known by now.
    pub(crate) fn decrypt(&mut self, id: u64, octets: Bytes) -> Bytes {
        let wall = self.clock.wall();
        let Some(link) = self.links.get_mut(&id) else { return Bytes::new() };
        let Some(tls) = &mut link.tls else { return octets };
        let Came { plaintext, ended, shaken, failure } = tls.recv(&octets, wall);
        link.up.replace_last(octets.len(), &plaintext);
        if ended && link.up.end == End::Open {
            link.up.end = End::Fin;
        }
        // What waits in the session for the rest of its record takes no room.
        let writer = link.up.writer.take();
        self.wake(writer);
        if shaken {
            self.note(format_args!("c{id} handshake done"));
        }
        if ended {
            self.note(format_args!("c{id} > close_notify"));
        }
        self.send_secured(id);
        if let Some(failure) = failure {
            self.note(format_args!("c{id} handshake or record unsound: {failure}"));
            self.kill_server(id, Parcel::Fin);
        }
        plaintext.freeze()
    }

    /// The server has written octets: they are encrypted and sent.
    pub(crate) fn encrypt(&mut self, id: u64, octets: BytesMut) {
        if let Some(tls) = self.links.get_mut(&id).and_then(|link| link.tls.as_mut()) {
            tls.send(&octets);
        }
        self.send_secured(id);
    }

    /// The server says by TLS that it sends nothing more.
    pub(crate) fn send_close_notify(&mut self, id: u64) {
        let Some(tls) = self.links.get_mut(&id).and_then(|link| link.tls.as_mut()) else { return };
        tls.send_close_notify();
        self.note(format_args!("c{id} < close_notify"));
        self.send_secured(id);
    }

    /// The server changes its keys, of which the client is told.
    pub(crate) fn update_keys(&mut self, id: u64) {
        if let Some(tls) = self.links.get_mut(&id).and_then(|link| link.tls.as_mut()) {
            tls.update_keys();
        }
        self.send_secured(id);
    }

    /// The server's host ends the connection, and nothing is said by TLS.
    pub(crate) fn cut(&mut self, id: u64) {
        self.end(id, Side::Server);
    }

    /// Sends what the session has, up to where a fault strikes.
    fn send_secured(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(tls) = &mut link.tls else { return };
        let mut octets = tls.transmit();
        if !link.may_send(Side::Server) || octets.is_empty() {
            return;
        }
        if let Some(left) = link.fault_limit(Dir::Down).filter(|left| *left > 0) {
            octets.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        self.send(id, Dir::Down, Parcel::Octets(octets));
        self.strike_if_due(id, false);
    }
}
