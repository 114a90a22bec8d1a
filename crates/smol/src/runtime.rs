//! `async-io` as the client sees it.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use async_io::Timer;
use martlet_client::{Home, Runtime, RuntimeChoice, RuntimeHandle, SocketOptions};

use crate::{Tcp, connect, home};

/// `async-io`'s sockets and timers, under whichever executor polls them; they may move between executors and
/// threads at any time. Hence there is one home for all, with the id 0, and asking for it never fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

impl Runtime for Smol {
    type Tcp = Tcp;
    type Sleep = Sleep;

    fn home(&self) -> io::Result<Home> {
        Ok(home::current())
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u64 {
        // SipHash under a key that is the system's entropy, taken once per thread, and a counter.
        RandomState::new().hash_one(())
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep(Timer::at(at))
    }

    async fn connect(&self, to: SocketAddr, options: &SocketOptions) -> io::Result<Tcp> {
        connect::tcp(to, options).await
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &std::path::Path) -> io::Result<Box<dyn martlet_client::Transport>> {
        connect::unix(path).await
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = host.to_owned();
        blocking::unblock(move || Ok((host.as_str(), port).to_socket_addrs()?.collect())).await
    }
}

/// A timer of `async-io`.
#[derive(Debug)]
pub struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl RuntimeChoice for Smol {
    fn choose() -> io::Result<RuntimeHandle> {
        let runtime = RuntimeHandle::from_static(&Smol);
        runtime.is_here().map(|()| runtime)
    }
}
