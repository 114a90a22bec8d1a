//! What a server saw.

use rustls::pki_types::CertificateDer;

/// How a connection ended on the client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Announced,
    Cut,
    Reset,
}

/// What a server saw of one connection.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// No TLS was spoken.
    pub plain: bool,
    /// The client's first message was here.
    pub greeted: bool,
    pub server_name: Option<String>,
    /// What the client offered.
    pub alpn: Vec<Vec<u8>>,
    pub client_certificates: Vec<CertificateDer<'static>>,
    /// The handshake is complete.
    pub shaken: bool,
    pub resumed: bool,
    /// Why the server gave up.
    pub failure: Option<rustls::Error>,
    pub requests: Vec<String>,
    pub heads: Vec<String>,
    /// The keys were changed.
    pub rekeyed: bool,
    /// FIN or RST is out.
    pub left: bool,
    pub end: Option<End>,
}
