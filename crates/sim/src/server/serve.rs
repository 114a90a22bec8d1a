//! A server that speaks HTTP: `ServerConn` over a simulated connection.

use std::fmt::Write;
use std::future::{Future, pending, poll_fn};
use std::io::IoSlice;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use martlet_core::h1::{Disposition, Fields, ReceivedRequest, ResponseContent, ServerConn, ServerItem};
use martlet_core::{Error, Limits, Misuse};

use super::message::{Ending, Part, Service, SimRequest, SimResponse, Then};
use crate::runtime::Sleep;
use crate::tcp::Stream;

/// What a server says to octets that are no request.
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves one connection up to its end.
pub(super) async fn serve(stream: Stream, service: Arc<Mutex<dyn Service>>) {
    let machine = ServerConn::new(Limits::default());
    let mut server = Server {
        stream,
        machine,
        service,
        input: BytesMut::new(),
        ended: false,
        nth: 0,
        cut: None,
        then: None,
        ending: None,
    };
    while server.wait().await && server.exchange().await {}
    match server.ending {
        Some(Ending::Fin) => return,
        Some(Ending::Reset) => return server.stream.reset(),
        Some(Ending::HalfClose) | None => {}
    }
    // Closing at once would answer what the client still sends by a reset, which may destroy the response.
    server.stream.shut_down();
    server.stream.drain().await;
}

struct Server {
    stream: Stream,
    machine: ServerConn,
    service: Arc<Mutex<dyn Service>>,
    /// Octets that were read and not consumed.
    input: BytesMut,
    /// The client sends nothing more.
    ended: bool,
    /// Requests before the present one.
    nth: usize,
    /// Octets that may still be sent before the connection ends.
    cut: Option<(u64, Ending)>,
    /// What comes before the next request.
    then: Option<Then>,
    /// How the connection ends, if not in order.
    ending: Option<Ending>,
}

impl Server {
    /// What was to be done behind the last response. False when the connection is to be closed.
    async fn wait(&mut self) -> bool {
        match self.then.take() {
            None => true,
            Some(Then::EndIfIdle(span, by)) => {
                let is_idle = self.input.is_empty() && !self.ended && !self.fill_within(span).await;
                self.ending = is_idle.then_some(by);
                !is_idle
            }
            Some(Then::EndAtNext(octets, by)) => {
                while self.input.len() < octets.max(1) && !self.ended {
                    self.fill().await;
                }
                self.ending = Some(by);
                false
            }
            Some(Then::Say(octets)) => {
                self.stream.shared.with(|world| world.mark_surplus(self.stream.id));
                self.stream.write_all(&octets).await.is_ok()
            }
        }
    }

    /// Receives a request and answers it. False when the connection is to be closed.
    async fn exchange(&mut self) -> bool {
        let mut request: Option<SimRequest> = None;
        let mut content = BytesMut::new();
        let mut answered = false;
        loop {
            let received = match self.machine.recv(&self.input) {
                Ok(received) => received,
                Err(Error::Peer(_)) if !answered => {
                    let _ = self.stream.write_all(BAD_REQUEST).await;
                    return false;
                }
                Err(_) => return false,
            };
            match received.item {
                ServerItem::Request(spans) => {
                    let head = ReceivedRequest::copy_from(&self.input, spans);
                    self.input.advance(received.consumed);
                    let head = SimRequest::new(&head, self.stream.id, self.nth);
                    match self.begin(&head).await {
                        Some(true) => answered = true,
                        Some(false) => return false,
                        None => {}
                    }
                    request = Some(head);
                    continue;
                }
                ServerItem::Data(range) => content.extend_from_slice(&self.input[range]),
                ServerItem::Trailers(spans) => {
                    if let Some(request) = &mut request {
                        request.take_trailers(&Fields::copy_from(&self.input, spans));
                    }
                }
                ServerItem::End => {
                    self.input.advance(received.consumed);
                    break;
                }
                ServerItem::Closed | ServerItem::Paused => return false,
                ServerItem::NeedInput => {
                    self.input.advance(received.consumed);
                    if self.ended {
                        return false;
                    }
                    self.fill().await;
                    continue;
                }
            }
            self.input.advance(received.consumed);
        }
        if let Some(mut request) = request.filter(|_| !answered) {
            request.content = content.freeze();
            let is_head = request.method == "HEAD";
            let response = self.service.lock().unwrap_or_else(PoisonError::into_inner).respond(request);
            self.mark_processed(&response);
            if !self.answer(response, is_head).await {
                return false;
            }
        }
        self.nth += 1;
        self.machine.disposition() == Disposition::Reusable && self.machine.start_next_exchange().is_ok()
    }

    /// The head has come. Gives whether an early answer went out, or `None` if there is none.
    async fn begin(&mut self, head: &SimRequest) -> Option<bool> {
        let early = self.service.lock().unwrap_or_else(PoisonError::into_inner).respond_early(head);
        if let Some(response) = early {
            self.mark_processed(&response);
            return Some(self.answer(response, head.method == "HEAD").await);
        }
        if self.machine.expects_continue() {
            // Refused only where no interim response is due.
            let _ = self.machine.send_interim(StatusCode::CONTINUE, &HeaderMap::new());
            if !self.flush().await {
                return Some(false);
            }
        }
        None
    }

    fn mark_processed(&self, response: &SimResponse) {
        if response.is_processing() {
            self.stream.shared.with(|world| world.mark_processed(self.stream.id, self.nth));
        }
    }

    /// Sends a response. False when the connection cannot take it.
    async fn answer(&mut self, response: SimResponse, is_head: bool) -> bool {
        if let Some(mistake) = &response.mistake {
            return self.complain(mistake);
        }
        if response.reset.is_some() {
            return self.complain("HTTP/1.1 resets no streams");
        }
        if response.is_silent {
            return pending().await;
        }
        self.sleep(response.delay).await;
        self.cut = response.cut;
        self.then.clone_from(&response.then);
        let goes_on = self.say(response, is_head).await;
        if let Some((_, by)) = self.cut.take() {
            self.ending = Some(by);
            return false;
        }
        goes_on
    }

    async fn say(&mut self, response: SimResponse, is_head: bool) -> bool {
        for status in &response.interim {
            if let Err(e) = self.machine.send_interim(*status, &HeaderMap::new()) {
                return self.refused(e);
            }
            if !self.flush().await {
                return false;
            }
        }
        if response.until_close {
            return self.say_until_close(response, is_head).await;
        }
        let content = match response.len() {
            0 if matches!(response.status.as_u16(), 101 | 204 | 304) => ResponseContent::None,
            _ if response.chunked => ResponseContent::Chunked,
            len => ResponseContent::Sized(len),
        };
        if let Err(e) = self.machine.send_response(response.status, None, &response.headers, content) {
            return self.refused(e);
        }
        if is_head || content == ResponseContent::None {
            return self.flush().await;
        }
        self.content(response).await
    }

    /// What the machine does not do: HTTP/1.1 has better ways.
    async fn say_until_close(&mut self, response: SimResponse, is_head: bool) -> bool {
        let mut head = format!("HTTP/1.1 {}\r\n", response.status);
        for (name, value) in &response.headers {
            // Writing to a string does not fail.
            let _ = write!(head, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
        }
        head.push_str("\r\n");
        let mut goes_on = self.write(head.as_bytes()).await;
        for part in response.parts.iter().filter(|_| !is_head) {
            goes_on = goes_on
                && match part {
                    Part::Piece(octets) => self.write(octets).await,
                    Part::Pause(span) => {
                        self.sleep(*span).await;
                        true
                    }
                    Part::Stall => pending().await,
                };
        }
        false
    }

    async fn content(&mut self, response: SimResponse) -> bool {
        for part in response.parts {
            let done = match part {
                Part::Piece(octets) if octets.is_empty() => true,
                Part::Piece(octets) => match self.machine.send_data(octets) {
                    Ok(()) => self.flush().await,
                    Err(e) => self.refused(e),
                },
                Part::Pause(span) => {
                    let flushed = self.flush().await;
                    self.sleep(span).await;
                    flushed
                }
                Part::Stall => {
                    self.flush().await;
                    pending().await
                }
            };
            if !done {
                return false;
            }
        }
        let ended = if response.trailers.is_empty() {
            self.machine.send_last_data(Bytes::new())
        } else {
            self.machine.send_trailers(&response.trailers)
        };
        match ended {
            Ok(()) => self.flush().await,
            Err(e) => self.refused(e),
        }
    }

    /// Writes what the machine has. False when the connection is broken.
    async fn flush(&mut self) -> bool {
        loop {
            let mut out = self.machine.transmit();
            if !out.has_remaining() {
                return true;
            }
            let mut slices = [IoSlice::new(&[]); 5];
            let count = out.chunks_vectored(&mut slices);
            let mut left = self.cut.map_or(u64::MAX, |(left, _)| left);
            if left == 0 {
                return false;
            }
            let mut allowed = Vec::with_capacity(count);
            for slice in &slices[..count] {
                let n = usize::try_from(left).unwrap_or(usize::MAX).min(slice.len());
                allowed.push(IoSlice::new(&slice[..n]));
                left -= n as u64;
            }
            match poll_fn(|cx| self.stream.poll_write(cx, &allowed)).await {
                Ok(n) => {
                    out.advance(n);
                    if let Some((left, _)) = &mut self.cut {
                        *left -= n as u64;
                    }
                }
                Err(_) => {
                    self.machine.handle_write_error();
                    return false;
                }
            }
        }
    }

    /// Writes octets past the machine. False when the connection is broken, or to be.
    async fn write(&mut self, octets: &[u8]) -> bool {
        let most = self.cut.map_or(usize::MAX, |(left, _)| usize::try_from(left).unwrap_or(usize::MAX));
        let allowed = &octets[..octets.len().min(most)];
        if let Some((left, _)) = &mut self.cut {
            *left -= allowed.len() as u64;
        }
        self.stream.write_all(allowed).await.is_ok() && allowed.len() == octets.len()
    }

    /// Reads, but no longer than that. False when nothing came.
    async fn fill_within(&mut self, span: Duration) -> bool {
        let at = self.stream.shared.with(|world| world.clock.now).saturating_add(span);
        let mut sleep = pin!(Sleep::new(&self.stream.shared, at));
        let mut fill = pin!(self.fill());
        poll_fn(|cx| match fill.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| false),
        })
        .await
    }

    async fn fill(&mut self) {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer).await {
            Ok(0) => {
                self.ended = true;
                self.machine.handle_eof();
            }
            Ok(n) => self.input.extend_from_slice(&buffer[..n]),
            Err(_) => {
                self.ended = true;
                self.machine.handle_reset();
            }
        }
    }

    async fn sleep(&self, span: Duration) {
        if !span.is_zero() {
            let at = self.stream.shared.with(|world| world.clock.now).saturating_add(span);
            Sleep::new(&self.stream.shared, at).await;
        }
    }

    /// The machine does not send such a response. That it has failed already is no fault of the service.
    fn refused(&mut self, e: Misuse) -> bool {
        if e == Misuse::Finished { false } else { self.complain(&e.to_string()) }
    }

    fn complain(&mut self, what: &str) -> bool {
        self.stream.shared.with(|world| world.complain(self.stream.id, what));
        self.stream.reset();
        false
    }
}
