//! A server that speaks HTTP: `ServerConn` over a simulated connection.

use std::future::{pending, poll_fn};
use std::io::IoSlice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use martlet_core::h1::{Disposition, Fields, ReceivedRequest, ResponseContent, ServerConn, ServerItem};
use martlet_core::{Error, Limits, Misuse};

use super::message::{Part, Service, SimRequest, SimResponse};
use crate::runtime::Sleep;
use crate::tcp::Stream;

/// What a server says to octets that are no request.
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves one connection up to its end.
pub(super) async fn serve(stream: Stream, service: Arc<Mutex<dyn Service>>) {
    let machine = ServerConn::new(Limits::default());
    let mut server = Server { stream, machine, service, input: BytesMut::new(), ended: false, nth: 0 };
    while server.exchange().await {}
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
}

impl Server {
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
        for status in &response.interim {
            if let Err(e) = self.machine.send_interim(*status, &HeaderMap::new()) {
                return self.refused(e);
            }
            if !self.flush().await {
                return false;
            }
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
            match poll_fn(|cx| self.stream.poll_write(cx, &slices[..count])).await {
                Ok(n) => out.advance(n),
                Err(_) => {
                    self.machine.handle_write_error();
                    return false;
                }
            }
        }
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
