//! Where a gateway has its files and listens.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use crate::{certificates, shell::Failure};

/// Below the ports that systems give to those who connect. While a gateway is down, one of its clients could be given the
/// gateway's own port, and so be connected to itself.
const PORTS: std::ops::Range<u16> = 10_000..30_000;

const STEP: Duration = Duration::from_millis(5);

/// Addresses of the loopback, and a directory with certificates.
pub(super) struct Site {
    pub(super) directory: PathBuf,
    /// HTTP/1.1 in clear text.
    pub(super) plain: SocketAddr,
    /// HTTP/2 and HTTP/1.1, over TLS.
    pub(super) secure: SocketAddr,
    /// HTTP/2 in clear text, by prior knowledge.
    pub(super) known: SocketAddr,
    pub(super) origin: SocketAddr,
}

impl Site {
    /// Ports that nobody listens on at this moment.
    pub(super) fn find(directory: &Path) -> Result<Self, Failure> {
        certificates::write(directory)?;
        // Two runs at a time begin to look at different ports.
        let begin = PORTS.start + (process::id() % 1_000) as u16 * 10;
        let free = (begin..PORTS.end).filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
        // All are held before the first is let go, so that they differ.
        let held: Vec<TcpListener> = free.take(4).collect();
        let addresses: Result<Vec<SocketAddr>, _> = held.iter().map(TcpListener::local_addr).collect();
        let addresses = addresses.map_err(Failure::of("no free port on the loopback"))?;
        let [plain, secure, known, origin] = addresses[..] else {
            return Err(Failure::new("no free port on the loopback"));
        };
        Ok(Self { directory: directory.to_path_buf(), plain, secure, known, origin })
    }

    /// Where the gateway listens.
    pub(super) fn front(&self) -> [SocketAddr; 3] {
        [self.plain, self.secure, self.known]
    }

    /// Waits until no connection is accepted anywhere.
    pub(super) fn wait_for_absence(&self, time: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + time;
        while self.front().iter().any(|address| TcpStream::connect(address).is_ok()) {
            if Instant::now() >= deadline {
                return Err(Failure::new("the gateway does not stop to accept connections"));
            }
            thread::sleep(STEP);
        }
        Ok(())
    }
}
