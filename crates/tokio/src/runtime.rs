//! tokio as the client sees it.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use martlet_client::{Home, Runtime, RuntimeChoice, RuntimeHandle, SocketOptions};
use tokio::net::lookup_host;
use tokio::time::{Instant as Clock, Sleep};

use crate::{Tcp, connect, home};

/// The tokio runtime that the caller is polled in, whichever flavour it is of. It holds nothing: a value made in
/// one runtime serves in every other one, too.
///
/// The first [`home`](Runtime::home) in a runtime finds out whether it was built with its IO and time drivers.
/// tokio answers that by panicking only. The panic is caught, but the program's panic hook sees it, once per
/// runtime that lacks one; under `panic = "abort"` it cannot be caught.
///
/// Where `home` fails, [`sleep_until`](Runtime::sleep_until), [`connect`](Runtime::connect) and
/// [`resolve`](Runtime::resolve) panic, as tokio does: the client asks for the home first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokio;

impl Runtime for Tokio {
    type Tcp = Tcp;
    type Sleep = Sleep;

    fn home(&self) -> io::Result<Home> {
        home::current()
    }

    fn now(&self) -> Instant {
        Clock::now().into_std()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u64 {
        // SipHash under a key that is the system's entropy, taken once per thread, and a counter.
        RandomState::new().hash_one(())
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        tokio::time::sleep_until(Clock::from_std(at))
    }

    async fn connect(&self, to: SocketAddr, options: &SocketOptions) -> io::Result<Tcp> {
        connect::tcp(to, options).await
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &std::path::Path) -> io::Result<Box<dyn martlet_client::Transport>> {
        connect::unix(path).await
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }
}

impl RuntimeChoice for Tokio {
    fn choose() -> io::Result<RuntimeHandle> {
        let runtime = RuntimeHandle::from_static(&Tokio);
        runtime.is_here().map(|()| runtime)
    }
}
