//! What befalls a connection, where its fault says so.

use crate::fault::{Fault, Point};
use crate::link::{Dir, Side};
use crate::pipe::{End, Parcel};
use crate::world::{Event, World};

impl World {
    pub(crate) fn strike_if_due(&mut self, id: u64, arrived: bool) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.is_struck(arrived)) else { return };
        let Some(fault) = link.fault.take() else { return };
        self.note(format_args!("c{id} fault {fault:?}"));
        match fault {
            Fault::Fin(_) => self.kill_server(id, Parcel::Fin),
            Fault::Reset(_) => self.kill_server(id, Parcel::Reset),
            Fault::HalfClose(_) => self.end(id, Side::Server),
            Fault::Break(_) => self.break_link(id),
            Fault::Stall(point) => {
                self.hold_up(id, point);
            }
            Fault::Pause(point, span) => {
                let dir = self.hold_up(id, point);
                let at = self.clock.now.saturating_add(span);
                self.schedule(at, Event::Release(id, dir));
            }
            Fault::Refuse | Fault::Unreachable | Fault::NeverAnswer => {}
        }
    }

    fn hold_up(&mut self, id: u64, point: Point) -> Dir {
        let dir = match point {
            Point::Request(_) => Dir::Up,
            Point::Response(_) => Dir::Down,
        };
        if let Some(link) = self.links.get_mut(&id) {
            link.pipe(dir).stalled = true;
        }
        dir
    }

    pub(crate) fn kill_server(&mut self, id: u64, by: Parcel) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.server_dead = true;
        link.up.reader_gone = true;
        link.up.discard();
        let already = if by == Parcel::Reset { link.down.reset } else { link.down.closed };
        let wakers = [link.up.reader.take(), link.up.writer.take(), link.down.writer.take()];
        for waker in wakers {
            self.wake(waker);
        }
        if !already {
            self.send(id, Dir::Down, by);
        }
    }
    /// The connection ends for both sides at once, behind what each got rid of.
    fn break_link(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        for octets in link.up.arrive_all() {
            self.take_in(id, octets);
        }
        let Some(link) = self.links.get_mut(&id) else { return };
        link.server_dead = true;
        link.lost = true;
        link.up.reader_gone = true;
        link.down.arrive_all();
        link.down.closed = true;
        link.down.reset = true;
        link.down.end = End::Reset;
        let wakers =
            [link.up.reader.take(), link.up.writer.take(), link.down.reader.take(), link.down.writer.take()];
        for waker in wakers {
            self.wake(waker);
        }
    }
}
