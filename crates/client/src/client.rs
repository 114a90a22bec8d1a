//! The client.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use http::Method;
use martlet_core::Limits;
use martlet_core::h1::FieldBlock;
use martlet_core::time::Timeouts;

use crate::config::ClientBuilder;
use crate::dial::Connector;
use crate::erased::{RuntimeChoice, RuntimeHandle};
use crate::error::Error;
use crate::exchange;
use crate::request::{Request, RequestBuilder};
use crate::response::Response;
use crate::runtime::SocketOptions;
use crate::url::IntoUri;

/// An HTTP client. Make one and clone it: clones share everything.
///
/// `R` says which runtime is used where none was given: `martlet::Client` looks for the one it runs in,
/// `martlet_smol::Client` and the like name theirs. Nothing else depends on it.
pub struct Client<R> {
    inner: Arc<Inner>,
    choice: PhantomData<fn() -> R>,
}

/// What all clones share.
pub(crate) struct Inner {
    pub(crate) block: FieldBlock,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) socket: SocketOptions,
    pub(crate) connector: Option<Connector>,
    pub(crate) runtime: Option<RuntimeHandle>,
    pub(crate) choose: fn() -> io::Result<RuntimeHandle>,
}

impl Inner {
    /// The runtime for a request that begins now.
    pub(crate) fn runtime(&self) -> Result<RuntimeHandle, Error> {
        let runtime = match &self.runtime {
            Some(runtime) => runtime.is_here().map(|()| runtime.clone()),
            None => (self.choose)(),
        };
        runtime.map_err(Error::runtime)
    }
}

impl<R: RuntimeChoice> Client<R> {
    /// A client with all defaults. It touches neither the network nor a runtime.
    pub fn new() -> Self {
        match Self::builder().build() {
            Ok(client) => client,
            // The defaults are two fields of our own, which no build refuses.
            Err(e) => unreachable!("the defaults build: {e}"),
        }
    }

    /// Settings first.
    pub fn builder() -> ClientBuilder<R> {
        ClientBuilder::new()
    }
}

impl<R> Client<R> {
    pub(crate) fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner, choice: PhantomData }
    }

    /// Begins a GET.
    pub fn get(&self, url: impl IntoUri) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Begins a HEAD.
    pub fn head(&self, url: impl IntoUri) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Begins a POST.
    pub fn post(&self, url: impl IntoUri) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Begins a PUT.
    pub fn put(&self, url: impl IntoUri) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Begins a PATCH.
    pub fn patch(&self, url: impl IntoUri) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// Begins a DELETE.
    pub fn delete(&self, url: impl IntoUri) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Begins a request of any method. Mistakes in the URL come out when it is sent or built.
    pub fn request(&self, method: Method, url: impl IntoUri) -> RequestBuilder {
        RequestBuilder::new(Arc::clone(&self.inner), method, url.into_url())
    }

    /// Sends a request that was built before, and waits for the head of its response.
    ///
    /// # Errors
    ///
    /// As [`RequestBuilder::send`].
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        exchange::execute(&self.inner, request).await
    }
}

impl<R: RuntimeChoice> Default for Client<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Clone for Client<R> {
    fn clone(&self) -> Self {
        Self::from_inner(Arc::clone(&self.inner))
    }
}

impl<R> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("timeouts", &self.inner.timeouts)
            .field("limits", &self.inner.limits)
            .field("socket", &self.inner.socket)
            .finish_non_exhaustive()
    }
}
