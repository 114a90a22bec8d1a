//! One HTTP/1.1 connection, seen from either end.
//!
//! The request half and the response half are machines of their own, coupled by a table that does not know which
//! end it is on:
//!
//! ```text
//! request   Idle ──head──▶ Content ──end──▶ Done          response   Idle ─request begins─▶ Head ─1xx─▶ Head
//!                             └─ given up ─▶ Broken                    Head ──final──▶ Content ──end──▶ Done
//!
//! both Done, nobody closes   → Reusable → start_next_exchange → both Idle
//! both Done, somebody closes → Close(reason)
//! 101, or 2xx to CONNECT     → Switched: the octets belong to another protocol
//! ```

mod asked;
mod client;
mod continue_;
mod cycle;
mod event;
mod persistence;
mod reader;
mod request_head;
mod server;
mod switch;
mod transmit;
mod writer;

pub use self::client::ClientConn;
pub use self::cycle::Disposition;
pub use self::event::{
    ClientEvent, Item, Received, Recv, ServerEvent, ServerItem, ServerReceived, WaitingOn,
};
pub use self::request_head::{Announcement, RequestContent, RequestHead};
pub use self::server::{ResponseContent, ServerConn};
pub use self::transmit::Transmit;
pub use crate::framing::trailers::check_trailers;
pub use crate::syntax::{
    FieldBlock, FieldSpans, Fields, HeadSpans, ReceivedRequest, RequestSpans, ResponseHead, Target,
    TargetForm,
};
