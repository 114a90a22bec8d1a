//! HTTP/1.1, driven inline: the future that asks for the response does all reading and writing itself.

mod rest;

use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use futures_io::{AsyncRead, AsyncWrite};
use martlet_core::h1::{ClientConn, Fields, Item, RequestHead, ResponseHead, WaitingOn};
use martlet_core::time::{Expired, Phase};
use martlet_core::{CloseReason, Delivery, Error as CoreError, Misuse};

pub(crate) use self::rest::Probe;
use crate::bell::Bell;
use crate::body::{Body, Piece, SourceError};
use crate::failure::Failure;
use crate::here::Here;
use crate::info::{ConnectionInfo, Taken};
use crate::input::Input;
use crate::timer::Timer;
use crate::transport::Transport;

/// Writes in one poll before the reading side gets its turn.
const WRITES_PER_POLL: usize = 16;

/// A connection, and the exchange on it while there is one.
pub(crate) struct Connection {
    /// `None` once it is closed.
    io: Option<Box<dyn Transport>>,
    conn: ClientConn,
    info: ConnectionInfo,
    /// Rung when the client is closed.
    bell: Arc<Bell>,
    /// When the transport last had something, or was new.
    heard_at: Instant,
    /// How long the server said that it keeps the connection, less a margin.
    keep_alive: Option<Duration>,
    upload: Option<Body>,
    /// Content that can be sent again as if for the first time.
    untouched: Option<Body>,
    /// What the transport under TLS had taken when the request began.
    began_at: Option<u64>,
    /// Everything written has reached the transport's other side.
    flushed: bool,
    input: Input,
    timer: Timer,
    /// The transport yields no more octets, and is not asked again.
    input_ended: bool,
    trailers: Option<Fields>,
    /// The transport takes no more octets.
    write_failed: bool,
    /// Why the content of the request cannot be sent to its end. What of the response is here already is read first.
    source_failed: Option<SourceError>,
    /// What the transport said last: the source of an error that follows from it.
    said: Option<io::Error>,
}

impl Connection {
    /// A connection whose transport is new. The timer's sleep stays with it.
    pub(crate) fn new(io: Box<dyn Transport>, info: ConnectionInfo, conn: ClientConn, timer: Timer) -> Self {
        Self {
            io: Some(io),
            conn,
            info,
            bell: Arc::new(Bell::default()),
            heard_at: timer.now(),
            keep_alive: None,
            upload: None,
            untouched: None,
            began_at: None,
            flushed: true,
            input: Input::default(),
            timer,
            input_ended: false,
            trailers: None,
            write_failed: false,
            source_failed: None,
            said: None,
        }
    }

    /// Begins an exchange.
    ///
    /// # Errors
    ///
    /// A head that must not be sent. Nothing has changed then.
    pub(crate) fn begin(&mut self, head: RequestHead<'_>, upload: Body, timer: Timer) -> Result<(), Misuse> {
        self.conn.send_request(head, upload.content())?;
        self.upload = Some(upload).filter(|upload| !upload.is_at_end());
        self.untouched = None;
        self.began_at = self.info.taken().map(Taken::octets);
        self.keep_alive = None;
        self.timer.serve(timer);
        Ok(())
    }

    /// Rung when the client is closed.
    pub(crate) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }

    /// The runtime and the home that it lives in.
    pub(crate) fn here(&self) -> &Here {
        self.timer.here()
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// What the server can have seen of the request.
    pub(crate) fn delivery(&self) -> Delivery {
        match (self.conn.delivery(), self.taken_under_tls()) {
            // TLS has accepted the request, and the transport under it nothing since.
            (Delivery::Unknown, Some(0)) => Delivery::NotSent,
            // A write of several records that fails says nothing of those that went out before it did.
            (Delivery::NotSent, Some(1..)) if self.write_failed => Delivery::Unknown,
            (delivery, _) => delivery,
        }
    }

    /// Octets that the transport under TLS has taken since the request began.
    fn taken_under_tls(&self) -> Option<u64> {
        Some(self.info.taken()?.octets().saturating_sub(self.began_at?))
    }

    /// Content of the request of which nothing was asked for. It is not sent here any more.
    pub(crate) fn take_untouched(&mut self) -> Option<Body> {
        if self.upload.as_ref().is_some_and(Body::is_untouched) {
            self.give_up_sending();
        }
        self.untouched.take()
    }

    /// The trailer section, once the content was read to its end.
    pub(crate) fn take_trailers(&mut self) -> Option<Fields> {
        self.trailers.take()
    }

    /// Sends the request, and waits for the head of the final response.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        let result = ready!(self.poll_head_inner(cx));
        if result.is_err() {
            self.close();
        }
        Poll::Ready(result)
    }

    fn poll_head_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        self.check_bell()?;
        loop {
            self.poll_send(cx)?;
            loop {
                match self.input.recv(&mut self.conn) {
                    Ok(Item::Response(spans)) => {
                        self.timer.leave(Phase::ReceiveHead);
                        self.timer.leave(Phase::Continue);
                        let head = self.input.take_head(spans);
                        self.keep_alive = rest::keep_alive(head.fields());
                        return Poll::Ready(Ok(head));
                    }
                    Ok(Item::Continue | Item::Interim(_)) => {
                        self.input.consume_head();
                        // Content may have been waiting for this.
                        self.poll_send(cx)?;
                    }
                    Ok(_) => break,
                    Err(e) => return Poll::Ready(Err(self.failed(e))),
                }
            }
            if self.poll_fill(cx).is_ready() {
                continue;
            }
            if self.write_failed && self.delivery() == Delivery::NotSent && !self.has_unread() {
                // The server has not seen a head to answer, and never will.
                self.conn.handle_reset();
                continue;
            }
            self.note_phases(Phase::ReceiveHead);
            match self.timer.poll_expired(cx) {
                Poll::Pending => {
                    self.listen(cx)?;
                    return Poll::Pending;
                }
                Poll::Ready(Expired { phase: Phase::Continue, .. }) if !self.timer.is_total_over() => {
                    // "A client that will wait for a 100 … is not required to wait for any specific length of time".
                    self.conn.stop_awaiting_continue();
                    self.timer.leave(Phase::Continue);
                }
                // No phase is running while the source of the content has nothing.
                Poll::Ready(Expired { phase: Phase::ReceiveContent, elapsed }) => {
                    let expired = Expired { phase: Phase::Send, elapsed };
                    return Poll::Ready(Err(self.timed_out(expired)));
                }
                Poll::Ready(expired) => return Poll::Ready(Err(self.timed_out(expired))),
            }
        }
    }

    /// The next piece of content, or `None` at its end. Sending goes on beside it.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        let result = ready!(self.poll_data_inner(cx));
        self.timer.leave(Phase::ReceiveContent);
        if result.is_err() {
            self.close();
        }
        Poll::Ready(result)
    }

    fn poll_data_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        self.check_bell()?;
        loop {
            self.upload_beside_response(cx);
            match self.input.recv(&mut self.conn) {
                Ok(Item::Data(range)) => return Poll::Ready(Ok(Some(self.input.take_data(range)))),
                Ok(Item::Trailers(spans)) => {
                    self.trailers = Some(self.input.take_trailers(spans));
                    continue;
                }
                Ok(Item::NeedInput) => {}
                Ok(_) => return Poll::Ready(Ok(None)),
                Err(e) => return Poll::Ready(Err(self.failed(e))),
            }
            if self.poll_fill(cx).is_pending() {
                ready!(self.poll_content_expired(cx)?);
            }
        }
    }

    /// Reads content straight into a buffer of the caller's, where that is possible now: nothing is buffered here and
    /// the next octets are content. `None` where it is not.
    pub(crate) fn poll_passthrough(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Option<Poll<Result<usize, Failure>>> {
        // Otherwise `poll_data` says what is to be said.
        if self.bell.is_rung()
            || !self.input.is_empty()
            || buffer.is_empty()
            || self.conn.recv_passthrough().is_none()
        {
            return None;
        }
        self.upload_beside_response(cx);
        let most = usize::try_from(self.conn.recv_passthrough()?).unwrap_or(usize::MAX).min(buffer.len());
        let io = self.io.as_mut()?;
        match Pin::new(io).poll_read(cx, &mut buffer[..most]) {
            Poll::Ready(Ok(n)) if n > 0 => {
                let n = n.min(most);
                self.heard_at = self.timer.now();
                self.timer.leave(Phase::ReceiveContent);
                // Within what the machine allowed a moment ago.
                let _ = self.conn.handle_passthrough(n as u64);
                Some(Poll::Ready(Ok(n)))
            }
            Poll::Ready(end) => {
                self.ended(end.map(|_| ()));
                None
            }
            Poll::Pending => match self.poll_content_expired(cx) {
                Poll::Pending => Some(Poll::Pending),
                Poll::Ready(Ok(())) => None,
                Poll::Ready(Err(e)) => {
                    self.close();
                    Some(Poll::Ready(Err(e)))
                }
            },
        }
    }

    /// Ready when something is to be looked at again, or has expired.
    fn poll_content_expired(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if let Some(e) = self.source_failed.take() {
            // The server may wait for content that will never come: neither side would go on.
            return Poll::Ready(Err(Failure::Source(e)));
        }
        self.note_phases(Phase::ReceiveContent);
        let Poll::Ready(expired) = self.timer.poll_expired(cx) else {
            self.listen(cx)?;
            return Poll::Pending;
        };
        match expired {
            // The response is here: what of the request cannot be sent any more is given up for it.
            Expired { phase: Phase::Send | Phase::Continue, .. } if !self.timer.is_total_over() => {
                self.give_up_sending();
                Poll::Ready(Ok(()))
            }
            expired => Poll::Ready(Err(self.timed_out(expired))),
        }
    }

    /// Sends what can be sent without waiting.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        for _ in 0..WRITES_PER_POLL {
            self.poll_upload(cx)?;
            let Some(io) = self.io.as_mut() else {
                return Ok(());
            };
            let mut out = self.conn.transmit();
            let sent = if out.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 5];
                let count = out.chunks_vectored(&mut slices);
                match Pin::new(io).poll_write_vectored(cx, &slices[..count]) {
                    Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(Ok(n)) => {
                        out.advance(n);
                        self.flushed = false;
                        self.timer.progress(Phase::Send);
                        continue;
                    }
                    Poll::Ready(Err(e)) => Err(e),
                    Poll::Pending => return Ok(()),
                }
            } else if !self.flushed {
                match Pin::new(io).poll_flush(cx) {
                    Poll::Ready(result) => result,
                    Poll::Pending => return Ok(()),
                }
            } else {
                return Ok(());
            };
            match sent {
                Ok(()) => self.flushed = true,
                Err(e) => {
                    // A response may still be there to be read, and it wins.
                    self.said = Some(e);
                    self.flushed = true;
                    self.write_failed = true;
                    self.conn.handle_write_error();
                    self.drop_upload();
                    return Ok(());
                }
            }
        }
        // Somebody takes octets as fast as they come: the others get their turn.
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Hands the next piece of content to the machine if it wants one and the source has it.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        let wanted = self.conn.wants_data() && !self.conn.is_awaiting_continue();
        let Some(upload) = self.upload.as_mut().filter(|upload| wanted || upload.is_declared_empty()) else {
            return Ok(());
        };
        let handed_over = match upload.poll_piece(cx) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(Piece::More(data))) if data.is_empty() => {
                // Nothing to write wakes us, so we ask again ourselves.
                cx.waker().wake_by_ref();
                return Ok(());
            }
            Poll::Ready(Ok(Piece::More(_))) if !wanted => Err(Misuse::ContentTooLong { declared: 0 }.into()),
            Poll::Ready(Ok(Piece::More(data))) => self.conn.send_data(data).map_err(SourceError::from),
            Poll::Ready(Ok(Piece::Last(data))) => {
                self.upload = None;
                self.conn.send_last_data(data).map_err(SourceError::from)
            }
            Poll::Ready(Ok(Piece::Trailers(fields))) => {
                self.upload = None;
                self.conn.send_trailers(&fields).map_err(SourceError::from)
            }
            Poll::Ready(Err(e)) => Err(e),
        };
        handed_over.map_err(|e| {
            self.give_up_sending();
            Failure::Source(e)
        })
    }

    /// Goes on sending while the response is read.
    fn upload_beside_response(&mut self, cx: &mut Context<'_>) {
        if self.conn.is_request_sent() && self.flushed && self.upload.is_none() {
            return;
        }
        // "If the client receives a response … that indicates the connection is to be closed, it should stop sending."
        if self.conn.close_reason() == Some(CloseReason::PeerSaidClose) {
            self.give_up_sending();
        } else if let Err(Failure::Source(e)) = self.poll_send(cx) {
            self.source_failed = Some(e);
        }
    }

    fn give_up_sending(&mut self) {
        self.conn.abandon_content();
        self.drop_upload();
        self.timer.leave(Phase::Send);
        self.timer.leave(Phase::Continue);
    }

    /// No more of the content is asked for.
    fn drop_upload(&mut self) {
        if let Some(upload) = self.upload.take() {
            self.untouched = Some(upload).filter(Body::is_untouched);
        }
    }

    /// Reads what the transport has, up to a buffer full. Ready also at its end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(io) = self.io.as_mut().filter(|_| !self.input_ended) else {
            // What the machine says to the end of the stream is the end of it.
            self.conn.handle_reset();
            return Poll::Ready(());
        };
        let content_left = self.conn.recv_passthrough().unwrap_or(0);
        let read = ready!(self.input.poll_fill(cx, Pin::new(io), content_left));
        if let Ok(n) = read {
            if n > 0 {
                self.heard_at = self.timer.now();
                self.timer.progress(Phase::ReceiveHead);
                self.timer.progress(Phase::ReceiveContent);
                return Poll::Ready(());
            }
        }
        self.ended(read.map(|_| ()));
        Poll::Ready(())
    }

    fn ended(&mut self, end: io::Result<()>) {
        self.input_ended = true;
        // A socket tells of a reset once: to the write that met it. What looks like an end then is none that the server has
        // sent, or not the last that it has. TLS has its own end.
        let was_reset = self.write_failed && !self.info.is_secure();
        match end {
            Ok(()) if was_reset => self.conn.handle_reset(),
            Ok(()) => self.conn.handle_eof(),
            Err(e) => {
                self.said = Some(e);
                self.conn.handle_reset();
            }
        }
    }

    /// Says what is being waited for. `receiving` is the phase of the reading side.
    fn note_phases(&mut self, receiving: Phase) {
        let waiting_on = self.conn.waiting_on();
        let sending = waiting_on == WaitingOn::PeerToRead || !self.flushed;
        let phase = |timer: &mut Timer, phase: Phase, on: bool| {
            if on { timer.enter(phase) } else { timer.leave(phase) }
        };
        phase(&mut self.timer, Phase::Send, sending);
        phase(&mut self.timer, Phase::Continue, !sending && waiting_on == WaitingOn::PeerToContinue);
        let receives =
            receiving == Phase::ReceiveContent || (!sending && waiting_on == WaitingOn::PeerToSend);
        phase(&mut self.timer, receiving, receives);
    }

    fn timed_out(&mut self, expired: Expired) -> Failure {
        Failure::Timeout(expired, self.said.take())
    }

    fn failed(&mut self, e: CoreError) -> Failure {
        Failure::Core(e, self.said.take())
    }

    /// Whether the client was closed. If not, its closing wakes this task.
    fn listen(&self, cx: &Context<'_>) -> Result<(), Failure> {
        if self.bell.listen(cx) { Err(Failure::Shutdown) } else { Ok(()) }
    }

    fn check_bell(&self) -> Result<(), Failure> {
        if self.bell.is_rung() { Err(Failure::Shutdown) } else { Ok(()) }
    }

    /// Ends the connection: a FIN without waiting for anything, then the transport is dropped.
    pub(crate) fn close(&mut self) {
        self.drop_upload();
        // Taking leave would push out a request that is not wanted any more.
        let takes_leave = self.conn.delivery() != Delivery::Unknown || self.taken_under_tls() != Some(0);
        if let Some(mut io) = self.io.take() {
            let close = move || {
                let mut cx = Context::from_waker(Waker::noop());
                if takes_leave {
                    let _ = Pin::new(&mut io).poll_close(&mut cx);
                }
                drop(io);
            };
            if thread::panicking() {
                // A transport that has panicked may do so again, and that would end the program.
                let _ = catch_unwind(AssertUnwindSafe(close));
            } else {
                close();
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}
