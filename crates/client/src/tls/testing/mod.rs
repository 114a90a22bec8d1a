//! A server of TLS over an in-memory pipe.

mod certs;
mod files;
mod pipe;

use std::io;
use std::sync::Arc;

use futures_lite::future::{block_on, zip};
use futures_rustls::TlsAcceptor;
use futures_rustls::server::TlsStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

pub(super) use self::certs::{Authority, CA, Leaf, NAME, demanding, provider, server};
pub(super) use self::files::Directory;
pub(super) use self::pipe::{End, pipe};
use super::handshake::{HandshakeError, handshake};
use super::roots::Environment;
use super::stream::TlsTransport;
use super::{TlsConfig, TlsInfo, TlsVersion};

pub(super) const BOTH: (TlsVersion, TlsVersion) = (TlsVersion::Tls12, TlsVersion::Tls13);
pub(super) const VERSIONS: [TlsVersion; 2] = [TlsVersion::Tls12, TlsVersion::Tls13];

pub(super) type Shaken = Result<(TlsTransport, TlsInfo), HandshakeError>;

/// A configuration that trusts [`CA`] alone.
pub(super) fn trusting() -> TlsConfig {
    TlsConfig::new().add_root_certificates_pem(&CA.pem).only_added_roots()
}

/// Loaded in an environment that says nothing.
pub(super) fn load(config: &TlsConfig, alpn: &[&[u8]]) -> Arc<ClientConfig> {
    config.load_within(alpn, &Environment::default()).unwrap()
}

pub(super) fn name(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).unwrap()
}

/// Client and server shake hands for [`NAME`].
pub(super) fn meet(client: &Arc<ClientConfig>, server: ServerConfig) -> (Shaken, io::Result<TlsStream<End>>) {
    let (near, far) = pipe();
    meet_over(client, &Arc::new(server), near, far)
}

pub(super) fn meet_over(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    near: End,
    far: End,
) -> (Shaken, io::Result<TlsStream<End>>) {
    block_on(zip(
        handshake(Box::new(near), Arc::clone(client), name(NAME)),
        TlsAcceptor::from(Arc::clone(server)).accept(far),
    ))
}

/// As [`meet`], where both succeed.
pub(super) fn met(
    client: &Arc<ClientConfig>,
    server: ServerConfig,
) -> (TlsTransport, TlsInfo, TlsStream<End>) {
    let (near, far) = meet(client, server);
    let ((near, info), far) = (near.unwrap(), far.unwrap());
    (near, info, far)
}

/// As [`meet`], where the client fails.
pub(super) fn failed(client: &Arc<ClientConfig>, server: ServerConfig) -> HandshakeError {
    match meet(client, server).0 {
        Ok((_, info)) => panic!("the handshake went through: {info:?}"),
        Err(e) => e,
    }
}
