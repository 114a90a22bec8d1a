//! One exchange, by whatever version of HTTP.

use std::borrow::Cow;
use std::task::{Context, Poll};

use bytes::Bytes;
#[cfg(feature = "http2")]
use http::HeaderMap;
use http::StatusCode;
use martlet_core::Delivery;
use martlet_core::h1::{Fields, ResponseHead};

use crate::body::Body;
use crate::failure::Failure;
use crate::h1::Connection;
#[cfg(feature = "http2")]
use crate::h2::Stream;
use crate::info::ConnectionInfo;
use crate::replay::Lost;

/// What carries an exchange: all of a connection, or a stream of one.
pub(crate) enum Carrier {
    H1(Box<Connection>),
    #[cfg(feature = "http2")]
    H2(Box<Stream>),
}

/// The head of a final response as it came.
pub(crate) enum ReceivedHead {
    H1(ResponseHead),
    #[cfg(feature = "http2")]
    H2(StatusCode, HeaderMap),
}

impl ReceivedHead {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::H1(head) => head.status(),
            #[cfg(feature = "http2")]
            Self::H2(status, _) => *status,
        }
    }

    pub(crate) fn fields(&self) -> Cow<'_, Fields> {
        match self {
            Self::H1(head) => Cow::Borrowed(head.fields()),
            #[cfg(feature = "http2")]
            Self::H2(_, fields) => Cow::Owned(Fields::from_header_map(fields)),
        }
    }
}

impl Carrier {
    pub(crate) fn info(&self) -> &ConnectionInfo {
        match self {
            Self::H1(conn) => conn.info(),
            #[cfg(feature = "http2")]
            Self::H2(stream) => stream.info(),
        }
    }

    /// What the server can have seen of the request.
    pub(crate) fn delivery(&self) -> Delivery {
        match self {
            Self::H1(conn) => conn.delivery(),
            #[cfg(feature = "http2")]
            Self::H2(stream) => stream.delivery(),
        }
    }

    /// The trailer section, once the content was read to its end.
    pub(crate) fn take_trailers(&mut self) -> Option<Fields> {
        match self {
            Self::H1(conn) => conn.take_trailers(),
            #[cfg(feature = "http2")]
            Self::H2(stream) => stream.take_trailers(),
        }
    }

    /// Whether the response is complete without any content being read.
    pub(crate) fn is_complete(&mut self) -> bool {
        match self {
            Self::H1(conn) => conn.is_complete(),
            #[cfg(feature = "http2")]
            Self::H2(stream) => stream.is_complete(),
        }
    }

    /// Content of the request of which nothing was asked for. It is not sent here any more.
    pub(crate) fn take_untouched(&mut self) -> Option<Body> {
        match self {
            Self::H1(conn) => conn.take_untouched(),
            #[cfg(feature = "http2")]
            Self::H2(stream) => stream.take_untouched(),
        }
    }

    /// What matters to whether a request that has failed is sent again. `is_reused`: its connection was idle before.
    pub(crate) fn lost(&self, is_reused: bool) -> Lost {
        match self {
            Self::H1(_) => Lost { is_stream: false, is_proven: is_reused, is_to_calm_down: false },
            #[cfg(feature = "http2")]
            Self::H2(stream) => Lost {
                is_stream: true,
                is_proven: stream.is_proven(),
                is_to_calm_down: stream.is_to_calm_down(),
            },
        }
    }

    /// Gives it up. What [`delivery`](Self::delivery) says from now on stays true.
    pub(crate) fn abandon(&mut self) {
        match self {
            Self::H1(conn) => conn.close(),
            // While its connection lives, what is queued goes out: it may be sent.
            #[cfg(feature = "http2")]
            Self::H2(_) => {}
        }
    }

    /// Sends the request, and waits for the head of the final response.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReceivedHead, Failure>> {
        match self {
            Self::H1(conn) => conn.poll_head(cx).map_ok(ReceivedHead::H1),
            #[cfg(feature = "http2")]
            Self::H2(stream) => {
                stream.poll_head(cx).map_ok(|(status, fields)| ReceivedHead::H2(status, fields))
            }
        }
    }

    /// The next piece of content, or `None` at its end. Sending goes on beside it.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        match self {
            Self::H1(conn) => conn.poll_data(cx),
            #[cfg(feature = "http2")]
            Self::H2(stream) => stream.poll_data(cx),
        }
    }

    /// Reads content straight into a buffer of the caller's, where that is possible now. `None` where it is not.
    pub(crate) fn poll_passthrough(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Option<Poll<Result<usize, Failure>>> {
        match self {
            Self::H1(conn) => conn.poll_passthrough(cx, buffer),
            // Frames come between.
            #[cfg(feature = "http2")]
            Self::H2(_) => None,
        }
    }
}
