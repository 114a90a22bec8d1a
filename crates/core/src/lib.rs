//! The HTTP/1.1 protocol as pure machines.
//!
//! **Who should use this crate:** those who bring their own transport (an SSH channel, io_uring, a serial line, a
//! simulator) and want every protocol decision made for them: framing, persistence, interim responses, early
//! responses, upgrades, what the peer can have seen. The machines never touch IO, never read a clock, never block
//! and depend on nothing but `bytes`, `http` and `httparse`.
//!
//! **Who should not:** those who want to fetch a URL. The crate `martlet` drives these machines on tokio, async-std
//! and smol.
//!
//! # The contract
//!
//! All machines are plain structs with four families of methods: `send_*` are commands of the application,
//! `recv` and `handle_*` tell what happened in the world, `poll_*` and `transmit` give what is to be done, and nouns
//! ask for state. Where time matters it is an argument called `now`, always last.
//!
//! ```
//! use bytes::Buf;
//! use martlet_core::h1::{ClientConn, Item, RequestContent, RequestHead, ResponseHead, TargetForm};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let request = http::Request::get("http://example.test/hello").body(())?;
//! let mut conn = ClientConn::new(martlet_core::Limits::default());
//! conn.send_request(RequestHead::from_http(&request, TargetForm::Origin)?, RequestContent::None)?;
//!
//! // Octets to the transport …
//! let mut out = conn.transmit();
//! assert_eq!(out.chunk(), b"GET /hello HTTP/1.1\r\nhost: example.test\r\n\r\n");
//! out.advance(out.remaining());
//!
//! // … and octets from it, shown until they are consumed.
//! let input = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
//! let received = conn.recv(input)?;
//! let Item::Response(spans) = received.item else { panic!("a response was due") };
//! let head = ResponseHead::copy_from(input, spans);
//! assert_eq!(head.fields().get("content-length"), Some(&b"5"[..]));
//! let content = &input[received.consumed..];
//! assert_eq!(conn.recv(content)?.item, Item::Data(0..5));
//! assert_eq!(conn.recv(b"")?.item, Item::End);
//! assert!(conn.start_next_exchange().is_ok());
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod close_reason;
pub mod connect;
mod delivery;
mod error;
mod framing;
pub mod h1;
mod limits;
pub mod pool;
mod syntax;
pub mod time;

pub use self::close_reason::CloseReason;
pub use self::delivery::Delivery;
pub use self::error::{Closed, Ending, Error, Misuse, PeerError};
pub use self::limits::Limits;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/driving.md")]
struct DrivingPage;
