//! How a server leaves, with TLS and without.

use std::error::Error as StdError;
use std::io;

use martlet::{Client, ClientBuilder, Ending, Error};
use martlet_sim::{Listener, Script, Sim};

/// A way to end a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// A FIN.
    Fin,
    /// A reset.
    Reset,
    /// close_notify and a FIN.
    TlsFin,
    /// A FIN alone, although TLS was spoken.
    TlsCut,
    /// A reset of TLS's connection.
    TlsReset,
}

impl Leave {
    pub(crate) const ALL: [Self; 5] = [Self::Fin, Self::Reset, Self::TlsFin, Self::TlsCut, Self::TlsReset];

    pub(crate) const PLAIN: [Self; 2] = [Self::Fin, Self::Reset];

    pub(crate) fn is_tls(self) -> bool {
        !Self::PLAIN.contains(&self)
    }

    /// Whether somebody vouches for it that nothing was to follow.
    pub(crate) fn is_in_order(self) -> bool {
        matches!(self, Self::Fin | Self::TlsFin)
    }

    pub(crate) fn by(self) -> Ending {
        if self.is_in_order() { Ending::Fin } else { Ending::Reset }
    }

    /// What the transport says of it.
    pub(crate) fn said(self) -> Option<io::ErrorKind> {
        match self {
            Self::Fin | Self::TlsFin => None,
            Self::TlsCut => Some(io::ErrorKind::UnexpectedEof),
            Self::Reset | Self::TlsReset => Some(io::ErrorKind::ConnectionReset),
        }
    }

    pub(crate) fn end(self, script: Script) -> Script {
        match self {
            Self::Fin | Self::TlsFin => script.fin(),
            Self::TlsCut => script.cut(),
            Self::Reset | Self::TlsReset => script.reset(),
        }
    }

    pub(crate) fn url(self) -> &'static str {
        url(self.is_tls())
    }

    pub(crate) fn listen(self, sim: &Sim, scripts: impl IntoIterator<Item = Script>) -> Listener {
        listen(sim, self.is_tls(), scripts)
    }
}

pub(crate) fn url(is_tls: bool) -> &'static str {
    if is_tls { "https://a.test/" } else { "http://a.test/" }
}

/// The server behind [`url`].
pub(crate) fn listen(sim: &Sim, is_tls: bool, scripts: impl IntoIterator<Item = Script>) -> Listener {
    if is_tls {
        sim.listen_script("a.test", 443, scripts).behind_tls()
    } else {
        sim.listen_script("a.test", 80, scripts)
    }
}

/// A client that trusts the servers of the simulation.
pub(crate) fn trusting(sim: &Sim, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let builder = Client::builder().runtime(sim.runtime()).tls(sim.tls_config());
    set(builder).build().expect("the settings are sound")
}

/// What the transport had said to an error.
pub(crate) fn said(e: &Error) -> Option<io::ErrorKind> {
    e.source().and_then(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind)
}
