//! The client.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Method};
use martlet_core::h1::FieldBlock;
use martlet_core::pool::PoolStats;
use martlet_core::time::Timeouts;

use crate::checkout::{Checkout, Shutdown};
use crate::config::ClientBuilder;
use crate::dial::DialSettings;
use crate::erased::{RuntimeChoice, RuntimeHandle};
use crate::error::Error;
use crate::exchange;
use crate::here::Here;
use crate::policy::RetryPolicy;
use crate::protocols::Protocols;
use crate::request::{Request, RequestBuilder};
use crate::response::Response;
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
    /// The same as a map, for where fields are not octets.
    pub(crate) defaults: HeaderMap,
    pub(crate) protocols: Protocols,
    pub(crate) timeouts: Timeouts,
    pub(crate) replay: bool,
    pub(crate) connect_retries: u32,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) dialing: Arc<DialSettings>,
    pub(crate) checkout: Arc<Checkout>,
    pub(crate) runtime: Option<RuntimeHandle>,
    pub(crate) choose: fn() -> io::Result<RuntimeHandle>,
}

impl Inner {
    /// The runtime for a request that begins now.
    pub(crate) fn here(&self) -> Result<Here, Error> {
        let runtime = self.runtime.clone().map_or_else(self.choose, Ok);
        let here = runtime.and_then(|runtime| Ok(Here { home: runtime.home()?, runtime }));
        here.map_err(Error::runtime)
    }
}

impl Drop for Inner {
    /// Responses that are under way keep their connections until they end.
    fn drop(&mut self) {
        self.checkout.shut_down(Shutdown::Drain);
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

    /// What the pool of connections holds right now. It goes through all connections: for logs and tests, not for every
    /// request. `{client:?}` tells more.
    pub fn stats(&self) -> PoolStats {
        self.inner.checkout.stats()
    }

    /// Serves no further request, and lets those end that have their connections. It begins at once; await what it
    /// returns to know that the last connection is closed.
    ///
    /// Requests that wait for a connection or dial fail with the kind `Shutdown`, and so does each one that is begun from
    /// now on, on all clones. Idle connections are closed.
    pub fn drain(&self) -> Drain {
        self.inner.checkout.shut_down(Shutdown::Drain);
        Drain { checkout: Arc::clone(&self.inner.checkout) }
    }

    /// The same, but requests and responses that are under way fail with the kind `Shutdown`, too. Their tasks are woken;
    /// each closes its connection when it is polled or dropped.
    pub fn close(&self) -> Drain {
        self.inner.checkout.shut_down(Shutdown::Close);
        Drain { checkout: Arc::clone(&self.inner.checkout) }
    }
}

/// Ready when the last connection of a client that was drained or closed is gone. Dropping it changes nothing.
pub struct Drain {
    checkout: Arc<Checkout>,
}

impl Future for Drain {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.checkout.poll_empty(cx)
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("pool", &self.checkout).finish()
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
    /// What a person needs to see when requests hang: the settings, and connections, dials and waiting requests, the oldest
    /// twenty of each. Neither credentials nor paths are printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("timeouts", &self.inner.timeouts)
            .field("limits", &self.inner.dialing.limits)
            .field("socket", &self.inner.dialing.socket)
            .field("pool", &self.inner.checkout)
            .finish_non_exhaustive()
    }
}
