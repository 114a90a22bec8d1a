//! The server's side of TLS on one connection.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use rustls::ServerConnection;

use super::identity::WallClock;

/// A session: octets of the wire in, octets of the application out, and the other way round. It buffers without bounds,
/// since its connection counts what is under way.
pub(crate) struct Session {
    tls: Box<ServerConnection>,
    clock: Arc<WallClock>,
    was_shaking: bool,
}

/// What has come of octets of the wire.
#[derive(Default)]
pub(crate) struct Came {
    pub(crate) plaintext: BytesMut,
    /// close_notify.
    pub(crate) ended: bool,
    /// The handshake is over with this.
    pub(crate) shaken: bool,
    /// The client broke TLS.
    pub(crate) failure: Option<String>,
}

impl Session {
    pub(super) fn new(mut tls: ServerConnection, clock: Arc<WallClock>) -> Self {
        tls.set_buffer_limit(None);
        Self { tls: Box::new(tls), clock, was_shaking: true }
    }

    /// Octets of the wire have come. What is to be answered is in [`transmit`](Self::transmit).
    pub(crate) fn recv(&mut self, mut octets: &[u8], wall: SystemTime) -> Came {
        self.clock.set(wall);
        let mut came = Came::default();
        while !octets.is_empty() {
            // Reading from a slice does not fail; a full buffer is emptied by the lines below.
            let n = self.tls.read_tls(&mut octets).unwrap_or(0);
            match self.tls.process_new_packets() {
                Ok(state) => {
                    let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
                    let n = self.tls.reader().read(&mut plaintext).unwrap_or(0);
                    came.plaintext.extend_from_slice(&plaintext[..n]);
                    came.ended |= state.peer_has_closed();
                }
                Err(e) => {
                    came.failure = Some(e.to_string());
                    break;
                }
            }
            if n == 0 {
                break;
            }
        }
        came.shaken = self.was_shaking && !self.tls.is_handshaking();
        self.was_shaking = self.tls.is_handshaking();
        came
    }

    /// Takes octets of the application. During the handshake they wait for its end.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        // Without a limit to its buffer it takes all of them.
        let _ = self.tls.writer().write_all(octets);
    }

    /// Says that nothing follows.
    pub(crate) fn send_close_notify(&mut self) {
        self.tls.send_close_notify();
    }

    /// Says that new keys are used from now on. Nothing is said by TLS 1.2, and during the handshake.
    pub(crate) fn update_keys(&mut self) {
        let _ = self.tls.refresh_traffic_keys();
    }

    /// What is to go out.
    pub(crate) fn transmit(&mut self) -> Bytes {
        let mut octets = Vec::new();
        while self.tls.wants_write() {
            // Writing to a vector does not fail.
            if self.tls.write_tls(&mut octets).unwrap_or(0) == 0 {
                break;
            }
        }
        octets.into()
    }
}
