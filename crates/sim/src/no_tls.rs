//! In the place of TLS where the feature `tls` is off: there are no sessions.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};

/// Stands in front of no server.
#[derive(Clone)]
pub(crate) enum Front {}

pub(crate) enum Session {}

pub(crate) struct Came {
    pub(crate) plaintext: BytesMut,
    pub(crate) ended: bool,
    pub(crate) shaken: bool,
    pub(crate) failure: Option<String>,
}

impl Front {
    pub(crate) fn session(&self) -> Session {
        match *self {}
    }
}

impl Session {
    pub(crate) fn recv(&mut self, _: &[u8], _: SystemTime) -> Came {
        match *self {}
    }

    pub(crate) fn send(&mut self, _: &[u8]) {
        match *self {}
    }

    pub(crate) fn send_close_notify(&mut self) {
        match *self {}
    }

    pub(crate) fn update_keys(&mut self) {
        match *self {}
    }

    pub(crate) fn transmit(&mut self) -> Bytes {
        match *self {}
    }
}
