//! A thread for each connection that does as it is told with the octets.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

/// A server. It accepts nothing more when this is dropped, and waits for its threads.
pub(crate) struct Raw {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Raw {
    /// `act` gets each connection, and its number.
    pub(crate) fn start(act: impl Fn(usize, TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, stops) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (count, stop, act) = (Arc::clone(&accepted), Arc::clone(&stops), Arc::new(act));
        let thread = thread::spawn(move || {
            let mut threads = Vec::new();
            loop {
                let (tcp, _) = listener.accept().unwrap();
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                tcp.set_nodelay(true).unwrap();
                let nth = count.fetch_add(1, Ordering::SeqCst);
                let act = Arc::clone(&act);
                // The client may be gone, which is no mistake of the server's.
                threads.push(thread::spawn(move || _ = act(nth, tcp)));
            }
            for thread in threads {
                thread.join().unwrap();
            }
        });
        Self { address, accepted, stops, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the server has panicked");
        }
    }
}

/// Says this, ends its side, and reads whatever comes.
pub(crate) fn say_and_end(mut tcp: &TcpStream, octets: &[u8]) -> io::Result<()> {
    tcp.write_all(octets)?;
    tcp.shutdown(Shutdown::Write)?;
    io::copy(&mut tcp, &mut io::sink()).map(drop)
}

/// A server of HTTP/1.1 that answers requests without content by `hello`, as long as they are such.
pub(crate) fn http1(mut tcp: &TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    let mut octet = [0];
    while tcp.read(&mut octet)? == 1 {
        head.push(octet[0]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        if !String::from_utf8_lossy(&head).lines().next().is_some_and(|line| line.ends_with(" HTTP/1.1")) {
            let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return say_and_end(tcp, refusal);
        }
        tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")?;
        head.clear();
    }
    Ok(())
}

/// A frame of HTTP/2.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Empty SETTINGS.
pub(crate) fn settings() -> Vec<u8> {
    frame(0x4, 0, 0, &[])
}
