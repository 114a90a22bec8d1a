//! The simulator's server of HTTP/2 on loopback, with or without TLS. Where a client asks for HTTP/1.1 it gets the target
//! of its request back.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_io::{Async, Timer};
use futures_lite::future::or;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use futures_rustls::TlsAcceptor;
use martlet::BoxFuture;
use martlet_sim::h2::{FrameKind, H2Link, H2Server, Time, serve};
use martlet_sim::{Service, SimRequest, SimResponse};
use rustls::ServerConfig;
use smol::LocalExecutor;
use smol::channel::{self, Receiver, Sender};

use crate::certs::CA;
use crate::peer::provider;
use crate::until;

/// A server. It ends, and so do its connections, when this is dropped.
pub(crate) struct Served {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    is_sound: bool,
}

struct Shared {
    state: Mutex<State>,
    service: Arc<Mutex<dyn Service>>,
    settings: H2Server,
    tls: Option<TlsAcceptor>,
    /// HTTP/1.1 is not spoken, whatever comes.
    only_http2: bool,
    begun: Instant,
}

#[derive(Default)]
struct State {
    links: Vec<H2Link>,
    accepted: usize,
    ended: usize,
    by_http1: usize,
    by_http2: usize,
    /// Connections whose end was not announced by TLS.
    cut: usize,
}

/// What it says of protocols in the TLS handshake.
pub(crate) type Alpn = &'static [&'static [u8]];

struct Clock(Instant);

impl Time for Clock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            Timer::after(span).await;
        })
    }
}

/// A configuration with a certificate of our authority.
pub(crate) fn tls(alpn: Alpn) -> ServerConfig {
    let leaf = CA.leaf();
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(leaf.chain.clone(), leaf.key_der()).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

/// Without TLS: to everything its target.
pub(crate) fn plain() -> Served {
    Served::start(H2Server::new(), None, target)
}

/// Over TLS, with these protocols: to everything its target.
pub(crate) fn secure(alpn: Alpn) -> Served {
    Served::start(H2Server::new(), Some(tls(alpn)), target)
}

pub(crate) fn target(request: SimRequest) -> SimResponse {
    SimResponse::ok(request.target)
}

impl Served {
    pub(crate) fn start(settings: H2Server, tls: Option<ServerConfig>, service: impl Service) -> Self {
        Self::start_as(settings, tls, service, false)
    }

    /// Whatever comes is taken for HTTP/2.
    pub(crate) fn only_http2(service: impl Service) -> Self {
        Self::start_as(H2Server::new(), None, service, true).unsound()
    }

    fn start_as(
        settings: H2Server,
        tls: Option<ServerConfig>,
        service: impl Service,
        only_http2: bool,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            service: Arc::new(Mutex::new(service)),
            settings,
            tls: tls.map(|config| TlsAcceptor::from(Arc::new(config))),
            only_http2,
            begun: Instant::now(),
        });
        let (stop, stopped) = channel::bounded(1);
        let accepting = Arc::clone(&shared);
        let thread = thread::spawn(move || run(&listener, &accepting, &stopped));
        Self { address, scheme, shared, stop: Some(stop), thread: Some(thread), is_sound: true }
    }

    /// It is not looked at what the client did that it must not.
    pub(crate) fn unsound(mut self) -> Self {
        self.is_sound = false;
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The handle of the `nth` connection, which may be yet to come.
    pub(crate) fn link(&self, nth: usize) -> H2Link {
        self.shared.link(nth)
    }

    /// Connections that there were.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.state().accepted
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        let state = self.shared.state();
        state.accepted - state.ended
    }

    /// Connections of TLS that the client has ended without close_notify, or by a reset.
    pub(crate) fn cut(&self) -> usize {
        self.shared.state().cut
    }

    /// Connections by HTTP/1.1 that there were.
    pub(crate) fn by_http1(&self) -> usize {
        self.shared.state().by_http1
    }

    /// Connections by HTTP/2. One that nobody has sent anything on is of neither version, unless TLS has told.
    pub(crate) fn by_http2(&self) -> usize {
        self.shared.state().by_http2
    }

    /// Requests of HTTP/2 on all connections.
    pub(crate) fn requests(&self) -> usize {
        let links = self.shared.state().links.clone();
        links.iter().map(|link| link.requests().len()).sum()
    }

    /// Ready when so many connections are open.
    pub(crate) async fn until_open(&self, count: usize) {
        until("so many connections are open", || self.open() == count).await;
    }

    /// Ready when it has seen a frame of this kind on the `nth` connection that is like this.
    pub(crate) async fn until_frame(
        &self,
        nth: usize,
        kind: FrameKind,
        is_so: impl Fn(&martlet_sim::h2::Frame) -> bool,
    ) {
        let link = self.link(nth);
        until("the frame is here", || link.frames_of(kind).iter().any(&is_so)).await;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if thread::panicking() {
                return;
            }
            assert!(ended.is_ok(), "the server has panicked");
        }
        if self.is_sound {
            for link in &self.shared.state().links {
                assert!(link.complaints().is_empty(), "{:?}", link.complaints());
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn link(&self, nth: usize) -> H2Link {
        let mut state = self.state();
        while state.links.len() <= nth {
            state.links.push(H2Link::new());
        }
        state.links[nth].clone()
    }

    async fn converse(self: &Arc<Self>, tcp: Async<TcpStream>, link: H2Link) -> io::Result<()> {
        let Some(tls) = &self.tls else {
            let (mut first, socket) = ([0; 3], tcp.get_ref().try_clone()?);
            tcp.peek(&mut first).await?;
            let is_http2 = self.only_http2 || first.starts_with(b"P") && first != *b"POS" && first != *b"PUT";
            return self.converse_by(tcp, socket, is_http2, link).await;
        };
        let socket = tcp.get_ref().try_clone()?;
        let stream = tls.accept(tcp).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() != Some(b"http/1.1");
        self.converse_by(stream, socket, is_http2, link).await
    }

    async fn converse_by(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        tcp: TcpStream,
        is_http2: bool,
        link: H2Link,
    ) -> io::Result<()> {
        if is_http2 {
            self.state().by_http2 += 1;
            let (clock, stream) = (Clock(self.begun), Noting { stream, tcp, shared: Arc::clone(self) });
            serve(stream, Arc::clone(&self.service), self.settings.clone(), link, clock).await;
            return Ok(());
        }
        self.state().by_http1 += 1;
        by_http1(stream).await
    }
}

/// A transport, and a note of how it ended.
struct Noting<T> {
    stream: T,
    tcp: TcpStream,
    shared: Arc<Shared>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Noting<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if matches!(read, Poll::Ready(Err(_))) {
            self.shared.state().cut += 1;
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Noting<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = ready!(Pin::new(&mut self.stream).poll_close(cx));
        // Without TLS that does nothing.
        Poll::Ready(closed.and_then(|()| self.tcp.shutdown(Shutdown::Write)))
    }
}

/// Answers requests without content by their targets.
async fn by_http1(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let (mut head, mut octet) = (Vec::new(), [0]);
    while stream.read(&mut octet).await? == 1 {
        head.push(octet[0]);
        if head.ends_with(b"\r\n\r\n") {
            let line = String::from_utf8_lossy(&head).into_owned();
            let target = line.split(' ').nth(1).unwrap_or_default();
            let keep = if line.contains(" HTTP/1.0\r\n") { "Connection: keep-alive\r\n" } else { "" };
            let response =
                format!("HTTP/1.1 200 OK\r\n{keep}Content-Length: {}\r\n\r\n{target}", target.len());
            stream.write_all(response.as_bytes()).await?;
            stream.flush().await?;
            head.clear();
        }
    }
    Ok(())
}

fn run(listener: &TcpListener, shared: &Arc<Shared>, stopped: &Receiver<()>) {
    let executor = LocalExecutor::new();
    let accepting = async {
        let listener = Async::new(listener.try_clone().unwrap()).unwrap();
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            tcp.get_ref().set_nodelay(true).unwrap();
            let nth = shared.state().accepted;
            let link = shared.link(nth);
            shared.state().accepted += 1;
            let conversation = async move {
                // Clients that go away are part of the test.
                let _ = shared.converse(tcp, link).await;
                shared.state().ended += 1;
            };
            executor.spawn(conversation).detach();
        }
    };
    let stopping = async {
        let _ = stopped.recv().await;
    };
    async_io::block_on(executor.run(or(stopping, accepting)));
}
