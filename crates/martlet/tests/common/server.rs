//! Servers on loopback: hyper on a thread of its own, and a thread that follows a script.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};

/// A hyper server. It ends when this is dropped.
pub struct Server {
    address: SocketAddr,
    open: watch::Receiver<usize>,
    accepted: Arc<AtomicUsize>,
    served: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `/echo` returns the content, `/medium` 40 KiB, `/large` 1 MiB, everything else `hello`.
    pub fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        // Whoever starts it may be in another runtime.
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).unwrap()
        };
        let (stop, stopped) = oneshot::channel();
        let (count, open) = watch::channel(0);
        let (accepted, served) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counters = Counters { open: count, accepted: accepted.clone(), served: served.clone() };
        let thread = thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener, counters) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, open, accepted, served, stop: Some(stop), thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Ready when no connection is open on the server's side any more.
    pub async fn all_closed(&self) {
        self.open.clone().wait_for(|open| *open == 0).await.unwrap();
    }

    /// Connections that are open on the server's side.
    pub fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Connections that there were.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Requests that reached the service.
    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

struct Counters {
    open: watch::Sender<usize>,
    accepted: Arc<AtomicUsize>,
    served: Arc<AtomicUsize>,
}

async fn serve(listener: TcpListener, Counters { open, accepted, served }: Counters) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        accepted.fetch_add(1, Ordering::SeqCst);
        let (open, served) = (open.clone(), served.clone());
        open.send_modify(|open| *open += 1);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                served.fetch_add(1, Ordering::SeqCst);
                answer(request)
            });
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // Clients that go away are part of the test.
            let _ = connection.await;
            open.send_modify(|open| *open -= 1);
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, hyper::Error>>, Infallible> {
    let whole = |content: Bytes| Full::new(content).map_err(|never| match never {}).boxed();
    Ok(Response::new(match request.uri().path() {
        "/echo" => request.into_body().boxed(),
        "/medium" => whole(vec![b'x'; 40 << 10].into()),
        "/large" => whole(vec![b'x'; 1 << 20].into()),
        _ => whole(Bytes::from_static(b"hello")),
    }))
}

/// Accepts one connection, reads up to the empty line behind a head, writes `response` and closes. The thread yields
/// what it had read.
pub fn scripted(response: &'static [u8]) -> (SocketAddr, JoinHandle<String>) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = Vec::new();
        let mut octet = [0];
        while !seen.ends_with(b"\r\n\r\n") && stream.read(&mut octet).unwrap() == 1 {
            seen.push(octet[0]);
        }
        stream.write_all(response).unwrap();
        String::from_utf8(seen).unwrap()
    });
    (address, thread)
}
