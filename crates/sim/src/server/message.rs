//! What a service is asked, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use martlet_core::h1::{Fields, ReceivedRequest};

/// Answers requests. Closures that take a [`SimRequest`] are services.
pub trait Service: Send + 'static {
    /// The answer to a request that has come whole.
    fn respond(&mut self, request: SimRequest) -> SimResponse;

    /// An answer before the content of the request has come; `None`, the default, waits for it, and sends 100 (Continue)
    /// to a client that expects it. The rest of the request is read and thrown away after the answer.
    fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
        let _ = head;
        None
    }
}

impl<F> Service for F
where
    F: FnMut(SimRequest) -> SimResponse + Send + 'static,
{
    fn respond(&mut self, request: SimRequest) -> SimResponse {
        self(request)
    }
}

/// A request as a service sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SimRequest {
    /// The method.
    pub method: String,
    /// The request target as received: path and query, mostly.
    pub target: String,
    /// The fields.
    pub headers: HeaderMap,
    /// The content, without its framing.
    pub content: Bytes,
    /// The trailer section.
    pub trailers: HeaderMap,
    /// The number of the connection, as in the trace.
    pub connection: u64,
    /// How many requests came before it on this connection.
    pub nth: usize,
}

impl SimRequest {
    pub(super) fn new(head: &ReceivedRequest, connection: u64, nth: usize) -> Self {
        Self {
            method: String::from_utf8_lossy(head.method()).into_owned(),
            target: String::from_utf8_lossy(head.target()).into_owned(),
            headers: head.to_header_map(),
            content: Bytes::new(),
            trailers: HeaderMap::new(),
            connection,
            nth,
        }
    }

    pub(super) fn take_trailers(&mut self, fields: &Fields) {
        self.trailers = fields.to_header_map();
    }
}

/// A response, and how it is sent.
#[derive(Clone, Debug)]
#[must_use]
pub struct SimResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) interim: Vec<StatusCode>,
    pub(super) delay: Duration,
    pub(super) parts: Vec<Part>,
    pub(super) chunked: bool,
    pub(super) trailers: HeaderMap,
    pub(super) mistake: Option<String>,
}

/// A piece of content, or a break between two.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Piece(Bytes),
    Pause(Duration),
    Stall,
}

impl SimResponse {
    /// A response without content. A status that is none is a [complaint](crate::Listener::complaints).
    pub fn new(status: u16) -> Self {
        let (status, mistake) = match StatusCode::from_u16(status) {
            Ok(status) => (status, None),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Some(format!("{status} is no status code"))),
        };
        Self {
            status,
            headers: HeaderMap::new(),
            interim: Vec::new(),
            delay: Duration::ZERO,
            parts: Vec::new(),
            chunked: false,
            trailers: HeaderMap::new(),
            mistake,
        }
    }

    /// 200 with this content.
    pub fn ok(content: impl Into<Bytes>) -> Self {
        Self::new(200).piece(content)
    }

    /// Adds a field. One that is none is a [complaint](crate::Listener::complaints).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match field(name, value) {
            Ok((name, value)) => {
                self.headers.append(name, value);
            }
            Err(mistake) => self.mistake = Some(mistake),
        }
        self
    }

    /// Adds a piece of content; each is written by itself.
    pub fn piece(mut self, octets: impl Into<Bytes>) -> Self {
        self.parts.push(Part::Piece(octets.into()));
        self
    }

    /// Sends nothing for a while at this point of the content.
    pub fn pause(mut self, span: Duration) -> Self {
        self.parts.push(Part::Pause(span));
        self
    }

    /// Sends nothing more from this point of the content on, and holds the connection open.
    pub fn stall(mut self) -> Self {
        self.parts.push(Part::Stall);
        self
    }

    /// Waits before it sends anything.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends an interim (1xx) response before.
    pub fn interim(mut self, status: u16) -> Self {
        match StatusCode::from_u16(status) {
            Ok(status) => self.interim.push(status),
            Err(_) => self.mistake = Some(format!("{status} is no status code")),
        }
        self
    }

    /// Sends the content in chunks. Otherwise it goes out with a Content-Length.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Adds a trailer field behind chunked content.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        match field(name, value) {
            Ok((name, value)) => {
                self.trailers.append(name, value);
            }
            Err(mistake) => self.mistake = Some(mistake),
        }
        self
    }

    /// Closes the connection behind it, and says so.
    pub fn close(self) -> Self {
        self.header("connection", "close")
    }

    /// Octets of content.
    pub(super) fn len(&self) -> u64 {
        let piece = |part: &Part| if let Part::Piece(octets) = part { octets.len() as u64 } else { 0 };
        self.parts.iter().map(piece).sum()
    }
}

fn field(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no field name"))?;
    let value = HeaderValue::try_from(value).map_err(|_| format!("`{value}` is no value for `{name}`"))?;
    Ok((name, value))
}
