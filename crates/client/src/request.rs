//! Requests, put together piece by piece.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::MaxSizeReached;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use martlet_core::Misuse;
use martlet_core::time::Timeouts;

use crate::body::Body;
use crate::client::Inner;
use crate::error::{Error, FieldMistake};
use crate::exchange;
use crate::policy::RetryPolicy;
use crate::response::Response;
#[cfg(feature = "tls")]
use crate::route::OwnConfig;
use crate::route::Route;
use crate::url::{Url, UrlError};
use crate::watch::DeliveryWatch;

/// A request to be sent by [`Client::execute`](crate::Client::execute).
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Rarely anything.
    pub(crate) route: Option<Arc<Route>>,
    /// The one to be sent by. `None`: whichever the connection speaks.
    pub(crate) version: Option<Version>,
    /// What an extended CONNECT asks for.
    pub(crate) protocol: Option<Box<str>>,
    pub(crate) fields: HeaderMap,
    /// A stream need not be `Sync`; this makes the request so, and is only ever entered by `&mut`.
    pub(crate) body: Mutex<Body>,
    /// Rarely anything.
    pub(crate) timeouts: Option<Box<Timeouts>>,
    /// Whether it may be replayed; `None`: as the client has it.
    pub(crate) replay: Option<bool>,
    /// The policy of retries, or that there is none; `None`: as the client has it.
    pub(crate) retry: Option<Option<RetryPolicy>>,
    pub(crate) watches: Vec<DeliveryWatch>,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            route: None,
            version: None,
            protocol: None,
            fields: HeaderMap::new(),
            body: Mutex::new(Body::empty()),
            timeouts: None,
            replay: None,
            retry: None,
            watches: Vec::new(),
        }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL as `http`'s type, without credentials. `None` if that type refuses it.
    pub fn uri(&self) -> Option<Uri> {
        self.url.to_uri().ok()
    }

    /// The fields of this request; the client's defaults are not among them.
    pub fn headers(&self) -> &HeaderMap {
        &self.fields
    }

    /// The fields of this request, to be changed.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.fields
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Fields may hold credentials.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A request that is being put together. Nothing happens before it is sent.
#[must_use = "nothing happens before `send` is awaited"]
pub struct RequestBuilder {
    client: Arc<Inner>,
    request: Result<Request, Error>,
}

impl RequestBuilder {
    pub(crate) fn new(client: Arc<Inner>, method: Method, url: Result<Url, UrlError>) -> Self {
        let request = url.map_err(Error::builder).map(|url| Request::new(method, url));
        Self { client, request }
    }

    /// Adds a field line; earlier ones of the same name stay. A client's default of this name is not sent.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N, Error: Into<http::Error>>,
        HeaderValue: TryFrom<V, Error: Into<http::Error>>,
    {
        if let Ok(request) = &mut self.request {
            match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                (Ok(name), Ok(value)) => {
                    if request.fields.try_append(name, value).is_err() {
                        self.request = Err(Error::builder("too many fields"));
                    }
                }
                (Err(e), _) => self.request = Err(Error::builder(e.into())),
                (Ok(name), Err(e)) => self.request = Err(Error::builder(FieldMistake::new(name, e.into()))),
            }
        }
        self
    }

    /// Sets these fields; each takes the place of all earlier ones of its name.
    pub fn headers(mut self, fields: HeaderMap) -> Self {
        if let Ok(request) = &mut self.request {
            if request.fields.is_empty() {
                request.fields = fields;
            } else if replace_all(&mut request.fields, fields).is_err() {
                self.request = Err(Error::builder("too many fields"));
            }
        }
        self
    }

    /// The content: octets, text, or a [`Body`] that streams. Its length, where it is known, is sent with it.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        if let Ok(request) = &mut self.request {
            request.body = Mutex::new(body.into());
        }
        self
    }

    /// Sends it by this version of HTTP whatever the client's [`Protocols`](crate::Protocols) are: `HTTP_11` or `HTTP_10` on
    /// a connection that speaks nothing newer, `HTTP_2` on one that speaks that, by prior knowledge where nobody says so.
    /// By default it is the one that its connection speaks.
    ///
    /// Any other version is a mistake: `build` and `send` fail with the kind `Builder`.
    pub fn version(mut self, version: Version) -> Self {
        if let Ok(request) = &mut self.request {
            match version {
                Version::HTTP_10 | Version::HTTP_11 | Version::HTTP_2 => request.version = Some(version),
                _ => self.request = Err(Error::builder(Misuse::UnsupportedVersion)),
            }
        }
        self
    }

    /// Asks for another protocol on a stream of HTTP/2, WebSocket for instance (`websocket`): an extended CONNECT
    /// (RFC 8441). The method must be CONNECT, the name a token, and the server must allow it. The request's content and the response's are
    /// the two directions of what follows.
    pub fn connect_protocol(mut self, protocol: impl Into<String>) -> Self {
        let protocol = protocol.into();
        if let Ok(request) = &mut self.request {
            // A name of a protocol is a token, as a method is: whatever else it held would go out as it is.
            match Method::from_bytes(protocol.as_bytes()) {
                Ok(_) => request.protocol = Some(protocol.into()),
                Err(_) => self.request = Err(Error::builder("the name of a protocol is a token")),
            }
        }
        self
    }

    /// How long the parts of this request may take, in place of the client's settings.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        if let Ok(request) = &mut self.request {
            request.timeouts = Some(Box::new(timeouts));
        }
        self
    }

    /// How long the whole request may take, up to the end of the response's content. All other settings stay the
    /// client's, or those of [`timeouts`](Self::timeouts).
    pub fn timeout(mut self, total: Duration) -> Self {
        if let Ok(request) = &mut self.request {
            let timeouts = request.timeouts.get_or_insert_with(|| Box::new(self.client.timeouts.clone()));
            timeouts.total = Some(total);
        }
        self
    }

    /// Whether this request may be [replayed](crate::ClientBuilder::replay), whatever the client's setting is.
    pub fn replay(mut self, on: bool) -> Self {
        if let Ok(request) = &mut self.request {
            request.replay = Some(on);
        }
        self
    }

    /// When this request is sent again after a failure, in place of the client's [policy](crate::ClientBuilder::retry);
    /// `None` for never.
    pub fn retry(mut self, policy: impl Into<Option<RetryPolicy>>) -> Self {
        if let Ok(request) = &mut self.request {
            request.retry = Some(policy.into());
        }
        self
    }

    /// Has this tell what the server can have seen, also when the future of the request is dropped. Of several each one
    /// does.
    pub fn watch(mut self, watch: &DeliveryWatch) -> Self {
        if let Ok(request) = &mut self.request {
            request.watches.push(watch.clone());
        }
        self
    }

    /// Connects to this address, whatever the host's name is. All else stays: the Host field, and the name that a
    /// certificate must be for. A [`Connect`](crate::Connect) is told of it.
    pub fn connect_to(self, address: SocketAddr) -> Self {
        self.change_route(|route| route.connect_to = Some(address))
    }

    /// Asks the server's certificate to be for this name or address instead of the URL's host, and tells the server so
    /// (SNI). Of no effect without TLS. What is no name is a mistake: `build` and `send` fail with the kind `Builder`.
    #[cfg(feature = "tls")]
    pub fn tls_server_name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        match rustls::pki_types::ServerName::try_from(name.as_str()) {
            Ok(_) => self.change_route(|route| route.server_name = Some(name.into())),
            Err(e) => {
                if self.request.is_ok() {
                    self.request = Err(Error::builder(e));
                }
                self
            }
        }
    }

    /// Uses this configuration of TLS instead of the client's. Requests with different ones never share a connection: keep
    /// the `Arc` and give the same one to all that may. ALPN is set on a copy if the configuration has none. Of no effect
    /// without TLS: an `http` URL stays one.
    #[cfg(feature = "tls")]
    pub fn tls_config(self, config: Arc<rustls::ClientConfig>) -> Self {
        self.change_route(|route| route.tls = Some(OwnConfig(config)))
    }

    fn change_route(mut self, change: impl FnOnce(&mut Route)) -> Self {
        if let Ok(request) = &mut self.request {
            change(Arc::make_mut(request.route.get_or_insert_default()));
        }
        self
    }

    /// The request, to be looked at or sent later.
    ///
    /// # Errors
    ///
    /// Kind `Builder`: the first mistake in the URL or a field.
    pub fn build(self) -> Result<Request, Error> {
        self.request
    }

    /// Sends the request and waits for the head of its response. The content is read from the [`Response`].
    ///
    /// The future may be dropped at any point. A connection that the request was begun on is closed then (in HTTP/2 its
    /// stream is reset); one that it had not begun on yet serves others.
    ///
    /// # Errors
    ///
    /// See [`Kind`](crate::Kind). [`Error::delivery`] says what the server can have seen.
    pub async fn send(self) -> Result<Response, Error> {
        exchange::execute(&self.client, self.request?).await
    }
}

/// `HeaderMap::extend`, which panics when a map is full.
fn replace_all(fields: &mut HeaderMap, new: HeaderMap) -> Result<(), MaxSizeReached> {
    let mut last = None;
    for (name, value) in new {
        // A name that is left out is that of the line before.
        match (name, &last) {
            (Some(name), _) => {
                fields.try_insert(name.clone(), value)?;
                last = Some(name);
            }
            (None, Some(name)) => {
                fields.try_append(name, value)?;
            }
            (None, None) => {}
        }
    }
    Ok(())
}

impl IntoFuture for RequestBuilder {
    type Output = Result<Response, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder").field("request", &self.request).finish_non_exhaustive()
    }
}
