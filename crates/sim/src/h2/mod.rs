//! HTTP/2 servers: the server of the `h2` crate behind a gate that can say and keep back what no sound server would.
//!
//! The machine knows nothing of what the gate does: a stream that was reset by hand, a GOAWAY, another limit of streams.
//! The gate keeps both sides sound: it swallows acknowledgements that the machine does not expect and frames of streams
//! that are over, and gives back the windows that they took. The record of what the client sent is made where octets
//! arrive, by a decoder of its own: what a server had not read when it died is in it.
//!
//! ```
//! use martlet_sim::h2::{FrameKind, H2Server};
//! use martlet_sim::{Sim, SimRequest, SimResponse};
//!
//! let sim = Sim::new(7);
//! let settings = H2Server::new().max_streams(100).answer_pings(false);
//! let server = sim.listen_h2_with("shop.test", 80, settings, |request: SimRequest| match request.nth {
//!     0 => SimResponse::refuse(),
//!     1 => SimResponse::ok("half of it").reset_after(4, 0x2),
//!     _ => SimResponse::ok(request.target),
//! });
//! // The first connection announces that only its first stream is answered, whenever it comes.
//! server.h2(0).goaway(1, 0);
//! // ... run a client, then see what it did:
//! assert!(server.h2(0).frames_of(FrameKind::RstStream).is_empty());
//! assert!(server.complaints().is_empty());
//! ```
//!
//! In the simulation they are made by [`Sim::listen_h2`](crate::Sim::listen_h2), and [`Listener::h2`](crate::Listener::h2)
//! has the handle of each connection. Over a transport of one's own, a real socket for instance, [`serve`] is the same
//! server: a future that any executor may poll.

mod answer;
mod control;
mod frame;
mod gate;
mod heads;
mod host;
mod ledger;
mod serve;
mod settings;
mod splitter;
mod tap;
mod tasks;
mod wire;

pub use self::control::H2Link;
pub use self::frame::{Frame, FrameKind};
pub(crate) use self::host::SimHost;
pub use self::host::Time;
pub use self::serve::serve;
pub(crate) use self::serve::serve_on;
pub use self::settings::H2Server;
pub(crate) use self::tap::Tap;
