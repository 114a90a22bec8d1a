//! The server's end of one connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};
use socket2::SockRef;

use super::{End, Request};

/// What is said within TLS, or without it.
pub struct Session {
    pub(super) io: Io,
    pub(super) rekeyed: bool,
}

pub(super) enum Io {
    Plain(Wire),
    Tls(Box<StreamOwned<ServerConnection, Wire>>),
}

impl Io {
    pub(super) fn wire(&mut self) -> &mut Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Tls(tls) => &mut tls.sock,
        }
    }
}

impl Session {
    /// Of what is written from now on only so many octets go out, those of TLS itself counted; then the stream ends.
    pub fn end_after(&mut self, octets: usize) {
        self.io.wire().way = Way::EndsAfter(octets);
    }

    /// Changes the keys, which the client is told of by a message of the handshake.
    pub fn change_keys(&mut self) -> io::Result<()> {
        let Io::Tls(tls) = &mut self.io else {
            return Ok(());
        };
        tls.conn.refresh_traffic_keys().map_err(io::Error::other)?;
        tls.flush()?;
        self.rekeyed = true;
        Ok(())
    }

    /// Finds fault with what the client has not sent, and refuses by the alert bad_record_mac.
    pub fn refuse(&mut self) -> io::Result<()> {
        let Io::Tls(tls) = &mut self.io else {
            return Ok(());
        };
        let mut record = vec![23, 3, 3, 0, 32];
        record.extend([0; 32]);
        tls.conn.read_tls(&mut &record[..])?;
        assert!(tls.conn.process_new_packets().is_err());
        while tls.conn.wants_write() {
            tls.conn.write_tls(&mut tls.sock)?;
        }
        Ok(())
    }

    pub(super) fn announce_end(&mut self) {
        if let Io::Tls(tls) = &mut self.io {
            tls.conn.send_close_notify();
            // The client may be gone.
            let _ = tls.flush();
        }
    }

    /// The next request, or `None` at the end of the connection.
    pub(super) fn request(&mut self) -> io::Result<Option<Request>> {
        let mut head = Vec::new();
        let mut octet = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if self.read(&mut octet)? == 0 {
                return Ok(None);
            }
            head.push(octet[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut length = 0;
        for line in head.lines() {
            if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap();
                }
            }
        }
        let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        if line.ends_with("/duplex") {
            // Whoever answers reads it himself.
            return Ok(Some(Request { line, head, content: Vec::new() }));
        }
        let mut content = vec![0; length];
        self.read_exact(&mut content)?;
        Ok(Some(Request { line, head, content }))
    }
}

impl Read for Session {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.io {
            Io::Plain(wire) => wire.read(buf),
            Io::Tls(tls) => tls.read(buf),
        }
    }
}

impl Write for Session {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.io {
            Io::Plain(wire) => wire.write(buf),
            Io::Tls(tls) => tls.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.io {
            Io::Plain(wire) => wire.flush(),
            Io::Tls(tls) => tls.flush(),
        }
    }
}

/// How octets go out.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Free,
    OctetByOctet,
    EndsAfter(usize),
}

/// The socket.
pub(super) struct Wire {
    pub(super) tcp: Arc<TcpStream>,
    pub(super) way: Way,
}

impl Clone for Wire {
    fn clone(&self) -> Self {
        Self { tcp: self.tcp.clone(), way: self.way }
    }
}

impl Wire {
    /// FIN, and then all that the client still has to say.
    pub(super) fn end(&mut self) -> End {
        let _ = self.tcp.shutdown(Shutdown::Write);
        match io::copy(&mut &*self.tcp, &mut io::sink()) {
            Ok(_) => End::Cut,
            Err(_) => End::Reset,
        }
    }

    /// RST.
    pub(super) fn reset(&mut self) {
        SockRef::from(&*self.tcp).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self.tcp).read(buf)
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let most = match &mut self.way {
            Way::Free => buf.len(),
            Way::OctetByOctet => buf.len().min(1),
            Way::EndsAfter(0) => return Err(io::ErrorKind::BrokenPipe.into()),
            Way::EndsAfter(left) => {
                let most = buf.len().min(*left);
                *left -= most;
                most
            }
        };
        (&*self.tcp).write_all(&buf[..most])?;
        Ok(most)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
