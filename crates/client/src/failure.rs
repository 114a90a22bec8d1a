//! What makes an exchange fail.

use std::error::Error as StdError;
use std::io;

use martlet_core::time::Expired;
use martlet_core::{Delivery, Error as CoreError};

use crate::body::SourceError;
use crate::dial;
use crate::error::{Error, Kind};
use crate::info::ConnectionInfo;
#[cfg(feature = "tls")]
use crate::tls::TlsFailure;

/// What made an exchange fail.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The machine's word, and what the transport had said.
    Core(CoreError, Option<io::Error>),
    /// What has expired, and what the transport had said.
    Timeout(Expired, Option<io::Error>),
    /// The content of the request could not be had, or had another length than was declared.
    Source(SourceError),
    /// The client was closed.
    Shutdown,
    /// What HTTP/2 says, with its own words.
    #[cfg(feature = "http2")]
    Http2(Kind, Box<dyn StdError + Send + Sync>),
}

impl Failure {
    /// The error of a request on this connection.
    pub(crate) fn into_error(self, delivery: Delivery, connection: &ConnectionInfo) -> Error {
        let error = match self {
            Self::Timeout(expired, None) => dial::timed_out(expired),
            // The request could not be written, and the response that might have told why did not come.
            Self::Timeout(expired, Some(said)) => dial::timed_out(expired).with_source(said),
            Self::Source(e) => Error::new(Kind::Body).with_source(e),
            Self::Shutdown => Error::new(Kind::Shutdown),
            #[cfg(feature = "http2")]
            Self::Http2(kind, said) => Error::new(kind).with_source(said),
            Self::Core(core, said) => {
                let kind = match &core {
                    CoreError::Closed(closed) => {
                        tls_kind(said.as_ref(), connection).unwrap_or(Kind::Closed(*closed))
                    }
                    CoreError::Peer(_) => Kind::Protocol,
                    CoreError::Misuse(_) => Kind::Builder,
                };
                Error::new(kind).with_source(source_of(core, said))
            }
        };
        error.with_delivery(delivery).with_connection(connection)
    }
}

/// The error behind the machine's word: what the transport had said, or the rule that the server broke.
fn source_of(core: CoreError, said: Option<io::Error>) -> Box<dyn StdError + Send + Sync> {
    match (core, said) {
        (CoreError::Peer(e), _) => e.into(),
        (_, Some(e)) => e.into(),
        (CoreError::Closed(e), None) => e.into(),
        (CoreError::Misuse(e), None) => e.into(),
    }
}

/// What TLS has to say explains why the stream has ended.
#[cfg(feature = "tls")]
fn tls_kind(said: Option<&io::Error>, connection: &ConnectionInfo) -> Option<Kind> {
    let said = said.filter(|_| connection.tls().is_some())?;
    // rustls says so also of what is too much for it.
    let too_much = (said.kind() == io::ErrorKind::InvalidData).then_some(TlsFailure::Protocol);
    TlsFailure::of(said).or(too_much).map(Kind::Tls)
}

#[cfg(not(feature = "tls"))]
fn tls_kind(_: Option<&io::Error>, _: &ConnectionInfo) -> Option<Kind> {
    None
}
