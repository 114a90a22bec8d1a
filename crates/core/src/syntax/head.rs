//! Message heads that own their octets.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};

use crate::syntax::fields::{Fields, HeadSpans, RequestSpans, Span};

/// A response head: the octets it was read from and where its parts lie in them.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseHead {
    version: Version,
    status: StatusCode,
    reason: Span,
    fields: Fields,
}

impl ResponseHead {
    /// A copy of a head out of the octets that `recv` was shown. Obs-folds become SP (RFC 9112 §5.2).
    pub fn copy_from(input: &[u8], spans: HeadSpans) -> Self {
        let octets = Bytes::copy_from_slice(input.get(..spans.len).unwrap_or(input));
        Self::from_shared(octets, spans)
    }

    /// A head over octets that begin with it and are shared; more may follow. They are copied only if an
    /// obs-fold must be rewritten.
    pub fn from_shared(mut octets: Bytes, spans: HeadSpans) -> Self {
        let mut fields = spans.fields;
        if fields.folded {
            let mut copy = octets.to_vec();
            fields.unfold(&mut copy);
            fields.folded = false;
            octets = copy.into();
        }
        // The reader lets no status through that this refuses.
        let status = StatusCode::from_u16(spans.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            version: spans.version,
            status,
            reason: spans.reason,
            fields: Fields::from_shared(octets, fields),
        }
    }

    /// The status code. Codes above 599 are passed on as they came.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The reason phrase as received, often empty. It may hold octets that are not UTF-8.
    pub fn reason(&self) -> &[u8] {
        self.reason.get(self.fields.octets())
    }

    /// The field lines in wire order and case.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// As `http` types, without the reason phrase.
    pub fn to_http(&self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = self.status;
        *response.version_mut() = self.version;
        *response.headers_mut() = self.fields.to_header_map();
        response
    }
}

impl fmt::Debug for ResponseHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHead")
            .field("version", &self.version)
            .field("status", &self.status)
            .field("reason", &String::from_utf8_lossy(self.reason()))
            .field("fields", &self.fields)
            .finish()
    }
}

/// A request head as a server received it: its octets and where its parts lie in them.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedRequest {
    version: Version,
    method: Span,
    target: Span,
    fields: Fields,
}

impl ReceivedRequest {
    /// A copy of a head out of the octets that `recv` was shown.
    pub fn copy_from(input: &[u8], spans: RequestSpans) -> Self {
        Self::from_shared(Bytes::copy_from_slice(input.get(..spans.len).unwrap_or(input)), spans)
    }

    /// A head over octets that begin with it and are shared; more may follow.
    pub fn from_shared(octets: Bytes, spans: RequestSpans) -> Self {
        let fields = Fields::from_shared(octets, spans.fields);
        Self { version: spans.version, method: spans.method, target: spans.target, fields }
    }

    /// The method, a token.
    pub fn method(&self) -> &[u8] {
        self.method.get(self.fields.octets())
    }

    /// The request target as received, in one of its four forms (RFC 9112 §3.2).
    pub fn target(&self) -> &[u8] {
        self.target.get(self.fields.octets())
    }

    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The field lines in wire order and case.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// As `http` types.
    ///
    /// # Errors
    ///
    /// The target is not what `http::Uri` takes; everything else always converts.
    pub fn to_http(&self) -> Result<Request<()>, http::Error> {
        let mut request = Request::builder()
            .method(Method::from_bytes(self.method())?)
            .uri(Uri::try_from(self.target())?)
            .version(self.version)
            .body(())?;
        *request.headers_mut() = self.fields.to_header_map();
        Ok(request)
    }

    /// The field lines as a map whose values share these octets.
    pub fn to_header_map(&self) -> HeaderMap {
        self.fields.to_header_map()
    }
}

impl fmt::Debug for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedRequest")
            .field("method", &String::from_utf8_lossy(self.method()))
            .field("target", &String::from_utf8_lossy(self.target()))
            .field("version", &self.version)
            .field("fields", &self.fields)
            .finish()
    }
}
