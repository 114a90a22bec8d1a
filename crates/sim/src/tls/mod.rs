//! TLS in front of a server: sessions of rustls between the network and the server's end of a connection.
//!
//! A session belongs to the connection, not to the server's task: what arrives is decrypted, and taken down, before
//! anybody reads it. What a server had not read when it died is in its log, with TLS as without.

mod client;
mod entropy;
mod identity;
mod session;

pub(crate) use self::entropy::Seeded;
pub(crate) use self::identity::Front;
pub(crate) use self::session::{Came, Session};
