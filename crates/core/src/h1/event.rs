//! What a connection tells its driver.

use std::ops::Range;

use bytes::Bytes;

use crate::syntax::{FieldSpans, Fields, HeadSpans, ReceivedRequest, RequestSpans, ResponseHead};

/// The answer of [`ClientConn::recv`](super::ClientConn::recv).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Received {
    /// So many octets at the beginning of the input are done with and must not be shown again.
    pub consumed: usize,
    /// What they were. Ranges and spans count from the beginning of the input that was shown.
    pub item: Item,
}

/// What a client came upon in its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// 100 (Continue): the content may go out (RFC 9110 §15.2.1).
    Continue,
    /// Any other interim response but 101, 103 (Early Hints) for instance (RFC 9110 §15.2).
    Interim(HeadSpans),
    /// The head of the final response; or of a 101, or of a 2xx to CONNECT, after which
    /// [`disposition`](super::ClientConn::disposition) is `Switched` as soon as the request is out.
    Response(HeadSpans),
    /// Content, here in the input.
    Data(Range<usize>),
    /// The trailer section, when it has any field.
    Trailers(FieldSpans),
    /// The response is complete.
    End,
    /// The peer closed the connection while nothing was due.
    Closed,
    /// More input is wanted: append to what is not consumed and show all of it again.
    NeedInput,
    /// No more is read for this exchange. Octets that are left belong to the next protocol, or to nobody.
    Paused,
}

/// The answer of [`ServerConn::recv`](super::ServerConn::recv).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ServerReceived {
    /// So many octets at the beginning of the input are done with and must not be shown again.
    pub consumed: usize,
    /// What they were. Ranges and spans count from the beginning of the input that was shown.
    pub item: ServerItem,
}

/// What a server came upon in its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerItem {
    /// The head of a request.
    Request(RequestSpans),
    /// Content, here in the input.
    Data(Range<usize>),
    /// The trailer section, when it has any field.
    Trailers(FieldSpans),
    /// The request is complete.
    End,
    /// The peer closed its side while nothing was due.
    Closed,
    /// More input is wanted: append to what is not consumed and show all of it again.
    NeedInput,
    /// No more is read before the next exchange begins. Octets that are left belong to it, or to another protocol.
    Paused,
}

/// The answer of the `recv_bytes` methods: an event, or none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Recv<E> {
    /// Something came.
    Event(E),
    /// More input is wanted: put it behind what is left of the present one.
    NeedInput,
    /// No more is read for this exchange.
    Paused,
}

/// An [`Item`] that owns its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// 100 (Continue).
    Continue,
    /// Any other interim response but 101.
    Interim(ResponseHead),
    /// The head of the final response.
    Response(ResponseHead),
    /// Content.
    Data(Bytes),
    /// The trailer section.
    Trailers(Fields),
    /// The response is complete.
    End,
    /// The peer closed the connection while nothing was due.
    Closed,
}

/// A [`ServerItem`] that owns its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// The head of a request.
    Request(ReceivedRequest),
    /// Content.
    Data(Bytes),
    /// The trailer section.
    Trailers(Fields),
    /// The request is complete.
    End,
    /// The peer closed its side while nothing was due.
    Closed,
}

/// Whose move it is.
///
/// Where several apply, the first in the order of the variants is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitingOn {
    /// Octets are to be transmitted: it is for the peer to take them.
    PeerToRead,
    /// Content is held back until the peer asks for it, or
    /// [`stop_awaiting_continue`](super::ClientConn::stop_awaiting_continue) is called.
    PeerToContinue,
    /// The application is to hand over content, begin a message or begin the next exchange.
    Application,
    /// The peer is to send.
    PeerToSend,
    /// Nothing more will happen here: the connection has failed, is finished or was handed over.
    Nothing,
}
