//! A connection from its beginning to its end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use h2::RecvStream;
use h2::server::{Connection, Handshake, SendResponse};
use http::Request;
use martlet_client::BoxFuture;

use super::answer::Exchange;
use super::control::{End, H2Link};
use super::heads::server;
use super::host::{Host, OwnHost, Time};
use super::settings::H2Server;
use super::tasks::Tasks;
use super::wire::Wire;
use crate::server::{Service, SimRequest};

/// Serves HTTP/2 over a transport of one's own, from the client's preface to the end of the connection. The handle is of
/// this connection alone: one that has been used is a complaint, and nothing is served.
pub async fn serve<T>(
    transport: T,
    service: Arc<Mutex<dyn Service>>,
    settings: H2Server,
    link: H2Link,
    time: impl Time,
) where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let host = Arc::new(OwnHost::new(time, link.tap()));
    serve_on(transport, service, settings, link, host).await;
}

/// The same in surroundings of one's own.
pub(crate) async fn serve_on<T>(
    transport: T,
    service: Arc<Mutex<dyn Service>>,
    settings: H2Server,
    link: H2Link,
    host: Arc<dyn Host>,
) where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    if !link.set_host(Arc::clone(&host)) {
        link.complain("this handle was given to another connection");
        return;
    }
    let mut server = Server::new(transport, service, &settings, link, host);
    poll_fn(|cx| server.poll(cx)).await;
}

struct Server<T> {
    wire: Wire<T>,
    link: H2Link,
    host: Arc<dyn Host>,
    service: Arc<Mutex<dyn Service>>,
    stage: Stage<T>,
    tasks: Tasks,
    /// Streams that are not answered.
    parked: Vec<(RecvStream, SendResponse<Bytes>)>,
    accepts: bool,
    /// Nothing is sent before.
    hold: Option<BoxFuture<'static, ()>>,
    /// Requests so far.
    count: usize,
}

enum Stage<T> {
    Begins(Box<Handshake<Wire<T>, Bytes>>),
    Runs(Box<Connection<Wire<T>, Bytes>>),
    /// Everything is said: the rest is sent, and what comes is read and taken down.
    Ends {
        closed: bool,
    },
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Server<T> {
    fn new(
        transport: T,
        service: Arc<Mutex<dyn Service>>,
        settings: &H2Server,
        link: H2Link,
        host: Arc<dyn Host>,
    ) -> Self {
        link.with(|state| state.gate.begin(settings));
        let wire = Wire::new(transport, link.clone(), Arc::clone(&host));
        let mut machine = server();
        machine
            .initial_window_size(settings.window)
            .initial_connection_window_size(settings.connection_window);
        if settings.extended_connect {
            machine.enable_connect_protocol();
        }
        let delay = settings.settings_after;
        Self {
            stage: Stage::Begins(Box::new(machine.handshake(wire.clone()))),
            tasks: Tasks::default(),
            parked: Vec::new(),
            accepts: settings.accepts,
            hold: (!delay.is_zero()).then(|| host.sleep(delay)),
            count: 0,
            wire,
            link,
            host,
            service,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let end = self.link.with(|state| {
                state.waker = Some(cx.waker().clone());
                state.end.or(state.gate.is_done().then_some(End::Fin))
            });
            match end {
                Some(End::Reset) => {
                    self.forget();
                    self.host.reset();
                    return Poll::Ready(());
                }
                Some(End::Fin) => self.finish(),
                None => self.poll_machine(cx),
            }
            self.tasks.poll(cx);
            self.take_down();
            if self.hold.as_mut().is_none_or(|hold| hold.as_mut().poll(cx).is_ready()) {
                self.hold = None;
                match self.wire.poll_flush(cx) {
                    Poll::Ready(Ok(())) if matches!(self.stage, Stage::Ends { .. }) => {
                        return self.poll_end(cx);
                    }
                    Poll::Ready(Ok(())) | Poll::Pending => {}
                    // Nobody is there any more.
                    Poll::Ready(Err(_)) => {
                        self.forget();
                        return Poll::Ready(());
                    }
                }
            }
            let is_open = !matches!(self.stage, Stage::Ends { .. });
            let goes_on = self.link.with(|state| {
                let has_room = state.machine_waits && !state.gate.is_full();
                state.machine_waits &= !has_room;
                has_room | state.gate.take_refunded() | state.gate.is_done()
            });
            if !(is_open && goes_on) {
                return Poll::Pending;
            }
        }
    }

    /// Lets the machine read and write, and takes its requests.
    fn poll_machine(&mut self, cx: &mut Context<'_>) {
        if let Stage::Begins(handshake) = &mut self.stage {
            match Pin::new(handshake).poll(cx) {
                Poll::Ready(Ok(connection)) => self.stage = Stage::Runs(Box::new(connection)),
                Poll::Ready(Err(e)) => {
                    self.host.note(&format!("no HTTP/2: {e}"));
                    self.finish();
                }
                Poll::Pending => {}
            }
        }
        while let Stage::Runs(connection) = &mut self.stage {
            match connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => self.accept(request, respond),
                Poll::Ready(Some(Err(e))) => {
                    if e.is_go_away() && e.is_library() {
                        self.host.complain(&format!("the client broke the protocol: {e}"));
                    } else {
                        self.host.note(&format!("HTTP/2 ended: {e}"));
                    }
                    self.finish();
                }
                Poll::Ready(None) => self.finish(),
                Poll::Pending => return,
            }
        }
    }

    fn accept(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let stream = respond.stream_id().as_u32();
        if self.link.with(|state| state.gate.ledger.is_dead(stream)) {
            return;
        }
        let (parts, content) = request.into_parts();
        if !self.accepts {
            self.parked.push((content, respond));
            return;
        }
        let head = Request::from_parts(parts, ());
        let request = SimRequest::of_stream(head, stream, self.host.connection(), self.count);
        self.count += 1;
        let (link, host, service) = (self.link.clone(), Arc::clone(&self.host), Arc::clone(&self.service));
        let exchange = Exchange { link, host, service, stream, request, content, respond, heads: 0 };
        self.tasks.insert(stream, Box::pin(exchange.run()));
    }

    /// What the gate has noticed.
    fn take_down(&mut self) {
        let (died, sent, complaints) = self.link.with(|state| {
            let gate = &mut state.gate;
            (gate.ledger.take_died(), std::mem::take(&mut gate.sent), std::mem::take(&mut gate.complaints))
        });
        for stream in died {
            self.tasks.remove(stream);
        }
        for frame in sent {
            self.host.note(&frame);
        }
        for complaint in complaints {
            self.host.complain(&complaint);
        }
    }

    /// Acts on nothing more.
    fn finish(&mut self) {
        if !matches!(self.stage, Stage::Ends { .. }) {
            self.forget();
        }
    }

    /// Drops everything that could act, the streams before their machine.
    fn forget(&mut self) {
        self.tasks.clear();
        self.parked.clear();
        self.stage = Stage::Ends { closed: false };
    }

    /// Ends the sending side, then reads to the end: closing at once would answer what the client still sends by a reset,
    /// which may destroy what was sent.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::Ends { closed: closed @ false } = &mut self.stage {
            let result = ready!(self.wire.poll_close(cx));
            *closed = true;
            if result.is_err() {
                return Poll::Ready(());
            }
        }
        while self.link.with(|state| state.is_reading) {
            match ready!(self.wire.poll_fill(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => self.link.with(|state| state.gate.to_machine.clear()),
            }
        }
        Poll::Pending
    }
}
