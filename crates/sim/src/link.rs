//! A connection: two directions and two ends.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use crate::connection::Surplus;
use crate::fault::{Fault, Point};
use crate::pipe::{End, Parcel, Pipe};
use crate::server::Recorder;
use crate::tls::Session;
use crate::world::{Event, Place, World};

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dir {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// An end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    /// The direction in which this end writes.
    fn out(self) -> Dir {
        match self {
            Self::Client => Dir::Up,
            Self::Server => Dir::Down,
        }
    }
}

impl Dir {
    fn opposite(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }

    fn sign(self) -> char {
        match self {
            Self::Up => '>',
            Self::Down => '<',
        }
    }
}

/// A connection that was opened.
pub(crate) struct Link {
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
    pub(crate) place: Place,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    /// The home that dialled it.
    pub(crate) home: u64,
    pub(crate) fault: Option<Fault>,
    /// The server has gone, whatever its task thinks.
    pub(crate) server_dead: bool,
    client_here: bool,
    server_here: bool,
    /// Nothing comes through any more, and nobody is told.
    pub(crate) lost: bool,
    surplus: Option<Surplus>,
    /// The server's side of TLS, if it speaks that.
    pub(crate) tls: Option<Session>,
    pub(crate) recorder: Recorder,
}

impl Link {
    pub(crate) fn new(
        place: Place,
        local: SocketAddr,
        peer: SocketAddr,
        home: u64,
        [up, down]: [usize; 2],
        tls: Option<Session>,
        recorder: Recorder,
    ) -> Self {
        Self {
            up: Pipe::new(up),
            down: Pipe::new(down),
            place,
            local,
            peer,
            home,
            fault: None,
            server_dead: false,
            client_here: true,
            server_here: true,
            lost: false,
            surplus: None,
            tls,
            recorder,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.client_here
    }

    /// What is written to the client from now on was not asked for.
    pub(crate) fn mark_surplus(&mut self) {
        self.surplus = Some(Surplus { from: self.down.accepted, came: None });
    }

    /// What nobody has asked for. Only the first who asks is told: what comes in the midst of a request comes too late for
    /// it.
    pub(crate) fn take_surplus(&mut self) -> Option<Surplus> {
        self.surplus.take()
    }

    pub(crate) fn pipe(&mut self, dir: Dir) -> &mut Pipe {
        match dir {
            Dir::Up => &mut self.up,
            Dir::Down => &mut self.down,
        }
    }

    /// What this end has to say before it may read or write.
    fn check(&self, side: Side) -> io::Result<()> {
        match side {
            Side::Server if self.server_dead => Err(io::ErrorKind::ConnectionReset.into()),
            Side::Server | Side::Client => Ok(()),
        }
    }

    /// Whether this end can send anything.
    pub(crate) fn may_send(&mut self, side: Side) -> bool {
        let dir = side.out();
        let is_broken = self.pipe(dir.opposite()).end == End::Reset;
        self.check(side).is_ok() && !is_broken && !self.pipe(dir).closed
    }

    /// Octets up to which a fault lets a write in this direction go.
    pub(crate) fn fault_limit(&self, dir: Dir) -> Option<u64> {
        let at = match (dir, self.fault.as_ref()?.point()?) {
            (Dir::Up, Point::Request(at)) | (Dir::Down, Point::Response(at)) => at,
            (Dir::Up, Point::Response(_)) | (Dir::Down, Point::Request(_)) => return None,
        };
        let accepted = if dir == Dir::Up { self.up.accepted } else { self.down.accepted };
        at.checked_sub(accepted)
    }

    /// Whether the fault strikes now, before another octet.
    pub(crate) fn is_struck(&self, arrived: bool) -> bool {
        let Some(fault) = &self.fault else { return false };
        match fault.point() {
            Some(Point::Response(at)) => self.down.accepted >= at,
            Some(Point::Request(at)) if fault.is_of_the_way() => self.up.accepted >= at,
            Some(Point::Request(at)) => (arrived || at == 0) && self.up.came >= at,
            None => false,
        }
    }

    pub(crate) fn describe(&self, id: u64) -> String {
        let (host, port) = &self.place;
        let end = |here: bool, dead: bool| match (here, dead) {
            (_, true) => "dead",
            (true, false) => "open",
            (false, false) => "gone",
        };
        format!(
            "c{id} {host}:{port} client {}, server {}{}\n    > {}\n    < {}",
            end(self.client_here, false),
            end(self.server_here, self.server_dead),
            if self.lost { ", lost" } else { "" },
            self.up.describe(),
            self.down.describe()
        )
    }
}

impl World {
    /// A connection is open now.
    pub(crate) fn establish(&mut self, id: u64, link: Link, fault: Option<Fault>) {
        self.links.insert(id, Link { fault, ..link });
        self.strike_if_due(id, false);
    }

    pub(crate) fn poll_write(
        &mut self,
        id: u64,
        side: Side,
        cx: &Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let spurious = self.network.percent(self.config.spurious_pending);
        let most = self.network.skewed(&self.config.segment).max(1);
        let Some(link) = self.links.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        link.check(side)?;
        let dir = side.out();
        let incoming = link.pipe(dir.opposite());
        let broken = incoming.end == End::Reset;
        let limit = link.fault_limit(dir).filter(|left| *left > 0);
        let pipe = link.pipe(dir);
        if pipe.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if broken {
            pipe.closed = true;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        if offered == 0 {
            return Poll::Ready(Ok(0));
        }
        let room = pipe.room();
        if room == 0 {
            let old = pipe.writer.replace(cx.waker().clone());
            self.keep(old);
            return Poll::Pending;
        }
        if spurious {
            self.wake(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        let is_secured = side == Side::Server && self.is_secure(id);
        // Octets of the wire are what a fault counts.
        let limit = limit.filter(|_| !is_secured);
        let limit = limit.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let n = offered.min(room).min(most).min(limit);
        let mut octets = BytesMut::with_capacity(n);
        for slice in slices {
            let left = n - octets.len();
            octets.extend_from_slice(&slice[..left.min(slice.len())]);
        }
        self.note(format_args!("c{id} {} write {n} of {offered}", dir.sign()));
        if is_secured {
            self.encrypt(id, octets);
        } else {
            self.send(id, dir, Parcel::Octets(octets.freeze()));
            self.strike_if_due(id, false);
        }
        Poll::Ready(Ok(n))
    }

    pub(crate) fn poll_read(
        &mut self,
        id: u64,
        side: Side,
        cx: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let spurious = self.network.percent(self.config.spurious_pending);
        let most = self.network.skewed(&self.config.segment).max(1);
        let Some(link) = self.links.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        link.check(side)?;
        let dir = side.out().opposite();
        let pipe = link.pipe(dir);
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if pipe.arrived.is_empty() && pipe.end == End::Open {
            let old = pipe.reader.replace(cx.waker().clone());
            self.keep(old);
            return Poll::Pending;
        }
        if spurious {
            self.wake(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        if pipe.arrived.is_empty() {
            let reset = pipe.end == End::Reset;
            self.note(format_args!("c{id} {} read {}", dir.sign(), if reset { "reset" } else { "end" }));
            return Poll::Ready(if reset { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(0) });
        }
        let len = buffer.len().min(most);
        let n = pipe.take(&mut buffer[..len]);
        let writer = pipe.writer.take();
        self.wake(writer);
        self.note(format_args!("c{id} {} read {n}", dir.sign()));
        Poll::Ready(Ok(n))
    }

    /// What a read would give, without waiting.
    pub(crate) fn peek(&mut self, id: u64, side: Side) -> io::Result<usize> {
        let link = self.links.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        link.check(side)?;
        let pipe = link.pipe(side.out().opposite());
        match (pipe.arrived.len(), pipe.end) {
            (0, End::Open) => Err(io::ErrorKind::WouldBlock.into()),
            (0, End::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
            (n, _) => Ok(n),
        }
    }

    /// This end will send nothing more, and says so.
    pub(crate) fn shut_down(&mut self, id: u64, side: Side) {
        if side == Side::Server && self.links.get_mut(&id).is_some_and(|link| link.may_send(side)) {
            self.send_close_notify(id);
        }
        self.end(id, side);
    }

    /// A FIN, and nothing else.
    pub(crate) fn end(&mut self, id: u64, side: Side) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let dir = side.out();
        if link.may_send(side) {
            self.note(format_args!("c{id} {} fin", dir.sign()));
            self.send(id, dir, Parcel::Fin);
        }
    }

    /// This end breaks the connection.
    pub(crate) fn reset(&mut self, id: u64, side: Side) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let dir = side.out();
        link.pipe(dir.opposite()).reader_gone = true;
        if link.check(side).is_ok() && !link.pipe(dir).reset {
            self.note(format_args!("c{id} {} reset", dir.sign()));
            self.send(id, dir, Parcel::Reset);
        }
    }

    /// The server breaks the connection.
    pub(crate) fn reset_server(&mut self, id: u64) {
        self.reset(id, Side::Server);
    }

    /// This end is dropped. As a kernel does, octets that nobody has read are answered by a reset; they make no room for
    /// others.
    pub(crate) fn leave(&mut self, id: u64, side: Side) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let incoming = link.pipe(side.out().opposite());
        let unread = incoming.arrived.len();
        incoming.reader_gone = true;
        let reader = incoming.reader.take();
        let own = link.pipe(side.out()).writer.take();
        match side {
            Side::Client => link.client_here = false,
            Side::Server => link.server_here = false,
        }
        for waker in [reader, own] {
            self.wake(waker);
        }
        if unread > 0 {
            self.reset(id, side);
        } else {
            self.shut_down(id, side);
        }
        if self.links.get(&id).is_some_and(|link| !link.client_here && !link.server_here) {
            self.note(format_args!("c{id} gone"));
            self.links.remove(&id);
        }
    }

    /// Every open connection goes dead, and nobody is told.
    pub(crate) fn lose_connections(&mut self) {
        let open: Vec<u64> = self.links.keys().copied().collect();
        for id in open {
            if let Some(link) = self.links.get_mut(&id) {
                link.lost = true;
                link.up.stalled = true;
                link.down.stalled = true;
            }
            self.note(format_args!("c{id} lost"));
        }
    }

    pub(crate) fn send(&mut self, id: u64, dir: Dir, parcel: Parcel) {
        let due = self.clock.now + self.network.span(&self.config.latency);
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Some(due) = link.pipe(dir).send(parcel, due) {
            self.schedule(due, Event::Arrive(id, dir));
        }
    }

    pub(crate) fn arrive(&mut self, id: u64, dir: Dir) {
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.lost) else { return };
        let pipe = link.pipe(dir);
        let reader_gone = pipe.reader_gone;
        let Some(parcel) = pipe.arrive() else { return };
        let reader = pipe.reader.take();
        let room = reader_gone.then(|| pipe.writer.take()).flatten();
        match parcel {
            Parcel::Octets(octets) => {
                self.note(format_args!("c{id} {} arrived {}", dir.sign(), octets.len()));
                if reader_gone {
                    self.refuse_octets(id, dir);
                } else if dir == Dir::Up {
                    self.take_in(id, octets);
                    self.strike_if_due(id, true);
                } else {
                    self.note_surplus(id);
                }
            }
            Parcel::Fin => self.note(format_args!("c{id} {} arrived fin", dir.sign())),
            Parcel::Reset => self.arrive_reset(id, dir),
        }
        self.wake(reader);
        self.wake(room);
    }

    fn arrive_reset(&mut self, id: u64, dir: Dir) {
        let discards = self.network.percent(self.config.reset_discards);
        let Some(link) = self.links.get_mut(&id) else { return };
        let discarded = if discards { link.pipe(dir).discard() } else { 0 };
        let writer = link.pipe(dir.opposite()).writer.take();
        self.note(format_args!("c{id} {} arrived reset, {discarded} lost", dir.sign()));
        self.wake(writer);
    }

    /// "I know of no such connection": once.
    fn refuse_octets(&mut self, id: u64, dir: Dir) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let back = dir.opposite();
        if !link.pipe(back).reset {
            self.note(format_args!("c{id} {} reset in answer", back.sign()));
            self.send(id, back, Parcel::Reset);
        }
    }

    fn note_surplus(&mut self, id: u64) {
        let now = self.clock.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let came = link.down.came;
        if let Some(surplus) = link.surplus.as_mut().filter(|surplus| came > surplus.from) {
            surplus.came.get_or_insert(now);
        }
    }

    /// Octets have come to the server's host.
    pub(crate) fn take_in(&mut self, id: u64, octets: Bytes) {
        let octets = self.decrypt(id, octets);
        let at = self.clock.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(listener) = self.listeners.get_mut(&link.place) else { return };
        let before = listener.log.len();
        let lines = link.recorder.feed(&mut listener.log, id, at, &octets);
        let read = self.connections.get(&id).map_or(0, |log| log.read);
        for begun in listener.log.iter_mut().skip(before) {
            begun.read_before = read;
        }
        for line in lines {
            self.note(format_args!("c{id} {line}"));
        }
    }

    pub(crate) fn release(&mut self, id: u64, dir: Dir) {
        let now = self.clock.now;
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.lost) else { return };
        let due = link.pipe(dir).release(now);
        self.note(format_args!("c{id} {} goes on", dir.sign()));
        for at in due {
            self.schedule(at, Event::Arrive(id, dir));
        }
    }
}
