//! A TLS server on loopback: a thread that accepts, and one for each connection, which keeps a record of what it saw.

#[path = "tls_seen.rs"]
mod seen;
#[path = "tls_session.rs"]
mod session;

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_lite::future::yield_now;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{
    Accepted, Acceptor, ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, RootCertStore, ServerConfig, StreamOwned, SupportedProtocolVersion};

pub use self::seen::{End, Seen};
pub use self::session::Session;
use self::session::{Io, Way, Wire};

pub type Versions = &'static [&'static SupportedProtocolVersion];

pub const BOTH: Versions = &[&TLS13, &TLS12];
pub const ONLY_12: Versions = &[&TLS12];
pub const ONLY_13: Versions = &[&TLS13];

pub const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Of whom a server wants a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    Nobody,
    WhoHasOne,
    Everybody,
}

/// How a server shakes hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shake {
    Well,
    /// Each octet travels alone.
    OctetByOctet,
    /// After the client's first message it waits for [`TlsServer::go_on`].
    Held,
    /// It sends so much of its own messages, then FIN.
    EndsAfter(usize),
    /// It takes the client's first message, then RST.
    Resets,
    /// It says this instead, and goes on listening.
    Says(&'static [u8]),
    /// [`HELLO`] goes out before it reads what completes the handshake: its session tickets come so much later. TLS 1.3 only.
    TicketsLate(Duration),
}

/// What becomes of a connection after a response.
pub enum Then {
    GoOn,
    /// close_notify and FIN.
    Close,
    /// close_notify alone.
    Announce,
    /// FIN alone.
    Cut,
    Reset,
}

pub struct Request {
    /// Method and target.
    pub line: String,
    pub head: String,
    pub content: Vec<u8>,
}

type Answer = dyn Fn(&mut Session, &Request) -> io::Result<Then> + Send + Sync;

/// A server before it is started.
pub struct Options {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pub versions: Versions,
    pub clients: Clients,
    /// Who issues the certificates of clients.
    pub client_roots: Arc<RootCertStore>,
    pub alpn: &'static [&'static [u8]],
    pub keeps_sessions: bool,
    pub shake: Shake,
    pub address: &'static str,
    is_impostor: bool,
    answer: Arc<Answer>,
}

/// Always the same certificate.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Options {
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self {
            chain,
            key,
            versions: BOTH,
            clients: Clients::Nobody,
            client_roots: Arc::new(RootCertStore::empty()),
            alpn: &[b"http/1.1"],
            keeps_sessions: true,
            shake: Shake::Well,
            address: "127.0.0.1:0",
            is_impostor: false,
            answer: Arc::new(|session, _| {
                session.write_all(HELLO)?;
                Ok(Then::GoOn)
            }),
        }
    }

    /// Without a word it is [`HELLO`] to everything.
    pub fn answer(
        mut self,
        answer: impl Fn(&mut Session, &Request) -> io::Result<Then> + Send + Sync + 'static,
    ) -> Self {
        self.answer = Arc::new(answer);
        self
    }

    /// Says this to everything.
    pub fn says(self, octets: impl Into<Vec<u8>>, end: fn() -> Then) -> Self {
        let octets = octets.into();
        self.answer(move |session, _| {
            session.write_all(&octets)?;
            Ok(end())
        })
    }

    /// Shows the certificate whether or not the key is that of it.
    pub fn without_its_key(mut self) -> Self {
        self.is_impostor = true;
        self
    }

    fn config(&self) -> ServerConfig {
        let verifier = || WebPkiClientVerifier::builder_with_provider(self.client_roots.clone(), provider());
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(self.versions).unwrap();
        let builder = match self.clients {
            Clients::Nobody => builder.with_no_client_auth(),
            Clients::WhoHasOne => {
                builder.with_client_cert_verifier(verifier().allow_unauthenticated().build().unwrap())
            }
            Clients::Everybody => builder.with_client_cert_verifier(verifier().build().unwrap()),
        };
        let mut config = if self.is_impostor {
            let key = provider().key_provider.load_private_key(self.key.clone_key()).unwrap();
            builder.with_cert_resolver(Arc::new(Always(Arc::new(CertifiedKey::new(self.chain.clone(), key)))))
        } else {
            builder.with_single_cert(self.chain.clone(), self.key.clone_key()).unwrap()
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        config.send_half_rtt_data = matches!(self.shake, Shake::TicketsLate(_));
        if !self.keeps_sessions {
            config.session_storage = Arc::new(NoServerSessionStorage {});
        }
        config
    }

    pub fn start(self) -> TlsServer {
        let listener = TcpListener::bind(self.address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            config: Arc::new(self.config()),
            shake: self.shake,
            answer: self.answer,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = shared.clone();
        let thread = thread::spawn(move || {
            let mut threads = Vec::new();
            loop {
                let (tcp, _) = listener.accept().unwrap();
                let mut state = accepting.state();
                if state.stopped {
                    break;
                }
                let tcp = Arc::new(tcp);
                state.open.push(Arc::downgrade(&tcp));
                state.seen.push(Seen::default());
                let (shared, number) = (accepting.clone(), state.seen.len() - 1);
                drop(state);
                threads.push(thread::spawn(move || Peer { shared, number }.serve(tcp)));
            }
            for thread in threads {
                thread.join().unwrap();
            }
        });
        TlsServer { address, shared, thread: Some(thread) }
    }
}

struct Shared {
    config: Arc<ServerConfig>,
    shake: Shake,
    answer: Arc<Answer>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    /// Nobody but its thread keeps a connection open.
    open: Vec<Weak<TcpStream>>,
    go_on: bool,
    stopped: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// A server that runs. It ends, and so do its connections, when this is dropped.
pub struct TlsServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl TlsServer {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// By its address.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// By a name that it has a certificate for. Nobody resolves it: say where to connect to.
    pub fn named_url(&self, name: &str) -> String {
        format!("https://{name}:{}/", self.address.port())
    }

    /// All connections there were, the first first.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// The only connection there was.
    pub fn seen_one(&self) -> Seen {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// The requests of all connections.
    pub fn requests(&self) -> usize {
        self.shared.state().seen.iter().map(|seen| seen.requests.len()).sum()
    }

    /// Ends the wait of [`Shake::Held`], for all connections.
    pub fn go_on(&self) {
        self.shared.state().go_on = true;
        self.shared.changed.notify_all();
    }

    /// Ready when what the server saw is like this.
    pub async fn until(&self, what: &str, like_this: impl Fn(&[Seen]) -> bool) {
        let begun = Instant::now();
        while !like_this(&self.shared.state().seen) {
            assert!(begun.elapsed() < Duration::from_secs(20), "not {what}: {:?}", self.seen());
            thread::sleep(Duration::from_millis(1));
            yield_now().await;
        }
    }

    /// Ready when the client has ended all connections.
    pub async fn all_ended(&self) {
        self.until("all ended", |seen| seen.iter().all(|seen| seen.end.is_some())).await;
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.stopped = true;
            for tcp in state.open.iter().filter_map(Weak::upgrade) {
                let _ = tcp.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
        // So that it looks whether it is to stop.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the server has panicked");
        }
    }
}

/// One connection's thread.
struct Peer {
    shared: Arc<Shared>,
    number: usize,
}

impl Peer {
    fn note(&self, change: impl FnOnce(&mut Seen)) {
        let mut state = self.shared.state();
        let number = self.number;
        change(&mut state.seen[number]);
    }

    fn serve(self, tcp: Arc<TcpStream>) {
        tcp.set_nodelay(true).unwrap();
        let mut wire = Wire { tcp, way: Way::Free };
        let end = match self.shake(&mut wire) {
            Ok(Some(io)) => self.converse(io),
            // Whatever the client sends is read, or the last words would be lost with a reset.
            Ok(None) => wire.end(),
            Err(e) => how(Err(e)),
        };
        // A reset goes out when nobody has the socket any more.
        drop(wire);
        self.note(|seen| (seen.left, seen.end) = (true, Some(end)));
    }

    /// `None` for a connection that is over.
    fn shake(&self, wire: &mut Wire) -> io::Result<Option<Io>> {
        if let Shake::Says(octets) = self.shared.shake {
            wire.write_all(octets)?;
            return Ok(None);
        }
        let mut first = [0];
        if wire.tcp.peek(&mut first)? == 1 && first[0] != 22 {
            self.note(|seen| seen.plain = true);
            return Ok(Some(Io::Plain(wire.clone())));
        }
        let Some(accepted) = accept(wire)? else {
            return Ok(None);
        };
        {
            let hello = accepted.client_hello();
            self.note(|seen| {
                seen.greeted = true;
                seen.server_name = hello.server_name().map(str::to_owned);
                seen.alpn = hello.alpn().map(|names| names.map(<[u8]>::to_vec).collect()).unwrap_or_default();
            });
        }
        let mut conn = match accepted.into_connection(self.shared.config.clone()) {
            Ok(conn) => conn,
            Err((e, mut alert)) => {
                self.note(|seen| seen.failure = Some(e));
                alert.write_all(wire)?;
                return Ok(None);
            }
        };
        match self.shared.shake {
            Shake::Well | Shake::Says(_) => {}
            Shake::OctetByOctet => wire.way = Way::OctetByOctet,
            Shake::Held => {
                let state = self.shared.state();
                drop(self.shared.changed.wait_while(state, |state| !state.go_on && !state.stopped).unwrap());
            }
            Shake::EndsAfter(octets) => wire.way = Way::EndsAfter(octets),
            Shake::Resets => {
                wire.reset();
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Shake::TicketsLate(by) => {
                conn.writer().write_all(HELLO)?;
                while conn.wants_write() {
                    conn.write_tls(wire)?;
                }
                thread::sleep(by);
            }
        }
        while conn.is_handshaking() || conn.wants_write() {
            if let Err(e) = conn.complete_io(wire) {
                let failure = e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()).cloned();
                self.note(|seen| seen.failure = failure);
                return Ok(None);
            }
        }
        self.note(|seen| {
            seen.shaken = true;
            seen.resumed = conn.handshake_kind() == Some(HandshakeKind::Resumed);
            seen.client_certificates = conn.peer_certificates().unwrap_or_default().to_vec();
        });
        Ok(Some(Io::Tls(Box::new(StreamOwned::new(conn, wire.clone())))))
    }

    fn converse(&self, io: Io) -> End {
        let mut session = Session { io, rekeyed: false };
        let mut answered = matches!(self.shared.shake, Shake::TicketsLate(_));
        loop {
            let request = match session.request() {
                Ok(Some(request)) => request,
                Ok(None) => return End::Announced,
                Err(e) => return how(Err(e)),
            };
            self.note(|seen| {
                seen.requests.push(request.line.clone());
                seen.heads.push(request.head.clone());
            });
            if std::mem::take(&mut answered) {
                continue;
            }
            match (self.shared.answer)(&mut session, &request) {
                Ok(Then::GoOn) => self.note(|seen| seen.rekeyed |= session.rekeyed),
                Ok(then @ (Then::Close | Then::Announce)) => {
                    session.announce_end();
                    if let Then::Close = then {
                        let _ = session.io.wire().tcp.shutdown(Shutdown::Write);
                    }
                    self.note(|seen| seen.left = true);
                    return how(io::copy(&mut session, &mut io::sink()));
                }
                Ok(Then::Cut) => {
                    let _ = session.io.wire().tcp.shutdown(Shutdown::Write);
                    self.note(|seen| seen.left = true);
                    return session.io.wire().end();
                }
                Ok(Then::Reset) => {
                    session.io.wire().reset();
                    return End::Reset;
                }
                Err(_) => return session.io.wire().end(),
            }
        }
    }
}

/// The client's first message.
fn accept(wire: &mut Wire) -> io::Result<Option<Accepted>> {
    let mut acceptor = Acceptor::default();
    loop {
        if acceptor.read_tls(wire)? == 0 {
            return Ok(None);
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(Some(accepted)),
            Ok(None) => {}
            Err((_, mut alert)) => {
                alert.write_all(wire)?;
                return Ok(None);
            }
        }
    }
}

fn how(read: io::Result<u64>) -> End {
    match read {
        Ok(_) => End::Announced,
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => End::Cut,
        Err(_) => End::Reset,
    }
}
