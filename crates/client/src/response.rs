//! Responses.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_io::AsyncRead;
use http::{HeaderMap, StatusCode, Uri, Version};
use martlet_core::Delivery;
use martlet_core::h1::{Fields, ResponseHead};

use crate::carrier::{Carrier, ReceivedHead};
use crate::checkout::Leased;
use crate::error::{Error, Kind};
use crate::failure::Failure;
use crate::info::ConnectionInfo;
use crate::url::Url;

/// A response whose head is here and whose content is to be read.
///
/// Read it whole ([`bytes`](Self::bytes), [`text`](Self::text)), piece by piece ([`chunk`](Self::chunk)), or as an
/// [`AsyncRead`]. The connection serves the next request from the poll on that sees the end of the response. A response
/// that is dropped before closes it, unless the rest is of a known length, no more than 64 KiB, and here already. In HTTP/2 its
/// stream is reset, and the connection goes on. What of the request's content has not gone out when the response has come to
/// its end stays here.
///
/// It belongs to the runtime that its request was sent in. Where it is read outside of that, its deadlines hold as long as
/// that runtime runs; if it does not any more, they are looked at when octets come.
pub struct Response {
    head: Head,
    headers: OnceLock<HeaderMap>,
    url: Url,
    uri: OnceLock<Option<Uri>>,
    info: ConnectionInfo,
    /// The source of the request's content need not be `Sync`; this makes the response so, and is only ever entered
    /// by `&mut`.
    ///
    /// `None` once the connection has gone back.
    leased: Mutex<Option<Leased>>,
    /// Few responses have any.
    trailers: Option<Box<Fields>>,
    /// What of a piece the last `poll_read` left over.
    rest: Bytes,
    end: End,
    attempts: u32,
}

/// What came before the content.
enum Head {
    Octets(ResponseHead),
    /// The fields came as a map.
    #[cfg(feature = "http2")]
    Map {
        status: StatusCode,
        fields: OnceLock<Fields>,
    },
}

/// Whether there is more content to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// There is.
    No,
    /// It was read to its end.
    Complete,
    /// It failed, and does so for ever: what came before is no whole.
    Failed(Kind, Delivery),
}

impl Response {
    pub(crate) fn new(
        head: ReceivedHead,
        url: Url,
        info: ConnectionInfo,
        leased: Leased,
        attempts: u32,
    ) -> Self {
        let (head, headers) = match head {
            ReceivedHead::H1(head) => (Head::Octets(head), OnceLock::new()),
            #[cfg(feature = "http2")]
            ReceivedHead::H2(status, fields) => {
                (Head::Map { status, fields: OnceLock::new() }, OnceLock::from(fields))
            }
        };
        Self {
            head,
            headers,
            url,
            uri: OnceLock::new(),
            info,
            leased: Mutex::new(Some(leased)),
            trailers: None,
            rest: Bytes::new(),
            end: End::No,
            attempts,
        }
    }

    /// The status code.
    pub fn status(&self) -> StatusCode {
        match &self.head {
            Head::Octets(head) => head.status(),
            #[cfg(feature = "http2")]
            Head::Map { status, .. } => *status,
        }
    }

    /// The version that the server spoke.
    pub fn version(&self) -> Version {
        match &self.head {
            Head::Octets(head) => head.version(),
            #[cfg(feature = "http2")]
            Head::Map { .. } => Version::HTTP_2,
        }
    }

    /// The reason phrase as received, often empty and in HTTP/2 always. It may hold octets that are not UTF-8 (RFC 9112 §4).
    pub fn reason(&self) -> &[u8] {
        match &self.head {
            Head::Octets(head) => head.reason(),
            #[cfg(feature = "http2")]
            Head::Map { .. } => b"",
        }
    }

    /// The fields as a map. It is made when this is first called; values share the octets that were received.
    pub fn headers(&self) -> &HeaderMap {
        self.headers.get_or_init(|| self.fields().to_header_map())
    }

    /// The field lines in wire order and case, without making a map. In HTTP/2 they come as a map: here they are copied out
    /// of it when this is first called, with equal names together.
    pub fn fields(&self) -> &Fields {
        match &self.head {
            Head::Octets(head) => head.fields(),
            #[cfg(feature = "http2")]
            Head::Map { fields, .. } => {
                // It was filled when the response was made.
                fields.get_or_init(|| self.headers.get().map(Fields::from_header_map).unwrap_or_default())
            }
        }
    }

    /// How often the request was sent, or was about to be: 1 unless it was [replayed](crate::ClientBuilder::replay), came again
    /// without its expectation, or by [`connect_retries`](crate::ClientBuilder::connect_retries) or a
    /// [`RetryPolicy`](crate::RetryPolicy).
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The URL that this is the response to, without credentials.
    pub fn url(&self) -> &Uri {
        static UNKNOWN: OnceLock<Uri> = OnceLock::new();
        // Every URL that was checked is a `Uri`, too.
        let uri = self.uri.get_or_init(|| self.url.to_uri().ok());
        uri.as_ref().unwrap_or_else(|| UNKNOWN.get_or_init(Uri::default))
    }

    /// The connection that it came on: addresses, and whether it was used before.
    pub fn connection(&self) -> &ConnectionInfo {
        &self.info
    }

    /// The address of the server, where the transport knows it.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.info.peer_addr()
    }

    /// The length of the content in octets as the server declared it (RFC 9110 §8.6). After HEAD it is what GET would
    /// have had.
    pub fn content_length(&self) -> Option<u64> {
        let mut declared = None;
        for value in self.fields().get_all("content-length") {
            // A list of equal numbers means that number (RFC 9110 §8.6); whatever else it says means none.
            for element in value.split(|&octet| octet == b',').map(<[u8]>::trim_ascii) {
                let is_number = element.iter().all(u8::is_ascii_digit);
                let length: u64 = std::str::from_utf8(element).ok().filter(|_| is_number)?.parse().ok()?;
                if *declared.get_or_insert(length) != length {
                    return None;
                }
            }
        }
        declared
    }

    /// The trailer section (RFC 9110 §6.5), once the content was read to its end, if there was one.
    pub fn trailers(&mut self) -> Option<&Fields> {
        self.trailers.as_deref()
    }

    /// All of the content that is left.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        // What the server declares is no reason to set aside more than it has sent.
        let mut all = BytesMut::with_capacity((first.len() + second.len()) * 2);
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        drop((first, second));
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// All of the content that is left, as UTF-8. Octets that are none become U+FFFD.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    pub async fn text(self) -> Result<String, Error> {
        let octets = self.bytes().await?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    /// The next piece of content, or `None` at its end. Never an empty piece.
    ///
    /// Dropping the future loses nothing: the next call goes on where it was.
    ///
    /// # Errors
    ///
    /// Kind `Closed` if the server went away before the end, `Protocol` if it broke the framing, `Timeout` if it was
    /// silent for too long, `Body` if the request's own content failed meanwhile. Pieces that came before were sound.
    /// After an error each call fails with the same kind; after the end it is `None`.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// [`chunk`](Self::chunk), for those who write futures by hand.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Ok(Some(std::mem::take(&mut self.rest))));
        }
        match self.end {
            End::No => {}
            End::Complete => return Poll::Ready(Ok(None)),
            End::Failed(kind, delivery) => {
                let error = Error::new(kind).with_delivery(delivery).with_connection(&self.info);
                let error = error.with_attempts(self.attempts);
                return Poll::Ready(Err(error.with_url(&self.url)));
            }
        }
        let Some(carrier) = self.carrier() else {
            return Poll::Ready(Ok(None));
        };
        let result = ready!(carrier.poll_data(cx));
        if let Ok(None) = result {
            self.finish();
        }
        Poll::Ready(result.map_err(|failure| self.error(failure)))
    }

    /// The response is complete.
    pub(crate) fn finish(&mut self) {
        self.end = End::Complete;
        if let Some(mut leased) = self.leased_mut().take() {
            self.trailers = leased.carrier().and_then(Carrier::take_trailers).map(Box::new);
            leased.finish();
        }
    }

    fn error(&mut self, failure: Failure) -> Error {
        let delivery = self.carrier().map_or(Delivery::Answered, |carrier| carrier.delivery());
        let error = failure.into_error(delivery, &self.info).with_url(&self.url).with_attempts(self.attempts);
        self.end = End::Failed(error.kind(), delivery);
        // The slot is free from now on, whatever becomes of the response.
        drop(self.leased_mut().take());
        error
    }

    fn carrier(&mut self) -> Option<&mut Carrier> {
        self.leased_mut().as_mut().and_then(Leased::carrier)
    }

    fn leased_mut(&mut self) -> &mut Option<Leased> {
        self.leased.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Response {
    /// Reads content. Where the framing allows, octets go from the transport straight into `buffer`.
    ///
    /// An error's `get_ref` is an [`Error`]; its `io::ErrorKind` is `TimedOut`, `UnexpectedEof` or `Other`.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if this.rest.is_empty() && this.end == End::No {
            if let Some(read) = this.carrier().and_then(|carrier| carrier.poll_passthrough(cx, buffer)) {
                return read.map(|result| result.map_err(|failure| io_error(this.error(failure))));
            }
        }
        let Some(piece) = ready!(this.poll_chunk(cx)).map_err(io_error)? else {
            return Poll::Ready(Ok(0));
        };
        let n = piece.len().min(buffer.len());
        buffer[..n].copy_from_slice(&piece[..n]);
        this.rest = piece.slice(n..);
        Poll::Ready(Ok(n))
    }
}

fn io_error(e: Error) -> io::Error {
    let kind = match e.kind() {
        Kind::Timeout(_) => io::ErrorKind::TimedOut,
        Kind::Closed(_) => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, e)
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Fields may hold cookies.
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("version", &self.version())
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
