//! The object-safe twin of [`Runtime`], so that `Client`, `Response` and `Error` name no runtime.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::runtime::{BoxFuture, Home, Runtime, SocketOptions};
use crate::transport::Transport;

/// Any runtime, behind a pointer.
#[derive(Clone)]
pub struct RuntimeHandle(Pointer);

#[derive(Clone)]
enum Pointer {
    Shared(Arc<dyn Erased>),
    Static(&'static dyn Erased),
}

/// The runtime that a client uses where it was given none: asked each time a request begins.
///
/// The adapters implement it for their runtimes; `martlet` implements it for the one it detects.
pub trait RuntimeChoice: 'static {
    /// The runtime to use here and now, found to be usable ([`RuntimeHandle::is_here`]).
    ///
    /// # Errors
    ///
    /// There is none. The text says what to enable; the request fails with the kind `Runtime`.
    fn choose() -> io::Result<RuntimeHandle>;
}

trait Erased: Send + Sync {
    fn home(&self) -> io::Result<Home>;
    fn now(&self) -> Instant;
    fn wall_clock(&self) -> SystemTime;
    fn random(&self) -> u64;
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()>;
    fn connect<'a>(
        &'a self,
        to: SocketAddr,
        options: &'a SocketOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>>;
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

impl<R: Runtime> Erased for R {
    fn home(&self) -> io::Result<Home> {
        Runtime::home(self)
    }

    fn now(&self) -> Instant {
        Runtime::now(self)
    }

    fn wall_clock(&self) -> SystemTime {
        Runtime::wall_clock(self)
    }

    fn random(&self) -> u64 {
        Runtime::random(self)
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        Box::pin(Runtime::sleep_until(self, at))
    }

    fn connect<'a>(
        &'a self,
        to: SocketAddr,
        options: &'a SocketOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            let tcp = Runtime::connect(self, to, options).await?;
            Ok(Box::new(tcp) as Box<dyn Transport>)
        })
    }

    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(Runtime::resolve(self, host, port))
    }
}

impl RuntimeHandle {
    /// Puts a runtime behind a pointer.
    pub fn new(runtime: impl Runtime) -> Self {
        Self(Pointer::Shared(Arc::new(runtime)))
    }

    /// The same without counting, for a runtime that is a constant.
    pub const fn from_static<R: Runtime>(runtime: &'static R) -> Self {
        Self(Pointer::Static(runtime))
    }

    fn erased(&self) -> &dyn Erased {
        match &self.0 {
            Pointer::Shared(runtime) => &**runtime,
            Pointer::Static(runtime) => *runtime,
        }
    }

    /// Whether a request can be made on this runtime from where the caller is polled.
    ///
    /// # Errors
    ///
    /// It cannot; the text says what is missing.
    pub fn is_here(&self) -> io::Result<()> {
        self.erased().home().map(|_| ())
    }

    pub(crate) fn home(&self) -> io::Result<Home> {
        self.erased().home()
    }

    pub(crate) fn now(&self) -> Instant {
        self.erased().now()
    }

    pub(crate) fn wall_clock(&self) -> SystemTime {
        self.erased().wall_clock()
    }

    pub(crate) fn random(&self) -> u64 {
        self.erased().random()
    }

    pub(crate) fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        self.erased().sleep_until(at)
    }

    pub(crate) fn connect<'a>(
        &'a self,
        to: SocketAddr,
        options: &'a SocketOptions,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        self.erased().connect(to, options)
    }

    pub(crate) fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.erased().resolve(host, port)
    }
}

impl std::fmt::Debug for RuntimeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeHandle").finish_non_exhaustive()
    }
}
