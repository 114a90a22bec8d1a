//! What a service is asked, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, Version};
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
    /// HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// The authority: the Host field, or `:authority`.
    pub authority: Option<String>,
    /// The `:protocol` of an extended CONNECT.
    pub protocol: Option<String>,
    /// The fields.
    pub headers: HeaderMap,
    /// The content, without its framing.
    pub content: Bytes,
    /// The trailer section.
    pub trailers: HeaderMap,
    /// The number of the connection, as in the trace.
    pub connection: u64,
    /// Its stream, in HTTP/2.
    pub stream: Option<u32>,
    /// How many requests came before it on this connection.
    pub nth: usize,
}

impl SimRequest {
    pub(super) fn new(head: &ReceivedRequest, connection: u64, nth: usize) -> Self {
        let headers = head.to_header_map();
        Self {
            method: String::from_utf8_lossy(head.method()).into_owned(),
            target: String::from_utf8_lossy(head.target()).into_owned(),
            version: Version::HTTP_11,
            authority: host_of(&headers),
            protocol: None,
            headers,
            content: Bytes::new(),
            trailers: HeaderMap::new(),
            connection,
            stream: None,
            nth,
        }
    }

    pub(crate) fn of_stream(head: Request<()>, stream: u32, connection: u64, nth: usize) -> Self {
        let (head, ()) = head.into_parts();
        Self {
            method: head.method.to_string(),
            target: target_of(&head.uri),
            version: Version::HTTP_2,
            authority: head.uri.authority().map(ToString::to_string),
            protocol: head.extensions.get::<h2::ext::Protocol>().map(|protocol| protocol.as_str().to_owned()),
            headers: head.headers,
            content: Bytes::new(),
            trailers: HeaderMap::new(),
            connection,
            stream: Some(stream),
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
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) interim: Vec<StatusCode>,
    pub(crate) delay: Duration,
    pub(crate) parts: Vec<Part>,
    pub(crate) chunked: bool,
    pub(crate) trailers: HeaderMap,
    /// RST_STREAM behind so much content, or at once, and its code.
    pub(crate) reset: Option<(Option<u64>, u32)>,
    pub(crate) is_silent: bool,
    /// The service does not act on the request, though it answers.
    is_unprocessed: bool,
    /// Nothing but the end of the connection says where the content ends.
    pub(crate) until_close: bool,
    /// The connection ends behind so many octets.
    pub(crate) cut: Option<(u64, Ending)>,
    pub(crate) then: Option<Then>,
    pub(crate) mistake: Option<String>,
}

/// How an HTTP/1.1 server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As a process that ends: a FIN, and a reset in answer to what still comes.
    Fin,
    /// A reset.
    Reset,
    /// A FIN. What comes is read, and nothing is acted on any more.
    HalfClose,
}

/// What an HTTP/1.1 server does with a connection behind a response.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    EndIfIdle(Duration, Ending),
    EndAtNext(usize, Ending),
    Say(Bytes),
}

/// Codes that say that nothing was done: REFUSED_STREAM and HTTP_1_1_REQUIRED (RFC 9113 §7).
const NOT_PROCESSED: [u32; 2] = [0x7, 0xd];

/// A piece of content, or a break between two.
#[derive(Clone, Debug)]
pub(crate) enum Part {
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
            reset: None,
            is_silent: false,
            is_unprocessed: false,
            until_close: false,
            cut: None,
            then: None,
            mistake,
        }
    }

    /// 200 with this content.
    pub fn ok(content: impl Into<Bytes>) -> Self {
        Self::new(200).piece(content)
    }

    /// Refuses the request: RST_STREAM with REFUSED_STREAM. It is not processed. HTTP/2 only.
    pub fn refuse() -> Self {
        Self::reset(NOT_PROCESSED[0])
    }

    /// RST_STREAM with this code instead of a response. The request is processed, unless the code says otherwise:
    /// REFUSED_STREAM or HTTP_1_1_REQUIRED. HTTP/2 only.
    pub fn reset(code: u32) -> Self {
        Self { reset: Some((None, code)), ..Self::new(200) }
    }

    /// No answer, ever. The request is not processed.
    pub fn silent() -> Self {
        Self { is_silent: true, ..Self::new(200) }
    }

    /// RST_STREAM with this code behind so many octets of content: with fewer than there are, in the midst of it, without
    /// an end; with as many or more, behind the whole response, by which a server asks for no more of the request.
    /// HTTP/2 only.
    pub fn reset_after(mut self, octets: u64, code: u32) -> Self {
        self.reset = Some((Some(octets), code));
        self
    }

    /// The service does not act on the request: the answer turns it down.
    pub fn unprocessed(mut self) -> Self {
        self.is_unprocessed = true;
        self
    }

    /// Sends the content without saying how long it is, and ends the connection behind it, in order. HTTP/1.1 only.
    pub fn until_close(mut self) -> Self {
        self.until_close = true;
        self
    }

    /// Ends the connection behind so many octets of the answer, its heads and framing counted: at 0 instead of it, at the
    /// latest behind all of it. HTTP/1.1 only.
    pub fn broken_off(mut self, octets: u64, by: Ending) -> Self {
        self.cut = Some((octets, by));
        self
    }

    /// Ends the connection behind it, unless octets of another request come for so long. HTTP/1.1 only.
    pub fn then_end_if_idle(mut self, span: Duration, by: Ending) -> Self {
        self.then = Some(Then::EndIfIdle(span, by));
        self
    }

    /// Ends the connection when so many octets of the next request have come, which is not acted on. HTTP/1.1 only.
    pub fn then_end_at_next(mut self, octets: usize, by: Ending) -> Self {
        self.then = Some(Then::EndAtNext(octets, by));
        self
    }

    /// Sends octets behind it that nobody has asked for, and serves on. A client that begins another request a millisecond
    /// or more after they have come is a [complaint](crate::Listener::complaints). HTTP/1.1 only.
    pub fn then_say(mut self, octets: impl Into<Bytes>) -> Self {
        self.then = Some(Then::Say(octets.into()));
        self
    }

    /// Adds a field. One that is none is a [complaint](crate::Listener::complaints), and so is a wrong Content-Length;
    /// HTTP/2 sends it.
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

    /// Sends the content in chunks, in HTTP/2 without saying how long it is. Otherwise it goes out with a Content-Length.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Adds a trailer field behind the content, which must be chunked in HTTP/1.1.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        match field(name, value) {
            Ok((name, value)) => {
                self.trailers.append(name, value);
            }
            Err(mistake) => self.mistake = Some(mistake),
        }
        self
    }

    /// Closes the connection behind it, and says so. In HTTP/2: GOAWAY, behind which this and all earlier requests are
    /// answered.
    pub fn close(self) -> Self {
        self.header("connection", "close")
    }

    /// Whether the service acts on the request.
    pub(crate) fn is_processing(&self) -> bool {
        !self.is_silent
            && !self.is_unprocessed
            && !matches!(self.reset, Some((None, code)) if NOT_PROCESSED.contains(&code))
    }

    /// Whether it says what to do with an HTTP/1.1 connection.
    pub(crate) fn is_for_http1(&self) -> bool {
        self.until_close || self.cut.is_some() || self.then.is_some()
    }

    /// Octets of content.
    pub(crate) fn len(&self) -> u64 {
        let piece = |part: &Part| if let Part::Piece(octets) = part { octets.len() as u64 } else { 0 };
        self.parts.iter().map(piece).sum()
    }
}

/// The Host field.
pub(super) fn host_of(headers: &HeaderMap) -> Option<String> {
    headers.get("host").map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned())
}

/// The request target that a URI stands for: the path and the query, or the authority of CONNECT.
pub(super) fn target_of(uri: &Uri) -> String {
    let path = uri.path_and_query().map(ToString::to_string);
    path.or_else(|| uri.authority().map(ToString::to_string)).unwrap_or_default()
}

fn field(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no field name"))?;
    let value = HeaderValue::try_from(value).map_err(|_| format!("`{value}` is no value for `{name}`"))?;
    Ok((name, value))
}
