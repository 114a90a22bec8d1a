//! async-std as the client sees it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use async_std::task;
#[cfg(unix)]
use martlet_client::Transport;
use martlet_client::{BoxFuture, Home, Runtime, RuntimeChoice, RuntimeHandle, SocketOptions, Spawn};
use martlet_smol::{Sleep, Smol, Tcp};

/// async-std's executor, with the sockets and timers of `async-io`, which async-std's own are built on.
///
/// All instances are one: sockets may be polled from any thread and under any executor, hence the one home with
/// the id 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStd;

impl Runtime for AsyncStd {
    type Tcp = Tcp;
    type Sleep = Sleep;

    /// The one home there is. Its tasks run on async-std's executor, which starts its threads by itself.
    ///
    /// # Errors
    ///
    /// None.
    fn home(&self) -> io::Result<Home> {
        static HOME: OnceLock<Home> = OnceLock::new();
        Ok(HOME.get_or_init(|| Home::new(0, Arc::new(Tasks))).clone())
    }

    fn now(&self) -> Instant {
        Smol.now()
    }

    fn wall_clock(&self) -> SystemTime {
        Smol.wall_clock()
    }

    fn random(&self) -> u64 {
        Smol.random()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Smol.sleep_until(at)
    }

    async fn connect(&self, to: SocketAddr, options: &SocketOptions) -> io::Result<Tcp> {
        Smol.connect(to, options).await
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &std::path::Path) -> io::Result<Box<dyn Transport>> {
        Smol.connect_unix(path).await
    }

    /// `getaddrinfo` on async-std's pool of threads.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = host.to_owned();
        task::spawn_blocking(move || Ok((host.as_str(), port).to_socket_addrs()?.collect())).await
    }
}

struct Tasks;

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(task::spawn(task));
    }
}

impl RuntimeChoice for AsyncStd {
    fn choose() -> io::Result<RuntimeHandle> {
        let runtime = RuntimeHandle::from_static(&AsyncStd);
        runtime.is_here().map(|()| runtime)
    }
}
